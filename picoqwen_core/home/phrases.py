"""The names of a home as a table of phrases: whole names for exact matches, single words for partial ones.

Phrases are keyed without spaces, so that "living room" and "livingroom" are the same.
"""

from collections.abc import Iterable, Sequence

from picoqwen_core.home.gloss import known_language, plain
from picoqwen_core.home.lexicon import FLOOR_DIRECTIONS, IGNORED, ROOM_SYNONYMS
from picoqwen_core.home.linked import LinkKind
from picoqwen_core.home.words import Token, tokenize
from picoqwen_core.messages import HomeContext, HomeEntity

MAX_PHRASE_WORDS = 8
Matches = list[tuple[LinkKind, tuple[str, ...]]]


# Homes change far less often than requests come: the tables of the last few are kept.
_KEPT_TABLES = 4
_tables: dict[tuple[object, ...], "PhraseTable"] = {}


def phrase_table(home: HomeContext) -> "PhraseTable":
    """The table of a home; made anew when one of its names, rooms or floors has changed."""
    key = (
        home.language,
        home.areas,
        home.floors,
        tuple((entity.id, entity.name, entity.aliases, entity.area) for entity in home.entities),
    )
    table = _tables.get(key)
    if table is None:
        table = PhraseTable(home)
        while len(_tables) >= _KEPT_TABLES:
            _tables.pop(next(iter(_tables)), None)
        _tables[key] = table
    return table


class PhraseTable:
    """Looks up spans of a request among the names, aliases, rooms and floors of one home."""

    def __init__(self, home: HomeContext) -> None:
        self.entity_count = max(1, len(home.entities))
        # stem of a word -> ids of the entities whose name or alias has it
        self.name_words: dict[str, dict[str, None]] = {}
        self._phrases: dict[str, dict[LinkKind, dict[str, None]]] = {}
        self._language = known_language(home.language)
        self._areas = {area.id: area.name for area in home.areas}
        for entity in home.entities:
            self._add_entity(entity)
        for area in home.areas:
            for name in (area.name, *area.aliases):
                self._add(LinkKind.AREA, self._tokens(name), area.id)
        for floor in home.floors:
            for name in (floor.name, *floor.aliases):
                self._add(LinkKind.FLOOR, self._tokens(name), floor.id)
        self._add_room_synonyms()
        self._add_floor_directions(home)

    def longest_match(self, tokens: Sequence[Token], start: int) -> tuple[int, Matches] | None:
        """The longest phrase that begins at `start`: how many words, and what it may refer to."""
        for length in range(min(MAX_PHRASE_WORDS, len(tokens) - start), 0, -1):
            span = tokens[start : start + length]
            found = self._phrases.get(_key(span)) or self._phrases.get(_plural_key(span))
            if found is None and self._language == "de":  # "die Lampe des Wintergartens"
                found = self._phrases.get(_key(span).removesuffix("s"))
            if found is None or (length == 1 and span[0].text in IGNORED):
                continue
            return length, [(kind, tuple(ids)) for kind, ids in found.items()]
        return None

    def _tokens(self, text: str) -> tuple[Token, ...]:
        return tokenize(text, self._language)

    def _add_entity(self, entity: HomeEntity) -> None:
        area = self._tokens(self._areas[entity.area]) if entity.area in self._areas else ()
        for name in (entity.name, *entity.aliases):
            tokens = self._tokens(name)
            self._add(LinkKind.FULL, tokens, entity.id)
            # "kitchen lamp" is the whole name of "Lamp" in the kitchen
            if area and tokens[: len(area)] != area:
                self._add(LinkKind.FULL, (*area, *tokens), entity.id)
            for token in tokens:
                if token.text not in IGNORED:
                    self.name_words.setdefault(token.stem, {})[entity.id] = None

    def _add(self, kind: LinkKind, tokens: Iterable[Token], ref: str) -> None:
        key = _key(tokens)
        if key:
            self._phrases.setdefault(key, {}).setdefault(kind, {})[ref] = None

    def _add_room_synonyms(self) -> None:
        for names in ROOM_SYNONYMS:
            known = next((self._phrases[n] for n in names if LinkKind.AREA in self._phrases.get(n, {})), None)
            if known is None:
                continue
            for name in names:
                if name not in self._phrases:
                    self._phrases[name] = {LinkKind.AREA: known[LinkKind.AREA]}

    def _add_floor_directions(self, home: HomeContext) -> None:
        for word, hints in FLOOR_DIRECTIONS.items():
            floors = [f.id for f in home.floors if hints & {token.text for token in self._tokens(f.name)}]
            if word not in self._phrases and len(floors) == 1:
                self._phrases[word] = {LinkKind.FLOOR: {floors[0]: None}}


def _key(span: Iterable[Token]) -> str:
    return "".join(plain(token.text) for token in span)


def _plural_key(span: Sequence[Token]) -> str:
    """ "fairy light" also means "Fairy Lights"; but "bedroom lights" is more than "Bedroom Light"."""
    return _key(span) + "s"
