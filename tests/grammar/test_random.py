"""Random schemas and random weights: whatever is written parses and is valid, or is cut by its length."""

import json

import jsonschema
import pytest

from benchmarks.random_schemas import random_schema
from picoqwen_core.messages import (
    ChatRequest,
    GenerateRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolSpec,
)

# Formats that the library checks without further packages, and as the standard has them.
FORMATS = jsonschema.FormatChecker(["ipv4", "ipv6", "uuid", "email"])
SCHEMAS, TOKENS = 300, 200
ASKED = (Message("user", "hello"),)


def hot(seed: int) -> SamplingParams:
    """Everything that is allowed comes."""
    return SamplingParams(temperature=3, top_k=0, top_p=1, seed=seed)


def validate(schema, value) -> None:
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(value)


@pytest.mark.parametrize("first", range(0, SCHEMAS, 50))
def test_raw_text_of_a_schema_is_valid_or_cut(model, first):
    complete = 0
    for seed in range(first, first + 50):
        schema = random_schema(seed)
        wanted = ResponseFormat("json", schema=schema)
        request = GenerateRequest("x", sampling=hot(seed), max_tokens=TOKENS, response_format=wanted)
        deltas = list(model.generate(request, lambda: False))
        if deltas[-1].finish_reason == "stop":
            validate(schema, json.loads("".join(delta.content for delta in deltas)))
            complete += 1
        else:
            assert deltas[-1].finish_reason == "length"
    assert complete > 25


@pytest.mark.parametrize("thinking", [None, False])
@pytest.mark.parametrize("choice", ["auto", "required", "b"])
def test_calls_are_valid_or_cut(model, choice, thinking):
    called = 0
    for seed in range(25):
        tools = tuple(ToolSpec(name, parameters=_arguments(seed + index)) for index, name in enumerate("abc"))
        request = ChatRequest(
            ASKED, tools=tools, sampling=hot(seed), max_tokens=TOKENS, tool_choice=choice, thinking=thinking
        )
        deltas = list(model.chat(request, lambda: False))
        for call in (delta.tool_call for delta in deltas if delta.tool_call):
            validate({tool.name: tool.parameters for tool in tools}[call.name], call.arguments)
            assert choice in ("auto", "required", call.name)
            called += 1
        if choice != "auto" and deltas[-1].finish_reason != "length":
            assert deltas[-1].finish_reason == "tool_calls"
    assert called > (10 if choice != "auto" and thinking is False else 0) - 1


def _arguments(seed: int) -> dict:
    """The next random schema that is an object, as arguments are."""
    schema = random_schema(seed)
    return schema if schema.get("type") == "object" else _arguments(seed + 1000)
