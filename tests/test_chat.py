"""The oracle is transformers' own rendering of the same template."""

import re
from datetime import UTC, datetime

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from picoqwen_core.chat import ChatTemplate
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.messages import ChatRequest, Message, ToolCall, ToolSpec
from tests.vocabulary import DATA

SOURCE = (DATA / "qwen3-chat-template.jinja").read_text()
TOOLS = (
    ToolSpec(
        "HassTurnOn",
        "Turns on a device – “lights”, <b>doors</b> & more",
        {"type": "object", "properties": {"name": {"type": "string"}, "area": {"type": ["string", "null"]}}},
    ),
    ToolSpec("GetTime", "", {"type": "object", "properties": {}}),
)
ON = ToolCall(
    "call_1", "HassTurnOn", {"name": "Küchenlampe", "brightness": 0.5, "nested": {"a": [1, None, True]}}
)
NOW = ToolCall("call_2", "GetTime", {})

CONVERSATIONS = {
    "a question": [Message("user", "Hello 👋")],
    "system and several turns": [
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hello", reasoning="They greet."),
        Message("user", "Bye <|im_end|>"),
    ],
    "an old answer with its thought in the text": [
        Message("user", "Hi"),
        Message("assistant", "<think>\nwell\n</think>\n\nHello"),
        Message("user", "Again"),
    ],
    "tool results to be answered": [
        Message("user", "Light on, and the time?"),
        Message("assistant", "One moment.", reasoning="Two calls.", tool_calls=(ON, NOW)),
        Message("tool", '{"success": true}', tool_call_id="call_1", name="HassTurnOn"),
        Message("tool", "20:15", tool_call_id="call_2", name="GetTime"),
    ],
    "tool results answered, and a second round": [
        Message("system", "You are the home."),
        Message("user", "Light on"),
        Message("assistant", tool_calls=(ON,)),
        Message("tool", "{}", tool_call_id="call_1"),
        Message("assistant", "It is on."),
        Message("user", "And the time?"),
        Message("assistant", reasoning="Ask the clock.", tool_calls=(NOW,)),
        Message("tool", "20:15", tool_call_id="call_2"),
    ],
    "a system message in the middle": [
        Message("user", "Hi"),
        Message("system", "Now be long."),
        Message("user", "Go on"),
    ],
}  # fmt: skip


def openai_shaped(message: Message) -> dict:
    shaped = {"role": message.role, "content": message.content}
    if message.reasoning:
        shaped["reasoning_content"] = message.reasoning
    if message.tool_calls:
        shaped["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        shaped["tool_call_id"] = message.tool_call_id
    return shaped


def transformers_rendering(messages, tools, choices, *, source=SOURCE, generation_prompt=True) -> str:
    schemas = [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]
    rendered, _ = render_jinja_template(
        [[openai_shaped(message) for message in messages]],
        tools=schemas or None,
        chat_template=source,
        add_generation_prompt=generation_prompt,
        **choices,
    )
    return rendered[0]


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
@pytest.mark.parametrize("tools", [(), TOOLS], ids=["no tools", "tools"])
@pytest.mark.parametrize("thinking", [None, True, False])
@pytest.mark.parametrize("generation_prompt", [True, False])
def test_the_prompt_is_the_one_that_transformers_renders(messages, tools, thinking, generation_prompt):
    ours = ChatTemplate(SOURCE).render(
        messages, tools, thinking=thinking, add_generation_prompt=generation_prompt
    )
    choices = {} if thinking is None else {"enable_thinking": thinking}
    assert ours == transformers_rendering(messages, tools, choices, generation_prompt=generation_prompt)


def test_a_prompt_without_thinking_closes_the_thought_itself():
    rendered = ChatTemplate(SOURCE).render([Message("user", "Hi")], thinking=False)
    assert rendered == ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")


def test_what_is_gone_on_with_stands_where_the_models_own_words_would():
    messages = (Message("user", "Hi"), Message("assistant", "Hello th"))
    prompt = ChatTemplate(SOURCE).chat_prompt(ChatRequest(messages, continues=True), messages)
    assert prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\nHello th")
    always = ChatTemplate("<|im_start|>assistant\n<think>\n")
    prompt = always.chat_prompt(ChatRequest(messages, continues=True), messages)
    assert prompt == "<|im_start|>assistant\n<think>\n\n</think>\n\nHello th"


def test_templates_use_loop_controls_special_tokens_and_the_date():
    source = (
        "{{ bos_token }}{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}"
        "{{ m.content | tojson(indent=2) }}{% endfor %} {{ strftime_now('%Y') }}"
    )
    metadata = {
        "tokenizer.chat_template": source,
        "tokenizer.ggml.tokens": ["<a>", "<s>"],
        "tokenizer.ggml.bos_token_id": 1,
    }
    rendered = ChatTemplate.from_metadata(metadata).render([Message("user", "ü"), Message("user", "b")])
    assert re.fullmatch(r'<s>"ü" (\d{4})', rendered)
    assert abs(int(rendered[-4:]) - datetime.now(UTC).year) <= 1


def test_a_template_that_refuses_the_conversation_is_quoted():
    template = ChatTemplate("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(RequestError, match="roles must alternate"):
        template.render([Message("user", "Hi")])


def test_a_template_cannot_reach_python():
    for attack in (
        "{{ messages.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.mro() }}",
    ):
        with pytest.raises(RequestError):
            ChatTemplate(attack).render([Message("user", "Hi")])


def test_a_template_that_stumbles_over_the_messages_is_a_request_error():
    with pytest.raises(RequestError):
        ChatTemplate("{{ messages[7].content + 1 }}").render([Message("user", "Hi")])


def test_a_missing_or_broken_template_is_the_checkpoints_fault():
    with pytest.raises(CheckpointError, match="no chat template"):
        ChatTemplate.from_metadata({})
    with pytest.raises(CheckpointError, match="cannot be read"):
        ChatTemplate("{% for %}")


@pytest.mark.parametrize("endless", ["{{ 9**9**9**9 }}", "{% set x = 9**9**9 %}", "{{ 'x'|center(10**11) }}"])
def test_reading_a_template_computes_nothing(endless):
    ChatTemplate(endless)


@pytest.mark.parametrize("source", ["{{" + "(" * 20_000, "{{" + "{1:" * 20_000, "x" * 300_000])
def test_a_template_that_is_nested_too_deeply_or_too_long_is_refused(source):
    with pytest.raises(CheckpointError, match="chat template"):
        ChatTemplate(source)
