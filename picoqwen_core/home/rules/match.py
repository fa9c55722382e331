"""What a template made of a sentence, free of hassil's types; what it means stands in meaning.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Stands for the room of the speaker where a template takes it from the context.
HERE = "<here>"


@dataclass(frozen=True, slots=True)
class Match:
    """An intent with its slots.

    slots: `name` holds the ids of all entities of that name, `area` and `floor` an id or HERE, other texts
    are as they were said, and numbers are numbers. domains: what the named thing may be; empty for anything.
    response: which kind of answer the template wants ("one_yesno", "which", ...). everything and
    here: whether "all" or "in this room" was said.
    """

    intent: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()
    response: str = ""
    everything: bool = False
    here: bool = False
