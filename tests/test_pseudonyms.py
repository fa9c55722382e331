"""What another server is told of a home's names, and what comes back of its pseudonyms."""

import json

import pytest

from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    HomeArea,
    HomeContext,
    HomeEntity,
    HomeFloor,
    Message,
    ToolCall,
    ToolSpec,
)
from picoqwen_core.providers.anthropic_wire import body_of as to_anthropic
from picoqwen_core.providers.openai_wire import body_of as to_openai
from picoqwen_core.pseudonyms.veil import NOTE, Veil, knows_names, with_pseudonyms

HOME = HomeContext(
    (HomeEntity("light.kuechen_funzel", "Küchenfunzel", "on", "light", ("Annas Leuchte",), "kueche"),),
    (HomeArea("kueche", "Küche"), HomeArea("bad", "Bad"), HomeArea("cucina", "Cucina")),
    (HomeFloor("dach", "Dachboden"),),
)
TOOL = ToolSpec(
    "dachboden_reinigen",
    "Reinigt den Dachboden",
    {"type": "object", "properties": {"area": {"type": "string", "enum": ["Küche", "Bad", "Dachboden"]}}},
)
SECRETS = ("küche", "kueche", "funzel", "anna", "cucin", "dachb", "bäder", "k\\u00fc", "bad")
SAID = "KÜCHE, Küchen, küchenfunzeln, den Bädern, in cucine, light.kuechen_funzel, Annas und Dachbodens"
RESULT = json.dumps({"friendly_name": "Küche", "text": "names: Küchenfunzel\n areas: Küche"})
REQUEST = ChatRequest(
    (
        Message("system", "Static Context:\n- names: Küchenfunzel\n  domain: light\n  areas: Küche\n"),
        Message("user", SAID),
        Message("assistant", "", tool_calls=(ToolCall("c", "dachboden_reinigen", {"area": "Küche"}),)),
        Message("tool", RESULT, tool_call_id="c"),
    ),
    tools=(TOOL,),
    home=HOME,
)


def veil(*areas: str, said: str = "", lights: tuple[str, ...] = ()) -> Veil:
    entities = tuple(HomeEntity(f"light.{n}", name, "on", "light") for n, name in enumerate(lights))
    home = HomeContext(entities, tuple(HomeArea(name, name) for name in areas))
    return Veil(ChatRequest((Message("user", said),), home=home))


def test_no_name_reaches_a_server_in_any_case_or_form():
    hidden = Veil(REQUEST).hide_request(REQUEST)
    for body in (to_openai(hidden, "m", 9, own=True), to_anthropic(hidden, "m", 9)):
        sent = json.dumps(body, ensure_ascii=False).lower()
        assert [each for each in SECRETS if each in sent] == []


def test_what_was_hidden_comes_back_letter_by_letter():
    codes = Veil(REQUEST).codes
    assert codes.show(codes.hide(SAID)) == SAID


def test_kinds_and_rooms_stay_to_be_seen():
    codes = veil("Kitchen", lights=("Kitchen light", "Desk lamp")).codes
    assert codes.hide("Turn on the kitchen lights, and the lamp on the desk") == (
        "Turn on the area1 lights, and the lamp on the light1"
    )


def test_a_name_that_is_nothing_but_plain_words_is_replaced_all_the_same():
    codes = veil("Den", lights=("Light",)).codes
    assert codes.hide("Den: Light") == "Area1: Light1"


@pytest.mark.parametrize(
    ("name", "word", "told"),
    [
        ("Küche", "KÜCHE", "AREA1"),
        ("Küche", "küche's", "area1's"),
        ("Küche", "Küchenlampe", "Area1nlampe"),
        ("Küche", "Kuche", "area1v2"),
        ("Küche", "Küche2", "area1v2"),
        ("Bad", "Bäder", "area1v2"),
        ("Wohnzimmer", "Wohnzimmerdecke", "area1v2"),
        ("iPad", "iPad", "Area1"),
        ("iPad", "ipad", "area1"),
        ("Straße", "STRASSE", "AREA1"),
        ("厨房", "打开厨房的灯", "打开Area1的灯"),
        ("厨房", "厨房2", "area1v2"),
        ("مطبخ", "المطبخ", "area1v2"),
        ("रसोई", "रसोई", "Area1"),
        ("İstanbul", "İSTANBUL", "AREA1"),
    ],
)
def test_every_form_of_a_word_has_a_code_that_leads_back_to_it(name, word, told):
    codes = veil(name).codes
    assert codes.hide(word) == told
    assert codes.show(told) == word


@pytest.mark.parametrize(
    ("name", "word"), [("Tür", "Turn"), ("Bad", "badly"), ("Art", "start"), ("Ben", "bench")]
)
def test_words_that_only_look_like_a_name_are_left_alone(name, word):
    assert veil(name).codes.hide(word) == word


def test_what_looks_like_a_code_in_the_text_is_none():
    made = veil("Kitchen", "Bath", said="area1 and AREA2")
    assert made.codes.hide("kitchen bath area1") == "area3 area4 area1"
    assert made.codes.show("area1 area3 area31") == "area1 kitchen area31"


def test_a_code_that_the_model_inflects_or_writes_anew_is_understood():
    codes = veil("Kitchen").codes
    assert (
        codes.show("Area1's light, AREA1S, area1v7, (area1)")
        == "Kitchen's light, KITCHENS, kitchen, (kitchen)"
    )


def test_the_codes_are_explained_once_where_there_are_any():
    hidden = Veil(REQUEST).hide_request(REQUEST)
    assert [NOTE in each.content for each in hidden.messages] == [True, False, False, False]
    plain = ChatRequest((Message("user", "hi"),))
    assert Veil(plain).hide_request(plain) == plain


def test_values_of_domain_and_what_every_home_assistant_calls_its_tools_are_told():
    tool = ToolSpec("HassTurnOn", "", {"properties": {"domain": {"items": {"enum": ["light"]}}}})
    made = veil(lights=("Light", "HassTurnOn"))
    request = ChatRequest((Message("system", "  domain: light"),), tools=(tool,), tool_choice="HassTurnOn")
    hidden = made.hide_request(request)
    assert (hidden.tools, hidden.tool_choice) == ((tool,), "HassTurnOn")
    assert hidden.messages[0].content == "  domain: light"


async def collected(request: ChatRequest, *deltas: ChatDelta) -> list[ChatDelta]:
    async def answer(_hidden: ChatRequest):
        for each in deltas:
            yield each

    return [each async for each in with_pseudonyms(request, answer)]


async def test_names_come_back_across_the_borders_of_pieces_and_in_calls():
    codes = Veil(REQUEST).codes
    told = codes.hide("Die Küche und Annas Leuchte: z")
    call = ToolCall("c", codes.hide("dachboden_reinigen"), {"area": codes.hide("Küche")})
    end = ChatDelta(finish_reason="tool_calls")
    deltas = await collected(REQUEST, *map(ChatDelta, told), ChatDelta(tool_call=call), end)
    assert "".join(each.content for each in deltas) == "Die Küche und Annas Leuchte: z"
    assert [each.tool_call for each in deltas if each.tool_call] == [
        ToolCall("c", "dachboden_reinigen", {"area": "Küche"})
    ]
    assert deltas[-1].finish_reason == "tool_calls"


async def test_a_code_at_the_very_end_comes_before_the_end():
    code = Veil(REQUEST).codes.hide("Küche")
    deltas = await collected(
        REQUEST, ChatDelta(reasoning=code), ChatDelta(code), ChatDelta(finish_reason="stop")
    )
    assert "".join(each.content for each in deltas) == "".join(each.reasoning for each in deltas) == "Küche"
    assert deltas[-1] == ChatDelta(finish_reason="stop")


def test_names_are_found_without_the_structured_home():
    overview = "You are in area Küche (floor Dach) and all\n- names: Ecke\n  domain: light\n"
    result = json.dumps({"areas": ["Büro"], "friendly_name": "Tanne"})
    request = ChatRequest((Message("system", overview), Message("tool", result, tool_call_id="c")))
    codes = Veil(request).codes
    assert codes.hide("Ecke Küche Dach Büro Tanne") == "Light1 Area1 Floor1 Area2 Device1"
    assert knows_names(request)
    assert not knows_names(ChatRequest((Message("user", "hi"),), tools=(ToolSpec("a"),)))
