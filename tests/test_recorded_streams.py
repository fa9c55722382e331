"""What real servers sent (script/test-peers --record), replayed byte by byte to the package that reads it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from benchmarks.peers import CHECKS, REQUESTS, STREAMS, Heard, collected
from picoqwen_core.errors import ProviderError
from picoqwen_core.providers.openai import OpenAIProvider
from picoqwen_core.upstreams import Upstream

RECORDED = sorted(STREAMS.glob("*.sse"))


@asynccontextmanager
async def sending(body: bytes, size: int):
    """A server that sends these bytes in pieces of that size, and a provider that asks it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for at in range(0, len(body), size):
            writer.write(body[at : at + size])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        provider = OpenAIProvider(Upstream("peer", url, "m", timeout=20))
        try:
            yield provider
        finally:
            await provider.stop()


def test_both_peers_are_recorded_with_all_that_is_asked_of_them():
    assert {each.stem for each in RECORDED} == {
        f"{peer}-{name}" for peer in ("llama_cpp", "own") for name in REQUESTS
    }


@pytest.mark.parametrize("recording", RECORDED, ids=lambda each: each.stem)
async def test_a_recorded_answer_is_read_as_it_was_given(recording):
    name = recording.stem.partition("-")[2]
    body, found = recording.read_bytes(), set()
    for size in (1 << 20, 37):
        async with sending(body, size) as provider:
            heard = await collected(provider.chat(REQUESTS[name]))
        found.add(repr(heard))
        assert CHECKS[name](heard)
        assert (heard.prompt_tokens, heard.completion_tokens) == usage_of(body)
    assert len(found) == 1


@pytest.mark.parametrize("peer", ["llama_cpp", "own"])
async def test_a_recorded_call_that_is_cut_anywhere_is_not_made(peer):
    body = (STREAMS / f"{peer}-call.sse").read_bytes()
    ends = body.index(b'"finish_reason":"tool_calls"')
    for cut in range(1, ends, max(1, ends // 12)):
        async with sending(body[:cut], 1 << 20) as provider:
            with pytest.raises(ProviderError):
                await heard_until_the_error(provider)


async def heard_until_the_error(provider: OpenAIProvider) -> Heard:
    heard = await collected(provider.chat(REQUESTS["call"]))
    assert not heard.calls
    return heard


def usage_of(body: bytes) -> tuple[int, int]:
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    (usage,) = [each["usage"] for each in chunks if each.get("usage")]
    return usage["prompt_tokens"], usage["completion_tokens"]
