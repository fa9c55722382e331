"""Finds in a request the entities, rooms, floors and numbers of a home, by matching words.

Classical code does all string matching and states its evidence, so that the model decides only what
words cannot: the intent, references, groups and ambiguity.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from picoqwen_core.home.gloss import known_language
from picoqwen_core.home.history import History
from picoqwen_core.home.lexicon import GROUP_WORDS, IGNORED, KIND_WORDS
from picoqwen_core.home.linked import Candidate, Link, Linked, LinkKind, Piece, TurnBreak, Word
from picoqwen_core.home.occasions import for_occasion
from picoqwen_core.home.phrases import PhraseTable, phrase_table
from picoqwen_core.home.words import Token, tokenize
from picoqwen_core.messages import HomeContext, HomeEntity

MAX_CANDIDATES = 12
MAX_REFS = 6
MAX_AREAS = 6
MAX_FLOORS = 3
MAX_NUMBERS = 8
# How many entities of the places in question are listed beside those that were named.
MAX_FILL = 4
MAX_PREVIOUS_WORDS = 24
_VERBS = ("switch", "light", "heat", "power", "lock")
_ARTICLES = ("the", "my", "a")
_AFTER_VERB = frozenset("on off up down the my all both it them those these that this everything".split())
_OTHER = frozenset(("other", "others", "twin", "rest"))
# "Them" is a handful of devices; after "all lights off" nobody means each of forty.
MAX_PREVIOUS_ENTITIES = 6


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of one turn: plain words (kind None), or a match with ids of entities or places."""

    kind: LinkKind | None
    tokens: tuple[Token, ...]
    ids: tuple[str, ...] = ()
    value: float = 0.0
    generic: bool = False

    @property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)

    @property
    def surface(self) -> str:
        return " ".join(token.surface for token in self.tokens if token.surface)


def link(home: HomeContext, text: str, history: History | None = None) -> Linked:
    """Match a request, and the turn before it, against a home."""
    table = phrase_table(home)
    language = known_language(home.language)
    turns = [_spans(table, tokenize(text, language))]
    if history is not None and history.previous_text:
        turns.insert(0, _spans(table, tokenize(history.previous_text, language)[-MAX_PREVIOUS_WORDS:]))
    places = _places(home, turns[-1]) or _places(home, turns[0])
    turns = [[_narrow(home, span, places) for span in turn] for turn in turns]
    turns = [_plain_list_items(home, turn) for turn in turns]
    previous = history.previous_entities if history is not None else ()
    if len(previous) > MAX_PREVIOUS_ENTITIES:
        previous = ()
    candidates = _candidates(home, turns, places, previous)
    return _assemble(home, text, turns, candidates)


def _spans(table: PhraseTable, tokens: Sequence[Token]) -> list[_Span]:
    """Cut a turn into spans: longest names first, then numbers, then words shared with names."""
    spans: list[_Span] = []
    index = 0
    while index < len(tokens):
        found = table.longest_match(tokens, index)
        if found is not None and found[0] == 1 and _is_told(tokens, index):
            found = None
        if found is not None:
            length, matches = found
            covered = tuple(tokens[index : index + length])
            spans.extend(_Span(kind, covered, ids, generic=_is_generic(covered)) for kind, ids in matches)
            index += length
        else:
            spans.append(_plain(tokens[index]))
            index += 1
    return _partial_matches(table, _longer_names(table, spans))


def _is_told(tokens: Sequence[Token], index: int) -> bool:
    """Whether "switch" is a verb here, though a device is called so."""
    before = tokens[index - 1].text if index else ""
    return index + 1 < len(tokens) and _commands(before, tokens[index].text, tokens[index + 1].text)


def _plain(token: Token) -> _Span:
    if token.value is None:
        return _Span(None, (token,))
    kind = LinkKind.DURATION if token.duration else LinkKind.NUMBER
    return _Span(kind, (token,), value=token.value)


def _is_generic(tokens: Iterable[Token]) -> bool:
    return all(token.stem in KIND_WORDS or token.text in IGNORED for token in tokens)


def _longer_names(table: PhraseTable, spans: Sequence[_Span]) -> list[_Span]:
    """ "Aquarium shutter" hints at "Study Aquarium Shutter", though another device is called "Shutter"."""
    result: list[_Span] = []
    for index, span in enumerate(spans):
        before = spans[index - 1] if index else None
        if before is not None and span.kind is LinkKind.FULL and _tells(table, spans, index - 1):
            owners = _owners(table, (*before.tokens, *span.tokens))
            if owners and not owners & set(span.ids):
                tokens = (*before.tokens, *span.tokens)
                known = tuple(
                    entity_id for entity_id in table.name_words[before.tokens[0].stem] if entity_id in owners
                )
                result[-1] = _Span(LinkKind.PART, tokens, known)
                continue
        result.append(span)
    return result


def _tells(table: PhraseTable, spans: Sequence[_Span], index: int) -> bool:
    """Whether a span is a plain word that occurs in names, and no verb."""
    span = spans[index]
    if span.kind is not None or _is_verb(spans, index) or _is_degree(spans, index):
        return False
    return span.text not in IGNORED and span.tokens[0].stem in table.name_words


def _owners(table: PhraseTable, tokens: Sequence[Token]) -> set[str]:
    """The entities whose names have all of these words."""
    stems = [token.stem for token in tokens if token.text not in IGNORED]
    if any(stem not in table.name_words for stem in stems):
        return set()
    return set.intersection(*(set(table.name_words[stem]) for stem in stems))


def _partial_matches(table: PhraseTable, spans: list[_Span]) -> list[_Span]:
    """Turn runs of plain words that occur in entity names into PART spans."""
    result: list[_Span] = []
    run: list[Token] = []

    def flush() -> None:
        if run:
            ids = _best_partial(table, run)
            if ids:
                result.append(_Span(LinkKind.PART, tuple(run), ids, generic=_is_generic(run)))
            else:
                result.extend(_Span(None, (token,)) for token in run)
            run.clear()

    for index, span in enumerate(spans):
        token = span.tokens[0]
        if _is_verb(spans, index) or _is_degree(spans, index):
            flush()
            result.append(span)
        elif span.kind is None and token.text not in IGNORED and token.stem in table.name_words:
            run.append(token)
        elif span.kind is LinkKind.NUMBER and run and token.stem in table.name_words:
            run.append(token)  # "lamp 2"
        else:
            flush()
            result.append(span)
    flush()
    return result


def _is_verb(spans: Sequence[_Span], index: int) -> bool:
    """ "Switch" is a device in "the switch" and a verb in "switch on" and "please switch the lamp off"."""
    before = spans[index - 1].text if index else ""
    after = spans[index + 1] if index + 1 < len(spans) else None
    if after is not None and after.kind is LinkKind.FULL:
        return spans[index].text in _VERBS and before not in _ARTICLES
    return after is not None and _commands(before, spans[index].text, after.text)


def _commands(before: str, word: str, after: str) -> bool:
    """Whether a word that is a noun as well is told to be a verb by those around it."""
    return word in _VERBS and before not in _ARTICLES and after in _AFTER_VERB


def _is_degree(spans: Sequence[_Span], index: int) -> bool:
    """ "A little brighter" is about no lamp called "Little"."""
    return index > 0 and spans[index].text in ("little", "bit", "notch") and spans[index - 1].text == "a"


def _best_partial(table: PhraseTable, run: Sequence[Token]) -> tuple[str, ...]:
    """The entities that share the most telling words with a run of words; none for "the lights".

    A bare plural ("blinds") or "light" means a group by kind, whatever some of them are called.
    """
    if all(t.stem in KIND_WORDS and (t.text != t.stem or t.stem in GROUP_WORDS) for t in run):
        return ()
    scores: Counter[str] = Counter()
    for token in run:
        owners = table.name_words[token.stem]
        weight = math.log(1 + table.entity_count / len(owners))
        for entity_id in owners:
            scores[entity_id] += weight  # type: ignore[assignment]  # Counter adds floats too
    best = max(scores.values())
    return tuple(entity_id for entity_id, score in scores.items() if score >= best - 1e-9)


def _places(home: HomeContext, turn: Sequence[_Span]) -> frozenset[str]:
    """Ids of the areas that a turn names, directly or by floor."""
    said: set[str] = set()
    for span in turn:
        if span.kind is LinkKind.AREA:
            said.update(span.ids)
        elif span.kind is LinkKind.FLOOR:
            said.update(area.id for area in home.areas if area.floor in span.ids)
    return frozenset(said)


def _narrow(home: HomeContext, span: _Span, places: frozenset[str]) -> _Span:
    """Of several equally named entities keep those in a place that was said, else in the speaker's.

    Of several rooms of a name keep those with anything in them: Home Assistant begins with empty ones.
    """
    if span.kind is LinkKind.AREA and len(span.ids) > 1:
        used = {entity.area for entity in home.entities}
        return replace(span, ids=tuple(area for area in span.ids if area in used) or span.ids)
    if span.kind not in (LinkKind.FULL, LinkKind.PART) or len(span.ids) < 2:
        return span
    areas = {entity.id: entity.area for entity in home.entities}
    for wanted in (places, frozenset((home.area,)) if home.area else frozenset()):
        inside = tuple(entity_id for entity_id in span.ids if areas[entity_id] in wanted)
        if inside:
            return replace(span, ids=inside)
        if wanted and span.generic and wanted is places:
            return replace(span, kind=None, ids=())
    if len(span.ids) > MAX_REFS:
        return replace(span, kind=None, ids=())
    return span


def _plain_list_items(home: HomeContext, turn: Sequence[_Span]) -> list[_Span]:
    """What goes on a list is free text: "coffee beans" hints at no coffee machine."""
    lists = {entity.id for entity in home.entities if entity.domain == "todo"}
    if not any(lists & set(span.ids) or span.text == "list" for span in turn):
        return list(turn)
    return [
        replace(span, kind=None, ids=()) if span.kind is LinkKind.PART and not lists & set(span.ids) else span
        for span in turn
    ]


def _candidates(
    home: HomeContext, turns: Sequence[Sequence[_Span]], places: frozenset[str], previous: Sequence[str]
) -> tuple[Candidate, ...]:
    """Rank the entities that may be meant: named, partly named, of the turn before, in the place."""
    full = _ids_of(turns, LinkKind.FULL)
    part = _ids_of(turns, LinkKind.PART)
    known = {entity.id: entity for entity in home.entities}
    ordered = [i for i in dict.fromkeys((*full, *part, *previous)) if i in known][:MAX_CANDIDATES]
    room = min(MAX_FILL, MAX_CANDIDATES - len(ordered))
    beside = _beside(home, turns[-1], previous)
    told = [] if full or part else _for_occasion(home, turns[-1])
    fill = [e.id for e in (*beside, *told, *_fill(home, turns[-1], places)) if e.id not in ordered]
    fill = list(dict.fromkeys(fill))
    chosen = [*ordered, *fill[:room]]
    return tuple(
        Candidate(
            entity=known[entity_id],
            full=entity_id in full,
            part=entity_id in part,
            said_place=known[entity_id].area in places,
            here=home.area is not None and known[entity_id].area == home.area,
            previous=entity_id in previous,
        )
        for entity_id in chosen
    )


def _for_occasion(home: HomeContext, turn: Sequence[_Span]) -> list[HomeEntity]:
    """ "I'm going to bed": scenes and scripts for what is told, where nothing of the home is spoken of."""
    tokens = [token for span in turn for token in span.tokens]
    if any(token.stem in KIND_WORDS for token in tokens):
        return []
    return for_occasion(home, {token.text for token in tokens})


def _beside(home: HomeContext, turn: Sequence[_Span], previous: Sequence[str]) -> list[HomeEntity]:
    """ "And the other one": what stands in the room of the devices before, and is of their kind."""
    if not any(token.text in _OTHER for span in turn for token in span.tokens):
        return []
    near = {(e.area, e.domain) for e in home.entities if e.id in previous and e.area is not None}
    beside = [e for e in home.entities if (e.area, e.domain) in near]
    classes = {e.device_class for e in beside if e.id in previous}
    return sorted(beside, key=lambda e: e.device_class not in classes)


def _ids_of(turns: Sequence[Sequence[_Span]], kind: LinkKind) -> dict[str, None]:
    """Entity ids linked by `kind`, the present turn's before those of the turn before."""
    ids = (i for turn in reversed(turns) for span in turn if span.kind is kind for i in span.ids[:MAX_REFS])
    return dict.fromkeys(ids)


def _fill(home: HomeContext, turn: Sequence[_Span], places: frozenset[str]) -> list[HomeEntity]:
    """Entities of the said places, else of the speaker's area, of the kinds that the words mention."""
    wanted = places or (frozenset((home.area,)) if home.area else frozenset())
    kinds: set[str] = set()
    for span in turn:
        for token in span.tokens:
            kinds.update(KIND_WORDS.get(token.stem, ()))
    return [e for e in home.entities if e.area in wanted and (not kinds or e.domain in kinds)]


def _assemble(
    home: HomeContext, text: str, turns: Sequence[Sequence[_Span]], candidates: tuple[Candidate, ...]
) -> Linked:
    """Number what was found and write the request as pieces."""
    index_of = {candidate.entity.id: index for index, candidate in enumerate(candidates)}
    areas: dict[str, int] = {}
    floors: dict[str, int] = {}
    numbers: list[float] = []
    pieces: list[Piece] = []
    for position, turn in enumerate(turns):
        if position:
            pieces.append(TurnBreak())
        for span in turn:
            refs = _refs(span, index_of, areas, floors, numbers)
            if span.kind is None or not refs:
                pieces.extend(Word(token.text, token.surface) for token in span.tokens)
            else:
                pieces.append(Link(span.kind, span.text, span.surface, refs, span.generic))
    return Linked(home, text, tuple(pieces), candidates, tuple(areas), tuple(floors), tuple(numbers))


def _refs(
    span: _Span, index_of: dict[str, int], areas: dict[str, int], floors: dict[str, int], numbers: list[float]
) -> tuple[int, ...]:
    """The prompt indices of a span; places and numbers get the next free one when they are new."""
    if span.kind in (LinkKind.FULL, LinkKind.PART):
        return tuple(index_of[i] for i in span.ids[:MAX_REFS] if i in index_of)
    if span.kind in (LinkKind.NUMBER, LinkKind.DURATION):
        if len(numbers) == MAX_NUMBERS:
            return ()
        numbers.append(span.value)
        return (len(numbers) - 1,)
    known, limit = (areas, MAX_AREAS) if span.kind is LinkKind.AREA else (floors, MAX_FLOORS)
    for place in span.ids:
        if place not in known and len(known) < limit:
            known[place] = len(known)
    return tuple(known[place] for place in span.ids if place in known)
