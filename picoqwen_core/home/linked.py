"""What the linker found in a request: the words, what they refer to, and the candidate entities."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from picoqwen_core.messages import HomeContext, HomeEntity


class LinkKind(StrEnum):
    """What a span of the request refers to."""

    FULL = "full"  # the whole name or alias of one or more entities
    PART = "part"  # words shared with entity names
    AREA = "area"
    FLOOR = "floor"
    NUMBER = "number"
    DURATION = "duration"  # a number of seconds, said in any unit


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the request that refers to nothing by itself; `surface` is how it was written."""

    text: str
    surface: str


@dataclass(frozen=True, slots=True)
class Link:
    """A span of the request and what it may refer to.

    `refs` are indices: into `Linked.candidates` for FULL and PART, `areas`, `floors` or `numbers`.
    """

    kind: LinkKind
    text: str
    surface: str
    refs: tuple[int, ...]
    # The words say only what kind of thing it is ("fan", "the light"), so they are worth reading.
    generic: bool = False


@dataclass(frozen=True, slots=True)
class TurnBreak:
    """Between the previous request and the present one."""


Piece = Word | Link | TurnBreak


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that may be meant, with the evidence for it."""

    entity: HomeEntity
    full: bool = False  # its whole name was said
    part: bool = False  # a word of its name was said
    said_place: bool = False  # it is in an area or on a floor that was said
    here: bool = False  # it is in the speaker's area
    previous: bool = False  # the turn before acted on it or asked about it


@dataclass(frozen=True, slots=True)
class Linked:
    """A request ready to be rendered; prompt ids are indices into these tuples, plus one."""

    home: HomeContext
    text: str
    pieces: tuple[Piece, ...]
    candidates: tuple[Candidate, ...]
    areas: tuple[str, ...] = ()  # area ids
    floors: tuple[str, ...] = ()  # floor ids
    numbers: tuple[float, ...] = ()

    def this_turn(self) -> Iterator[Piece]:
        """The pieces of the present request, the last one first."""
        for piece in reversed(self.pieces):
            if isinstance(piece, TurnBreak):
                return
            yield piece

    def candidate_index(self, entity_id: str) -> int | None:
        """The index of an entity among the candidates, or None when the linker did not pick it."""
        for index, candidate in enumerate(self.candidates):
            if candidate.entity.id == entity_id:
                return index
        return None
