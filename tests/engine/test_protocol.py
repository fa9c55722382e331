import asyncio
import socket

import pytest

from picoqwen_core import errors
from picoqwen_core.engine import protocol
from picoqwen_core.engine.protocol import error_from_json, error_to_json, from_json, pack_frame, to_json
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    HomeArea,
    HomeContext,
    HomeEntity,
    HomeFloor,
    Message,
    ModelInfo,
    SamplingParams,
    ToolCall,
    ToolSpec,
    Usage,
)

HOME = HomeContext(
    entities=(
        HomeEntity("light.a", "Küche", "on", "light", ("lamp",), "kitchen", attributes={"brightness": 40}),
    ),
    areas=(HomeArea("kitchen", "Kitchen", floor="ground"),),
    floors=(HomeFloor("ground", "Ground", ("downstairs",)),),
    area="kitchen",
    now="2026-11-24T20:15:00+01:00",
)
MESSAGES = (
    Message("system", "Be brief."),
    Message("assistant", reasoning="hm", tool_calls=(ToolCall("1", "A", {"b": [1, {"c": None}]}),)),
    Message("tool", "{}", tool_call_id="1", name="A"),
)
VALUES = [
    ChatRequest(messages=MESSAGES),
    ChatRequest(
        MESSAGES, "m", (ToolSpec("A", "does a", {"type": "object"}),), SamplingParams(0.0, seed=0), 9,
        ("x", "y"), thinking=False, home=HOME,
    ),
    GenerateRequest("once", sampling=SamplingParams(top_k=0)),
    ChatDelta(),
    ChatDelta("a", "b", ToolCall("1", "A", {}), "tool_calls", Usage(3, 2, 1)),
    ModelInfo("m", "/m.gguf", "qwen3", 10, 20, "Q8_0", 4096, built_in=False),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_written_as_json_is_read_back_equal(value):
    assert from_json(type(value), to_json(value)) == value


def test_false_and_none_are_not_confused():
    for thinking in (True, False, None):
        assert from_json(ChatRequest, to_json(ChatRequest((), thinking=thinking))).thinking is thinking


def test_a_frame_says_only_what_is_not_the_default():
    assert to_json(ChatDelta(content="hi")) == {"content": "hi"}
    assert pack_frame({"a": "ü"}) == b"\x00\x00\x00\x0a" + '{"a":"ü"}'.encode()


def all_errors(kind=errors.PicoQwenError):
    return [kind, *(each for child in kind.__subclasses__() for each in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors())
def test_an_error_arrives_as_its_own_class_with_its_words(kind):
    error = error_from_json(error_to_json(kind("prompt has 9 tokens")))
    assert type(error) is kind
    assert str(error) == "prompt has 9 tokens"


def test_an_unknown_error_code_is_an_engine_error():
    assert type(error_from_json({"code": "from_the_future", "message": "x"})) is errors.EngineError


async def test_both_readers_read_what_was_packed_even_byte_by_byte():
    frames = [{"id": 1, "text": "ü" * 70_000}, {}]
    data = b"".join(map(pack_frame, frames))
    reader = asyncio.StreamReader()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for start in range(0, len(data), 9_973):
            reader.feed_data(data[start : start + 9_973])
        reader.feed_eof()
        sending = asyncio.create_task(asyncio.to_thread(_send_and_close, theirs, data))
        received = [await asyncio.to_thread(protocol.receive_frame, ours) for _ in range(3)]
        await sending
    assert received == [*frames, None]
    assert [await protocol.read_frame(reader) for _ in range(3)] == [*frames, None]


def _send_and_close(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    connection.close()


async def test_a_stream_cut_inside_a_frame_has_ended():
    reader = asyncio.StreamReader()
    reader.feed_data(pack_frame({"id": 1})[:-1])
    reader.feed_eof()
    assert await protocol.read_frame(reader) is None


def test_a_message_over_the_limit_is_refused_by_both_ends(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_FRAME_BYTES", 10)
    with pytest.raises(errors.EngineError, match="limit of 10"):
        pack_frame({"text": "longer than ten"})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\x00\x00\x00\x0b")
        with pytest.raises(errors.EngineError, match="11 bytes"):
            protocol.receive_frame(ours)
