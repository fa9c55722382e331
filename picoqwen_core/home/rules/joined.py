"""Several things or sentences in one, and groups with an exception: each part is read by itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Decision, Target
from picoqwen_core.home.rules.names import Names
from picoqwen_core.home.rules.words import Words
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext

Read = Callable[[str], Decision | None]
_MOST_PARTS = 4


def without_exception(text: str, home: HomeContext, names: Names, words: Words, read: Read) -> Act | None:
    """ "All lights off except the hall": the group that is left of the sentence, less what is named."""
    said = words.excepts.search(text)
    if said is None:
        return None
    spans = [span for span in names.spans(text) if span[0] >= said.end()]
    if not spans or not _only_small(text[said.end() : spans[0][0]], words):
        return None
    run = [spans[0]]
    for span in spans[1:]:
        if not _joins(text[run[-1][1] : span[0]], words):
            break
        run.append(span)
    rest = f"{text[: said.start()].rstrip(' ,')} {text[run[-1][1] :].lstrip()}".strip()
    group = read(rest)
    if not isinstance(group, Act) or len(group.actions) != 1 or group.actions[0].target.entities:
        return None
    action = group.actions[0]
    excluded = {i for start, end in run for i in _meant(text[start:end], action.target, home, names)}
    if not excluded:
        return None
    target = replace(action.target, excluding=Target(entities=tuple(excluded)))
    return Act((replace(action, target=target),))


def same_for_each(text: str, names: Names, words: Words, read: Read) -> Act | None:
    """ "Turn on A and B": the sentence with A alone, and with B alone."""
    for first, last, run in _runs(text, names, words):
        parts = [read(f"{text[:first]}{text[start:end]}{text[last:]}") for start, end in run]
        made = _together(parts)
        if made is not None and len({action.verb for action in made.actions}) == 1:
            return made
    return None


def one_after_the_other(text: str, words: Words, read: Read) -> Act | None:
    """ "Lock the door and turn off the lights": sentences that are joined, all of which are understood."""
    for said in words.joins.finditer(text):
        first, rest = text[: said.start()].strip(" ,"), text[said.end() :].strip(" ,")
        if not first or not rest:
            continue
        head = read(first)
        if not isinstance(head, Act):
            continue
        tail = read(rest) or one_after_the_other(rest, words, read)
        if (made := _together([head, tail])) is not None:
            return made
    return None


def _runs(text: str, names: Names, words: Words) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Names with only "and" or a comma between them: where they begin and end, and each of them."""
    spans = list(names.spans(text))
    index = 0
    while index < len(spans):
        run = [spans[index]]
        while index + 1 < len(spans) and _joins(text[run[-1][1] : spans[index + 1][0]], words):
            index += 1
            run.append(spans[index])
        index += 1
        if 1 < len(run) <= _MOST_PARTS:
            yield run[0][0], run[-1][1], run


def _joins(between: str, words: Words) -> bool:
    """Whether what stands between two names joins them."""
    left, joins = words.joins.subn(" ", between)
    return (joins == 1 or "," in between) and _only_small(left, words)


def _only_small(text: str, words: Words) -> bool:
    return not words.before.sub(" ", text).strip(" ,'’")


def _together(parts: list[Decision | None]) -> Act | None:
    actions: tuple[Action, ...] = ()
    for part in parts:
        if not isinstance(part, Act):
            return None
        actions += part.actions
    return Act(actions) if actions else None


def _meant(name: str, group: Target, home: HomeContext, names: Names) -> Iterator[str]:
    """Ids of the group's entities that a name, room or floor means."""
    key = name.casefold()
    areas = {a.id for a in home.areas if key in (each.casefold() for each in (a.name, *a.aliases))}
    floors = {f.id for f in home.floors if key in (each.casefold() for each in (f.name, *f.aliases))}
    areas |= {a.id for a in home.areas if a.floor in floors}
    ids = names.entities.get(key, ())
    yield from (e.id for e in resolve(home, group) if e.id in ids or e.area in areas)
