"""How much memory there is, and how hard it is to come by: cgroup limits, available memory, PSI.

Read from Linux's own files; each answers None where the kernel or the container does not tell.
"""

from dataclasses import dataclass
from pathlib import Path

from picoqwen_core.machine import limits

_ROOT = Path("/")
_PSI = ("sys/fs/cgroup/memory.pressure", "proc/pressure/memory")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in all and still to be had, and the share of time (0 to 1) that work stood still for memory."""

    total: int
    available: int
    stalled: float | None = None


def read_memory(root: Path = _ROOT) -> Memory:
    """What this process may use now: the smaller of the machine and its container. root: for tests."""
    memory = limits.read_memory(root)
    return Memory(memory.total, memory.available, _stalled(root))


def _stalled(root: Path) -> float | None:
    """The share of the last 10 seconds in which nothing could go on: full avg10 of PSI."""
    for name in _PSI:
        for line in _text(root, name).splitlines():
            if line.startswith("full avg10="):
                return float(line.split()[1].removeprefix("avg10=")) / 100
    return None


def _text(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="ascii")
    except OSError:
        return ""
