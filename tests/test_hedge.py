"""A second provider beside a slow first one: when, who is kept, and what both cost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from picoqwen_core.budget import Budget
from picoqwen_core.errors import ProviderUnavailable
from picoqwen_core.health import Vitals
from picoqwen_core.hedge import patience
from picoqwen_core.hybrid import Candidate, Hybrid
from picoqwen_core.messages import ChatDelta, ChatRequest, InstalledModel, Message, ToolCall, Usage
from picoqwen_core.spending import Purse
from picoqwen_core.upstreams import Upstream

END = ChatDelta(finish_reason="stop", usage=Usage(100, 20))
REQUEST = ChatRequest((Message("user", "hello"),))
CALL = ChatDelta(tool_call=ToolCall("c1", "HassTurnOn", {"name": "lamp"}))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """An upstream that gives what it was given: a delta, an error to raise, or an event to wait for."""

    def __init__(self, name: str, *script: ChatDelta | Exception | asyncio.Event) -> None:
        self.upstream = Upstream(name, "http://x/v1", "m", input_price=10, output_price=100)
        self.name, self.script = name, script
        self.asked = self.left = 0
        self.vitals = Vitals()
        self.models = (InstalledModel(self.upstream.model_id, 0, True),)

    def accepts(self, _request: ChatRequest) -> bool:
        return True

    def estimate(self, _request: ChatRequest) -> Usage:
        return Usage(100, 50)

    def is_available(self) -> bool:
        return True

    async def stop(self) -> None:
        pass

    async def chat(self, _request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        self.asked += 1
        try:
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        except asyncio.CancelledError:
            self.left += 1
            raise


class House:
    """Two servers, the first of which is degraded; the time to wait is over when `alarm` is set."""

    def __init__(self, *servers: Server, hedge: str = "degraded", purse: Purse | None = None) -> None:
        self.alarm, self.waited = asyncio.Event(), []
        self.hybrid = Hybrid(servers, privacy="everything", purse=purse, hedge=hedge, sleep=self._sleep)
        self.plan: list[Candidate] = self.hybrid._remote
        self.plan[0].vitals.failed("it broke")

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await self.alarm.wait()

    async def ask(self, request: ChatRequest = REQUEST) -> list[ChatDelta]:
        async with aclosing(self.hybrid.chat(request, self.plan)) as deltas:
            return [each async for each in deltas]


def said(deltas: list[ChatDelta]) -> str:
    return "".join(each.content for each in deltas)


def never() -> asyncio.Event:
    return asyncio.Event()


def late_house(*servers: Server, **more) -> House:
    house = House(*servers, **more)
    house.alarm.set()
    return house


def test_only_degraded_servers_are_hedged_unless_asked_for():
    vitals = Vitals(Clock())
    for _ in range(5):
        vitals.succeeded(2.0)
    assert [patience(vitals, each) for each in ("off", "degraded", "always")] == [None, None, 2.0]
    vitals.failed("it broke")
    assert [patience(vitals, each) for each in ("off", "degraded", "always")] == [None, 2.0, 2.0]


def test_few_answers_and_fast_ones_take_the_shortest_wait():
    vitals = Vitals(Clock())
    for _ in range(4):
        vitals.succeeded(9.0)
    assert patience(vitals, "always") is None
    vitals.failed("it broke")
    assert patience(vitals, "degraded") == 0.3
    fast = Vitals(Clock())
    for _ in range(5):
        fast.succeeded(0.01)
    assert patience(fast, "always") == 0.3


async def test_who_begins_in_time_is_alone():
    first, second = Server("a", ChatDelta("one"), END), Server("b", ChatDelta("two"), END)
    house = House(first, second)
    deltas = await house.ask()
    assert (said(deltas), deltas[-1].served.provider, second.asked) == ("one", "a", 0)
    assert house.waited == [0.3]


async def test_a_late_first_one_is_cancelled_when_the_second_answers():
    first, second = Server("a", never(), ChatDelta("one")), Server("b", ChatDelta("two"), END)
    house = late_house(first, second)
    deltas = await house.ask()
    assert (said(deltas), first.left, deltas[-1].served.provider) == ("two", 1, "b")
    assert deltas[-1].served.notes == ("a: late after 0.3 s; b was asked too",)
    assert house.hybrid.as_json()["hedged"] == 1


async def test_a_late_first_one_that_is_faster_after_all_is_kept():
    first = Server("a", never(), ChatDelta("one"), END)
    second = Server("b", first.script[0], never())
    house = late_house(first, second)
    asking = asyncio.create_task(house.ask())
    async with asyncio.timeout(20):
        while not second.asked:
            await asyncio.sleep(0)
    first.script[0].set()
    assert said(await asking) == "one"
    assert (second.left, first.left) == (1, 0)


async def test_both_are_booked(tmp_path: Path):
    purse = Purse(Budget(tmp_path / "b.db"))
    first, second = Server("a", never()), Server("b", ChatDelta("two"), END)
    deltas = await late_house(first, second, purse=purse).ask()
    await purse.refresh()
    # The cancelled one may have read the prompt and written a token.
    due = (100 * 10 + 1 * 100 + 100 * 10 + 20 * 100) / 1e6
    assert deltas[-1].served.cost == pytest.approx(due)
    assert purse.as_json()["spent_today"] == pytest.approx(due)
    await purse.close()


async def test_a_second_one_that_fails_leaves_the_first_to_answer():
    first = Server("a", never(), ChatDelta("one"), END)
    second = Server("b", ProviderUnavailable("b: the connection failed"))
    house = late_house(first, second)
    asking = asyncio.create_task(house.ask())
    async with asyncio.timeout(20):
        while not house.plan[1].vitals.failures:
            await asyncio.sleep(0)
    first.script[0].set()
    deltas = await asking
    assert said(deltas) == "one"
    assert deltas[-1].served.notes[-1] == "b: the connection failed"


async def test_a_winner_that_breaks_off_is_followed_by_the_loser():
    first = Server("a", never())
    second = Server("b", ChatDelta("two"), ProviderUnavailable("b: gone"))
    house = late_house(first, second)

    async def back() -> None:
        while not first.left:
            await asyncio.sleep(0)
        first.script = (ChatDelta("one"), END)

    deltas, _ = await asyncio.gather(house.ask(), back())
    assert said(deltas).startswith("two")
    assert "The answer broke off" in said(deltas)
    assert said(deltas).endswith("one")


@pytest.mark.parametrize("hedge", ["off", "degraded", "always"])
async def test_results_of_tools_go_to_one_alone(hedge):
    told = (*REQUEST.messages, Message("tool", "done", tool_call_id="c1"))
    first, second = Server("a", ChatDelta("one"), END), Server("b", ChatDelta("two"), END)
    house = late_house(first, second, hedge=hedge)
    await house.ask(ChatRequest(told))
    assert (house.waited, second.asked) == ([], 0)


async def test_a_call_is_made_by_the_winner_only():
    first, second = Server("a", never(), CALL, END), Server("b", CALL, END)
    deltas = await late_house(first, second).ask()
    assert [each.tool_call for each in deltas if each.tool_call] == [CALL.tool_call]
    assert first.left == 1


async def test_who_leaves_takes_both_along():
    first, second = Server("a", never()), Server("b", never())
    asking = asyncio.create_task(late_house(first, second).ask())
    async with asyncio.timeout(20):
        while not second.asked:
            await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    assert (first.left, second.left) == (1, 1)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("a hedge")]
