"""Models over HTTP: loaded, unloaded and deleted, with real engines."""

import json

import aiohttp
import pytest

from picoqwen_core.config import Settings
from picoqwen_core.server.app import make_server
from picoqwen_core.server.run import listening
from tests.server.conftest import END, KERNEL_CACHE, FakeProvider, asking
from tests.tiny import write_tiny


@pytest.fixture
async def http():
    # A first run compiles the kernels.
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=100)) as session:
        yield session


@pytest.fixture
async def server(tmp_path):
    """A server whose default model is `first`, with `Tiny-Q8_0` and `broken` installed."""
    folder = tmp_path / "models"
    folder.mkdir()
    first = write_tiny(tmp_path / "first.gguf")
    write_tiny(folder / "Tiny-Q8_0.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF but not really")
    settings = Settings(
        port=0, model=first, models_dir=folder, built_in=False, threads=1, cache_dir=KERNEL_CACHE
    )
    async with listening(make_server(settings), settings) as url:
        yield url


async def post(http, url, path, **body):
    async with http.post(f"{url}/api/v1/models/{path}", json=body) as response:
        return response.status, await response.json()


async def test_a_model_is_loaded_with_a_context_and_unloaded_again(server, http):
    status, entry = await post(http, server, "tiny/load", quantization="int8", context_size=128)
    assert (status, entry["id"], entry["state"], entry["loaded"]) == (200, "Tiny-Q8_0", "ready", True)
    assert entry["context_length"] == 128
    assert entry["memory_mb"] > 10

    status, entry = await post(http, server, "Tiny-Q8_0/unload")
    assert (status, entry["state"], entry["loaded"]) == (200, "idle", False)


async def test_without_the_built_in_model_others_are_the_first_and_nothing_is_loaded_before(tmp_path, http):
    write_tiny(tmp_path / "tiny.gguf")
    settings = Settings(port=0, models_dir=tmp_path, built_in=False, threads=1, cache_dir=KERNEL_CACHE)
    async with listening(make_server(settings), settings) as url:
        async with http.get(f"{url}/api/v1/health") as response:
            health = await response.json()
        for body in (asking(max_tokens=1), asking(max_tokens=1, routing="by_rung")):
            async with http.post(f"{url}/api/v1/chat", json=body) as response:
                assert (await response.json())["picoqwen"]["rung"] == "local"
        async with http.get(f"{url}/api/v1/models") as response:
            models = [(each["id"], each["loaded"]) for each in (await response.json())["data"]]

    assert (health["status"], [each["state"] for each in health["engines"]]) == ("ok", ["idle", "idle"])
    assert models == [("tiny", True), ("pico-home", False)]


async def test_loading_can_be_watched(server, http):
    async with http.post(f"{server}/api/v1/models/tiny/load", json={"stream": True}) as response:
        *events, done, _ = (await response.text()).split("\n\n")
    states = [json.loads(event.removeprefix("data: "))["state"] for event in events]

    assert (done, states[-1]) == ("data: [DONE]", "ready")
    assert set(states[:-1]) <= {"starting", "ready"}


async def test_a_damaged_model_is_told_as_such(server, http):
    status, body = await post(http, server, "broken/load")
    assert (status, body["error"]["code"]) == (422, "bad_checkpoint")
    assert "broken.gguf" in body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "told"),
    [
        ("nothing/load", {}, 404, "model_not_found", "there is: first"),
        ("tiny/load", {"quantization": "F16"}, 404, "model_not_found", "not installed as F16"),
        ("tiny/load", {"context_size": 3}, 400, "invalid_request", "context_size: must be a whole number"),
        ("first/unload", {}, 409, "model_in_use", "always loaded"),
    ],
)
async def test_what_cannot_be_done_is_told(server, http, path, body, status, code, told):
    answered, answer = await post(http, server, path, **body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert told in answer["error"]["message"]


async def test_a_model_is_deleted_with_its_file(server, http):
    async with http.delete(f"{server}/api/v1/models/Tiny-Q8_0") as response:
        assert await response.json() == {"id": "Tiny-Q8_0", "deleted": True}
    async with http.get(f"{server}/api/v1/models") as response:
        assert [model["id"] for model in (await response.json())["data"]] == ["first", "broken"]
    async with http.delete(f"{server}/api/v1/models/first") as response:
        assert response.status == 403


async def test_one_model_is_found_as_openai_has_it(serve, http):
    url = await serve(FakeProvider(END))
    async with http.get(f"{url}/v1/models/tiny") as response:
        assert (await response.json())["id"] == "tiny"
    async with http.get(f"{url}/v1/models/other") as response:
        assert response.status == 404


async def test_a_model_of_another_machine_is_not_loaded_here(serve, http):
    url = await serve(FakeProvider(END))
    assert (await post(http, url, "tiny/load"))[0] == 403
    assert (await post(http, url, "other/load"))[0] == 404
