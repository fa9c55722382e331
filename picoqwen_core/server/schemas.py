"""Requests as they come in: validated once here, then plain dataclasses."""

import asyncio
import json
import re
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.messages import (
    ChatRequest,
    DetokenizeRequest,
    GenerateRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ScoreRequest,
    TokenizeRequest,
    ToolCall,
    ToolSpec,
)
from picoqwen_core.server.fields import (
    boolean,
    call_arguments,
    content,
    described,
    integer,
    mapping,
    number,
    number_or_false,
    one_of,
    open_object,
    optional,
    stop_strings,
    string,
    unsupported,
    validated,
)
from picoqwen_core.server.formats import GUIDED, guided, response_format, tool_choice
from picoqwen_core.server.home_schema import HOME, home_of
from picoqwen_core.upstreams import STRATEGIES

MAX_MESSAGES, MAX_TOOLS, MAX_CHOICES = 1000, 512, 256
MAX_TOKENS = 1 << 20
BODY_SECONDS = 30.0
_TOOL_NAME = re.compile(r"[\w.:-]{1,128}\Z")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _tool_name(value: Any) -> str:
    if not isinstance(value, str) or not _TOOL_NAME.match(value):
        raise vol.Invalid("must be 1 to 128 letters, digits, '_', '.', ':' or '-'")
    return value


described(_tool_name, type="string", pattern=r"^[\w.:-]{1,128}$")
_TOOL_CALL = open_object(
    {
        vol.Required("function"): open_object(
            {vol.Required("name"): string, vol.Optional("arguments", default="{}"): call_arguments}
        ),
        **optional("id", string),
    }
)
_MESSAGE = open_object(
    {
        vol.Required("role"): one_of("system", "developer", "user", "assistant", "tool"),
        vol.Optional("content", default=""): content,
        **optional("reasoning_content", string),
        **optional("tool_calls", [_TOOL_CALL]),
        **optional("tool_call_id", string),
        **optional("name", string),
    }
)
_TOOL = open_object(
    {
        vol.Required("type"): one_of("function"),
        vol.Required("function"): open_object(
            {
                vol.Required("name"): _tool_name,
                **optional("description", string),
                **optional("parameters", mapping),
            }
        ),
    }
)
_COMMON: dict[Any, Any] = {
    **optional("model", string),
    **optional("stream", boolean),
    vol.Optional("stop", default=None): stop_strings,
    **optional("max_tokens", integer(1, 1 << 20)),
    **optional("max_completion_tokens", integer(1, 1 << 20)),
    **optional("temperature", number(0, 5)),
    **optional("top_p", number(1e-6, 1)),
    **optional("top_k", integer(0, 1 << 20)),
    **optional("min_p", number(0, 1)),
    **optional("repetition_penalty", number(0.1, 10)),
    **optional("presence_penalty", number(-2, 2)),
    **optional("frequency_penalty", number(-2, 2)),
    **optional("seed", integer(0, (1 << 63) - 1)),
    **optional("response_format", response_format),
    **{key: check for name, each in GUIDED.items() for key, check in optional(name, each).items()},
    **optional("priority", one_of("voice", "chat", "background")),
    **unsupported("n", 1),
    **unsupported("logit_bias", {}),
}


def _server_tools(value: Any) -> Any:
    names = value if isinstance(value, list) else []
    if not isinstance(value, bool | list) or not all(isinstance(name, str) for name in names):
        raise vol.Invalid("must be true, false, or a list of names of tools")
    return value


described(_server_tools, type=["boolean", "array"])
_CONFIRM = open_object({vol.Required("id"): string, vol.Required("approve"): boolean})
CHAT = open_object(
    {
        **_COMMON,
        vol.Required("messages"): vol.All([_MESSAGE], vol.Length(min=1, max=MAX_MESSAGES)),
        **optional("tools", vol.All([_TOOL], vol.Length(max=MAX_TOOLS))),
        **optional("tool_choice", tool_choice),
        **optional("parallel_tool_calls", boolean),
        **optional("home_names_only", boolean),
        **optional("routing", one_of(*STRATEGIES, "local_only")),
        **optional("enable_thinking", boolean),
        # vLLM's: the last message, the assistant's, is gone on with.
        **optional("continue_final_message", boolean),
        **optional("add_generation_prompt", boolean),
        **optional("thinking_budget", integer(0, 1 << 20)),
        # Where servers of Qwen models take what their templates ask for.
        **optional("chat_template_kwargs", open_object(optional("enable_thinking", boolean))),
        **optional("logprobs", boolean),
        **optional("top_logprobs", integer(0, 20)),
        **optional(
            "stream_options",
            open_object({**optional("include_usage", boolean), **optional("include_progress", boolean)}),
        ),
        **optional("home", HOME),
        **unsupported("functions", []),
        **optional("server_tools", _server_tools),
        **optional("confirm", _CONFIRM),
    }
)
# OpenAI's older interface asks so for the number of alternatives.
GENERATE = open_object(
    {
        **_COMMON,
        vol.Required("prompt"): string,
        **optional("logprobs", number_or_false(0, 20)),
        **optional("routing", one_of(*STRATEGIES, "local_only")),
    }
)
SCORE = open_object(
    {
        **optional("model", string),
        vol.Required("messages"): vol.All([_MESSAGE], vol.Length(min=1, max=MAX_MESSAGES)),
        vol.Required("choices"): vol.All([string], vol.Length(min=2, max=MAX_CHOICES)),
    }
)
TOKENIZE = open_object(
    {
        **optional("model", string),
        **optional("text", string),
        **optional("messages", vol.All([_MESSAGE], vol.Length(min=1, max=MAX_MESSAGES))),
        **optional("tools", vol.All([_TOOL], vol.Length(max=MAX_TOOLS))),
    }
)
DETOKENIZE = open_object(
    {
        **optional("model", string),
        vol.Required("tokens"): vol.All([integer(0, (1 << 31) - 1)], vol.Length(max=MAX_TOKENS)),
    }
)


async def read_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises RequestError when it is none, or takes too long to arrive."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except TimeoutError as err:
        raise RequestError(f"the body did not arrive within {BODY_SECONDS:g} s") from err
    try:
        body = json.loads(raw)
        if _SURROGATE.search(raw):
            # JSON can spell half a character, which is not text and cannot be written as UTF-8.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as err:
        raise RequestError(f"the body is not JSON: {err}") from err
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, got {type(body).__name__}")
    return body


async def read_optional_body(request: web.Request) -> dict[str, Any]:
    """Like read_body, but no body at all is an empty object."""
    return await read_body(request) if request.can_read_body else {}


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """A chat request. Raises RequestError naming the field and what is wrong with it."""
    data = validated(CHAT, body)
    return ChatRequest(
        messages=tuple(_message(message) for message in data["messages"]),
        model=data["model"],
        tools=tuple(_tool(tool) for tool in data["tools"] or ()),
        sampling=_sampling(data),
        max_tokens=data["max_completion_tokens"] or data["max_tokens"],
        stop=data["stop"],
        thinking=_thinking(data),
        continues=_continues(data),
        home=home_of(data["home"]) if data["home"] is not None else None,
        tool_choice=data["tool_choice"] or "auto",
        parallel_tool_calls=data["parallel_tool_calls"] is not False,
        response_format=_format(data),
        home_names_only=data["home_names_only"] is not False,
        priority=data["priority"] or "chat",
        routing=data["routing"],
        thinking_budget=data["thinking_budget"],
        logprobs=_logprobs(data),
    )


def agent_fields(body: dict[str, Any]) -> tuple[bool | list[str] | None, dict[str, Any] | None]:
    """`server_tools`, None where they are not asked for, and `confirm` of a body that was checked."""
    tools, confirm = body.get("server_tools"), body.get("confirm")
    return (None if tools is False and confirm is None else tools), confirm


def generate_request(body: dict[str, Any]) -> GenerateRequest:
    """A request to continue raw text. Raises RequestError naming the field and what is wrong with it."""
    data = validated(GENERATE, body)
    return GenerateRequest(
        prompt=data["prompt"],
        model=data["model"],
        sampling=_sampling(data),
        max_tokens=data["max_completion_tokens"] or data["max_tokens"],
        stop=data["stop"],
        response_format=_format(data),
        priority=data["priority"] or "chat",
        logprobs=None if data["logprobs"] is False else data["logprobs"],
        routing=data["routing"],
    )


def score_request(body: dict[str, Any]) -> ScoreRequest:
    """A request to weigh choices. Raises RequestError naming the field and what is wrong with it."""
    data = validated(SCORE, body)
    return ScoreRequest(
        messages=tuple(_message(message) for message in data["messages"]),
        choices=tuple(data["choices"]),
        model=data["model"],
    )


def tokenize_request(body: dict[str, Any]) -> TokenizeRequest:
    """A request to count tokens. Raises RequestError naming the field and what is wrong with it."""
    data = validated(TOKENIZE, body)
    if (data["text"] is None) == (data["messages"] is None):
        raise RequestError("text, or messages: one of the two is needed")
    return TokenizeRequest(
        text=data["text"] or "",
        messages=tuple(_message(message) for message in data["messages"] or ()),
        tools=tuple(_tool(tool) for tool in data["tools"] or ()),
        model=data["model"],
    )


def detokenize_request(body: dict[str, Any]) -> DetokenizeRequest:
    """A request for the text of tokens. Raises RequestError naming the field and what is wrong with it."""
    data = validated(DETOKENIZE, body)
    return DetokenizeRequest(tuple(data["tokens"]), data["model"])


def _format(data: dict[str, Any]) -> ResponseFormat | None:
    """The format of the answer, which a stop string would cut in its middle."""
    wanted = guided(data)
    if wanted is not None and data["stop"]:
        raise RequestError(f"stop: cannot be used beside {wanted.source}, which says where the answer ends")
    return wanted


def _thinking(data: dict[str, Any]) -> bool | None:
    """Whether to think: said here, or as the template's variable."""
    chosen: bool | None = data["enable_thinking"]
    return (data["chat_template_kwargs"] or {}).get("enable_thinking") if chosen is None else chosen


def _continues(data: dict[str, Any]) -> bool:
    """Whether the last message is to be gone on with, which only the beginning of an answer can be."""
    if not data["continue_final_message"]:
        if data["add_generation_prompt"] is False:
            raise RequestError("add_generation_prompt: false needs continue_final_message to be true")
        return False
    last = data["messages"][-1]
    if last["role"] != "assistant" or not last["content"] or last["tool_calls"]:
        told = f"got {last['role']!r} with {len(last['content'])} characters"
        raise RequestError(f"continue_final_message: the last message must be the assistant's text, {told}")
    if data["add_generation_prompt"]:
        raise RequestError("add_generation_prompt: cannot be true beside continue_final_message")
    if _format(data) is not None:
        raise RequestError("continue_final_message: cannot be used beside a format of the answer")
    return True


def _logprobs(data: dict[str, Any]) -> int | None:
    """How many alternatives to tell; None where nothing is asked."""
    top: int | None = data["top_logprobs"]
    if not data["logprobs"]:
        if top:
            raise RequestError(f"top_logprobs: needs logprobs to be true, got {top}")
        return None
    return top or 0


def _message(data: dict[str, Any]) -> Message:
    calls = (
        ToolCall(call["id"] or "", call["function"]["name"], call["function"]["arguments"])
        for call in data["tool_calls"] or ()
    )
    return Message(
        role="system" if data["role"] == "developer" else data["role"],
        content=data["content"],
        reasoning=data["reasoning_content"] or "",
        tool_calls=tuple(calls),
        tool_call_id=data["tool_call_id"],
        name=data["name"],
    )


def _tool(data: dict[str, Any]) -> ToolSpec:
    function = data["function"]
    return ToolSpec(function["name"], function["description"] or "", function["parameters"] or {})


def _sampling(data: dict[str, Any]) -> SamplingParams:
    given = {name: data[name] for name in SamplingParams.__dataclass_fields__ if data.get(name) is not None}
    return SamplingParams(**given)
