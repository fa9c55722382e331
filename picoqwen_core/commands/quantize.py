"""picoqwen quantize: a model as a GGUF file in another block format.

Reads what can be read (GGUF, a Hugging Face folder, a qwen3-rs checkpoint, a LoRA adapter folder) and writes
a file that llama.cpp loads too. Norms stay F32. Where rows do not end with a block, Q4_K, Q5_K and Q6_K
become Q5_0, Q5_1 and Q8_0, and where those do not fit either, F16.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from picoqwen_core.errors import ConfigError
from picoqwen_core.progress import ProgressBar

if TYPE_CHECKING:
    from picoqwen_core.quants.formats import BlockFormat

HELP = "write a model as GGUF in another format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, to where, and in which formats."""
    parser.add_argument("input", type=Path, help="a model file or folder, or an adapter folder")
    parser.add_argument("output", type=Path, help="the GGUF file to write")
    parser.add_argument(
        "--to", required=True, metavar="FORMAT", help="format of the matrices: q4_k, q8_0, ..."
    )
    parser.add_argument(
        "--head", metavar="FORMAT", help="format of the output head (q6_k where --to has fewer bits)"
    )
    parser.add_argument("--embedding", metavar="FORMAT", help="format of the token embedding (as --to)")
    parser.add_argument("--base", type=Path, help="the base model of an adapter folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (all cores)")


def run(arguments: argparse.Namespace) -> None:
    """Write the file and say what is in it."""
    from picoqwen_core.convert.quantize import Recipe, write_quantized  # noqa: PLC0415
    from picoqwen_core.convert.source import open_source, refuse_input_as_output  # noqa: PLC0415

    if arguments.threads < 1:
        raise ConfigError(f"--threads is {arguments.threads}; allowed: 1 or more")
    recipe = Recipe(
        _format("--to", arguments.to),
        arguments.head and _format("--head", arguments.head),
        arguments.embedding and _format("--embedding", arguments.embedding),
    )
    refuse_input_as_output([arguments.input, arguments.base], arguments.output)
    model = open_source(arguments.input, arguments.base)
    values = sum(math.prod(tensor.shape) for tensor in model.checkpoint.tensors.values())
    started = time.monotonic()
    with ProgressBar(f"quantizing {arguments.output.name}", values, sys.stderr) as bar:
        result = write_quantized(
            model, arguments.output, recipe, threads=arguments.threads, advance=bar.advance
        )
    for name, format_ in result.misfits.items():
        print(f"note: rows of {name} do not end with a block; it is {format_.name}", file=sys.stderr)
    formats = ", ".join(f"{count} x {name}" for name, count in result.formats.items())
    print(
        f"{arguments.output}: {result.size / 1e6:,.1f} MB, tensors: {formats}; "
        f"{values / 1e6:,.1f} million weights in {time.monotonic() - started:.1f} s"
    )


def _format(flag: str, value: str) -> "BlockFormat":
    from picoqwen_core.quants.formats import FORMATS  # noqa: PLC0415

    if value.upper() not in FORMATS:
        names = ", ".join(name.lower() for name in FORMATS)
        raise ConfigError(f"{flag} is {value!r}; allowed: {names}")
    return FORMATS[value.upper()]
