"""Real servers as upstreams, llama.cpp's and our own: text, a call, structure, going on, raw text, counts.

Run by script/test-peers. With --record what they send is kept in tests/data/streams, which the tests replay.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession

from benchmarks.llama_cpp import tool
from benchmarks.random_models import FOLDER
from picoqwen_core.chat import TEMPLATE_KEY
from picoqwen_core.config import BUILT_IN_MODEL, Settings
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.engine.loaded import PROMPT_FORMAT_KEY
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolSpec,
)
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.openai import OpenAIProvider
from picoqwen_core.providers.openai_wire import body_of, text_body_of
from picoqwen_core.raw_text import as_chat
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream

_ROOT = Path(__file__).resolve().parents[1]
STREAMS = _ROOT / "tests" / "data" / "streams"
_TEMPLATE = _ROOT / "tests" / "data" / "qwen3-chat-template.jinja"
_START_SECONDS, _PATIENCE = 300.0, 120.0
_CONTEXT = 2048
QUESTION = (Message("user", "Turn on the lamp"),)
# The models know nothing; penalties keep them from white space without end.
SAMPLING = SamplingParams(temperature=0.9, frequency_penalty=1.5, presence_penalty=1.0, seed=1)
_NAME = {"type": "string", "enum": ["Kitchen lamp", "Hall"]}
_CALL_SCHEMA = {
    "type": "object",
    "properties": {"name": _NAME},
    "required": ["name"],
    "additionalProperties": False,
}
_SCHEMA = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}, "room": {"type": "string", "enum": ["hall", "attic"]}},
    "required": ["on", "room"],
    "additionalProperties": False,
}
_FIELDS: dict[str, Any] = {"sampling": SAMPLING, "thinking": False}
REQUESTS = {
    "text": ChatRequest(QUESTION, max_tokens=12, **_FIELDS),
    "call": ChatRequest(
        QUESTION,
        tools=(ToolSpec("HassTurnOn", "Turns on", _CALL_SCHEMA),),
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=300,
        **_FIELDS,
    ),
    "structured": ChatRequest(
        QUESTION, response_format=ResponseFormat("json", schema=_SCHEMA), max_tokens=300, **_FIELDS
    ),
    "going_on": ChatRequest(
        (*QUESTION, Message("assistant", "The lamp")), continues=True, max_tokens=8, **_FIELDS
    ),
    "raw": as_chat(GenerateRequest("Turn on the lamp in the", max_tokens=8, sampling=SAMPLING)),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as our provider hands it on."""

    text: str
    calls: tuple[tuple[str, Any], ...]
    reason: str
    prompt_tokens: int
    completion_tokens: int


# What has to be true of each answer.
CHECKS: dict[str, Callable[[Heard], bool]] = {
    "text": lambda heard: bool(heard.text) and heard.reason in ("stop", "length"),
    "call": lambda heard: (
        heard.reason == "tool_calls"
        and [name for name, _ in heard.calls] == ["HassTurnOn"]
        and heard.calls[0][1]["name"] in _NAME["enum"]
    ),
    "structured": lambda heard: set(json.loads(heard.text)) == {"on", "room"},
    "going_on": lambda heard: heard.completion_tokens > 0 and heard.reason in ("stop", "length"),
    # So few tokens are read only where no chat is made of the text.
    "raw": lambda heard: 0 < heard.prompt_tokens < 12 and heard.completion_tokens > 0,
}


def main(argv: list[str] | None = None) -> int:
    """Ask every peer everything; 0 where all answers are as they should be."""
    parser = argparse.ArgumentParser(prog="script/test-peers", description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep what is sent in tests/data/streams")
    arguments = parser.parse_args(argv)
    return asyncio.run(_all(record=arguments.record))


async def _all(*, record: bool) -> int:
    wrong = 0
    for peer, serving in (("llama_cpp", llama_cpp), ("own", own)):
        async with serving() as (url, model):
            provider = OpenAIProvider(
                Upstream(peer.replace("_", "-"), url, model, timeout=_PATIENCE, trusted=True)
            )
            for name, wanted in REQUESTS.items():
                request = begun(wanted) if (peer, name) == ("llama_cpp", "call") else wanted
                heard = await collected(provider.chat(request))
                right = CHECKS[name](heard) and heard.prompt_tokens > 0
                wrong += not right
                print(f"{'ok' if right else 'WRONG':6} {peer:10} {name:11} {heard}")
                if record:
                    await _record(url, model, request, peer, name)
            await provider.stop()
    return 1 if wrong else 0


def begun(request: ChatRequest) -> ChatRequest:
    """The request with the mark of a call said already.

    llama.cpp lets text stand before a call that is required, and a model that knows nothing never ends it.
    """
    messages = (*request.messages, Message("assistant", "<tool_call>\n"))
    return replace(request, messages=messages, continues=True, stop=("</tool_call>",))


async def collected(deltas: AsyncIterator[ChatDelta]) -> Heard:
    """All of an answer."""
    text, calls, last = "", [], ChatDelta()
    async for delta in deltas:
        text, last = text + delta.content, delta
        if delta.tool_call is not None:
            calls.append((delta.tool_call.name, dict(delta.tool_call.arguments)))
    usage = last.usage
    counts = (usage.prompt_tokens, usage.completion_tokens) if usage is not None else (0, 0)
    return Heard(text, tuple(calls), str(last.finish_reason), *counts)


@asynccontextmanager
async def llama_cpp() -> AsyncIterator[tuple[str, str]]:
    """llama.cpp's server with the built-in model's weights and Qwen's template; its URL and model."""
    port = "18391"
    command = [
        str(tool("llama-server")),
        "-m",
        str(_free_model()),
        "--port",
        port,
        "-c",
        str(_CONTEXT),
        "-t",
        "1",
    ]
    with (Path(__file__).parent / "out" / "llama-server.log").open("w") as log:
        server = await asyncio.create_subprocess_exec(
            *command, "--jinja", "--parallel", "1", "--alias", "pico-chat", stdout=log, stderr=log
        )
        url = f"http://127.0.0.1:{port}"
        try:
            async with asyncio.timeout(_START_SECONDS), ClientSession() as session:
                while not await _is_up(session, url):
                    await asyncio.sleep(0.2)
            yield f"{url}/v1", "pico-chat"
        finally:
            server.terminate()
            await server.wait()


@asynccontextmanager
async def own() -> AsyncIterator[tuple[str, str]]:
    """Our own server with the same weights and template; its URL and model."""
    path = _free_model()
    local = LocalProvider(
        EngineClient(path, model_id=path.stem, threads=1), path, ready_seconds=_START_SECONDS
    )
    await local.load()
    settings = Settings(port=0)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(local.stop)
        url = await stack.enter_async_context(listening(make_app(State(settings, Router([local]))), settings))
        yield f"{url}/v1", local.model_id


def _free_model() -> Path:
    """The built-in model's weights as a model that chats by Qwen's template."""
    path = FOLDER / "pico-chat.gguf"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        checkpoint = open_checkpoint(BUILT_IN_MODEL)
        metadata = {key: value for key, value in checkpoint.metadata.items() if key != PROMPT_FORMAT_KEY}
        metadata |= {TEMPLATE_KEY: _TEMPLATE.read_text(), "qwen3.context_length": _CONTEXT}
        tensors = {each.name: (each.type, each.shape, each.data) for each in checkpoint.tensors.values()}
        write_gguf(path, metadata, tensors)
    return path


async def _is_up(session: ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/health") as response:
            return response.status == 200
    except ClientError:
        return False


async def _record(url: str, model: str, request: ChatRequest, peer: str, name: str) -> None:
    """What the server sends, as it comes."""
    make, path = (text_body_of, "completions") if request.raw else (body_of, "chat/completions")
    body = make(request, model, request.max_tokens or 0, own=True)
    plain = {key: value for key, value in body.items() if key != "extra_body"} | body.get("extra_body", {})
    STREAMS.mkdir(exist_ok=True)
    async with ClientSession() as session, session.post(f"{url}/{path}", json=plain) as response:
        (STREAMS / f"{peer}-{name}.sse").write_bytes(await response.read())


if __name__ == "__main__":
    sys.exit(main())
