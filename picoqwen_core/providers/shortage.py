"""When memory is short: steps that are taken one after the other, and taken back in reverse.

0 nothing; 1 prefixes are not kept; 2 new requests get half of the context; 3 idle models are unloaded, and no
other is loaded; 4 requests are refused, but for those to the built-in model. The first two are the
engine's (engine/engine.py). Between falling short and having enough again lies a
gap, so that the steps do not flutter.
"""

from picoqwen_core.machine.limits import Memory

UNLOAD_IDLE, REFUSE = 3, 4
# What is said of each step.
STEPS = (
    "none",
    "the prefix cache is dropped",
    "contexts are shorter",
    "idle models are unloaded",
    "requests are refused",
)
# Shares of memory to be had: below the first a step is taken, above the second one is taken back.
_SHORT, _ENOUGH = 0.06, 0.12
# Share of time in which work stood still for memory.
_STALLED = 0.10


def next_level(level: int, memory: Memory, *, killed: bool = False) -> int:
    """The step after this look at the memory: one up, one down, or the same; 0 where nothing is known.

    killed: the kernel has ended a process for want of memory since the last look, after which idle models go
    at once.
    """
    if memory.total <= 0:
        return 0
    if killed:
        return min(max(level + 1, UNLOAD_IDLE), REFUSE)
    share, stalled = memory.available / memory.total, memory.stalled or 0.0
    if share < _SHORT or stalled > _STALLED:
        return min(level + 1, REFUSE)
    if share > _ENOUGH and stalled < _STALLED / 2:
        return max(level - 1, 0)
    return level
