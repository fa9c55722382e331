"""The ladder: who answers, what is left to the next rung, and what is told of it."""

from collections.abc import AsyncGenerator

import pytest

from picoqwen_core.errors import ProviderError
from picoqwen_core.ladder import Step, climb
from picoqwen_core.messages import NOT_ABOUT_HOME, ChatDelta

END = ChatDelta(finish_reason="stop")
LEFT = (ChatDelta(escalation=NOT_ABOUT_HOME), ChatDelta("Not about the home."), END)
UNSURE = (ChatDelta(escalation="it did not understand"), ChatDelta("Sorry?"), END)


def step(rung, *deltas: ChatDelta, error: Exception | None = None, knows_no_home: bool = False) -> Step:
    async def answer() -> AsyncGenerator[ChatDelta]:
        for delta in deltas:
            yield delta
        if error:
            raise error

    return Step(rung, f"model-{rung}", answer, knows_no_home)


async def climbed(*steps: Step) -> tuple[str, str, str]:
    """What was said, by which rung, and why."""
    deltas = [delta async for delta in climb(steps, "first")]
    served = deltas[-1].served
    assert served is not None
    return "".join(delta.content for delta in deltas), served.rung, served.reason


async def test_the_first_rung_answers_what_it_can() -> None:
    assert await climbed(step("built_in", ChatDelta("Done."), END), step("cloud", ChatDelta("No"), END)) == (
        "Done.",
        "built_in",
        "first",
    )


async def test_what_a_rung_leaves_goes_to_the_next_and_its_sentence_is_not_said() -> None:
    said, rung, reason = await climbed(step("built_in", *LEFT), step("cloud", ChatDelta("Jane Austen"), END))
    assert (said, rung) == ("Jane Austen", "cloud")
    assert reason == f"the built-in model left it: {NOT_ABOUT_HOME}"


async def test_the_honest_sentence_is_said_where_nobody_is_left_or_all_fail() -> None:
    assert await climbed(step("built_in", *LEFT)) == ("Not about the home.", "built_in", NOT_ABOUT_HOME)
    said, rung, reason = await climbed(step("built_in", *LEFT), step("cloud", error=ProviderError("gone")))
    assert (said, rung) == ("Not about the home.", "built_in")
    assert "another server failed: gone" in reason


async def test_who_is_told_nothing_of_the_home_is_not_asked_about_it() -> None:
    blind = step("cloud", ChatDelta("Which lamp?"), END, knows_no_home=True)
    assert (await climbed(step("built_in", *UNSURE), blind))[0] == "Sorry?"
    assert (await climbed(step("built_in", *LEFT), blind))[0] == "Which lamp?"


async def test_a_break_after_the_first_words_is_an_error() -> None:
    with pytest.raises(ProviderError):
        await climbed(step("cloud", ChatDelta("Jane"), error=ProviderError("cut")), step("cloud", END))


async def test_an_answer_of_rules_is_told_to_be_theirs() -> None:
    ruled = step("built_in", ChatDelta("Ja."), ChatDelta(finish_reason="stop", rule="a sentence matched"))
    assert await climbed(ruled, step("cloud", END)) == ("Ja.", "rules", "a sentence matched")
