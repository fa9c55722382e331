"""The pool of models: loading on demand, giving way, staying, and what is refused."""

import asyncio
import time
from contextlib import aclosing
from types import SimpleNamespace

import pytest

from picoqwen_core.errors import (
    CheckpointError,
    ForbiddenError,
    InsufficientMemory,
    ModelInUse,
    ModelNotFound,
)
from picoqwen_core.machine.limits import Memory
from picoqwen_core.messages import ChatDelta, GenerateRequest
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.pool import WORKER_BYTES, ModelPool, PoolLimits
from picoqwen_core.providers.shortage import next_level
from picoqwen_core.router import Router

ASK = GenerateRequest("once")
MB = 1_000_000
PLENTY, SHORT = Memory(1000 * MB, 500 * MB), Memory(1000 * MB, 30 * MB)


class FakeClient:
    """An engine that is ready at once, and answers when it is let."""

    def __init__(self, path):
        self.path, self.state, self.error, self.info = path, "stopped", None, None
        self.restarts, self.worker_pid, self.context_length = 0, None, None
        self.compiled = None
        self.built_in, self.step = path.stem == "home", 0
        self.go = asyncio.Event()
        self.go.set()

    async def start(self):
        if self.path.read_bytes() == b"broken":
            self.state, self.error = "failed", "broken"
            raise CheckpointError("broken")
        self.state, self.error = "ready", None
        self.info = SimpleNamespace(size_bytes=self.path.stat().st_size, built_in=self.built_in)

    async def stop(self):
        self.state = "stopped"

    async def save_memory(self, step, time_limit):
        self.step = step

    async def generate(self, request):
        yield ChatDelta("a")
        await self.go.wait()
        yield ChatDelta("b")


@pytest.fixture
async def pool_of(tmp_path):
    """A pool over files of these names; `home` is resident."""
    made = []
    clients = {}

    def make(path, **options):
        clients[path.stem] = FakeClient(path)
        return LocalProvider(clients[path.stem], path, ready_seconds=5.0, retry_delays=[0.0], **options)

    def start(*names: str, max_loaded: int = 2, max_bytes: int | None = None, **options) -> ModelPool:
        resident = tmp_path / "home.gguf"
        resident.write_bytes(b"x")
        folder = tmp_path / "models"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / f"{name}.gguf").write_bytes(b"x" * 1000)
        limits = PoolLimits(max_loaded, max_bytes, options.pop("keep_alive", None))
        pool = ModelPool(make, [resident], folder=folder, limits=limits, **options)
        pool.clients = clients
        pool.start()
        made.append(pool)
        return pool

    yield start
    for pool in made:
        await pool.stop()


async def ask(pool: ModelPool, name: str) -> str:
    provider, _ = Router(pool=pool).choose(name)
    async with asyncio.timeout(5), aclosing(provider.generate(ASK)) as deltas:
        return "".join([delta.content async for delta in deltas])


def loaded(pool: ModelPool) -> list[str]:
    return [provider.model_id for provider in pool.loaded]


async def test_the_model_used_least_lately_gives_way(pool_of):
    pool = pool_of("a", "b", "c")
    for name in ("a", "b", "a", "c"):
        assert await ask(pool, name) == "ab"

    assert loaded(pool) == ["home", "a", "c"]
    assert pool.evictions == 1


async def test_models_give_way_to_the_limit_of_bytes(pool_of):
    pool = pool_of("a", "b", max_loaded=9, max_bytes=2 * WORKER_BYTES + 2000)
    await ask(pool, "a")
    await ask(pool, "b")

    assert loaded(pool) == ["home", "b"]


async def test_a_model_that_never_fits_is_refused_with_the_numbers(pool_of):
    pool = pool_of("a", max_bytes=WORKER_BYTES)

    with pytest.raises(
        InsufficientMemory, match="no room for model 'a': it needs about 150 MB, and of 150 MB"
    ):
        await ask(pool, "a")
    with pytest.raises(InsufficientMemory):
        await ask(pool, "a")

    assert pool.find("a").health.state == "failed"
    assert loaded(pool) == ["home"]


async def test_a_model_that_answers_does_not_give_way(pool_of):
    pool = pool_of("a", "b", max_loaded=1)
    await pool.find("a").load()
    pool.clients["a"].go.clear()
    asking = asyncio.create_task(ask(pool, "a"))
    async with asyncio.timeout(5):
        while not pool.find("a").in_flight:
            await asyncio.sleep(0.01)

    with pytest.raises(InsufficientMemory, match="max_loaded_models is 1, and loaded are: a"):
        await ask(pool, "b")
    with pytest.raises(ModelInUse, match="is answering 1 requests"):
        await pool.delete(pool.find("a"))

    pool.clients["a"].go.set()
    assert await asking == "ab"
    assert await ask(pool, "b") == "ab"
    assert loaded(pool) == ["home", "b"]


async def test_a_pinned_model_stays(pool_of):
    pool = pool_of("a", "b", "c", pinned=["a"])
    for name in ("a", "b", "c"):
        await ask(pool, name)

    assert loaded(pool) == ["home", "a", "c"]


async def test_the_resident_model_is_never_unloaded_nor_deleted(pool_of):
    pool = pool_of()

    with pytest.raises(ModelInUse, match="'home' is always loaded"):
        await pool.unload(pool.find("home"))
    with pytest.raises(ForbiddenError, match="not in the models folder"):
        await pool.delete(pool.find("home"))


async def test_an_unused_model_is_unloaded_after_its_time(pool_of, monkeypatch):
    monkeypatch.setattr("picoqwen_core.providers.pool._WATCH_SECONDS", 0.01)
    pool = pool_of("a", "b", keep_alive=3600)
    for name in ("a", "b"):
        await ask(pool, name)
    pool.find("a").last_used = time.monotonic() - 3601

    async with asyncio.timeout(5):
        while "a" in loaded(pool):
            await asyncio.sleep(0.01)

    assert loaded(pool) == ["home", "b"]
    assert await ask(pool, "a") == "ab"


async def test_files_that_come_and_go_are_taken_up(pool_of, monkeypatch):
    monkeypatch.setattr("picoqwen_core.providers.pool._WATCH_SECONDS", 0.01)
    pool = pool_of("a")
    (pool.folder / "new.gguf").write_bytes(b"x")
    assert await ask(pool, "new") == "ab"

    await pool.delete(pool.find("a"))

    assert not (pool.folder / "a.gguf").exists()
    with pytest.raises(ModelNotFound, match="model 'a' is not installed; there is: home, new"):
        pool.find("a")


async def test_a_damaged_file_is_told_and_tried_again_once_it_changed(pool_of):
    pool = pool_of("a")
    (pool.folder / "a.gguf").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="broken"):
        await pool.find("a").load()
    assert pool.find("a").health.state == "failed"

    (pool.folder / "a.gguf").write_bytes(b"mended now")
    assert await ask(pool, "a") == "ab"


async def test_another_context_length_loads_the_model_again(pool_of):
    pool = pool_of("a")
    await pool.find("a").load()
    await pool.find("a").load(512)

    assert pool.clients["a"].context_length == 512
    assert pool.find("a").is_available()


async def test_steps_are_taken_while_memory_is_short_and_taken_back_in_reverse(pool_of):
    supply = [PLENTY]
    pool = pool_of("a", "b", "c", supply=lambda: supply[0])
    await ask(pool, "a")
    pool.clients["b"].built_in = True
    await ask(pool, "b")
    pool.clients["a"].go.clear()
    busy = asyncio.create_task(ask(pool, "a"))

    async def look() -> tuple[int, int, list[str]]:
        await pool.look_at_memory()
        return pool.level, pool.clients["a"].step, loaded(pool)

    assert await look() == (0, 0, ["home", "a", "b"])
    supply[0] = SHORT
    assert await look() == (1, 1, ["home", "a", "b"])
    assert await look() == (2, 2, ["home", "a", "b"])
    # What answers is not unloaded.
    assert await look() == (3, 3, ["home", "a"])
    with pytest.raises(InsufficientMemory, match="'c' is not loaded while memory is short: 30 of 1000 MB"):
        await ask(pool, "c")
    assert await look() == (4, 4, ["home", "a"])
    with pytest.raises(
        InsufficientMemory, match="'a' takes no requests while memory is short: 30 of 1000 MB"
    ):
        await ask(pool, "a")
    assert await ask(pool, "home") == "ab"
    pool.clients["a"].go.set()
    assert await busy == "ab"

    supply[0] = PLENTY
    assert [(await look())[0] for _ in range(5)] == [3, 2, 1, 0, 0]
    assert pool.clients["a"].step == 0
    assert await ask(pool, "c") == "ab"


async def test_a_worker_that_starts_while_memory_is_short_is_told(pool_of):
    pool = pool_of("a", supply=lambda: Memory(1000 * MB, 300 * MB, stalled=0.5))
    await pool.look_at_memory()
    await ask(pool, "a")
    assert pool.clients["a"].step == 1


async def test_a_model_that_is_larger_than_what_can_be_had_is_refused_with_both_numbers(pool_of):
    pool = pool_of("a", supply=lambda: Memory(1000 * MB, 140 * MB))
    with pytest.raises(InsufficientMemory, match="needs about 150 MB, and 140 of 1000 MB can be had"):
        await ask(pool, "a")


@pytest.mark.parametrize(
    ("level", "memory", "killed", "after"),
    [
        (0, Memory(100, 50, stalled=0.2), False, 1),
        (1, Memory(100, 50, stalled=0.07), False, 1),
        (1, Memory(100, 8), False, 1),
        (4, Memory(100, 1), False, 4),
        (2, Memory(0, 0), False, 0),
        (0, Memory(100, 13), False, 0),
        (0, Memory(100, 50), True, 3),
    ],
)
def test_steps_are_taken_one_by_one_and_do_not_flutter(level, memory, killed, after):
    assert next_level(level, memory, killed=killed) == after


async def test_the_default_answers_where_no_model_is_named(pool_of):
    pool = pool_of("a")
    assert Router(pool=pool).choose(None)[1] == "home"
