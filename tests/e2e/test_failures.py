"""The server or its engine dies in the middle of a sentence: an honest answer, then recovery."""

import asyncio
import os
import signal

import psutil
import pytest

from house_runner.conversation import Answer
from house_runner.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECOVERY_SECONDS = 30


async def test_a_killed_server_is_admitted_and_a_new_one_is_used(house: House) -> None:
    answer = await _say_while_killing(house, house.server.process.pid)
    assert_honest(answer)

    again = await house.conversation.say("turn on the kitchen lamp")
    assert_honest(again)

    await house.restart_server()
    await _until_it_works(house)


async def test_a_killed_engine_is_admitted_and_started_again(house: House) -> None:
    (worker,) = psutil.Process(house.server.process.pid).children()

    answer = await _say_while_killing(house, worker.pid)
    assert_honest(answer)

    await _until_it_works(house)
    assert house.server.process.exit_code is None
    (new_worker,) = psutil.Process(house.server.process.pid).children()
    assert new_worker.pid != worker.pid


async def _say_while_killing(house: House, pid: int) -> Answer:
    """Stop the process, so that the sentence certainly reaches it unanswered, then kill it."""
    os.kill(pid, signal.SIGSTOP)
    sentence = asyncio.create_task(house.conversation.say("turn on the kitchen lamp"))
    await asyncio.sleep(0.5)
    assert not sentence.done()
    os.kill(pid, signal.SIGKILL)
    return await sentence


def assert_honest(answer: Answer) -> None:
    """Nothing was done, nothing is claimed to be done, and something is said."""
    assert answer.changes == []
    assert answer.tool_calls == []
    assert answer.text
    assert "turned on" not in answer.text.lower()


async def _until_it_works(house: House) -> None:
    async with asyncio.timeout(RECOVERY_SECONDS):
        while True:
            answer = await house.conversation.say("turn on the kitchen lamp")
            if answer.changes:
                break
            await asyncio.sleep(0.5)
    assert [change.entity_id for change in answer.changes] == ["light.kitchen_lamp"]
