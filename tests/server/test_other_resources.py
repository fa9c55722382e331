"""Raw text, the lists of models, and health."""

import json

from picoqwen_core import __version__
from picoqwen_core.messages import ChatDelta, InstalledModel, ModelInfo
from picoqwen_core.providers.provider import ProviderHealth
from tests.server.conftest import END, FakeProvider

INFO = ModelInfo("tiny", "/m/tiny.gguf", "qwen3", 123, 1_000, "Q8_0", 4096, built_in=True)


async def test_raw_text_comes_back_as_text(serve, http):
    provider = FakeProvider(ChatDelta("upon "), ChatDelta("a time"), END)
    url = await serve(provider)

    async with http.post(f"{url}/api/v1/generate", json={"prompt": "once ", "top_k": 5}) as response:
        body = await response.json()

    assert (body["text"], body["model"], body["finish_reason"]) == ("upon a time", "tiny", "stop")
    assert body["usage"]["completion_tokens"] == 2
    assert (provider.requests[0].prompt, provider.requests[0].sampling.top_k) == ("once ", 5)


async def test_raw_text_streams_in_pieces(serve, http):
    url = await serve(FakeProvider(ChatDelta("upon "), ChatDelta("a time"), END))

    async with http.post(f"{url}/api/v1/generate", json={"prompt": "once", "stream": True}) as response:
        *pieces, done, rest = (await response.text()).split("\n\n")

    assert (done, rest) == ("data: [DONE]", "")
    *chunks, last = [json.loads(piece.removeprefix("data: ")) for piece in pieces]
    assert chunks == [
        {"text": "upon ", "finish_reason": None},
        {"text": "a time", "finish_reason": None},
    ]
    assert (last["text"], last["finish_reason"], last["picoqwen"]["provider"]) == ("", "stop", "local")


class Loaded(FakeProvider):
    """A provider whose model has been loaded."""

    @property
    def models(self):
        return (InstalledModel("tiny", 1_000, self.is_available(), INFO),)


async def test_models_are_listed_loaded_or_not(serve, http):
    waiting = FakeProvider(END, model="large")
    waiting.health = ProviderHealth("idle")
    url = await serve(Loaded(END), waiting)

    async with http.get(f"{url}/api/v1/models") as response:
        first, second = (await response.json())["data"]
    async with http.get(f"{url}/v1/models") as response:
        listed = await response.json()

    assert first == {
        "id": "tiny",
        "size": 1_000,
        "loaded": True,
        "parameters": 123,
        "quantization": "Q8_0",
        "context_length": 4096,
        "built_in": True,
        "state": "ready",
        "error": None,
        "pinned": False,
        "memory_mb": None,
    }
    assert (second["id"], second["loaded"], second["quantization"]) == ("large", False, None)
    assert listed["object"] == "list"
    assert [(model["id"], model["object"]) for model in listed["data"]] == [
        ("tiny", "model"),
        ("large", "model"),
    ]


async def _health(serve, http, *states: ProviderHealth) -> dict:
    providers = []
    for index, state in enumerate(states):
        provider = FakeProvider(END, model=f"m{index}")
        provider.health = state
        providers.append(provider)
    url = await serve(*providers)
    async with http.get(f"{url}/api/v1/health") as response:
        assert response.status == 200
        return await response.json()


async def test_health_tells_version_time_memory_and_engines(serve, http):
    health = await _health(serve, http, ProviderHealth("ready", restarts=2, pid=1), ProviderHealth("idle"))

    assert (health["status"], health["version"], health["models"]) == ("ok", __version__, ["m0"])
    assert health["uptime_s"] >= 0
    assert 10 < health["api_rss_mb"] < 2000
    first, second = health["engines"]
    assert first.pop("rss_mb") > 0
    assert first == {"model": "m0", "state": "ready", "error": None, "restarts": 2, "compiled": None}
    assert second.pop("rss_mb") is None
    assert second == {"model": "m1", "state": "idle", "error": None, "restarts": 0, "compiled": None}


async def test_health_is_starting_while_the_first_model_loads(serve, http):
    assert (await _health(serve, http, ProviderHealth("starting")))["status"] == "starting"


async def test_health_is_degraded_while_something_is_broken(serve, http):
    coming_back = ProviderHealth("starting", error="was killed by signal 9", restarts=1)
    failed = ProviderHealth("failed", error="tiny.gguf: no GGUF file")

    assert (await _health(serve, http, coming_back))["status"] == "degraded"
    assert (await _health(serve, http, ProviderHealth("ready"), failed))["status"] == "degraded"
    assert (await _health(serve, http, failed))["engines"][0]["error"] == "tiny.gguf: no GGUF file"


async def test_an_engine_that_has_just_ended_has_no_memory(serve, http):
    health = await _health(serve, http, ProviderHealth("ready", pid=2**22 + 1))

    assert health["engines"][0]["rss_mb"] is None
