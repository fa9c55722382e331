"""The catalogue: sizes as published, and what suits which machine."""

import pytest

from picoqwen_core.catalog import find_offer, offers, recommended
from picoqwen_core.recommendation import MODELS


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("Qwen3-0.6B-Q8_0", 639_446_688),
        ("Qwen3-1.7B-Q8_0", 1_834_426_016),
        ("Qwen3-4B-Q4_K_M", 2_497_280_256),
        ("Qwen3-8B-Q4_K_M", 5_027_783_488),
    ],
)
def test_sizes_are_those_of_the_published_files(name, published):
    assert find_offer(name).size_bytes == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize(
    ("gigabytes", "bytes_a_second", "best"),
    [
        (0.5, 20e9, None),
        (2, 20e9, "Qwen3-0.6B-Q8_0"),
        (6, 20e9, "Qwen3-4B-Q4_K_M"),
        (6, 5e9, "Qwen3-0.6B-Q8_0"),
        (64, 100e9, "Qwen3-8B-Q8_0"),
    ],
)
def test_a_machine_is_recommended_what_it_can_hold_and_read(gigabytes, bytes_a_second, best):
    found = recommended(int(gigabytes * 1e9), bytes_a_second)
    assert (found.id if found else None) == best


@pytest.mark.parametrize("name", ["qwen3:4b", "Qwen3-4B", "qwen3-4b-q4_k_m", "qwen3:4b:latest"])
def test_an_offer_is_found_by_what_people_call_it(name):
    assert find_offer(name).id == "Qwen3-4B-Q4_K_M"


def test_every_offer_needs_more_memory_than_its_file():
    assert all(offer.memory_bytes > offer.size_bytes for offer in offers())


def test_whatever_may_be_recommended_is_offered():
    assert all(find_offer(f"{model.name}-{name}") for model in MODELS for name in model.formats)
