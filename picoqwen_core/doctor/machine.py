"""The machine: its processor, its memory and the limits of its control groups, its clock."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from picoqwen_core.config import BUILT_IN_MODEL, Settings, forced_kernels, models_folder
from picoqwen_core.cpu import CpuInfo, detect_cpu
from picoqwen_core.doctor.finding import Finding, megabytes
from picoqwen_core.errors import ConfigError
from picoqwen_core.installed import find_models, model_file
from picoqwen_core.machine.limits import Memory, read_memory
from picoqwen_core.recommendation import WORKER_BYTES
from picoqwen_core.strategy import select_strategy

# The built-in model with its process, measured, and some more.
_BUILT_IN_BYTES = 300_000_000
# A share of time in which nothing could go on for want of memory.
_STALLED = 0.1
# No copy of this program is older, so a clock that says so is wrong, and refuses good certificates.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def check_machine(
    settings: Settings, root: Path = Path("/"), clock: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """root: where /proc and /sys lie, for tests."""
    memory = read_memory(root)
    cpu = detect_cpu(root, cache_dir=settings.cache_dir, measure=None)
    yield from _processor(settings, cpu, memory)
    yield from _memory(settings, memory)
    yield _clock(clock())


def _processor(settings: Settings, cpu: CpuInfo, memory: Memory) -> Iterator[Finding]:
    try:
        strategy = select_strategy(
            cpu, memory, target=settings.cpu_target, threads=settings.threads, kernels=forced_kernels()
        )
    except ConfigError as err:
        yield Finding("processor", "fail", str(err), "set cpu_target to auto")
        return
    told = f"{cpu.model or cpu.architecture}: kernels {strategy.kernels}, {strategy.threads} threads"
    if strategy.kernels == "generic":
        yield Finding(
            *("processor", "warn", f"{told}, without the instructions that make models fast"),
            "the built-in model runs well; in a virtual machine, pass the host's processor through",
        )
    else:
        yield Finding("processor", "ok", told)
    if settings.threads is not None and settings.threads > cpu.most_threads:
        yield Finding(
            *("threads", "warn", f"threads is {settings.threads}, but {cpu.most_threads} can run at once"),
            "leave threads out",
        )
    if cpu.cpu_limit is not None:
        few = cpu.cpu_limit < 1
        yield Finding(
            "processor limit",
            "warn" if few else "ok",
            f"a control group allows the time of {cpu.cpu_limit:g} CPUs",
            "raise the limit (CPUQuota, --cpus)" if few else "",
        )


def _memory(settings: Settings, memory: Memory) -> Iterator[Finding]:
    if not memory.total:
        yield Finding("memory", "warn", "the system does not tell its memory", "set max_memory_mb")
        return
    whose = "a control group allows" if memory.limited else "the machine has"
    have = f"{whose} {megabytes(memory.total)}, and {megabytes(memory.available)} can be had"
    needed, name = _largest(settings)
    most = settings.max_memory_mb * 1_000_000 if settings.max_memory_mb is not None else memory.total
    if needed > memory.total:
        yield Finding(
            *("memory", "fail", f"{have}, but {name} needs about {megabytes(needed)}"),
            "take a smaller model (`picoqwen cpu` names one), or raise the limit",
        )
    elif needed > memory.available:
        yield Finding(
            *("memory", "warn", f"{have}; {name} needs about {megabytes(needed)}"),
            "end something else, if no model is loaded yet",
        )
    else:
        yield Finding("memory", "ok", f"{have}; {name} needs about {megabytes(needed)}")
    if most < needed <= memory.total:
        yield Finding(
            *("max_memory_mb", "warn", f"{settings.max_memory_mb} MB are less than {name} needs"),
            f"set it to at least {needed / 1e6:.0f}",
        )
    if memory.stalled is not None and memory.stalled >= _STALLED:
        told = f"in {memory.stalled:.0%} of the last 10 seconds nothing went on for want of memory"
        yield Finding("memory pressure", "warn", told, "end something else, or take a smaller model")
    if memory.kills:
        told = f"the kernel has ended {memory.kills} processes here for want of memory"
        yield Finding("memory kills", "warn", told, "take a smaller model, or raise the memory limit")


def _largest(settings: Settings) -> tuple[int, str]:
    """Bytes that the largest installed model needs with its process, and its name."""
    paths = [settings.model] if settings.model.is_file() and settings.model != BUILT_IN_MODEL else []
    files = [*map(model_file, paths), *find_models(models_folder(settings)).values()]
    if settings.model.is_dir():
        files += find_models(settings.model).values()
    largest = max(files, key=lambda each: each.size_bytes, default=None)
    if largest is None:
        return _BUILT_IN_BYTES, "the built-in model"
    return largest.size_bytes + WORKER_BYTES, largest.id


def _clock(now: float) -> Finding:
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if _EARLIEST <= now <= _LATEST:
        return Finding("clock", "ok", f"it is {said}")
    return Finding(
        *("clock", "fail", f"the clock says {said}, which cannot be"),
        "set it (timedatectl set-ntp true): with a wrong clock, downloads and other servers are refused",
    )
