"""A home read from the prompt that Home Assistant writes for any model."""

from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.home.static_context import home_from_prompt
from picoqwen_core.messages import ChatRequest, Message, ToolSpec

PROMPT = """You are a voice assistant for Home Assistant.
You are in area Kitchen (floor Ground floor) and all generic commands like 'turn on the lights' apply.
Static Context: An overview of the areas and the devices in this smart home:
- names: Kitchen lamp, Worktop light
  domain: light
  areas: Kitchen
- names: 'Dad''s: lamp'
  domain: light
  areas: Office
- names: Front door
  domain: lock
"""
TOOL = ToolSpec(
    "intent__HassTurnOn",
    "",
    {"type": "object", "properties": {"name": {}, "area": {}, "domain": {}, "device_class": {}}},
)


def system(text: str) -> Message:
    return Message("system", text)


def test_entities_have_names_rooms_and_no_state():
    home = home_from_prompt([system(PROMPT), Message("user", "hello")])

    assert [(each.name, each.domain, each.area, each.state) for each in home.entities] == [
        ("Kitchen lamp", "light", "Kitchen", "unknown"),
        ("Dad's: lamp", "light", "Office", "unknown"),
        ("Front door", "lock", None, "unknown"),
    ]
    assert home.entities[0].aliases == ("Worktop light",)
    assert len({each.id for each in home.entities}) == 3
    assert {area.name for area in home.areas} == {"Kitchen", "Office"}
    assert home.area == "Kitchen"


def test_a_prompt_without_a_home_has_none():
    assert home_from_prompt([system("You are a pirate."), Message("user", PROMPT)]) is None
    assert home_from_prompt([system("Static Context:\nno list follows")]) is None


def test_a_device_of_the_prompt_is_commanded():
    asked = ChatRequest((system(PROMPT), Message("user", "turn on the kitchen lamp")), tools=(TOOL,))
    prompts = []

    def complete(prompt: str) -> tuple[str, float]:
        prompts.append(prompt)
        return "", 1.0

    list(HomeResponder(complete).respond(asked))
    assert len(prompts) == 1
