"""A home read from a system prompt: what Home Assistant's own integrations send where ours sends `home`.

They describe the exposed entities in YAML, as Home Assistant's prompt has it: names, domain and areas. So
devices can be commanded by name and room; of states nothing is known. Only Home Assistant writes this text:
a few line forms are all there is to read, and anything else means that there is no home in it.
"""

import re
from collections.abc import Iterator, Sequence

from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, Message

_START = re.compile(r"^(?:Static|Live) Context:.*\n", re.MULTILINE)
_FIELD = re.compile(r"(- |  )(names|domain|areas|state|unit_of_measurement): *(.*)")
_WHERE = re.compile(r"You are in area ([^\n(]+?)(?: \(floor [^)\n]*\))?(?: and all generic commands|\.|\n|$)")


def home_from_prompt(messages: Sequence[Message]) -> HomeContext | None:
    """The home that a system message describes; None where none does."""
    for message in messages:
        if message.role == "system" and (start := _START.search(message.content)):
            entities = [_entity(fields) for fields in _blocks(message.content[start.end() :])]
            if entities:
                return _home(entities, message.content)
    return None


def _home(entities: Sequence[HomeEntity], prompt: str) -> HomeContext:
    where = _WHERE.search(prompt)
    here = where[1].strip() if where else None
    names = dict.fromkeys(each.area for each in entities if each.area)
    if here is not None:
        names[here] = None
    return HomeContext(
        entities=tuple(_with_own_ids(entities)),
        areas=tuple(HomeArea(id=name, name=name) for name in names if name),
        area=here,
    )


def _with_own_ids(entities: Sequence[HomeEntity]) -> Iterator[HomeEntity]:
    """Ids are not told; they only have to tell entities apart, also two of one name in two rooms."""
    for number, each in enumerate(entities):
        yield HomeEntity(
            id=f"{each.domain}.{number}",
            name=each.name,
            state=each.state,
            domain=each.domain,
            aliases=each.aliases,
            area=each.area,
            unit=each.unit,
        )


def _entity(fields: dict[str, str]) -> HomeEntity:
    name, *aliases = [each.strip() for each in fields.get("names", "").split(", ")]
    return HomeEntity(
        id="",
        name=name,
        aliases=tuple(aliases),
        state=fields.get("state", "unknown"),
        domain=fields.get("domain", ""),
        # The entity's own area comes first; what follows are its area's aliases.
        area=fields.get("areas", "").split(", ")[0] or None,
        unit=fields.get("unit_of_measurement"),
    )


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """The items of the list, until a line that belongs to none."""
    block: dict[str, str] = {}
    for line in text.splitlines():
        field = _FIELD.match(line)
        if field is None:
            if line.startswith("  "):
                continue
            break
        dash, name, value = field.groups()
        if dash == "- ":
            if block.get("names") and block.get("domain"):
                yield block
            block = {}
        block[name] = _scalar(value)
    if block.get("names") and block.get("domain"):
        yield block


def _scalar(text: str) -> str:
    """A YAML scalar on one line, with or without quotes."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text
