"""The note of a running house: found while the house runs, gone afterwards, never shared by two houses."""

from pathlib import Path

import pytest

from house_runner.errors import HouseError
from house_runner.running import RunningHouse, claim, find_running, leave_note

HOUSE = RunningHouse("http://127.0.0.1:8123", "token", "conversation.pico_qwen")


def test_a_running_house_is_found_and_an_ended_one_is_not(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    with claim(tmp_path):
        leave_note(tmp_path, HOUSE)
        assert find_running(tmp_path) == HOUSE
    assert find_running(tmp_path) is None


def test_a_folder_holds_one_house_at_a_time(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(HouseError, match="already running"), claim(tmp_path):
        pass


def test_the_note_of_a_house_that_crashed_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    leave_note(tmp_path, HOUSE)

    assert find_running(tmp_path) is None
