"""The names of a home as hassil's lists: entities, rooms and floors, and how they are said with noise.

A name counts as said when only accents, hyphens, spaces or a letter here and there are different; then the
sentence is written with the real name before it is matched again.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cached_property

from hassil.intents import SlotList, TextSlotList
from hassil.util import remove_punctuation

from picoqwen_core.messages import HomeContext

MAX_NAME_WORDS = 6
# How alike two whole names and two of their words have to be, and how long a word has to be to be misheard.
_ALIKE, _ALIKE_WORD, _LEAST_LETTERS = 0.84, 0.72, 4
_MOST_COMPARED = 8
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*", re.UNICODE)
_KEPT_HOMES = 4
_homes: dict[tuple[object, ...], "Names"] = {}


def names_of(home: HomeContext) -> "Names":
    """The names of a home; made anew when one of its names, rooms or floors has changed."""
    key = (
        home.areas,
        home.floors,
        tuple((entity.id, entity.name, entity.aliases) for entity in home.entities),
    )
    names = _homes.get(key)
    if names is None:
        names = Names(home)
        while len(_homes) >= _KEPT_HOMES:
            _homes.pop(next(iter(_homes)), None)
        _homes[key] = names
    return names


class Names:
    """All that can be named in one home."""

    def __init__(self, home: HomeContext) -> None:
        # A name as hassil gives it back -> ids of the entities that have it.
        self.entities: dict[str, tuple[str, ...]] = {}
        named: dict[str, dict[str, str]] = defaultdict(dict)
        spelling: dict[str, str] = {}
        for entity in home.entities:
            for name in (entity.name, *entity.aliases):
                said = _plain(name)
                if said:
                    spelling.setdefault(said.casefold(), said)
                    named[said.casefold()][entity.id] = entity.domain
        self.entities = {key: tuple(ids) for key, ids in named.items()}
        # Of several entities of one name each kind is offered, so that "open X" finds the cover among them.
        rows = [
            (spelling[key], key, {"domain": domain})
            for key, ids in named.items()
            for domain in dict.fromkeys(ids.values())
        ]
        areas = [(_plain(n), a.id) for a in home.areas for n in (a.name, *a.aliases) if _plain(n)]
        floors = [(_plain(n), f.id) for f in home.floors for n in (f.name, *f.aliases) if _plain(n)]
        self.lists: dict[str, SlotList] = {
            "name": TextSlotList.from_tuples(rows, allow_template=False, name="name"),
            "area": TextSlotList.from_tuples(areas, allow_template=False, name="area"),
            "floor": TextSlotList.from_tuples(floors, allow_template=False, name="floor"),
        }
        self._spoken = dict.fromkeys((*spelling.values(), *(n for n, _ in areas), *(n for n, _ in floors)))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a name, room or floor is said exactly: (start, end) in the text; of two the longer one."""
        words = list(_WORD.finditer(text))
        index = 0
        while index < len(words):
            for length in range(min(MAX_NAME_WORDS, len(words) - index), 0, -1):
                start, end = words[index].start(), words[index + length - 1].end()
                if text[start:end].casefold() in self._folded:
                    yield start, end
                    index += length - 1
                    break
            index += 1

    def corrected(self, text: str) -> str:
        """The sentence with misheard or misspelt names written as they are; the same where there are none."""
        words = list(_WORD.finditer(text))
        parts: list[str] = []
        at, index = 0, 0
        while index < len(words):
            found = self._nearest(text, words, index)
            if found is None:
                index += 1
                continue
            length, name = found
            parts += [text[at : words[index].start()], name]
            at = words[index + length - 1].end()
            index += length
        return "".join([*parts, text[at:]])

    def _nearest(self, text: str, words: Sequence[re.Match[str]], index: int) -> tuple[int, str] | None:
        """How many words from here on are a name, and which; one of the same letters before a similar one."""
        lengths = range(min(MAX_NAME_WORDS, len(words) - index), 0, -1)
        spans = {n: text[words[index].start() : words[index + n - 1].end()] for n in lengths}
        for length, span in spans.items():
            if (name := self._joined.get(_key(span))) is not None:
                return length, name
        for length, span in spans.items():
            if (name := self._similar(span)) is not None:
                return length, name
        return None

    def _similar(self, span: str) -> str | None:
        """The one name that sounds like a span; None where two do."""
        key = _key(span)
        if len(key) < _LEAST_LETTERS:
            return None
        shared: Counter[str] = Counter()
        for gram in _grams(key):
            shared.update(self._grams.get(gram, ()))
        rated = [
            (ratio, name)
            for name, _ in shared.most_common(_MOST_COMPARED)
            if (ratio := _likeness(span, name)) >= _ALIKE
        ]
        rated.sort(reverse=True)
        clear = len(rated) == 1 or (rated and rated[0][0] > rated[1][0])
        return rated[0][1] if clear else None

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in self._spoken)

    @cached_property
    def _joined(self) -> dict[str, str]:
        """Names by their letters alone; those that are then the same are left out."""
        keys = Counter(_key(name) for name in self._spoken)
        return {key: name for name in self._spoken if keys[key := _key(name)] == 1 and len(key) > 1}

    @cached_property
    def _grams(self) -> dict[str, list[str]]:
        """Names by each three letters of them."""
        grams: dict[str, list[str]] = defaultdict(list)
        for name in self._spoken:
            for gram in _grams(_key(name)):
                grams[gram].append(name)
        return grams


def _plain(name: str) -> str:
    return str(remove_punctuation(name)).strip()


def _key(text: str) -> str:
    """Letters and digits alone, without case, accents and spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _grams(key: str) -> Iterable[str]:
    padded = f"^{key}$"
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _likeness(span: str, name: str) -> float:
    """How alike two names are, from 0 to 1; 0 where a word or a number says something else.

    "Left lamp" and "right lamp" have most letters in common, so each word has to be alike by itself.
    """
    said, meant = [_key(w) for w in span.split()], [_key(w) for w in name.split()]
    if len(said) != len(meant):
        return 0.0
    for one, other in zip(said, meant, strict=True):
        short = min(len(one), len(other)) < _LEAST_LETTERS
        if one != other and (short or one.isdigit() or other.isdigit() or _ratio(one, other) < _ALIKE_WORD):
            return 0.0
    return _ratio("".join(said), "".join(meant))


def _ratio(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= _ALIKE_WORD else 0.0
