"""picoqwen generate: a text continued by a model file, in an engine of its own."""

import argparse
import asyncio
from pathlib import Path

from picoqwen_core.errors import ConfigError

HELP = "continue a text with a model, without a server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the text, and how far to go."""
    parser.add_argument("model", type=Path, help="a GGUF file, a folder of safetensors, or a qwen3-rs .bin")
    parser.add_argument("prompt")
    parser.add_argument("--max-tokens", type=int, default=100)
    parser.add_argument("--threads", type=int)


def run(arguments: argparse.Namespace) -> None:
    """Print the continuation as it comes."""
    if arguments.max_tokens < 1:
        raise ConfigError(f"--max-tokens is {arguments.max_tokens}; allowed: 1 or more")
    asyncio.run(_print_continuation(arguments))


async def _print_continuation(arguments: argparse.Namespace) -> None:
    from picoqwen_core.engine.client import EngineClient  # noqa: PLC0415
    from picoqwen_core.installed import model_file  # noqa: PLC0415
    from picoqwen_core.messages import GenerateRequest  # noqa: PLC0415

    client = EngineClient(arguments.model, model_id=model_file(arguments.model).id, threads=arguments.threads)
    try:
        await client.start()
        async for delta in client.generate(
            GenerateRequest(arguments.prompt, max_tokens=arguments.max_tokens)
        ):
            print(delta.content, end="", flush=True)
        print()
    finally:
        await client.stop()
