"""Reads a request by rules, so that what people say every day is understood exactly, in milliseconds.

A rule acts on a statement only, never on a question; what it is not sure of it leaves to the next rung.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from picoqwen_core.home.decision import Act, Clarify, Decision, Query
from picoqwen_core.home.history import History
from picoqwen_core.home.lexicon import KIND_WORDS
from picoqwen_core.home.rules import joined
from picoqwen_core.home.rules.meaning import meaning
from picoqwen_core.home.rules.names import Names, names_of
from picoqwen_core.home.rules.recognize import recognized
from picoqwen_core.home.rules.words import words
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext

_STATES = {
    "on": "on",
    "off": "off",
    "open": "open",
    "close": "closed",
    "lock": "locked",
    "unlock": "unlocked",
}
# A quantity or a time is set, and not played.
_MEASURE = re.compile(r"%|°|\btimer\b|\b\d+ ?(?:min|sec|sek|pro|por|per|gra|deg)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a rule decided, and which one."""

    decision: Decision
    why: str


def decide(text: str, home: HomeContext, language: str, history: History | None = None) -> Ruled | None:
    """What a sentence asks for; None where no rule understands it, so that the next rung is asked."""
    reader = _Reader(home, language)
    if history is not None and history.clarifying and (answered := reader.answered(text, history)):
        return answered
    ruled = reader.ruled(text)
    if ruled is None and (corrected := reader.names.corrected(text)) != text:
        ruled = reader.ruled(corrected)
        ruled = replace(ruled, why=f"{ruled.why}, with a misheard name") if ruled is not None else None
    return ruled


def asks(text: str, language: str) -> bool:
    """Whether a sentence is a question, and not a wish that is put as one."""
    small = words(language)
    if small.polite.search(text):
        return False
    return text.rstrip().endswith("?") or small.asks.match(text.lstrip(" ¿")) is not None


class _Reader:
    """Reads the sentences of one home."""

    def __init__(self, home: HomeContext, language: str) -> None:
        self.home, self.language = home, language
        self.names: Names = names_of(home)
        self.words = words(language)

    def ruled(self, text: str) -> Ruled | None:
        """One sentence, or what several make together."""
        names, small = self.names, self.words
        ways: tuple[tuple[Callable[[], Decision | None], str], ...] = (
            (lambda: self.one(text), "a sentence matched"),
            (
                lambda: joined.without_exception(text, self.home, names, small, self.one),
                "a sentence with an exception matched",
            ),
            (lambda: joined.same_for_each(text, names, small, self.one), "it matched for each thing"),
            (lambda: joined.one_after_the_other(text, small, self.one), "each part matched"),
        )
        for way, why in ways:
            if (made := way()) is not None:
                made = self._as_asked(text, made)
                return Ruled(made, why) if made is not None else None
        return None

    def answered(self, text: str, history: History) -> Ruled | None:
        """The answer to "which one?" or "in which room?": the sentence before, with what was chosen."""
        before = self.one(history.previous_text)
        if not isinstance(before, Clarify):
            return None
        said = {text[start:end].casefold() for start, end in self.names.spans(text)}
        areas = {a.id for a in self.home.areas if said & {n.casefold() for n in (a.name, *a.aliases)}}
        home = self.home
        if not before.entities:
            home = replace(home, area=areas.pop()) if len(areas) == 1 else home
        elif chosen := self._chosen(text, before.entities, areas):
            others = set(before.entities) - {chosen}
            home = replace(home, entities=tuple(e for e in home.entities if e.id not in others))
        if home is self.home:
            return None
        decision = _Reader(home, self.language).one(history.previous_text)
        if decision is None or isinstance(decision, Clarify):
            return None
        return Ruled(decision, "it answers the question before")

    def _chosen(self, text: str, ids: tuple[str, ...], areas: set[str]) -> str | None:
        """The one of several entities whose room, or a word of whose name, was said."""
        heard = {token.stem for token in tokenize(text, self.language)}
        options = [entity for entity in self.home.entities if entity.id in ids]
        stems = {e.id: {token.stem for token in tokenize(e.name, self.language)} for e in options}
        fitting = [
            e.id
            for e in options
            if e.area in areas
            or heard & (stems[e.id] - set().union(*(stems[o.id] for o in options if o is not e)))
        ]
        return fitting[0] if len(fitting) == 1 else None

    def one(self, text: str) -> Decision | None:
        """What one sentence asks for, read as a whole."""
        match = recognized(text, self.names, self.language)
        made = meaning(match, self.home) if match is not None else None
        return made if made is not None and self._is_sure(made) else None

    def _is_sure(self, decision: Decision) -> bool:
        """Free text matches anything, so it may hold nothing that a rule should have understood."""
        if not isinstance(decision, Act):
            return True
        for action in decision.actions:
            if action.verb == "delayed":
                return isinstance(self.one(action.label or ""), Act)
            named = bool(action.target.entities)
            if action.verb == "play_media" and self._speaks_of_things(str(action.value or ""), named=named):
                return False
        return True

    def _speaks_of_things(self, text: str, *, named: bool) -> bool:
        """Whether what is to be played may be something else; `named`: a player was."""
        if any(True for _ in self.names.spans(text)):
            return True
        kinds = {kind for token in tokenize(text, self.language) for kind in KIND_WORDS.get(token.stem, ())}
        return not named and (bool(kinds - {"media_player"}) or _MEASURE.search(text) is not None)

    def _as_asked(self, text: str, decision: Decision) -> Decision | None:
        """A question acts on nothing: "Lamp on?" asks whether it is; "can you turn it on?" does not ask.

        Nor does a sentence that begins as a question does: "steht Milch auf der Liste" adds no "steht Milch".
        """
        if not isinstance(decision, Act) or not asks(text, self.language):
            return decision
        action = decision.actions[0]
        state = _STATES.get(action.verb)
        if all(each.verb == "timer_status" for each in decision.actions):
            return decision
        return Query("is", action.target, state) if state and len(decision.actions) == 1 else None
