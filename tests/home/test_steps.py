"""How far "more", "a lot more", "twice" and "half" go from the present value."""

import pytest

from picoqwen_core.home.decision import Action, Target, Verb
from picoqwen_core.home.steps import step_of


@pytest.mark.parametrize(
    ("verb", "value", "added"),
    [
        ("brighter", None, 20),
        ("dimmer", None, -20),
        ("brighter", 15.0, 15),
        ("dimmer", "lot", -40),
        ("brighter", "double", 30),
        ("quieter", "half", -15),
    ],
)
def test_a_step_goes_as_far_as_is_said(verb: Verb, value: float | str | None, added: float) -> None:
    assert step_of(Action(verb, Target(everywhere=True), value), 30, 20) == added
