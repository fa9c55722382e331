"""A few of the hand-written requests, said as `script/bench home` says all of them."""

from dataclasses import replace

import pytest

from house_runner.spoken.requests import FOLDER, read_home
from house_runner.spoken.runner import say_all

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENTENCES = (
    "put the sofa lamp off",
    "lock the front door",
    "set a timer for ten minutes",
    "who wrote Pride and Prejudice",
)


async def test_simple_requests_change_what_they_must_and_the_rest_goes_up_the_ladder() -> None:
    home = read_home(FOLDER / "flat.yaml")
    few = tuple(each for each in home.requests if str(each) in SENTENCES)

    said = await say_all([replace(home, requests=few)])

    assert len(said) == len(SENTENCES)
    assert [each.verdict.problem for each in said] == [""] * len(SENTENCES)
