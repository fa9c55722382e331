"""Constrained answers over HTTP with the real openai client, from random weights that write anything."""

import asyncio
import json

import aiohttp
import openai
import pytest
import pytest_asyncio

from picoqwen_core.config import Settings
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.factories import write_tiny_gguf
from tests.server.conftest import KERNEL_CACHE, asking
from tests.vocabulary import tiny_metadata

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "turn on the lamp"}]
SCHEMA = {
    "type": "object",
    "properties": {
        "room": {"enum": ["hall", "attic"]},
        "level": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "required": ["room", "level"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "setting", "schema": SCHEMA, "strict": True}}
TOOLS = [
    {"type": "function", "function": {"name": "set_level", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "all_off"}},
]
# The random model would think for ever.
NO_THOUGHT = {"enable_thinking": False}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory):
    metadata = tiny_metadata()
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_gguf(path, vocab_size=len(metadata["tokenizer.ggml.tokens"]), metadata=metadata)
    client = EngineClient(path, model_id="tiny", threads=1, cache_dir=KERNEL_CACHE)
    provider, settings = LocalProvider(client, path), Settings(port=0)
    async with listening(make_app(State(settings, Router([provider]))), settings) as url:
        # Compiling for the first time takes long on a busy machine.
        async with asyncio.timeout(110):
            while not provider.is_available():
                await asyncio.sleep(0.05)
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=90) as api:
        yield api


def right(setting: dict) -> bool:
    return (
        set(setting) == {"room", "level"}
        and setting["room"] in ("hall", "attic")
        and 0 <= setting["level"] <= 9
    )


@pytest.mark.parametrize("seed", range(3))
async def test_a_json_schema_at_once_and_streamed(api, seed):
    asked = {
        "model": "tiny",
        "messages": MESSAGES,
        "response_format": FORMAT,
        "seed": seed,
        "extra_body": NO_THOUGHT,
    }
    answer = await api.chat.completions.create(**asked)
    async with api.chat.completions.stream(**asked) as stream:
        streamed = await stream.get_final_completion()

    assert right(json.loads(answer.choices[0].message.content))
    assert streamed.choices[0].message.content == answer.choices[0].message.content
    assert answer.choices[0].finish_reason == streamed.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "set_level"}}])
async def test_a_tool_that_must_be_called_at_once_and_streamed(api, choice):
    asked = {
        "model": "tiny",
        "messages": MESSAGES,
        "tools": TOOLS,
        "tool_choice": choice,
        "parallel_tool_calls": False,
        "seed": 1,
        "extra_body": NO_THOUGHT,
    }
    answer = await api.chat.completions.create(**asked)
    async with api.chat.completions.stream(**asked) as stream:
        streamed = await stream.get_final_completion()

    for done in (answer, streamed):
        (call,) = done.choices[0].message.tool_calls
        arguments = json.loads(call.function.arguments)
        assert right(arguments) if call.function.name == "set_level" else arguments == {}
        assert choice == "required" or call.function.name == "set_level"
        assert done.choices[0].finish_reason == "tool_calls"
        assert not done.choices[0].message.content


async def test_json_object_choice_regex_and_grammar(api):
    wanted = {
        "response_format": {"type": "json_object", "schema": SCHEMA},
        "guided_choice": ["yes", "no"],
        "guided_regex": "[ab]{3}",
        "guided_grammar": 'start: "x" X\nX: /[0-9]/',
    }
    answers = {}
    for field, value in wanted.items():
        answer = await api.chat.completions.create(
            model="tiny", messages=MESSAGES, extra_body={field: value, **NO_THOUGHT}
        )
        answers[field] = answer.choices[0].message.content
    assert right(json.loads(answers["response_format"]))
    assert answers["guided_choice"] in ("yes", "no")
    assert len(answers["guided_regex"]) == 3
    assert set(answers["guided_regex"]) <= {"a", "b"}
    assert answers["guided_grammar"][0] == "x"
    assert answers["guided_grammar"][1:].isdigit()


async def test_raw_text_is_constrained_too(url):
    body = {"prompt": "once", "response_format": {"type": "regex", "regex": "[ab]{3}"}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v1/generate", json=body) as response,
    ):
        answer = await response.json()
    assert len(answer["text"]) == 3
    assert answer["finish_reason"] == "stop"


async def test_a_call_that_the_length_cuts_is_no_call_and_says_so(api):
    answer = await api.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        tools=TOOLS,
        tool_choice="required",
        max_tokens=8,
        extra_body=NO_THOUGHT,
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content == ""


async def test_probabilities_come_as_openai_has_them(api):
    asked = {"model": "tiny", "messages": MESSAGES, "max_tokens": 12, "seed": 3, "extra_body": NO_THOUGHT}
    answer = await api.chat.completions.create(**asked, logprobs=True, top_logprobs=3)
    found = answer.choices[0].logprobs.content
    assert 0 < len(found) <= 12
    assert all(len(each.top_logprobs) == 3 and each.logprob <= 0 and each.bytes for each in found)
    text = b"".join(bytes(each.bytes) for each in found).decode("utf-8", "replace")
    assert text.strip().startswith(answer.choices[0].message.content.strip()[:4])

    stream = await api.chat.completions.create(**asked, logprobs=True, top_logprobs=3, stream=True)
    streamed = [each for chunk in [chunk async for chunk in stream] for each in chunk.choices[:1]]
    told = [token for each in streamed if each.logprobs for token in each.logprobs.content]
    assert [each.token for each in told] == [each.token for each in found]
    plain = await api.chat.completions.create(**asked)
    assert plain.choices[0].logprobs is None
    assert plain.choices[0].message.content == answer.choices[0].message.content


async def test_raw_texts_probabilities_come_in_the_shape_of_the_older_interface(api, url):
    asked = {"model": "tiny", "prompt": "a lamp", "max_tokens": 12, "seed": 3}
    answer = await api.completions.create(**asked, logprobs=2)
    text, found = answer.choices[0].text, answer.choices[0].logprobs
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == 12
    assert all(len(each) <= 2 and max(each.values()) <= 0 for each in found.top_logprobs)
    assert found.text_offset == sorted(found.text_offset)
    assert (found.text_offset[0], found.text_offset[-1] <= len(text)) == (0, True)
    whole = [place for place, token in enumerate(found.tokens) if "\ufffd" not in token]
    for place in whole:
        assert text[found.text_offset[place] :].startswith(found.tokens[place])

    stream = await api.completions.create(**asked, logprobs=2, stream=True)
    told = [chunk.choices[0].logprobs async for chunk in stream]
    assert [place for each in told if each for place in each.text_offset] == found.text_offset
    plain = await api.completions.create(**asked)
    assert (plain.choices[0].logprobs, plain.choices[0].text) == (None, text)

    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/api/v1/generate", json={**asked, "logprobs": 2}) as response:
            ours = (await response.json())["logprobs"]["content"]
        async with session.post(f"{url}/v1/completions", json={**asked, "logprobs": 21}) as response:
            refused = (await response.json())["error"]["message"]
    assert [each["logprob"] for each in ours] == found.token_logprobs
    assert refused.startswith("logprobs: must be a whole number from 0 to 20, got 21")


async def test_a_call_says_how_sure_the_model_was(api):
    answer = await api.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        tools=TOOLS,
        tool_choice="required",
        parallel_tool_calls=False,
        logprobs=True,
        extra_body=NO_THOUGHT,
    )
    assert -20 < answer.choices[0].message.tool_calls[0].model_extra["mean_logprob"] < 0


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_left_out_is_in_the_usage_and_in_a_header(url, stream):
    long = [{"role": "user", "content": "word " * 300}, {"role": "assistant", "content": "yes"}] * 20
    body = {"messages": [*long, *MESSAGES], "max_tokens": 4, "stream": stream, **NO_THOUGHT}
    body["stream_options"] = {"include_usage": True}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as session,
        session.post(f"{url}/api/v1/chat", json=body) as response,
    ):
        text = await response.text()
        header = response.headers["X-Picoqwen-Truncated"]
    usage = json.loads(text.split("data: ")[-2])["usage"] if stream else json.loads(text)["usage"]
    left_out = usage["truncated"]
    assert header == f"messages={left_out['messages']}, tokens={left_out['tokens']}"
    assert left_out["messages"] % 2 == 0


async def test_a_prompt_that_cannot_fit_is_refused_with_both_numbers(api):
    with pytest.raises(openai.BadRequestError, match=r"has \d+ tokens, but the context holds \d+") as raised:
        await api.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "word " * 9000}]
        )
    assert raised.value.code == "context_length_exceeded"


async def test_a_thought_ends_at_its_budget(api):
    answer = await api.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        tools=TOOLS,
        tool_choice="required",
        parallel_tool_calls=False,
        extra_body={"thinking_budget": 16, "chat_template_kwargs": {"enable_thinking": True}},
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    assert not answer.choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"items": {"not": {}}}}}},
            "unsupported_schema",
            "response_format.json_schema.schema.items: 'not' is not supported",
        ),
        ({"guided_regex": "("}, "invalid_grammar", "guided_regex: "),
        (
            {"guided_regex": "a", "stop": ["x"]},
            "invalid_request",
            "stop: cannot be used beside guided_regex",
        ),
        ({"top_logprobs": 3}, "invalid_request", "top_logprobs: needs logprobs to be true, got 3"),
        ({"guided_grammar": "start: X\nX: /a/ & ~/a/"}, "invalid_grammar", "guided_grammar: no text fits"),
        ({"tool_choice": "required"}, "invalid_request", "no tools are offered"),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "t", "parameters": {"$ref": "http://x/y"}}}
                ]
            },
            "unsupported_schema",
            "tools.t.parameters: '$ref' must be '#'",
        ),
    ],
)
async def test_what_cannot_be_met_is_refused_before_anything_is_sent(url, body, code, message, stream):
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as session,
        session.post(f"{url}/api/v1/chat", json=asking(stream=stream, **body)) as response,
    ):
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (400, code)
    assert message in error["message"]
