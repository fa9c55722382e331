"""picoqwen bench: how fast a model reads and writes on this machine, and how much of its limit that is."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picoqwen_core.config import CPU_TARGETS, KV_CACHES
from picoqwen_core.errors import ConfigError

if TYPE_CHECKING:
    from picoqwen_core.cpu import CpuInfo
    from picoqwen_core.strategy import Strategy

HELP = "measure how fast a model reads and writes"
# Memory is read to know the limit: more than caches hold, and not more than a small machine can spare.
_READ_BYTES = 512 << 20
_GIGABYTE, _MEGABYTE = 1e9, 1e6
# Inside the processor's caches memory's speed is no limit; shared ones hold less than they say.
_CACHED_SHARE = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, how much to read and write, and with what."""
    parser.add_argument("model", type=Path, help="a model's file or folder")
    parser.add_argument("--prompt", type=int, default=512, help="tokens to read (512)")
    parser.add_argument("--tokens", type=int, default=64, help="tokens to write (64)")
    parser.add_argument("--threads", type=int, help="threads to compute with, at most (one per big core)")
    parser.add_argument("--cpu-target", choices=CPU_TARGETS, default="auto", help="the profile to use (auto)")
    parser.add_argument("--kv-cache", choices=KV_CACHES, default="auto", help="how keys and values are kept")
    parser.add_argument(
        "--nice", type=int, default=0, help="how far to stand back behind others, 0 to 19 (0)"
    )
    parser.add_argument("--cache-dir", type=Path, help="where compiled kernels are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Measure memory and the model in this process, which nothing else uses, and print."""
    _check(arguments)
    from picoqwen_core.cpu import detect_cpu  # noqa: PLC0415
    from picoqwen_core.engine.environment import choose_strategy, prepare_libraries, stand_back  # noqa: PLC0415

    strategy = choose_strategy(arguments.cpu_target, arguments.threads)
    prepare_libraries(arguments.cache_dir, strategy.threads)
    stand_back(arguments.nice, strategy.cpus)
    _progress("reading memory")
    cpu = detect_cpu(cache_dir=arguments.cache_dir, again=True)
    figures = _measured(arguments, strategy, cpu)
    _progress("")
    print(json.dumps(figures) if arguments.json else _table(figures))


def _check(arguments: argparse.Namespace) -> None:
    allowed = {"prompt": (1, 100_000), "tokens": (1, 100_000), "threads": (1, 1024), "nice": (0, 19)}
    for name, (least, most) in allowed.items():
        value = getattr(arguments, name)
        if value is not None and not least <= value <= most:
            raise ConfigError(f"--{name} is {value}; allowed: {least} to {most}")


def _measured(arguments: argparse.Namespace, strategy: "Strategy", cpu: "CpuInfo") -> dict[str, Any]:
    # Chooses the instructions and the cache folder when it is imported.
    from picoqwen_core.bench import bytes_per_token, measure_speed, read_speed  # noqa: PLC0415
    from picoqwen_core.loaders.open import open_checkpoint  # noqa: PLC0415
    from picoqwen_core.machine.limits import read_memory  # noqa: PLC0415
    from picoqwen_core.model.qwen3 import Qwen3  # noqa: PLC0415

    checkpoint = open_checkpoint(arguments.model)
    model = Qwen3.from_checkpoint(checkpoint, threads=strategy.threads, kv_cache=arguments.kv_cache)
    needed, most = arguments.prompt + arguments.tokens, model.config.context_length
    if needed > most:
        raise ConfigError(f"--prompt and --tokens are {needed} together; the model's context holds {most}")
    room = min(_READ_BYTES, (read_memory().available or _READ_BYTES) // 8)
    bandwidth = read_speed(model.threads, room // model.threads)
    speed = measure_speed(model, arguments.prompt, arguments.tokens, strategy.prefill_chunk, _progress)
    model.close()
    read = bytes_per_token(checkpoint)
    cached = read < _CACHED_SHARE * max(cpu.cache_sizes.values(), default=0)
    limit = None if cached else bandwidth / read
    return {
        "model": arguments.model.name,
        "cpu": cpu.model,
        "kernels": strategy.kernels,
        "threads": model.threads,
        "kv_cache": model.cache_kind,
        "prompt_tokens": arguments.prompt,
        "written_tokens": arguments.tokens,
        **{f"{name}_tokens_s": round(value, 2) for name, value in asdict(speed).items()},
        "bytes_per_token": read,
        "bandwidth_bytes_s": round(bandwidth),
        "decode_limit_tokens_s": None if limit is None else round(limit, 2),
        "decode_share": None if limit is None else float(f"{speed.decode / limit:.3g}"),
    }


def _table(figures: dict[str, Any]) -> str:
    share, limit = figures["decode_share"], figures["decode_limit_tokens_s"]
    of = "" if share is None else f"{share:>6.0%} of the limit"
    rows = [
        f"{figures['model']}: {figures['bytes_per_token'] / _MEGABYTE:,.0f} MB of weights for each token",
        f"{figures['cpu']}: {figures['threads']} threads, kernels {figures['kernels']}, KV cache "
        f"{figures['kv_cache']}, memory {figures['bandwidth_bytes_s'] / _GIGABYTE:.1f} GB/s",
        "",
        f"{'':<28}{'tokens/s':>10}",
        f"{_reading(figures):<28}{figures['prefill_tokens_s']:>10,.1f}",
        f"{'writing':<28}{figures['decode_tokens_s']:>10,.1f}{of}",
        f"{'writing behind the prompt':<28}{figures['decode_after_prompt_tokens_s']:>10,.1f}",
    ]
    if limit is None:
        return "\n".join([*rows, "", "The weights fit into the processor's caches: memory is no limit."])
    return "\n".join([*rows, f"{'limit of memory':<28}{limit:>10,.1f}"])


def _reading(figures: dict[str, Any]) -> str:
    return f"reading {figures['prompt_tokens']} tokens"


def _progress(text: str) -> None:
    """One line that is written over, where somebody is looking."""
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)
