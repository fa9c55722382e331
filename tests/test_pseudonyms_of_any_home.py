"""Pseudonyms over random homes in six languages: no name goes out, and all that is said comes back."""

import json
import random

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
from picoqwen_core.pseudonyms.plain_words import folded, spoken
from picoqwen_core.pseudonyms.veil import NOTE, Veil

WORDS = (
    "Küche Wohnzimmer Büro Anna Zoë Straße Äpfel José Niño Élodie Façade Garçon Chambre Salón Cuarto Bagno "
    "Cucina Zolder Keuken Björn Łódź Čeněk Ørsted İstanbul Кухня спальня Ванная مطبخ 厨房 リビング 주방 "
    "Kitchen Bedroom McKenzie iMac NAS Desk Ceiling Reading Northern O'Brien Anne-Marie"
).split()
KINDS = "light lamp Licht Lampe door Heizung interruptor luz finestra".split()
PLAIN = (
    "Turn on off please schalte aus an in the der die das what is set to and accende allume apaga zet uit 21"
).split()
DOMAINS = ("light", "cover", "climate", "media_player", "todo", "vacuum", "person")


class AnyHome:
    """A home and a conversation about it, of one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        areas = tuple(HomeArea(f"a{n}", self.name()) for n in range(self.rng.randint(1, 5)))
        floors = tuple(HomeFloor(f"f{n}", self.name()) for n in range(self.rng.randint(0, 2)))
        entities = tuple(self.entity(n) for n in range(self.rng.randint(1, 12)))
        self.home = HomeContext(entities, areas, floors)
        self.names = [each.name for each in (*areas, *floors, *entities)]
        self.names += [alias for each in entities for alias in each.aliases]
        words = [word for name in self.names for word in name.replace("'", " ").replace("-", " ").split()]
        self.words = [each for each in words if len(each) > 1 and not each.isdigit()]

    def name(self) -> str:
        words = self.rng.choices(WORDS, k=self.rng.randint(1, 3))
        return " ".join([*words, *self.rng.choices([*KINDS, "2", ""], k=1)]).strip()

    def entity(self, number: int) -> HomeEntity:
        domain = self.rng.choice(DOMAINS)
        aliases = tuple(self.name() for _ in range(self.rng.randint(0, 2)))
        return HomeEntity(f"{domain}.e{number}", self.name(), "on", domain, aliases)

    def text(self) -> str:
        parts = []
        for _ in range(self.rng.randint(1, 15)):
            part = self.rng.choice([*PLAIN, *self.names, *self.words])
            change = self.rng.choice((str, str, str.lower, str.upper, str.title))
            parts.append(change(part) + self.rng.choice(("", "", "s", "n", "en", "'s", ".", "2", "licht")))
        return self.rng.choice((" ", ", ", "\n", "_", "/")).join(parts)

    def request(self) -> ChatRequest:
        call = ToolCall("c1", "HassTurnOn", {"name": self.rng.choice(self.names), "area": self.text()})
        schema = {"properties": {"name": {"type": "string", "enum": self.names, "description": self.text()}}}
        result = json.dumps(
            {"name": self.names[0], "said": self.text()}, ensure_ascii=self.rng.random() < 0.5
        )
        messages = (
            Message("system", self.text()),
            Message("user", self.text()),
            Message("assistant", self.text(), tool_calls=(call,)),
            Message("tool", result, tool_call_id="c1"),
        )
        return ChatRequest(messages, tools=(ToolSpec(self.names[-1], self.text(), schema),), home=self.home)


def secret(word: str) -> bool:
    return folded(word) not in spoken()


@pytest.mark.parametrize("seed", range(150))
async def test_no_name_of_any_home_goes_out_and_all_comes_back(seed):
    house = AnyHome(seed)
    request = house.request()
    veil = Veil(request)
    hidden = veil.hide_request(request)
    for body in (to_openai(hidden, "m", 9, own=True), to_anthropic(hidden, "m", 9)):
        sent = folded(json.dumps(body, ensure_ascii=False).replace(json.dumps(NOTE)[1:-1], ""))
        told = [word for word in {*house.words, *house.names} if secret(word) and folded(word) in sent]
        assert told == []
    for message, original in zip(hidden.messages, request.messages, strict=True):
        if original.role != "tool":
            assert veil.codes.show(message.content.replace(f"\n\n{NOTE}", "")) == original.content
    await _comes_back_in_pieces(house, veil, request.messages[1].content)


async def _comes_back_in_pieces(house: AnyHome, veil: Veil, said: str) -> None:
    told, name = veil.codes.hide(said), house.rng.choice(house.names)

    async def answer():
        left = told
        while left:
            size = house.rng.randint(1, 6)
            yield ChatDelta(left[:size])
            left = left[size:]
        yield ChatDelta(tool_call=ToolCall("c", "HassTurnOn", {"name": veil.codes.hide(name)}))
        yield ChatDelta(finish_reason="tool_calls")

    deltas = [each async for each in veil.show_answer(answer())]
    assert "".join(each.content for each in deltas) == said
    assert [each.tool_call.arguments for each in deltas if each.tool_call] == [{"name": name}]
