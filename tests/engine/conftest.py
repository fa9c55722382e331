import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from picoqwen_core.engine.client import EngineClient, Sharing
from picoqwen_core.messages import ChatDelta, EngineStatus, SamplingParams
from tests.tiny import write_tiny

ROOT = Path(__file__).resolve().parents[2]
# Shared by all test runs, so that kernels are compiled once.
KERNEL_CACHE = ROOT / ".cache" / "numba"
CONTEXT = 4096
SHARED = tuple(Sharing.__dataclass_fields__)
GREEDY = SamplingParams(temperature=0)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A model of random weights that never ends an answer by itself."""
    return write_tiny(tmp_path_factory.mktemp("model") / "tiny.gguf")


def new_client(path: Path, **options) -> EngineClient:
    """An engine that keeps nothing on disk but its kernels."""
    shared = {"cache_file_mb": 0} | {key: options.pop(key) for key in SHARED if key in options}
    defaults = {"model_id": "tiny", "context_length": CONTEXT, "threads": 1, "cache_dir": KERNEL_CACHE}
    return EngineClient(path, **defaults | options, sharing=Sharing(**shared))


async def collect(stream: AsyncIterator[ChatDelta]) -> tuple[str, ChatDelta]:
    """The text of an answer, and its last delta."""
    deltas = [delta async for delta in stream]
    return "".join(delta.reasoning + delta.content for delta in deltas), deltas[-1]


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another process brings about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_status(client: EngineClient, condition: Callable[[EngineStatus], bool]) -> EngineStatus:
    """Wait until the worker's counters are as wanted, and return them."""
    async with asyncio.timeout(20):
        while not condition(status := await client.status()):
            await asyncio.sleep(0.005)
    return status
