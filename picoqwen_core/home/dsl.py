"""The built-in model's output language: decisions as short token sequences, and back.

    turn off the lamp and set the bedroom lights to 50 percent
    <off><1><brightness><d:light><a1><n1>

An action is a verb, a target and perhaps a value. A target is candidate numbers, or a kind and a
place. The text of a list item is copied from the request; decoding snaps it to the words said.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast, get_args

from picoqwen_core.home.able import the_searchable
from picoqwen_core.home.decision import (
    Act,
    Action,
    Cannot,
    Clarify,
    Decision,
    Escalate,
    Query,
    QueryKind,
    Reason,
    Target,
    Verb,
)
from picoqwen_core.home.lexicon import DELAY_WORDS
from picoqwen_core.home.linked import Link, Linked, LinkKind, Piece, TurnBreak, Word
from picoqwen_core.home.placing import placed
from picoqwen_core.home.render import (
    DEVICE_CLASSES,
    DOMAINS,
    END,
    EVERYWHERE,
    HERE,
    device_class_token,
    domain_token,
    prompt_tokens,
    render_pieces,
)
from picoqwen_core.home.targets import settled
from picoqwen_core.messages import HomeContext

VERBS: tuple[str, ...] = get_args(Verb)
QUERY_KINDS: tuple[str, ...] = get_args(QueryKind)
REASONS: tuple[str, ...] = get_args(Reason)
# Values that stay words, because only code that knows the device knows the number.
VALUE_WORDS = ("max", "min", "half", "lot", "double")
# Verbs whose value is the user's own words, as against a word of a closed set such as a colour.
COPIED_VALUES = ("list_add", "list_complete", "list_remove", "play_media", "broadcast", "humidifier_mode")
# Verbs that are about what is heard.
_OF_WHAT_PLAYS = ("pause", "next", "previous", "volume", "louder", "quieter", "mute")
# What a timer is called follows this token; what is excluded from a group follows the other.
_CALLED, _EXCEPT = "<called>", "<except>"
_WHICH, _ESCALATE = "<which?>", "<escalate>"
_TOKEN = re.compile(r"<[^<>\s]+>|[^<>]+")
_WORDS = re.compile(r"[\w -]+")
_INDEX = re.compile(r"<([afn]?)(\d+)>")
MIN_COPY_RATIO = 0.5
_OF_LISTS = ("list_add", "list_complete", "list_remove")
_BEFORE_LIST, _ARTICLES, _MOST_LEFT_OUT = ("to", "on", "onto", "from", "off"), ("the", "my", "our"), 3


class UndecodableError(ValueError):
    """The model wrote something that is not in the output language, or the label does not fit the prompt."""


def output_tokens() -> tuple[str, ...]:
    """Special tokens that occur only in the output."""
    return (
        *(f"<{verb}>" for verb in VERBS),
        *(f"<{word}>" for word in VALUE_WORDS),
        *(f"<q:{kind}>" for kind in QUERY_KINDS),
        *(f"<cannot:{reason}>" for reason in REASONS),
        *(_WHICH, _ESCALATE, _CALLED, _EXCEPT),
    )


def special_tokens() -> tuple[str, ...]:
    """All special tokens of the vocabulary, prompt tokens first; the order is part of the format."""
    return tuple(dict.fromkeys((*prompt_tokens(), *output_tokens())))


def encode(decision: Decision, linked: Linked) -> str:
    """The label text of a decision. Raises UndecodableError when the prompt lacks what it refers to."""
    match decision:
        case Act(actions=actions):
            return "".join(_encode_action(action, linked) for action in actions)
        case Query(kind=kind, target=target, asked=asked):
            said = "" if target == Target() else _encode_target(target, linked)
            return f"<q:{kind}>{said}" + (f" {asked}" if asked else "")
        case Clarify(entities=entities):
            order = {candidate.entity.id: i for i, candidate in enumerate(linked.candidates)}
            return _WHICH + _encode_entities(tuple(sorted(entities, key=lambda e: order.get(e, 0))), linked)
        case Cannot(reason=reason):
            return f"<cannot:{reason}>"
        case Escalate():
            return _ESCALATE


def _encode_action(action: Action, linked: Linked) -> str:
    value = "" if action.value is None else _encode_value(action.value, linked)
    called = (
        f"{_CALLED}{_encode_text(action.label, linked)}" if action.label and action.verb != "delayed" else ""
    )
    return f"<{action.verb}>{_encode_target(action.target, linked)}{value}{called}"


def _encode_value(value: float | str, linked: Linked) -> str:
    if value in VALUE_WORDS:
        return f"<{value}>"
    if isinstance(value, str):
        return _encode_text(value, linked)
    for index, number in enumerate(linked.numbers):
        if abs(number - value) < 1e-6:
            return f"<n{index + 1}>"
    raise UndecodableError(f"the number {value} was not said in {linked.text!r}")


def _encode_text(value: str, linked: Linked) -> str:
    """Free text as the pieces of the request that say it, else as plain words."""
    for rendered, surface in _text_spans(linked):
        if surface.casefold() == value.casefold():
            return rendered
    return f" {value.casefold()}"


def _text_spans(linked: Linked) -> Iterator[tuple[str, str]]:
    """Every run of pieces of the present turn: as rendered in the prompt, and as it was said."""
    pieces = linked.pieces
    start = max((i + 1 for i, piece in enumerate(pieces) if isinstance(piece, TurnBreak)), default=0)
    for first in range(start, len(pieces)):
        for last in range(first + 1, min(len(pieces), first + 10) + 1):
            span = pieces[first:last]
            surfaces = [p.surface for p in span if not isinstance(p, TurnBreak) and p.surface]
            yield render_pieces(span), " ".join(surfaces)


def _encode_target(target: Target, linked: Linked) -> str:
    if target.entities:
        return _encode_entities(target.entities, linked)
    kind = domain_token(target.domain) if target.domain else ""
    kind += device_class_token(target.device_class)
    excluded = f"{_EXCEPT}{_encode_target(target.excluding, linked)}" if target.excluding else ""
    return kind + _encode_place(target, linked) + excluded


def _encode_entities(entities: tuple[str, ...], linked: Linked) -> str:
    tokens = []
    for entity_id in entities:
        index = linked.candidate_index(entity_id)
        if index is None:
            raise UndecodableError(f"{entity_id} is not among the candidates of {linked.text!r}")
        tokens.append(f"<{index + 1}>")
    return "".join(tokens)


def _encode_place(target: Target, linked: Linked) -> str:
    if target.everywhere:
        return EVERYWHERE
    if target.here:
        return HERE
    if target.area in linked.areas:
        return f"<a{linked.areas.index(target.area) + 1}>"
    if target.area is not None and target.area == linked.home.area:
        return HERE
    if target.floor is None and target.area is None and (target.domain or target.device_class):
        return ""  # what is excluded may be a kind
    if target.floor in linked.floors:
        return f"<f{linked.floors.index(target.floor) + 1}>"
    raise UndecodableError(f"the place of {target} was not said in {linked.text!r}")


def decode(output: str, linked: Linked) -> Decision:
    """What an output means for this request. Raises UndecodableError when it means nothing."""
    tokens = _TOKEN.findall(output.replace(END, ""))
    if not tokens:
        raise UndecodableError("the output is empty")
    head = tokens[0].strip("<>")
    reader = _Reader(tokens[1:], linked)
    if tokens[0] == _ESCALATE:
        return Escalate()
    if tokens[0] == _WHICH:
        return Clarify(reader.target().entities)
    if head.startswith("cannot:") and head[7:] in REASONS:
        return Cannot(cast("Reason", head[7:]))
    if head.startswith("q:") and head[2:] in QUERY_KINDS:
        return Query(cast("QueryKind", head[2:]), reader.target(), reader.words())
    actions = tuple(what_plays(action, linked.home) for action in _Reader(tokens, linked).actions())
    return placed(actions, linked)


def what_plays(action: Action, home: HomeContext) -> Action:
    """With no room said and none known, "pause the music" means the one player that plays, and "play jazz"
    the one that can search for it.
    """
    if action.verb == "play_media" and action.target.here and home.area is None:
        only = the_searchable(home)
        return replace(action, target=Target((only,))) if only is not None else action
    if action.verb not in _OF_WHAT_PLAYS or not action.target.here:
        return action
    players = (entity for entity in home.entities if entity.domain == "media_player")
    playing = [entity.id for entity in players if entity.state == "playing"]
    return replace(action, target=Target(tuple(playing))) if len(playing) == 1 else action


def whole_item(item: str, linked: Linked) -> str:
    """An item up to the name of its list: the model may stop at "coffee" of "coffee beans"."""
    pieces = [piece for piece in linked.pieces if not isinstance(piece, TurnBreak)]
    said = [piece.surface for piece in pieces]
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces)):
            if " ".join(said[first:last]).casefold() == item.casefold():
                end = _list_after(pieces, last)
                return " ".join(said[first:end]) if end is not None else item
    return item


def _list_after(pieces: Sequence[Piece], start: int) -> int | None:
    """Where " to the <list>" begins, a few plain words after `start`; None when it does not follow."""
    for at in range(start, min(start + _MOST_LEFT_OUT + 1, len(pieces) - 1)):
        piece = pieces[at]
        if not isinstance(piece, Word) or piece.text in ("and", "then", "it", "them", "that"):
            return None
        if piece.text in _BEFORE_LIST:
            following = pieces[at + 1]
            if isinstance(following, Word) and following.text in _ARTICLES and at + 2 < len(pieces):
                following = pieces[at + 2]
            return at if isinstance(following, Link) else None
    return None


class _Reader:
    """Reads actions from output tokens, from left to right."""

    def __init__(self, tokens: list[str], linked: Linked) -> None:
        self._tokens = tokens
        self._at = 0
        self._linked = linked

    def actions(self) -> Iterator[Action]:
        while self._at < len(self._tokens):
            verb = self._tokens[self._at].strip("<>")
            if verb not in VERBS:
                raise UndecodableError(f"{self._tokens[self._at]!r} is not a verb")
            self._at += 1
            target = self.target()
            if target == Target():
                raise UndecodableError(f"<{verb}> has no target")
            value = self._value(copied=verb in COPIED_VALUES)
            if verb in _OF_LISTS and isinstance(value, str):
                value = whole_item(value, self._linked)
            label = _delayed_command(self._linked) if verb == "delayed" else self._label()
            yield Action(cast("Verb", verb), target, value, label)

    def target(self) -> Target:
        entities: list[str] = []
        fields: dict[str, str | bool] = {}
        while self._at < len(self._tokens) and self._target_token(self._tokens[self._at], entities, fields):
            self._at += 1
        if entities:
            return Target(entities=tuple(entities))
        target = settled(self._linked.home, Target(**fields))  # type: ignore[arg-type]  # Target's own keys
        if self._at < len(self._tokens) and self._tokens[self._at] == _EXCEPT:
            self._at += 1
            return replace(target, excluding=self.target())
        return target

    def words(self) -> str | None:
        rest = "".join(token for token in self._tokens[self._at :] if not token.startswith("<"))
        return rest.strip() or None

    def _target_token(self, token: str, entities: list[str], fields: dict[str, str | bool]) -> bool:
        """Take one token of a target; False when it belongs to what follows."""
        if token == EVERYWHERE:
            fields["everywhere"] = True
        elif token == HERE:
            fields["here"] = True
        elif token.startswith("<d:") and token[3:-1] in DOMAINS:
            fields["domain"] = token[3:-1]
        elif token.startswith("<c:") and token[3:-1] in DEVICE_CLASSES:
            fields["device_class"] = token[3:-1]
        elif (match := _INDEX.fullmatch(token)) is not None and match[1] != "n":
            self._reference(match[1], int(match[2]) - 1, entities, fields)
        else:
            return False
        return True

    def _reference(self, letter: str, index: int, entities: list[str], fields: dict[str, str | bool]) -> None:
        linked = self._linked
        known = {"": [c.entity.id for c in linked.candidates], "a": linked.areas, "f": linked.floors}[letter]
        if index >= len(known):
            raise UndecodableError(f"<{letter}{index + 1}> is not in the prompt")
        if letter == "":
            entities.append(known[index])
        else:
            fields["area" if letter == "a" else "floor"] = known[index]

    def _value(self, *, copied: bool) -> float | str | None:
        """The value after a target: a number said, a word for one, or text up to the next verb."""
        start = self._at
        while self._at < len(self._tokens) and self._tokens[self._at].strip("<>") not in (*VERBS, "called"):
            self._at += 1
        taken = self._tokens[start : self._at]
        if not taken:
            return None
        if len(taken) == 1 and taken[0].strip("<>") in VALUE_WORDS:
            return taken[0].strip("<>")
        if len(taken) == 1 and (match := _INDEX.fullmatch(taken[0])) is not None and match[1] == "n":
            if int(match[2]) > len(self._linked.numbers):
                raise UndecodableError(f"{taken[0]} is not in the prompt")
            return self._linked.numbers[int(match[2]) - 1]
        text = "".join(taken)
        # "Hot pink" of a home with hot water: a word of a closed set may be linked too.
        return _copied(text, self._linked) if copied or not _WORDS.fullmatch(text) else text.strip()

    def _label(self) -> str | None:
        """What a timer is called, in the words of the request."""
        if self._at == len(self._tokens) or self._tokens[self._at] != _CALLED:
            return None
        self._at += 1
        value = self._value(copied=True)
        return str(value) if value is not None else None


def _delayed_command(linked: Linked) -> str:
    """What is to be done later: the request without its duration and the word before it."""
    start = max((i + 1 for i, piece in enumerate(linked.pieces) if isinstance(piece, TurnBreak)), default=0)
    kept: list[str] = []
    for piece in linked.pieces[start:]:
        if isinstance(piece, Link) and piece.kind is LinkKind.DURATION:
            if kept and kept[-1].casefold() in DELAY_WORDS:
                kept.pop()
        elif not isinstance(piece, TurnBreak) and piece.surface:
            kept.append(piece.surface)
    return " ".join(kept)


def _copied(output: str, linked: Linked) -> str:
    """Snap copied text to the words that were said, so that a slip of one token does no harm."""
    best, best_ratio = output.strip(), 0.0
    for rendered, surface in _text_spans(linked):
        if rendered == output:
            return surface
        matcher = difflib.SequenceMatcher(None, rendered, output, autojunk=False)
        if matcher.real_quick_ratio() > best_ratio and (ratio := matcher.ratio()) > best_ratio:
            best, best_ratio = surface, ratio
    if best_ratio < MIN_COPY_RATIO:
        raise UndecodableError(f"{output!r} was not said in {linked.text!r}")
    return best
