"""What is meant "here" where nobody knows which room the speaker is in."""

from collections.abc import Iterator
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Cannot, Clarify, Decision, Target
from picoqwen_core.home.lexicon import ROOM_WORDS
from picoqwen_core.home.linked import Link, Linked, LinkKind, Word
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext


def placed(actions: tuple[Action, ...], linked: Linked) -> Decision:
    """Actions with a place each, or what is to be said instead.

    "It is dark in the kitchen, switch on the light" means the kitchen's: the one room that was spoken of.
    What is nowhere in the home, or in a room that it has not, is in none that could be asked for. Else the
    room has to be asked for.
    """
    if all(_is_of_here(action.target, linked.home) for action in actions) and _speaks_of_missing_room(linked):
        return Cannot("unknown_device")
    if linked.home.area is not None or not any(action.target.here for action in actions):
        return Act(actions)
    if any(is_nowhere(action.target, linked.home) for action in actions):
        return Cannot("unknown_device")
    rooms = {linked.areas[ref] for ref in _rooms_said(linked)}
    if len(rooms) != 1 or not all(action.target.here for action in actions):
        return Clarify(())
    room = min(rooms)
    return Act(tuple(replace(a, target=replace(a.target, here=False, area=room)) for a in actions))


def _is_of_here(target: Target, home: HomeContext) -> bool:
    """Whether a kind of things is meant because of where the speaker is, and not by name."""
    return target.here or (home.area is not None and target.area == home.area and not target.entities)


def is_nowhere(target: Target, home: HomeContext) -> bool:
    """Whether "the curtains" of this room cannot be, for the home has none at all."""
    return target.here and not resolve(home, replace(target, here=False, everywhere=True))


def _speaks_of_missing_room(linked: Linked) -> bool:
    """Whether this turn names a kind of room that the home has none of, and none that it has."""
    pieces = list(linked.this_turn())
    named = any(isinstance(piece, Link) and piece.kind is LinkKind.AREA for piece in pieces)
    return not named and any(isinstance(piece, Word) and piece.text in ROOM_WORDS for piece in pieces)


def _rooms_said(linked: Linked) -> Iterator[int]:
    """The rooms of this turn, not of the one before, as places in `linked.areas`."""
    for piece in linked.this_turn():
        if isinstance(piece, Link) and piece.kind is LinkKind.AREA:
            yield from piece.refs
