"""When memory is short: steps that are taken one after the other, and taken back in reverse.

0 nothing; 1 idle models are unloaded; 2 no further model is loaded either. Between falling short and having
enough again lies a gap, so that the steps do not flutter.
"""

from dataclasses import dataclass

UNLOAD_IDLE, LOAD_NOTHING = 1, 2
# Shares of memory to be had: below the first a step is taken, above the second one is taken back.
_SHORT, _ENOUGH = 0.06, 0.12
# Share of time in which work stood still for memory.
_STALLED = 0.10


@dataclass(frozen=True, slots=True)
class Supply:
    """Bytes in all and to be had, and the share of time that was lost to waiting for memory."""

    total: int
    available: int
    stalled: float | None = None


def next_level(level: int, supply: Supply) -> int:
    """The step after this look at the memory: one up, one down, or the same; 0 where nothing is known."""
    if supply.total <= 0:
        return 0
    share, stalled = supply.available / supply.total, supply.stalled or 0.0
    if share < _SHORT or stalled > _STALLED:
        return min(level + 1, LOAD_NOTHING)
    if share > _ENOUGH and stalled < _STALLED / 2:
        return max(level - 1, 0)
    return level
