"""picoqwen inference: a talk with a checkpoint, or a text continued by it, with qwen3-rs's flags.

Everything that can be read may be the checkpoint, not only qwen3-rs's files. A talk ends with an empty line
or Ctrl-D.
"""

import argparse
import asyncio
import io
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from picoqwen_core.errors import ConfigError, PicoQwenError
from picoqwen_core.messages import SamplingParams

if TYPE_CHECKING:
    from picoqwen_core.engine.client import EngineClient
    from picoqwen_core.inference import Turn

HELP = "talk to a checkpoint, with qwen3-rs's flags"
_MODES = ("generate", "chat")
# More than any model has: it takes its own.
_ALL_OF_IT = 1 << 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """qwen3-rs's flags and defaults, and ours behind them."""
    parser.add_argument("checkpoint", type=Path, help="a model file or folder")
    parser.add_argument(
        "-t",
        "--temperature",
        type=float,
        default=1.0,
        metavar="FLOAT",
        help="0 takes the likeliest token (1.0)",
    )
    parser.add_argument(
        "-p",
        "--topp",
        type=float,
        default=0.9,
        metavar="FLOAT",
        help="the likeliest tokens of this share (0.9)",
    )
    parser.add_argument("-s", "--seed", type=int, metavar="INT", help="makes draws repeatable (the time)")
    parser.add_argument(
        "-c", "--context", type=int, metavar="INT", help="most tokens (as many as the model knows)"
    )
    parser.add_argument("-m", "--mode", default="chat", metavar="MODE", help="generate or chat (chat)")
    parser.add_argument(
        "-i", "--input", metavar="TEXT", help="the text to continue, or one question to answer"
    )
    parser.add_argument("-y", "--system", metavar="TEXT", help="the system prompt of a chat")
    parser.add_argument(
        "-r", "--reasoning", type=int, default=0, metavar="INT", help="1: think before answering (0)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="INT", help="threads to compute with (a choice by the CPU)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Talk until there is nothing more to answer."""
    from picoqwen_core.engine.client import EngineClient  # noqa: PLC0415

    sampling = _sampling(arguments)
    _check(arguments)
    client = EngineClient(
        arguments.checkpoint,
        model_id=arguments.checkpoint.stem,
        context_length=_ALL_OF_IT if arguments.context is None else arguments.context,
        threads=arguments.threads,
    )
    # Between two turns nothing has to be waited for, so the terminal may block.
    with asyncio.Runner() as runner:
        try:
            runner.run(client.start())
            (_generate if arguments.mode == "generate" else _chat)(arguments, runner, client, sampling)
        finally:
            runner.run(client.stop())


def _generate(
    arguments: argparse.Namespace, runner: asyncio.Runner, client: "EngineClient", sampling: SamplingParams
) -> None:
    from picoqwen_core.inference import continue_text  # noqa: PLC0415

    _write(arguments.input)
    turn = runner.run(continue_text(client, arguments.input, sampling, _write))
    _report(turn)


def _chat(
    arguments: argparse.Namespace, runner: asyncio.Runner, client: "EngineClient", sampling: SamplingParams
) -> None:
    from picoqwen_core.inference import Talk  # noqa: PLC0415

    talk = Talk(client, sampling, system=arguments.system, thinking=arguments.reasoning != 0)
    if arguments.input is not None:
        _report(runner.run(talk.answer(arguments.input, _write)))
        return
    for line in _typed_lines():
        try:
            _report(runner.run(talk.answer(line, _write)))
        except PicoQwenError as err:
            print(f"\n[{err}]", file=sys.stderr)


def _typed_lines() -> Iterator[str]:
    """What is typed, until an empty line or the end."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        try:
            line = input("> ")
        except EOFError:
            print()
            return
        if not line.strip():
            return
        yield line


def _write(text: str) -> None:
    print(text, end="", flush=True)


def _report(turn: "Turn") -> None:
    """The end of a turn, and on stderr what it took."""
    print(flush=True)
    if turn.forgotten:
        turns = "turn was" if turn.forgotten == 1 else f"{turn.forgotten} turns were"
        print(f"[the context is full: the oldest {turns} forgotten]", file=sys.stderr)
    if turn.reason == "length":
        print("[the context is full: the answer ends here]", file=sys.stderr)
    rate = turn.tokens / turn.seconds if turn.seconds > 0 else 0.0
    print(
        f"[Generated {turn.tokens} tokens in {turn.seconds:.2f}s - {rate:.2f} tokens/sec]",
        file=sys.stderr,
        flush=True,
    )


def _sampling(arguments: argparse.Namespace) -> SamplingParams:
    temperature, top_p = arguments.temperature, arguments.topp
    _require(0 <= temperature < math.inf, "--temperature", temperature, "0 or more")
    _require(0 <= top_p <= 1, "--topp", top_p, "0 to 1")
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    # With 0 qwen3-rs takes all tokens, as with 1; and it has no top-k.
    return SamplingParams(temperature=temperature, top_p=top_p or 1.0, top_k=0, seed=seed)


def _check(arguments: argparse.Namespace) -> None:
    _require(arguments.mode in _MODES, "--mode", arguments.mode, " or ".join(_MODES))
    _require(
        arguments.context is None or arguments.context >= 64, "--context", arguments.context, "64 or more"
    )
    _require(arguments.threads is None or arguments.threads >= 1, "--threads", arguments.threads, "1 or more")
    if arguments.mode == "generate" and not arguments.input:
        raise ConfigError("generate mode continues a text: please provide a prompt with --input")
    if arguments.input is not None and not arguments.input.strip():
        raise ConfigError(f"--input is {arguments.input!r}; there is nothing to answer")


def _require(allowed: bool, flag: str, value: object, range_: str) -> None:
    if not allowed:
        raise ConfigError(f"{flag} is {value!r}; allowed: {range_}")
