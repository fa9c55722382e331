"""Downloads and the catalogue over HTTP, from a stand-in hub to a model that answers."""

import asyncio
import json

import aiohttp
import pytest

from picoqwen_core.config import Settings
from picoqwen_core.server.app import make_server
from picoqwen_core.server.run import listening
from tests.hub.stand_in import StandIn
from tests.hub.test_downloads import listening as hub_listening
from tests.server.conftest import END, KERNEL_CACHE, FakeProvider
from tests.tiny import write_tiny


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=100)) as session:
        yield session


@pytest.fixture
async def hub(tmp_path):
    tiny = write_tiny(tmp_path / "first.gguf").read_bytes()
    return StandIn({"me/Tiny-GGUF": {"Tiny-Q8_0.gguf": tiny}})


@pytest.fixture
async def server(tmp_path, hub):
    async with hub_listening(hub) as hub_url:
        settings = Settings(
            port=0,
            model=tmp_path / "first.gguf",
            models_dir=tmp_path / "models",
            built_in=False,
            threads=1,
            cache_dir=KERNEL_CACHE,
            hub_url=hub_url,
        )
        async with listening(make_server(settings), settings) as url:
            yield url


async def test_a_model_is_fetched_and_answers(server, http):
    body = {"repository": "me/Tiny-GGUF", "stream": True}
    async with http.post(f"{server}/api/v1/downloads", json=body) as response:
        *events, _done, _ = (await response.text()).split("\n\n")
    last = json.loads(events[-1].removeprefix("data: "))
    assert (last["state"], last["model"], last["received"] == last["size"] > 0) == ("done", "Tiny-Q8_0", True)

    body = {"model": "tiny", "prompt": "once", "max_tokens": 2}
    async with http.post(f"{server}/api/v1/generate", json=body) as response:
        assert (await response.json())["model"] == "Tiny-Q8_0"


async def test_a_download_is_watched_and_cancelled(server, http, hub):
    hub.faults = ["stall"]
    async with http.post(f"{server}/api/v1/downloads", json={"repository": "me/Tiny-GGUF"}) as response:
        assert response.status == 202
        job = await response.json()
    place = f"{server}/api/v1/downloads/{job['id']}"
    async with asyncio.timeout(30):
        while not job["received"]:
            async with http.get(place) as response:
                job = await response.json()
    async with http.delete(place) as response:
        assert (await response.json())["state"] == "cancelled"
    async with http.get(f"{place}/events") as response:
        assert b'"cancelled"' in await response.read()
    async with http.delete(place) as response:
        assert response.status == 409
    async with http.get(f"{server}/api/v1/downloads") as response:
        assert [each["state"] for each in (await response.json())["data"]] == ["cancelled"]


async def test_a_failed_download_says_why(server, http):
    body = {"repository": "me/Nothing", "stream": True}
    async with http.post(f"{server}/api/v1/downloads", json=body) as response:
        text = await response.text()
    assert '"state":"failed"' in text
    assert '"code":"model_not_found"' in text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"model": "x", "repository": "a/b"}, 400),
        ({"model": "gpt"}, 404),
        ({"repository": "a"}, 400),
    ],
)
async def test_what_cannot_be_fetched_is_told(server, http, body, status):
    async with http.post(f"{server}/api/v1/downloads", json=body) as response:
        assert response.status == status


async def test_the_catalogue_knows_the_machine(server, http):
    async with http.get(f"{server}/api/v1/catalog") as response:
        found = await response.json()
    assert found["machine"]["memory_mb"] > 0
    assert sum(model["recommended"] for model in found["data"]) <= 1
    assert {"id", "repository", "size", "fits", "installed"} <= set(found["data"][0])


async def test_a_server_without_models_of_its_own_fetches_none(serve, http):
    url = await serve(FakeProvider(END))
    async with http.get(f"{url}/api/v1/downloads") as response:
        assert response.status == 403
