"""What is told of other servers: their health, what they cost, and how often each rung answered."""

import re

import pytest

from picoqwen_core.messages import ChatDelta
from tests.server.conftest import END, FakeProvider
from tests.server.others import HERE, THERE, ask, cloud, stopped, text


async def test_health_tells_of_every_provider(house, http, stand_in):
    bad, good = cloud(stand_in, "http_500", "bad"), cloud(stand_in, "well", "good")
    url = await house(FakeProvider(ChatDelta(HERE), END), [bad, good], routing="cloud_first")
    for _ in range(3):
        assert text(await ask(http, url)) == THERE
    async with http.get(f"{url}/api/v1/health") as response:
        found = (await response.json())["hybrid"]
    by_name = {each["name"]: each for each in found["providers"]}
    assert by_name["bad"]["condition"] == "unavailable"
    assert by_name["bad"]["error"].startswith("bad: HTTP 500")
    assert (by_name["good"]["condition"], by_name["good"]["answers"]) == ("healthy", 3)
    assert by_name["good"]["latency_ms"] > 0
    # The third was not tried again: its breaker is open.
    assert [body["model"] for body in stand_in.bodies].count("http_500") == 2


async def test_at_the_cap_this_machine_answers_and_says_so(house, http, stand_in):
    priced = cloud(stand_in, input_price=10, output_price=100)
    url = await house(
        FakeProvider(ChatDelta(HERE), END), [priced], routing="cloud_first", budget_per_day=0.01
    )
    first = await ask(http, url, max_tokens=50)
    assert (text(first), first["picoqwen"]["cost"]) == (THERE, pytest.approx(100 * 10e-6 + 20 * 100e-6))
    await ask(http, url, max_tokens=50)
    third = await ask(http, url, max_tokens=50)
    assert (text(third), third["picoqwen"]["provider"]) == (HERE, "local")
    assert "budget_per_day is 0.01 dollars" in third["picoqwen"]["notes"][0]
    async with http.get(f"{url}/api/v1/health") as response:
        budget = (await response.json())["hybrid"]["budget"]
    assert (budget["spent_today"], budget["at_the_cap"]) == (pytest.approx(0.006), True)


async def test_metrics_count_failovers_and_money(house, http, stand_in):
    paid = cloud(stand_in, input_price=100, output_price=100)
    url = await house(await stopped(), [cloud(stand_in, "500", name="ill"), paid], routing="cloud_first")
    await ask(http, url)
    async with http.get(f"{url}/metrics") as response:
        lines = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#")

    assert lines["picoqwen_failovers_total"] == "1"
    assert lines['picoqwen_provider_failures_total{provider="ill",model="ill/500"}'] == "1"
    assert lines['picoqwen_provider_answers_total{provider="cloud",model="cloud/well"}'] == "1"
    assert lines['picoqwen_provider_up{provider="cloud",model="cloud/well"}'] == "1"
    assert float(lines['picoqwen_provider_latency_p95_seconds{provider="cloud",model="cloud/well"}']) > 0
    assert float(lines['picoqwen_spent_dollars{period="today"}']) > 0


async def test_metrics_count_answers_by_rung(house, http, stand_in):
    built_in = FakeProvider(ChatDelta(HERE), END, model="pico-home")
    ruled = FakeProvider(
        ChatDelta(HERE), ChatDelta(finish_reason="stop", rule="a sentence matched"), model="pico-home"
    )
    url = await house(built_in, [cloud(stand_in)], routing="by_rung")
    asked = [{}, {"routing": "cloud_first"}, {"model": "cloud/well"}, {"routing": "local_first"}]
    for body in asked:
        await ask(http, url, **body)
    async with http.get(f"{url}/metrics") as response:
        assert by_rung(await response.text()) == {"rules": 0, "built_in": 2, "local": 0, "cloud": 2}
    async with http.get(f"{url}/api/v1/status") as response:
        assert (await response.json())["rungs"] == {"rules": 0, "built_in": 2, "local": 0, "cloud": 2}

    url = await house(ruled, [], routing="by_rung")
    await ask(http, url)
    async with http.get(f"{url}/metrics") as response:
        assert by_rung(await response.text()) == {"rules": 1, "built_in": 0, "local": 0, "cloud": 0}

    url = await house(FakeProvider(ChatDelta(HERE), END, model="large"), [])
    await ask(http, url)
    async with http.get(f"{url}/metrics") as response:
        assert by_rung(await response.text()) == {"rules": 0, "built_in": 0, "local": 1, "cloud": 0}


def by_rung(text: str) -> dict[str, int]:
    found = re.findall(r'picoqwen_answers_by_rung_total\{rung="(\w+)"\} (\d+)', text)
    return {rung: int(count) for rung, count in found}
