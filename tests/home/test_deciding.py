"""Who decides, and when a request is looked at a second time."""

from dataclasses import replace

import pytest

from picoqwen_core.home.deciding import SURE, SURE_ENOUGH, SURE_ENOUGH_OF_KIND, decide
from picoqwen_core.home.decision import Act, Cannot, Escalate
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity

LAMP = HomeEntity(id="light.lamp", name="Reading lamp", state="off", domain="light", area="den")
SPARE = HomeEntity(id="light.spare", name="Spare", state="off", domain="light", area="den")
HOME = HomeContext(entities=(LAMP, SPARE), areas=(HomeArea("den", "Den"),))


class Model:
    """Knows a few prompts by a part of them, and leaves all others; remembers what it was asked."""

    def __init__(self, **outputs: tuple[str, float]) -> None:
        self.outputs, self.asked = outputs, []

    def __call__(self, prompt: str) -> tuple[str, float]:
        self.asked.append(prompt)
        return next((out for part, out in self.outputs.items() if part in prompt), ("<escalate>", 1.0))


def decided(text: str, model: Model) -> object:
    made = decide(text, HOME, None, model, rules=False)
    return made.decision if made is not None else None


@pytest.mark.parametrize(
    "text",
    ["be a dear and light up the reading lamp", "light up the redding lamp", "hi, light up the redding lamp"],
)
def test_what_is_left_is_looked_at_without_manners_and_with_names_put_right(text: str) -> None:
    class Plain(Model):
        def __call__(self, prompt: str) -> tuple[str, float]:
            self.asked.append(prompt)
            plain = prompt.startswith("<home><no_area> light up the<full><1><cands>")
            return ("<on><1>", 1.0) if plain else ("<escalate>", 1.0)

    made = decided(text, Plain())
    assert isinstance(made, Act)
    assert made.actions[0].target.entities == ("light.lamp",)


def test_a_second_look_counts_only_where_the_model_is_sure() -> None:
    class Unsure(Model):
        def __call__(self, prompt: str) -> tuple[str, float]:
            plain = "<full>" in prompt
            return ("<on><1>", SURE - 0.01) if plain else ("<cannot:unknown_device>", 1.0)

    assert decided("light up the redding lamp", Unsure()) == Cannot("unknown_device")


def test_a_request_that_was_understood_is_looked_at_once() -> None:
    model = Model(**{"<full>": ("<on><1>", 1.0)})
    assert isinstance(decided("please light up the reading lamp", model), Act)
    assert len(model.asked) == 1


def test_nothing_is_looked_at_twice_that_has_no_manners_and_no_misheard_name() -> None:
    model = Model()
    assert decided("who painted the ceiling", model) == Escalate()
    assert len(model.asked) == 1


@pytest.mark.parametrize(("text", "acts"), [("close the blind", True), ("close the den hatch", False)])
def test_less_certainty_will_do_for_what_is_called_only_by_its_kind(text: str, acts: bool) -> None:
    covers = tuple(
        HomeEntity(id=f"cover.{name.split()[-1]}", name=name, state="open", domain="cover", area="den")
        for name in ("blind", "den hatch")
    )
    between = (SURE_ENOUGH + SURE_ENOUGH_OF_KIND) / 2
    made = decide(
        text, replace(HOME, entities=covers), None, Model(close=("<close><1>", between)), rules=False
    )
    assert (made is not None) is acts


def test_what_is_put_right_in_the_same_breath_is_asked_as_it_was_meant() -> None:
    model = Model(**{"<full>": ("<on><1>", 1.0)})
    made = decided("light up the spare, no wait, the reading lamp", model)
    assert isinstance(made, Act)
    assert made.actions[0].target.entities == ("light.lamp",)


@pytest.mark.parametrize(("output", "acts"), [("<on><1><off><1>", False), ("<off><a1><on><1>", True)])
def test_an_action_that_undoes_itself_is_not_believed(output: str, acts: bool) -> None:
    model = Model(**{"light up": (output, 1.0)})
    assert isinstance(decided("light up the den and the reading lamp", model), Act) is acts
