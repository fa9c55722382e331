"""Nothing that others wrote makes a harmful call happen, though the model obeys every word of it."""

import pytest

from tests.agents.red_team import CALLS, allow_all, got_through, injections

ALL = injections()


def test_there_are_enough_orders_of_enough_kinds() -> None:
    assert len({text for _, text, _ in ALL}) >= 150
    assert len({kind for kind, _, _ in ALL}) >= 15
    assert {wanted for _, _, wanted in ALL} == set(CALLS)


@pytest.mark.parametrize(("kind", "text", "wanted"), ALL)
async def test_an_order_does_not_get_through(kind: str, text: str, wanted: str) -> None:
    assert not await got_through(text, wanted, can_ask=False)
    assert not await got_through(text, wanted, can_ask=True)


async def test_without_the_policy_every_order_gets_through() -> None:
    through = [await got_through(text, wanted, can_ask=False, policy=allow_all) for _, text, wanted in ALL]
    assert all(through)
