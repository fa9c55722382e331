"""Codes as models write them: in another case, inflected, in call arguments, and cut into pieces anywhere."""

import random
from collections.abc import Callable

import pytest

from picoqwen_core.messages import ChatDelta, ChatRequest, HomeArea, HomeContext, Message, ToolCall
from picoqwen_core.pseudonyms.plain_words import folded
from picoqwen_core.pseudonyms.veil import Veil
from tests.test_pseudonyms_of_any_home import AnyHome

HOMES = range(40)
# What becomes of a name as it was told, and of the name itself.
AS_IT_IS = str
WAYS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as told": (AS_IT_IS, AS_IT_IS),
    "in small letters": (str.lower, AS_IT_IS),
    "in capitals": (str.upper, AS_IT_IS),
    "with a plural s": (lambda name: f"{name}s", lambda name: f"{name}s"),
    "with a German plural": (lambda name: f"{name}en", lambda name: f"{name}en"),
    "with an English genitive": (lambda name: f"{name}'s", lambda name: f"{name}'s"),
    "with an ending in capitals": (lambda name: f"{name}S".upper(), lambda name: f"{name}S"),
    "in bold": (lambda name: f"**{name}**", lambda name: f"**{name}**"),
    "in quotes": (lambda name: f"„{name}“.", lambda name: f"„{name}“."),
    "in a sentence": (lambda name: f"It is {name}, yes.", lambda name: f"It is {name}, yes."),
    "with underscores": (lambda name: name.replace(" ", "_"), lambda name: name.replace(" ", "_")),
}


def told_names(seed: int) -> tuple[Veil, list[tuple[str, str]]]:
    house = AnyHome(seed)
    veil = Veil(house.request())
    return veil, [(name, veil.codes.hide(name)) for name in dict.fromkeys(house.names)]


async def heard(veil: Veil, pieces: list[str], arguments: dict) -> tuple[str, dict]:
    async def answer():
        for each in pieces:
            yield ChatDelta(each)
        yield ChatDelta(tool_call=ToolCall("c", "HassTurnOn", arguments))
        yield ChatDelta(finish_reason="tool_calls")

    deltas = [each async for each in veil.show_answer(answer())]
    (call,) = [each.tool_call for each in deltas if each.tool_call]
    return "".join(each.content for each in deltas), dict(call.arguments)


def cut(text: str, rng: random.Random) -> list[str]:
    pieces = []
    while text:
        size = rng.randint(1, 4)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@pytest.mark.parametrize("way", WAYS)
async def test_a_name_comes_back_however_it_is_written(way):
    write, expected = WAYS[way]
    rng, wrong, count = random.Random(way), [], 0
    for seed in HOMES:
        veil, names = told_names(seed)
        for name, told in names:
            count += 1
            written = write(told)
            said, arguments = await heard(veil, cut(written, rng), {"name": written})
            found = (said, arguments["name"])
            wrong += [(written, each) for each in found if folded(each) != folded(expected(name))]
    assert count > 300
    assert wrong == []


@pytest.mark.parametrize("written", ["area 1", "Area-1", "AREA_1", "area #1", "area 01"])
async def test_a_code_that_is_written_apart_is_a_name_where_only_names_stand(written):
    home = HomeContext(areas=(HomeArea("k", "Küche"),))
    veil = Veil(ChatRequest((Message("user", "an"),), home=home))
    said, arguments = await heard(veil, [f"In {written} 2."], {"area": written, "message": f"{written} h"})
    assert arguments["area"].casefold() == "küche"
    # In a sentence it may be a number.
    assert (said, arguments["message"]) == (f"In {written} 2.", f"{written} h")
