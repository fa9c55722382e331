"""How long a context may be where memory is short."""

import logging

import pytest

from picoqwen_core.engine.room import fitting_context
from picoqwen_core.errors import InsufficientMemory

MB = 1_000_000


def per_token(tokens: int) -> int:
    """A cache of 60 kB for each token, as Qwen3-0.6B's in 8 bits."""
    return 60_000 * tokens


@pytest.fixture(autouse=True)
def heard(caplog):
    caplog.set_level(logging.WARNING)
    return caplog


def test_what_fits_is_taken_in_silence(heard):
    assert fitting_context(4096, 640 * MB, per_token, 2000 * MB) == 4096
    assert heard.messages == []


def test_a_context_that_does_not_fit_is_cut_with_one_warning(heard):
    assert fitting_context(4096, 640 * MB, per_token, 825 * MB) == 3328
    assert heard.messages == [
        "A context of 4096 tokens needs 246 MB, for which there is no room beside the model's 640 MB in "
        "825 MB of available memory; taking 3328"
    ]


def test_a_model_larger_than_memory_still_runs_with_a_warning(heard):
    assert fitting_context(4096, 5000 * MB, per_token, 2000 * MB) == 4096
    assert heard.messages == ["The model needs 5000 MB and 2000 MB of memory are available: it will be slow"]


def test_no_room_for_a_conversation_is_an_error_with_the_numbers():
    with pytest.raises(
        InsufficientMemory, match=r"a context of 512 tokens needs 31 MB .* 50 MB of memory are"
    ):
        fitting_context(4096, 640 * MB, per_token, 50 * MB)


def test_a_short_context_is_not_cut_further():
    assert fitting_context(100, 640 * MB, per_token, 30 * MB) == 100
