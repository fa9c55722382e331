"""This machine and other servers: who answers, and who does when that fails."""

import asyncio
import ssl
import subprocess
import sys

import httpx2
import openai
import pytest

from benchmarks.stand_ins import ENDLESS, FAULTS, MID_ANSWER
from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable, ProviderUnavailable
from picoqwen_core.messages import ChatDelta, ToolCall
from picoqwen_core.providers.openai import OpenAIProvider
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import END, ROOT, FakeProvider, asking
from tests.server.others import HERE, THERE, TOOL, ask, cloud, stopped, text

CALL = ChatDelta(tool_call=ToolCall("c1", "HassTurnOn", {"name": "lamp"}))


async def test_this_machine_answers_first_unless_told_otherwise(house, http, stand_in):
    url = await house(FakeProvider(ChatDelta(HERE), END), [cloud(stand_in)])
    assert text(await ask(http, url)) == HERE
    answer = await ask(http, url, routing="cloud_first")
    assert text(answer) == THERE
    assert answer["picoqwen"] == {
        "provider": "cloud",
        "model": "cloud/well",
        "cost": 0.0,
        "notes": [],
        "rung": "cloud",
        "reason": "routing is cloud_first",
    }
    assert answer["usage"]["prompt_tokens"] == 100
    assert text(await ask(http, url, model="cloud/well")) == THERE
    assert text(await ask(http, url, model="tiny", routing=None)) == HERE
    assert text(await ask(http, url, model="auto", routing="local_only")) == HERE


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_leaves_silence(house, http, stand_in, fault):
    # The built-in model goes on with nothing that others have begun.
    local = FakeProvider(ChatDelta(HERE), END, model="pico-home")
    url = await house(local, [cloud(stand_in, fault)], routing="cloud_first")
    answer = await ask(http, url)
    said, notes = text(answer), answer["picoqwen"]["notes"]
    assert answer["picoqwen"]["provider"] == "local"
    assert len(notes) == 1
    assert notes[0].startswith("cloud: ")
    assert "top-secret" not in str(answer)
    if fault in MID_ANSWER:
        assert said == f"The lamp \n\n[The answer broke off; here it is again from the beginning.]\n\n{HERE}"
    else:
        assert said == HERE


async def test_a_server_that_never_stops_is_cut_off(house, http, stand_in):
    url = await house(
        FakeProvider(ChatDelta(HERE), END), [cloud(stand_in, ENDLESS, input_price=1, output_price=1)]
    )
    answer = await ask(http, url, routing="cloud_first", max_tokens=20)
    assert text(answer).startswith("The lamp and and and ")
    assert len(text(answer)) < 20 * 12 + 1000 + 8
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["picoqwen"]["cost"] == pytest.approx(len(text(answer)) / 3 * 1e-6, rel=0.2)
    async with asyncio.timeout(20):
        while not stand_in.left:
            await asyncio.sleep(0.01)


async def test_a_certificate_of_another_host_is_refused_though_it_is_trusted(stand_in):
    trusting = ssl.create_default_context(cadata=stand_in.certificate)
    upstream = cloud(stand_in, "self_signed")
    async with httpx2.AsyncClient(verify=trusting) as web:
        client = openai.AsyncOpenAI(
            base_url=stand_in.secure_url, api_key="none", max_retries=0, http_client=web
        )
        with pytest.raises(ProviderUnavailable, match="not valid for"):
            await OpenAIProvider(upstream, client).probe()
    assert stand_in.bodies == []


async def test_when_all_fail_the_error_says_how_each_did(house, http, stand_in):
    url = await house(await stopped(), [cloud(stand_in, "http_500"), cloud(stand_in, "refused", "second")])
    answer = await ask(http, url)
    assert answer["error"]["code"] == "nobody_answered"
    for told in ("cloud: HTTP 500", "second: the connection failed", "local: it has died"):
        assert told in answer["error"]["message"]


async def test_another_server_answers_when_this_machine_cannot(house, http, stand_in):
    url = await house(await stopped(), [cloud(stand_in)])
    assert text(await ask(http, url)) == THERE


async def test_a_tool_is_never_called_twice(house, http, stand_in):
    local = FakeProvider(CALL, EngineUnavailable("it has died"))
    url = await house(local, [cloud(stand_in, "calls", trusted=True)])
    answer = await ask(http, url, tools=[TOOL])
    assert "lest it be called twice" in answer["error"]["message"]
    assert stand_in.bodies == []


async def test_a_call_that_comes_twice_is_made_once(house, http, stand_in):
    local = FakeProvider(CALL, CALL, ChatDelta(finish_reason="tool_calls"))
    url = await house(local, [cloud(stand_in, trusted=True)])
    assert len((await ask(http, url, tools=[TOOL]))["choices"][0]["message"]["tool_calls"]) == 1


async def test_a_call_that_was_cut_is_made_once_by_the_next(house, http, stand_in):
    local = FakeProvider(CALL, ChatDelta(finish_reason="tool_calls"))
    url = await house(local, [cloud(stand_in, "cut_mid_call", trusted=True)], routing="cloud_first")
    answer = await ask(http, url, tools=[TOOL])
    assert [call["id"] for call in answer["choices"][0]["message"]["tool_calls"]] == ["c1"]


async def test_calls_of_another_server_come_whole(house, http, stand_in):
    url = await house(FakeProvider(END), [cloud(stand_in, "calls", trusted=True)], routing="cloud_first")
    (call,) = (await ask(http, url, tools=[TOOL]))["choices"][0]["message"]["tool_calls"]
    assert (call["id"], call["function"]) == (
        "call_7",
        {"name": "HassTurnOn", "arguments": '{"name": "lamp"}'},
    )


async def test_a_broken_structured_answer_is_not_begun_again(house, http, stand_in):
    url = await house(FakeProvider(ChatDelta("{}"), END), [cloud(stand_in, "cut_mid")], routing="cloud_first")
    answer = await ask(http, url, response_format={"type": "json_object"})
    assert "cannot be taken back" in answer["error"]["message"]


async def test_a_stream_that_cannot_go_on_ends_with_an_error(house, http, stand_in):
    url = await house(await stopped(), [cloud(stand_in, "cut_mid")])
    async with http.post(f"{url}/api/v1/chat", json=asking(stream=True)) as response:
        body = await response.text()
    assert '"lamp "' in body
    assert "nobody could answer" in body
    assert "event: error" in body


async def test_retry_after_is_respected_even_when_nobody_else_is_left(house, http, stand_in):
    url = await house(await stopped(), [cloud(stand_in, "http_429")])
    await ask(http, url)
    answer = await ask(http, url)
    assert "asks for" in answer["error"]["message"]
    assert len(stand_in.bodies) == 1


async def test_the_cheapest_is_this_machine_and_the_fastest_is_known_by_its_answers(house, http, stand_in):
    slow = FakeProvider(1.5, ChatDelta(HERE), END)
    url = await house(slow, [cloud(stand_in)])
    assert text(await ask(http, url, routing="cheapest")) == HERE
    assert text(await ask(http, url, routing="cloud_first")) == THERE
    assert text(await ask(http, url, routing="fastest")) == THERE


async def test_a_client_that_leaves_closes_the_connection(house, http, stand_in):
    url = await house(FakeProvider(END), [cloud(stand_in, "stall_mid", timeout=60)], routing="cloud_first")
    async with http.post(f"{url}/api/v1/chat", json=asking(stream=True)) as response:
        await response.content.readline()
    async with asyncio.timeout(20):
        while not stand_in.left:
            await asyncio.sleep(0.01)
    async with http.get(f"{url}/api/v1/health") as response:
        found = (await response.json())["hybrid"]["providers"]
    assert all(each["failures"] == 0 for each in found)


async def test_this_server_is_an_upstream_of_itself(house, http, serve):
    inner = FakeProvider(ChatDelta(reasoning="hm"), ChatDelta("Hel"), ChatDelta("lo"), CALL, END, model="big")
    behind = Upstream("behind", f"{await serve(inner, api_key='k')}/v1", "big", "k", trusted=True, timeout=20)
    url = await house(FakeProvider(ChatDelta(HERE), END), [behind], routing="cloud_first")
    answer = await ask(
        http,
        url,
        tools=[TOOL],
        max_tokens=9,
        temperature=0.1,
        top_k=5,
        tool_choice="required",
        enable_thinking=False,
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    )
    message, (request,) = answer["choices"][0]["message"], inner.requests
    assert (message["content"], message["reasoning_content"]) == ("Hello", "hm")
    assert message["tool_calls"][0]["function"]["name"] == "HassTurnOn"
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert (request.max_tokens, request.sampling.temperature, request.sampling.top_k) == (9, 0.1, 5)
    assert (request.tool_choice, request.thinking, request.tools[0].name) == ("required", False, "HassTurnOn")
    assert request.response_format.type == "json"


async def test_the_openai_client_names_the_models_of_all(house, stand_in):
    url = await house(FakeProvider(END), [cloud(stand_in)])
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as api:
        assert [model.id async for model in api.models.list()] == ["tiny", "cloud/well"]


async def test_probes_find_out_that_a_server_is_back(stand_in):
    hybrid = make_hybrid(Settings(upstreams=(cloud(stand_in),)))
    hybrid._probe_seconds = 0.01
    vitals = hybrid._remote[0].vitals
    vitals.failed("it was away", final=True)
    await hybrid.start()
    try:
        async with asyncio.timeout(20):
            while not vitals.may_try():
                await asyncio.sleep(0.01)
    finally:
        await hybrid.stop()


def test_without_other_servers_nothing_of_them_is_imported():
    code = (
        "import sys; from picoqwen_core.config import Settings;"
        "from picoqwen_core.server.app import make_server;"
        "make_server(Settings()); print({'openai', 'httpx2', 'sqlite3', 'pydantic'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "set()\n"
