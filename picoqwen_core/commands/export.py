"""picoqwen export: a model in the layout of qwen3-rs or of qwen3.c, with the files that belong beside it.

Reads what can be read (a Hugging Face folder, GGUF, a qwen3-rs checkpoint, a LoRA adapter folder). Layout b
is qwen3-rs's since August 2025; layout a is qwen3.c's, pico-qwen's and that of qwen3-rs before. Neither of
these programs reads the other layout.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path

from picoqwen_core.errors import ConfigError
from picoqwen_core.progress import ProgressBar

HELP = "write a model as a qwen3-rs or qwen3.c checkpoint"
_LAYOUTS = {"a": "a (qwen3.c)", "b": "b (qwen3-rs)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """qwen3-rs's arguments, and ours behind them."""
    parser.add_argument("model_path", type=Path, help="a model folder or file, or an adapter folder")
    parser.add_argument("output_path", type=Path, help="the checkpoint to write")
    parser.add_argument(
        "-g", "--group-size", default="64", metavar="SIZE", help="weights that share a scale (64)"
    )
    parser.add_argument(
        "--layout", choices=sorted(_LAYOUTS), default="b", help="b: qwen3-rs (default); a: qwen3.c"
    )
    parser.add_argument("--base", type=Path, help="the base model of an adapter folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (all cores)")


def run(arguments: argparse.Namespace) -> None:
    """Write the files and say what is in them."""
    from picoqwen_core.convert.qwen3_rs import write_qwen3_rs  # noqa: PLC0415
    from picoqwen_core.convert.source import open_source, refuse_input_as_output  # noqa: PLC0415

    group_size = _whole_number("--group-size", arguments.group_size)
    threads = _whole_number("--threads", arguments.threads)
    output: Path = arguments.output_path
    refuse_input_as_output([arguments.model_path, arguments.base], output)
    model = open_source(arguments.model_path, arguments.base)
    values = sum(math.prod(each.shape) for each in model.checkpoint.tensors.values())
    started = time.monotonic()
    with ProgressBar(f"exporting {output.name}", values, sys.stderr) as bar:
        result = write_qwen3_rs(
            model, output, arguments.layout, group_size, threads=threads, advance=bar.advance
        )
    header = result.header
    if header.group_size != group_size:
        print(
            f"note: groups of {header.group_size}, which divide the hidden size {header.dim}", file=sys.stderr
        )
    head = "the embedding is the head" if header.shared_classifier else "with a head of its own"
    print(
        f"{output}: layout {_LAYOUTS[arguments.layout]}, {result.size / 1e6:,.1f} MB, {result.matrices} "
        f"matrices in groups of {header.group_size}, largest error {result.largest_error:.6f}, {head}; "
        f"in {time.monotonic() - started:.1f} s"
    )


def _whole_number(flag: str, value: str | int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigError(f"{flag} is {value!r}; allowed: a whole number, 1 or more")
    return number
