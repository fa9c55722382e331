"""Tokens that are counted without the vocabulary: never fewer than there are."""

import random

import pytest

from picoqwen_core.counting import Counted
from picoqwen_core.messages import ChatRequest, Message, ToolCall, ToolSpec
from picoqwen_core.providers.openai import OpenAIProvider
from picoqwen_core.tokenizer import Tokenizer
from picoqwen_core.upstreams import Upstream
from tests.vocabulary import qwen3_metadata

TEXTS = (
    "Turn on the kitchen lamp and tell me what the temperature in the living room is, please. ",
    "Schalte bitte das Licht in der Küche ein und sag mir, wie warm es im Wohnzimmer ist. ",
    "请打开厨房的灯，然后告诉我客厅现在的温度是多少。",
    "キッチンの電気をつけて、リビングの温度を教えてください。",
    "주방 불을 켜고 거실 온도가 몇 도인지 알려 주세요. ",
    "Включи свет на кухне и скажи, какая температура в гостиной. ",
    "شغل ضوء المطبخ وأخبرني كم درجة الحرارة في غرفة المعيشة. ",
    "रसोई की बत्ती जलाओ और बताओ कि बैठक का तापमान क्या है। ",
    "เปิดไฟในครัวและบอกอุณหภูมิในห้องนั่งเล่น",
    "Άναψε το φως στην κουζίνα και πες μου τη θερμοκρασία στο σαλόνι. ",
    "21.5 22.25 1234567 19:45 2026-11-27 ",
    '{"name":"Kitchen lamp","area":"Kitchen","brightness":50,"on":true},',
    "- names: Kitchen lamp\n  domain: light\n  state: 'on'\n  areas: Kitchen\n",
    "🔥👩‍👩‍👧🦙 ",
)


@pytest.fixture(scope="module")
def qwen() -> Tokenizer:
    return Tokenizer.from_metadata(qwen3_metadata())


def counted(*pieces: str) -> int:
    found = Counted()
    for each in pieces:
        found.add(each)
    return found.tokens


@pytest.mark.parametrize("text", TEXTS)
def test_no_script_takes_more_tokens_than_are_counted(qwen, text):
    whole = text * 20
    assert len(qwen.encode(whole)) <= counted(whole) < 3.5 * len(qwen.encode(whole))


def test_pieces_count_as_the_whole_does():
    rng = random.Random(1)
    text = "".join(TEXTS)
    cuts = sorted(rng.sample(range(1, len(text)), 200))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    # A mark behind a digit is known only where both come together.
    assert counted(*pieces) == pytest.approx(counted(text), rel=0.05)


async def test_all_that_is_sent_is_counted_beforehand(qwen):
    call = ToolCall("call_1", "HassTurnOn", {"name": "厨房的灯", "brightness": 21})
    asked = ChatRequest(
        (
            Message("user", TEXTS[2]),
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", TEXTS[10], tool_call_id="call_1"),
        ),
        tools=(ToolSpec("HassTurnOn", TEXTS[9], {"properties": {"name": {"enum": ["厨房的灯"]}}}),),
    )
    provider = OpenAIProvider(Upstream("cloud", "http://127.0.0.1:1/v1", "m"))
    try:
        estimate = provider.estimate(asked).prompt_tokens
    finally:
        await provider.stop()
    sent = (TEXTS[2], "HassTurnOn", str(call.arguments), TEXTS[10], TEXTS[9], str(asked.tools[0].parameters))
    assert sum(len(qwen.encode(each)) for each in sent) <= estimate
