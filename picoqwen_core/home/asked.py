"""Corrections of a decision by plain words of the request that leave no doubt.

The model is small: that a sentence is a question, and that it is about outside, is certain from its words.
"""

import re
from dataclasses import replace

from picoqwen_core.home.answers import can_answer
from picoqwen_core.home.decision import Act, Action, Decision, Query, Target
from picoqwen_core.home.gloss import known_language
from picoqwen_core.home.history import History
from picoqwen_core.home.linked import Link, Linked, LinkKind
from picoqwen_core.home.linker import link
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext

# Beginnings of questions about how things are. "Can you", "do you mind" and "are you able" ask for something.
_QUESTION = re.compile(
    r"(?:(?:so|and|hey|ok|okay|um|uh|erm|please|tell me),? )*"
    r"(?:(?:is|isn't|isnt|was|were|has|hasn't) (?!it (?:ok|okay|possible|alright))"
    r"(?!there (?:any|a) (?:way|chance))"
    r"|(?:are|aren't) (?!you (?:able|willing))"
    r"|(?:have|did|didn't) (?:i|we|you|they|he|she|someone|anyone)\b)",
    re.IGNORECASE,
)
# Verbs whose duration only tells timers apart.
_WHICH_TIMER = ("timer_cancel", "timer_pause", "timer_resume", "timer_status")
_STATES = {
    "on": "on",
    "off": "off",
    "open": "open",
    "close": "closed",
    "lock": "locked",
    "unlock": "unlocked",
}
# "Give it another two minutes", where a timer runs: no second one is meant.
_MORE = re.compile(
    r"\b(?:another|extra|longer|more|noch|weitere[ns]?|länger|zusätzlich|encore|de plus|más|otr[oa]s?"
    r"|nog|langer|extra"
    r"|altri|altre|ancora|in più)\b",
    re.IGNORECASE,
)
_TIMER = re.compile(
    r"\b(?:timer|wecker|countdown|minut\w+eur|temporizador|kookwekker|wekker)\b", re.IGNORECASE
)
# No timer is called by these: "let me know when two hours have passed".
_NO_NAME = frozenset(
    "has have had is are was been passed over gone up by elapsed done vorbei um rum vergangen abgelaufen "
    "passé passées écoulé écoulées pasado pasados voorbij om verstreken passati passate trascorsi".split()
)
_ALL = frozenset(("all", "both", "every", "everything"))
# What may stand beside "all" in an answer: "yes please, all of them".
_BESIDE_ALL = frozenset(
    "of them those these the course please yes sure two three 2 3 and one single on a".split()
)
_OUTSIDE = re.compile(r"\b(?:outside|outdoors?|out there)\b", re.IGNORECASE)
_SET = re.compile(r"\bset (?:to|at)\b|\bsetpoint\b", re.IGNORECASE)
_OUTDOOR_QUANTITIES = ("temperature", "humidity")


def settle(decision: Decision, linked: Linked, history: History | None) -> Decision:
    """The decision that the words allow: a question acts on nothing, and asks what can tell."""
    text = linked.text.replace("’", "'").strip()
    if isinstance(decision, Act) and _is_question(text, linked.home) and not _asks_of_timer(decision):
        decision = _question(decision)
    if isinstance(decision, Act):
        decision = Act(tuple(_named_by_a_name(action) for action in decision.actions))
    if isinstance(decision, Act) and history is not None:
        decision = _all_of_them(_of_this_turn(decision, linked), linked, history)
        decision = _of_the_running_timer(decision, text, history)
    if not isinstance(decision, Query):
        return decision
    if decision.asked == "temperature" and _SET.search(text):
        decision = replace(decision, asked="set_temperature")
    if decision.kind == "weather" and (near := _in_the_room(linked)) is not None:
        return near
    if decision.kind == "value" and decision.asked in _OUTDOOR_QUANTITIES and _OUTSIDE.search(text):
        return _outside(decision, linked.home)
    return _without_remembered(decision, linked, history)


def _is_question(text: str, home: HomeContext) -> bool:
    return home.language[:2] == "en" and _QUESTION.match(text) is not None


def _asks_of_timer(act: Act) -> bool:
    """Asking after a timer is a call of a tool, and changes nothing."""
    return all(action.verb == "timer_status" for action in act.actions)


def _of_this_turn(act: Act, linked: Linked) -> Act:
    """Which timer is meant is told by a duration of this turn; that of the turn before started one."""
    numbers = link(linked.home, linked.text).numbers
    return Act(
        tuple(
            replace(action, value=None)
            if action.verb in _WHICH_TIMER and action.value not in numbers
            else action
            for action in act.actions
        )
    )


def _named_by_a_name(action: Action) -> Action:
    """A new timer without a name that is none."""
    words = (action.label or "").casefold().split()
    if action.verb != "timer_start" or not words or not set(words) <= _NO_NAME:
        return action
    return replace(action, label=None)


def _in_the_room(linked: Linked) -> Query | None:
    """ "Is it freezing in the yard?" where no weather is known: the temperature that a sensor there tells."""
    if any(entity.domain == "weather" for entity in linked.home.entities):
        return None
    rooms = [
        ref
        for piece in linked.this_turn()
        if isinstance(piece, Link) and piece.kind is LinkKind.AREA
        for ref in piece.refs
    ]
    if len(rooms) != 1:
        return None
    query = Query("value", Target(area=linked.areas[rooms[0]]), "temperature")
    return query if can_answer(query, linked.home) else None


def _of_the_running_timer(act: Act, text: str, history: History) -> Act:
    """ "Another two minutes" behind talk of a timer is for that one."""
    if _TIMER.search(text) or not _TIMER.search(history.previous_text) or not _MORE.search(text):
        return act
    return Act(
        tuple(
            replace(action, verb="timer_more", label=None) if action.verb == "timer_start" else action
            for action in act.actions
        )
    )


def _all_of_them(act: Act, linked: Linked, history: History) -> Act:
    """ "Which one?" "All, of course": one of them is not what was meant."""
    words = {token.text for token in tokenize(linked.text, known_language(linked.home.language))}
    if not history.clarifying or not words & _ALL or words - _ALL - _BESIDE_ALL:
        return act
    if not any(set(action.target.entities) & set(history.previous_entities) for action in act.actions):
        return act
    meant = Target(entities=history.previous_entities)
    return Act(tuple(replace(action, target=meant) for action in act.actions[:1]))


def _question(act: Act) -> Query:
    """ "Have I locked the door?" asks whether it is locked."""
    action = act.actions[0]
    state = _STATES.get(action.verb)
    return Query("is", action.target, state) if state else Query("value", action.target, "state")


def _outside(query: Query, home: HomeContext) -> Query:
    """What is asked of outside: of the thing meant when it says that it is there, else of the weather."""
    meant = resolve(home, query.target) if query.target.entities else ()
    if can_answer(query, home) and any(_OUTSIDE.search(each.name) for each in meant):
        return query
    sensors = [
        each.id
        for each in home.entities
        if each.domain == "sensor" and each.device_class == query.asked and _OUTSIDE.search(each.name)
    ]
    return replace(query, target=Target(entities=(sensors[0],))) if sensors else Query("weather")


def _without_remembered(query: Query, linked: Linked, history: History | None) -> Query:
    """A thing that is only remembered from the turn before has to be able to tell what is asked."""
    if history is None or not query.target.entities or can_answer(query, linked.home):
        return query
    named = {each.entity.id for each in link(linked.home, linked.text).candidates if each.full or each.part}
    remembered = set(query.target.entities) & set(history.previous_entities)
    if not remembered or named & set(query.target.entities):
        return query
    return Query(query.kind, Target(), query.asked)
