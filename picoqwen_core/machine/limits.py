"""What this process may use: CPUs and memory, of the machine and of the control groups that it is in."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from picoqwen_core.machine.topology import online_cpus

_CGROUPS = "sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what this process and its neighbours may have in all, and what can still be had; 0 if not told.

    limited: whether a control group sets the total, rather than the machine's own size; stalled: the share of
    time (0 to 1) in which work stood still for memory, None where the kernel does not tell; kills: processes
    that the kernel has ended for want of memory in these control groups.
    """

    total: int
    available: int
    limited: bool = False
    stalled: float | None = None
    kills: int = 0


def read_cpus(root: Path = Path("/")) -> frozenset[int]:
    """The logical CPUs that this process may run on."""
    if root == Path("/") and hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return online_cpus(root) or frozenset(range(os.cpu_count() or 1))


def read_cpu_limit(root: Path = Path("/")) -> float | None:
    """How many CPUs' time the control groups allow, the least of all; None without a limit."""
    limits = [limit for folder in _folders(root, "cpu") if (limit := _quota(folder)) is not None]
    return min(limits, default=None)


def read_memory(root: Path = Path("/")) -> Memory:
    """The machine's memory, or what the control groups leave of it."""
    told = _pairs(root / "proc/meminfo", ":")
    folders = list(_folders(root, "memory"))
    stalled = _stalled([*(each / "memory.pressure" for each in folders), root / "proc/pressure/memory"])
    # memory.oom_control is version 1's.
    told_kills = (
        _pairs(each / name, " ") for each in folders for name in ("memory.events", "memory.oom_control")
    )
    kills = max((each.get("oom_kill", 0) for each in told_kills), default=0)
    total, available = told.get("MemTotal", 0) << 10, told.get("MemAvailable", 0) << 10
    memory = Memory(total, available, stalled=stalled, kills=kills)
    for folder in folders:
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        # What is no less than the machine has is no limit; version 1 writes a number where there is none.
        if limit is None or limit >= memory.total:
            continue
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes") or 0
        cached = _pairs(folder / "memory.stat", " ")
        # Pages of files that were not looked at lately are given up where memory is needed.
        free = limit - used + cached.get("total_inactive_file", cached.get("inactive_file", 0))
        memory = replace(memory, total=limit, available=max(0, min(memory.available, free)), limited=True)
    return memory


def _stalled(paths: Iterable[Path]) -> float | None:
    """The share of the last 10 seconds in which nothing could go on: "full avg10" of the first that tells."""
    for path in paths:
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except OSError:
            # Also where the kernel has the file but not the feature (EOPNOTSUPP).
            continue
        for line in lines:
            if line.startswith("full avg10="):
                return float(line.split()[1].removeprefix("avg10=")) / 100
    return None


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The control groups that count, from this process's own to the root's.

    In a container, what /proc tells may be a path outside of what is mounted; then the mount's own root is
    the container's group.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        # Not told: the mounts' own roots, of either version.
        lines = [f"1:{controller}:/", "0::/"]
    for line in lines:
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0" and not controllers:
            mounts = [root / _CGROUPS, root / _CGROUPS / "unified"]
        elif controller in controllers.split(","):
            mounts = [root / _CGROUPS / name for name in {controller, controllers}]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in mounts:
            for depth in range(len(parts), -1, -1):
                folder = mount.joinpath(*parts[:depth])
                if folder.is_dir():
                    yield folder


def _quota(folder: Path) -> float | None:
    """CPUs of a group's quota: cpu.max in version 2, two files in version 1."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        quota, period = (str(_number(folder / f"cpu.cfs_{name}_us") or "") for name in ("quota", "period"))
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _number(*paths: Path) -> int | None:
    """The whole number in the first of these files that holds one; version 2 writes "max" for no limit."""
    for path in paths:
        try:
            return int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return None


def _pairs(path: Path, separator: str) -> dict[str, int]:
    """Lines of a name and a whole number."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, _, rest = line.partition(separator)
        value = rest.split()
        if value and value[0].isdecimal():
            found[name.strip()] = int(value[0])
    return found
