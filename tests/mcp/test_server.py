"""/mcp as the protocol's own client sees it, and as peers do that mean no good."""

import asyncio
import json
import subprocess
import sys

import aiohttp
import pytest
from mcp import Client, MCPError

from picoqwen_core.agents.tool import READS, Annotations
from picoqwen_core.server.access import mcp_token
from tests.mcp.conftest import Echo, Waiting, serving, until

ACCEPT = {"Accept": "application/json, text/event-stream"}
REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")


def hello(revision: str = "2025-11-25") -> dict:
    info = {"name": "test", "version": "1"}
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": info}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


async def opened(http: aiohttp.ClientSession, url: str, revision: str = "2025-11-25", **headers) -> dict:
    """Headers of a session."""
    async with http.post(f"{url}/mcp", json=hello(revision), headers={**ACCEPT, **headers}) as response:
        assert response.status == 200
        events = await response.text()
        session = response.headers["Mcp-Session-Id"]
    assert f'"protocolVersion":"{revision}"' in events
    return {**ACCEPT, **headers, "Mcp-Session-Id": session, "Mcp-Protocol-Version": revision}


async def answered(http: aiohttp.ClientSession, url: str, headers: dict, method: str, **params) -> dict:
    """The result of a request within a session."""
    body = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}
    async with http.post(f"{url}/mcp", json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        lines = (await response.text()).splitlines()
    return json.loads(next(line for line in lines if line.startswith("data: {"))[6:])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_packages_client_lists_and_calls_the_tools(serve, mode) -> None:
    url = await serve(Echo("echo", "Say it again"))

    async with Client(f"{url}/mcp", mode=mode) as client:
        listed = await client.list_tools()
        said = await client.call_tool("generate", {"prompt": "hi"})
        assert client.server_info is None or client.server_info.name == "picoqwen"

    assert {tool.name for tool in listed.tools} == {"generate", "echo"}
    assert said.content[0].text == "hello"
    assert said.structured_content["usage"] == {"prompt_tokens": 7, "completion_tokens": 2}


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", *REVISIONS[:2]])
async def test_revisions_with_a_handshake_are_agreed_upon(serve, http, revision) -> None:
    url = await serve(Echo("echo", "Say it again"))
    headers = await opened(http, url, revision)

    result = (await answered(http, url, headers, "tools/call", name="echo", arguments={"text": "a"}))[
        "result"
    ]

    assert result["content"][0]["text"].startswith("a for ")


async def test_the_newest_revision_needs_no_session(serve) -> None:
    url = await serve(Echo("echo", "Say it again"))

    async with Client(f"{url}/mcp", mode=REVISIONS[-1]) as client:
        assert (await client.call_tool("echo", {"text": "b"})).content[0].text.startswith("b for ")
        assert client.protocol_version == REVISIONS[-1]


async def test_annotations_are_told(serve) -> None:
    wild = Annotations(read_only=False, destructive=True, open_world=True)
    url = await serve(Echo("reads", "", annotations=READS), Echo("wild", "", annotations=wild))

    async with Client(f"{url}/mcp") as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}

    assert hints["reads"].read_only_hint is True
    assert hints["reads"].destructive_hint is False
    assert hints["wild"].destructive_hint is True
    assert hints["wild"].open_world_hint is True


async def test_tools_of_other_servers_are_not_handed_on(serve) -> None:
    url = await serve(Echo("house__unlock", "Unlock the door"))

    async with Client(f"{url}/mcp") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["generate"]
        with pytest.raises(MCPError, match="there is no tool 'house__unlock'"):
            await client.call_tool("house__unlock", {})


async def test_wrong_arguments_are_an_error_that_says_what_is_wrong(serve) -> None:
    url = await serve()

    async with Client(f"{url}/mcp") as client:
        result = await client.call_tool("generate", {"promt": "hi"})

    assert result.is_error
    assert "'prompt' is a required property" in result.content[0].text


async def test_the_endpoint_is_off_unless_it_is_asked_for(serve, http) -> None:
    url = await serve(mcp=False)

    async with http.post(f"{url}/mcp", json=hello(), headers=ACCEPT) as response:
        assert response.status == 400
        assert "`mcp`" in (await response.json())["error"]["message"]


async def test_a_key_is_asked_for_and_a_session_answers_to_no_other_key(serve, http) -> None:
    other = "ann:" + "0f" * 32
    url = await serve(Echo("echo", ""), api_key="secret", api_keys=(other,))
    async with http.post(f"{url}/mcp", json=hello(), headers=ACCEPT) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"

    headers = await opened(http, url, Authorization="Bearer secret")
    call = await answered(http, url, headers, "tools/call", name="echo", arguments={})

    assert call["result"]["content"][0]["text"] == " for key"


async def test_a_client_that_can_send_no_key_has_an_address_that_holds_what_is_made_of_it(
    serve, http, caplog
) -> None:
    caplog.set_level("INFO")
    url = await serve(Echo("echo", ""), api_key="secret")
    async with http.post(f"{url}/mcp/{'0' * 40}", json=hello(), headers=ACCEPT) as response:
        assert response.status == 401
    async with http.post(f"{url}/mcp/secret", json=hello(), headers=ACCEPT) as response:
        assert response.status == 401

    async with Client(f"{url}/mcp/{mcp_token('secret')}") as client:
        assert (await client.call_tool("echo", {})).content[0].text == " for key"

    assert "/mcp/{mcp_token}" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("picoqwen")]
    assert not any(mcp_token("secret") in line for line in ours)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", 200),
        ("https://good.example", 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_pages_of_the_web_may_not_ask(serve, http, origin, status) -> None:
    url = await serve(allowed_origins=("https://good.example",))

    async with http.post(f"{url}/mcp", json=hello(), headers={**ACCEPT, "Origin": origin}) as response:
        assert response.status == status


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"\xff\xfe",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b"[" * 50_000,
        b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
    ],
    ids=range(11),
)
async def test_what_is_no_message_is_refused(serve, http, body, revision) -> None:
    url = await serve()
    headers = {**ACCEPT, "Content-Type": "application/json", "Mcp-Protocol-Version": revision}

    async with http.post(f"{url}/mcp", data=body, headers=headers) as response:
        assert response.status == 400
    async with http.get(f"{url}/api/v1/health") as response:
        assert response.status == 200


async def test_a_body_that_is_too_large_is_refused(serve, http) -> None:
    url = await serve(max_body_bytes=2048)
    body = json.dumps({**hello(), "junk": "x" * 4000}).encode()

    async def pieces():
        yield body[:1000]
        yield body[1000:]

    for data in (body, pieces()):
        headers = {**ACCEPT, "Content-Type": "application/json"}
        async with http.post(f"{url}/mcp", data=data, headers=headers) as response:
            assert response.status == 413


async def test_an_unknown_session_and_an_unknown_revision_are_told(serve, http) -> None:
    url = await serve()
    headers = {**ACCEPT, "Mcp-Session-Id": "nobody"}

    async with http.post(f"{url}/mcp", json=hello(), headers=headers) as response:
        assert response.status == 404
    async with http.post(
        f"{url}/mcp", json=hello(), headers={**ACCEPT, "Mcp-Protocol-Version": "1999-01-01"}
    ) as response:
        assert response.status == 400


async def test_a_session_that_is_deleted_is_gone(serve, http) -> None:
    url = await serve()
    headers = await opened(http, url)

    async with http.delete(f"{url}/mcp", headers=headers) as response:
        assert response.status == 200
    async with http.get(f"{url}/mcp", headers=headers) as response:
        assert response.status == 404


async def test_a_client_that_leaves_stops_its_call_at_the_newest_revision(serve) -> None:
    waiting = Waiting("wait", "")
    url = await serve(waiting)

    async with Client(f"{url}/mcp", mode=REVISIONS[-1]) as client:
        call = asyncio.create_task(client.call_tool("wait", {}))
        await waiting.begun.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert len((await client.list_tools()).tools) == 2


async def test_a_stream_does_not_hold_up_the_end_of_the_server(http) -> None:
    async with asyncio.timeout(30):
        async with serving() as url:
            headers = await opened(http, url)
            stream = await http.get(f"{url}/mcp", headers=headers)
            assert stream.status == 200
    stream.close()


async def test_calls_beyond_what_is_answered_at_once_are_told_so(serve) -> None:
    waiting = Waiting("wait", "")
    url = await serve(waiting)

    async with Client(f"{url}/mcp") as client:
        calls = [asyncio.create_task(client.call_tool("wait", {})) for _ in range(17)]
        await until(lambda: any(call.done() for call in calls))
        refused = next(call for call in calls if call.done()).result()
        waiting.let.set()
        await asyncio.gather(*calls)

    assert refused.is_error
    assert "try again later" in refused.content[0].text


def test_nothing_of_the_protocol_is_imported_where_nobody_asks_for_it() -> None:
    code = """
import asyncio, sys
from picoqwen_core.config import Settings
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.state import State
make_app(State(Settings(), Router([])))
print([name for name in ("mcp", "mcp_types", "pydantic", "starlette", "jsonschema") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"
