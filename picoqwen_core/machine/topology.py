"""Which logical CPUs share a core, which cores are big, and how large their caches are, from sysfs."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_CPUS = "sys/devices/system/cpu"
# Cores within this share of the fastest one's speed are of its kind: those that may boost higher differ by
# a few percent, little cores by a third and more.
_BIG_SHARE = 0.8
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Core:
    """A physical core: its logical CPUs, and whether it is one of the fastest kind."""

    cpus: tuple[int, ...]
    big: bool


def read_cores(cpus: Collection[int], root: Path = Path("/")) -> tuple[Core, ...]:
    """The physical cores behind these logical CPUs; only these are named in them."""
    groups = {tuple(sorted(_siblings(root, cpu) & set(cpus))) for cpu in cpus}
    speeds = _speeds(root, cpus)
    fastest = max(speeds.values(), default=0.0)
    return tuple(
        Core(group, max(speeds[cpu] for cpu in group) >= _BIG_SHARE * fastest) for group in sorted(groups)
    )


def read_caches(cpus: Collection[int], root: Path = Path("/")) -> dict[str, int]:
    """Bytes of the caches that the largest core sees: l1d, l2, l3, as far as there are such."""
    sizes: dict[str, int] = {}
    for cpu in cpus:
        for index in (root / _CPUS / f"cpu{cpu}" / "cache").glob("index*"):
            level, kind, size = (_text(index / name) for name in ("level", "type", "size"))
            found = re.fullmatch(r"(\d+)([KMG]?)", size)
            if not level or not found or kind == "Instruction":
                continue
            name = "l1d" if level == "1" else f"l{level}"
            sizes[name] = max(sizes.get(name, 0), int(found.group(1)) * _UNITS[found.group(2)])
    return dict(sorted(sizes.items()))


def online_cpus(root: Path = Path("/")) -> frozenset[int]:
    """The logical CPUs that are switched on; empty where Linux does not tell."""
    return parse_list(_text(root / _CPUS / "online"))


def parse_list(text: str) -> frozenset[int]:
    """Linux's lists of numbers: 0-3,8. What is none is left out."""
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _siblings(root: Path, cpu: int) -> frozenset[int]:
    topology = root / _CPUS / f"cpu{cpu}" / "topology"
    for name in ("core_cpus_list", "thread_siblings_list"):
        if listed := parse_list(_text(topology / name)):
            return listed | {cpu}
    return frozenset({cpu})


def _speeds(root: Path, cpus: Iterable[int]) -> dict[int, float]:
    """A number for each CPU that compares its speed with the others'; equal where nothing is told."""
    cpus = list(cpus)
    # Intel names its kinds of cores; their clocks alone are too close.
    performance, efficient = (
        parse_list(_text(root / "sys/devices" / name / "cpus")) for name in ("cpu_core", "cpu_atom")
    )
    if performance and efficient:
        return {cpu: 0.5 if cpu in efficient else 1.0 for cpu in cpus}
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq", "acpi_cppc/highest_perf"):
        told = {cpu: _text(root / _CPUS / f"cpu{cpu}" / name) for cpu in cpus}
        if all(value.isdecimal() and int(value) > 0 for value in told.values()):
            return {cpu: float(value) for cpu, value in told.items()}
    return dict.fromkeys(cpus, 1.0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
