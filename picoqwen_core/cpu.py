"""The processor that the engine runs on, and how many threads it may compute with.

What follows from it, strategy.py decides.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from picoqwen_core.folders import cache_folder
from picoqwen_core.machine.bandwidth import measure_bandwidth, store_bandwidth, stored_bandwidth
from picoqwen_core.machine.limits import read_cpu_limit, read_cpus, read_memory
from picoqwen_core.machine.processor import read_processor
from picoqwen_core.machine.topology import Core, online_cpus, read_caches, read_cores

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """What matters of a processor.

    features: Linux's names of its instructions. cores: the physical ones that this process may run on, by
    their logical CPUs. logical_cpus: of the whole machine. cpu_limit: CPUs' worth of time that control groups
    allow. cache_sizes: bytes by l1d, l2, l3. memory_bandwidth: bytes a second, None where not measured.
    """

    vendor: str
    model: str
    board: str | None
    architecture: str
    features: frozenset[str]
    cores: tuple[Core, ...]
    logical_cpus: int
    cpu_limit: float | None
    cache_sizes: Mapping[str, int]
    memory_bandwidth: float | None = None

    @property
    def big_cores(self) -> tuple[Core, ...]:
        """The cores of the fastest kind; all of them where there is only one kind."""
        return tuple(core for core in self.cores if core.big)

    @property
    def threads(self) -> int:
        """As many as compute best: one for each big core, within the limit.

        Threads that share a core, or wait for one on a little core, only get in each other's way.
        """
        cores = max(1, len(self.big_cores))
        return cores if self.cpu_limit is None else max(1, min(cores, int(self.cpu_limit)))

    @property
    def most_threads(self) -> int:
        """More cannot run at the same time."""
        cpus = max(1, sum(len(core.cpus) for core in self.cores))
        return cpus if self.cpu_limit is None else max(1, min(cpus, int(self.cpu_limit)))


def detect_cpu(
    root: Path = _ROOT,
    *,
    architecture: str | None = None,
    cache_dir: Path | None = None,
    measure: Callable[[int, int], float] | None = measure_bandwidth,
    again: bool = False,
) -> CpuInfo:
    """Read /proc and /sys below `root`, and how fast memory is from what was measured before.

    architecture: as `uname -m` says, by default this machine's. cache_dir: where the memory's bandwidth is
    kept, by default beside the compiled kernels. measure: (threads, available bytes) -> bytes a second,
    called where nothing is kept, or `again`; None leaves it unknown then. The highest of all measurements
    counts: what else runs only makes memory look slower.
    """
    cpus = read_cpus(root)
    processor = read_processor(root)
    caches = read_caches(cpus, root)
    if not caches and processor.cache_bytes:
        caches = {"last": processor.cache_bytes}
    info = CpuInfo(
        vendor=processor.vendor,
        model=processor.model,
        board=processor.board,
        architecture=architecture or platform.machine(),
        features=processor.features,
        cores=read_cores(cpus, root),
        logical_cpus=max(len(online_cpus(root)), len(cpus)),
        cpu_limit=read_cpu_limit(root),
        cache_sizes=caches,
    )
    folder = cache_dir or cache_folder()
    return replace(info, memory_bandwidth=_bandwidth(info, folder, root, measure, again))


def usable_cores() -> int:
    """How many threads this process computes with best: physical, big cores that it may use."""
    cores = [core for core in read_cores(read_cpus()) if core.big]
    limit = read_cpu_limit()
    return max(1, len(cores) if limit is None else min(len(cores), int(limit)))


def _bandwidth(
    info: CpuInfo,
    folder: Path,
    root: Path,
    measure: Callable[[int, int], float] | None,
    again: bool,
) -> float | None:
    name = " ".join(map(str, (info.vendor, info.model, info.board, info.logical_cpus, info.threads)))
    known = stored_bandwidth(folder, name)
    if measure is not None and (known is None or again):
        known = max(known or 0.0, float(round(measure(info.threads, read_memory(root).available))))
        store_bandwidth(folder, name, known)
    return known
