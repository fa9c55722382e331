"""How much memory there is, and how hard it is to come by: cgroup limits, available memory, PSI.

Read from Linux's own files; each answers None where the kernel or the container does not tell.
"""

from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
# The container's own group: version 2 first, then version 1.
_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory/memory.usage_in_bytes")
_PSI = ("sys/fs/cgroup/memory.pressure", "proc/pressure/memory")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in all and still to be had, and the share of time (0 to 1) that work stood still for memory."""

    total: int
    available: int
    stalled: float | None = None


def read_memory(root: Path = _ROOT) -> Memory:
    """What this process may use now: the smaller of the machine and its container. root: for tests."""
    machine = _meminfo(root)
    total, available = machine.get("MemTotal", 0), machine.get("MemAvailable", 0)
    limit = _first_number(root, _LIMITS)
    if limit is not None and limit < total:
        used = _first_number(root, _USED) or 0
        # What the group holds of files can be given back, as MemAvailable counts it.
        reclaimable = _statistic(root, "inactive_file")
        total, available = limit, min(available, max(0, limit - used + reclaimable))
    return Memory(total, available, _stalled(root))


def _meminfo(root: Path) -> dict[str, int]:
    lines = _text(root, "proc/meminfo").splitlines()
    pairs = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(value) * 1024 for name, value, _ in pairs}


def _first_number(root: Path, names: tuple[str, ...]) -> int | None:
    for name in names:
        if (text := _text(root, name).strip()).isdigit():
            return int(text)
    return None


def _statistic(root: Path, name: str) -> int:
    for line in _text(root, "sys/fs/cgroup/memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


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
