"""What is to be bought stands on the shopping list."""

import pytest

from picoqwen_core.home.decision import Query, Target
from picoqwen_core.home.shopping import what_to_buy
from picoqwen_core.messages import HomeContext, HomeEntity


def a_list(object_id: str, name: str) -> HomeEntity:
    return HomeEntity(id=f"todo.{object_id}", name=name, state="2", domain="todo")


JOBS, FOOD = a_list("jobs", "Jobs"), a_list("food", "Groceries")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "what do we need to buy"),
        ("en", "what needs to be bought?"),
        ("de", "Was müssen wir heute noch besorgen?"),
        ("fr", "qu'est-ce que je dois acheter"),
        ("es", "¿qué tengo que comprar?"),
        ("nl", "wat moet ik nog halen"),
        ("it", "che cosa dobbiamo comprare"),
    ],
)
def test_the_shopping_list_tells_what_is_to_be_bought(language: str, text: str) -> None:
    asked = what_to_buy(text, HomeContext(entities=(JOBS, FOOD), language=language))
    assert asked == Query("value", Target(entities=("todo.food",)), "items")


@pytest.mark.parametrize(
    "text", ["what time is it", "buy milk", "what is a good buy", "where can I buy a lamp"]
)
def test_other_questions_are_not_about_it(text: str) -> None:
    assert what_to_buy(text, HomeContext(entities=(FOOD,))) is None


def test_of_two_lists_for_other_things_neither_is_meant() -> None:
    home = HomeContext(entities=(JOBS, a_list("ideas", "Ideas")))
    assert what_to_buy("what do we need to buy", home) is None
