"""This machine beside other servers, for the tests of who answers: the stand-in, and asking."""

from benchmarks.stand_ins import StandIn
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import FakeProvider, asking

HERE, THERE = "from here", "The lamp is on."
TOOL = {"type": "function", "function": {"name": "HassTurnOn", "parameters": {"type": "object"}}}


def cloud(server: StandIn, fault: str = "well", name: str = "cloud", **more) -> Upstream:
    more = {"timeout": 0.5 if fault.startswith("stall") else 20, "input_price": 0, "output_price": 0} | more
    return Upstream(name, server.address(fault), fault, "top-secret", **more)


async def ask(http, url: str, **more) -> dict:
    async with http.post(f"{url}/api/v1/chat", json=asking(**more)) as response:
        return await response.json()


def text(answer: dict) -> str:
    return answer["choices"][0]["message"]["content"]


async def stopped() -> FakeProvider:
    local = FakeProvider(EngineUnavailable("it has died"))
    local.health = ProviderHealth("failed", "it has died")
    return local
