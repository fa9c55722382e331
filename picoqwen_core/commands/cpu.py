"""picoqwen cpu: what this processor is, how the engine would use it, and which model suits the machine."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from picoqwen_core.config import CPU_TARGETS, forced_kernels, load_settings

if TYPE_CHECKING:
    from picoqwen_core.cpu import CpuInfo
    from picoqwen_core.machine.limits import Memory
    from picoqwen_core.recommendation import Recommendation
    from picoqwen_core.strategy import Strategy

HELP = "show the processor, and how the engine would use it"
_GIGABYTE, _MEGABYTE = 1e9, 1e6
# Instructions that the kernels use, or that people ask for.
_SHOWN_FEATURES = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni"),
    *("asimd", "asimdhp", "asimddp", "i8mm", "sve"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print, and what to take as given."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--measure", action="store_true", help="measure the memory's speed again")
    parser.add_argument("--cpu-target", choices=CPU_TARGETS, help="the profile to use (auto)")
    parser.add_argument("--threads", help="threads to compute with (a choice by the processor)")
    parser.add_argument("--cache-dir", help="where the memory's measured speed is kept")


def run(arguments: argparse.Namespace) -> None:
    """Measure memory where that was not done yet, choose, print."""
    from picoqwen_core.cpu import detect_cpu  # noqa: PLC0415 - the server is smaller without
    from picoqwen_core.machine.limits import read_memory  # noqa: PLC0415
    from picoqwen_core.strategy import kernel_sets, select_strategy  # noqa: PLC0415

    flags = {name: getattr(arguments, name) for name in ("cpu_target", "threads", "cache_dir")}
    settings = load_settings(flags=flags)
    cpu, memory = detect_cpu(cache_dir=settings.cache_dir, again=arguments.measure), read_memory()
    strategy = select_strategy(
        cpu, memory, target=settings.cpu_target, threads=settings.threads, kernels=forced_kernels()
    )
    if arguments.json:
        print(json.dumps(_as_json(cpu, memory, strategy, kernel_sets(cpu)), indent=2))
    else:
        rows = _rows(cpu, memory, strategy, kernel_sets(cpu))
        print("\n".join(f"{name:<18}{value}" for name, value in rows))


def _as_json(cpu: "CpuInfo", memory: "Memory", strategy: "Strategy", able: list[str]) -> dict[str, Any]:
    return {
        "cpu": asdict(cpu) | {"features": sorted(cpu.features), "kernels": able},
        "memory": asdict(memory),
        "strategy": asdict(strategy),
    }


def _rows(cpu: "CpuInfo", memory: "Memory", strategy: "Strategy", able: list[str]) -> list[tuple[str, str]]:
    name = cpu.model if cpu.vendor in cpu.model else f"{cpu.vendor} {cpu.model}"
    little = len(cpu.cores) - len(cpu.big_cores)
    kinds = f" ({len(cpu.big_cores)} big, {little} little)" if little else ""
    limit = "" if cpu.cpu_limit is None else f", limited to {cpu.cpu_limit:g} CPUs"
    caches = ", ".join(f"{name} {size >> 10:,} KiB" for name, size in cpu.cache_sizes.items())
    bandwidth = cpu.memory_bandwidth
    stays = f" on CPUs {', '.join(map(str, strategy.cpus))}" if strategy.cpus else ""
    return [
        ("Processor", name + (f", {cpu.board}" if cpu.board else "")),
        (
            "Instructions",
            " ".join(name for name in _SHOWN_FEATURES if name in cpu.features) or "none special",
        ),
        ("Cores", f"{len(cpu.cores)} of {cpu.logical_cpus} logical CPUs{kinds}{limit}"),
        ("Caches", caches or "unknown"),
        ("Memory", _memory(memory)),
        ("Memory speed", "unknown" if bandwidth is None else f"{bandwidth / _GIGABYTE:.1f} GB/s, read"),
        ("Profile", strategy.target),
        ("Kernels", f"{strategy.kernels} (can run: {', '.join(able)})"),
        ("Threads", f"{strategy.threads}{stays}"),
        ("Prompt chunk", f"{strategy.prefill_chunk} tokens"),
        ("Recommended", _recommended(strategy.recommended)),
    ]


def _memory(memory: "Memory") -> str:
    of = "allowed" if memory.limited else "in all"
    return f"{memory.total / _GIGABYTE:.1f} GB {of}, {memory.available / _GIGABYTE:.1f} GB available"


def _recommended(choice: "Recommendation") -> str:
    if choice.model is None:
        return "the built-in model: no other fits into this memory"
    return (
        f"{choice.model} {choice.quantization}, context {choice.context_length}, KV cache {choice.kv_cache}: "
        f"{choice.memory_bytes / _MEGABYTE:,.0f} MB, about {choice.tokens_per_second:g} tokens/s"
    )
