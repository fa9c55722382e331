from dataclasses import replace

import numpy as np
import pytest

from picoqwen_core.errors import EngineError, RequestError
from picoqwen_core.messages import SamplingParams
from picoqwen_core.sampling import Sampler

PLAIN = SamplingParams(temperature=1.0, top_k=0, top_p=1.0, seed=11)
# Probabilities 0.5, 0.25, 0.15, 0.1 at ids 3, 0, 4, 1; id 2 is impossible.
PROBABILITIES = np.array([0.25, 0.1, 0.0, 0.5, 0.15])
DRAWS = 6000


def logits() -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(PROBABILITIES).astype(np.float32)


def frequencies(params: SamplingParams, values: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    sampler = Sampler(params)
    drawn = [sampler.sample(values, ()) for _ in range(draws)]
    return np.bincount(drawn, minlength=values.size) / draws


def assert_distribution(found: np.ndarray, expected) -> None:
    expected = np.asarray(expected) / np.sum(expected)
    # Five standard deviations of the share of a binomial count.
    np.testing.assert_array_less(
        np.abs(found - expected), 5 * np.sqrt(expected * (1 - expected) / DRAWS) + 1e-9
    )


def test_temperature_0_takes_the_most_likely_token():
    assert frequencies(replace(PLAIN, temperature=0), logits(), 20)[3] == 1


def test_draws_follow_the_probabilities():
    assert_distribution(frequencies(PLAIN, logits()), PROBABILITIES)


def test_temperature_sharpens_and_flattens():
    assert_distribution(frequencies(replace(PLAIN, temperature=0.5), logits()), PROBABILITIES**2)
    assert_distribution(frequencies(replace(PLAIN, temperature=2), logits()), PROBABILITIES**0.5)


def test_top_k_keeps_the_k_most_likely():
    assert_distribution(frequencies(replace(PLAIN, top_k=2), logits()), [0.25, 0, 0, 0.5, 0])
    assert_distribution(frequencies(replace(PLAIN, top_k=99), logits()), PROBABILITIES)


def test_top_p_keeps_the_smallest_set_that_holds_its_share():
    assert_distribution(frequencies(replace(PLAIN, top_p=0.7), logits()), [0.25, 0, 0, 0.5, 0])
    assert_distribution(frequencies(replace(PLAIN, top_p=0.76), logits()), [0.25, 0, 0, 0.5, 0.15])
    assert_distribution(frequencies(replace(PLAIN, top_p=0.01), logits()), [0, 0, 0, 1, 0])


def test_top_p_counts_shares_of_what_top_k_left():
    # Of 0.5 and 0.25, the first holds two thirds.
    params = replace(PLAIN, top_k=2, top_p=0.6)
    assert_distribution(frequencies(params, logits()), [0, 0, 0, 1, 0])


def test_min_p_drops_what_is_unlikely_beside_the_best():
    assert_distribution(frequencies(replace(PLAIN, min_p=0.25), logits()), [0.25, 0, 0, 0.5, 0.15])
    assert_distribution(frequencies(replace(PLAIN, min_p=1.0), logits()), [0, 0, 0, 1, 0])


def test_a_flat_distribution_over_a_large_vocabulary_is_drawn_from_whole():
    drawn = frequencies(replace(PLAIN, top_p=0.9), np.zeros(5000, np.float32))
    assert 3000 < np.count_nonzero(drawn) <= 4500


@pytest.mark.parametrize("size", [151_936, 4_999, 640, 7])
def test_top_k_of_a_large_vocabulary_is_what_sorting_finds(size):
    rng = np.random.default_rng(0)
    for k in (1, 2, 5, 20):
        values = rng.normal(size=size).astype(np.float32).round(2)
        best = np.sort(values)[::-1][: min(k, size)]
        drawn = frequencies(replace(PLAIN, top_k=k, temperature=50), values, 200)
        assert values[np.flatnonzero(drawn)].min() >= best[-1]
        assert np.count_nonzero(drawn) <= k


def test_the_same_seed_draws_the_same_tokens():
    def draw(seed):
        sampler = Sampler(replace(PLAIN, seed=seed))
        return [sampler.sample(logits(), ()) for _ in range(50)]

    assert draw(5) == draw(5) != draw(6)
    assert draw(-1) == draw(-1)


def test_a_tiny_temperature_is_greedy_in_effect():
    assert frequencies(replace(PLAIN, temperature=1e-300), logits(), 50)[3] == 1


def greedy(history, generated_from=0, **penalties) -> int:
    values = np.array([2.0, 1.9, -1.0, 1.0], np.float32)
    kept = values.copy()
    found = Sampler(SamplingParams(temperature=0, **penalties)).sample(values, history, generated_from)
    np.testing.assert_array_equal(values, kept)
    return found


def test_the_repetition_penalty_divides_the_logits_of_all_that_was_read_and_written():
    assert greedy([0]) == 0
    assert greedy([0], repetition_penalty=1.1) == 1
    assert greedy([0, 1], repetition_penalty=1.9) == 0
    assert greedy([0, 1], repetition_penalty=2.1) == 3


def test_the_repetition_penalty_makes_negative_logits_more_negative():
    values = np.array([-1.0, -1.1], np.float32)
    assert Sampler(SamplingParams(temperature=0, repetition_penalty=1.2)).sample(values, [0]) == 1


def test_presence_and_frequency_count_only_what_was_generated():
    assert greedy([0], 1, presence_penalty=1) == 0
    assert greedy([3, 0], 1, presence_penalty=0.2) == 1
    assert greedy([0, 1, 1], frequency_penalty=0.05) == 0
    assert greedy([0, 0, 0, 1], frequency_penalty=0.06) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"min_p": 1.5},
        {"repetition_penalty": 0.0},
        {"presence_penalty": 2.5},
        {"frequency_penalty": -2.5},
    ],
)
def test_a_parameter_out_of_range_is_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(RequestError, match=rf"{name} must be .*got {value}"):
        Sampler(SamplingParams(**wrong))


def test_logits_that_are_not_numbers_are_an_error_not_a_token():
    with pytest.raises(EngineError, match="nan"):
        Sampler(PLAIN).sample(np.array([0.0, np.nan], np.float32), ())


def test_a_mask_leaves_only_its_ids():
    mask = np.array([0b10010], np.int32)
    sampler = Sampler(PLAIN)
    drawn = [sampler.sample(logits(), (), 0, mask) for _ in range(DRAWS)]
    assert_distribution(np.bincount(drawn, minlength=5) / DRAWS, [0, 0.1, 0, 0, 0.15])


def test_a_mask_shorter_than_the_vocabulary_leaves_the_rest_out():
    values = np.arange(40, dtype=np.float32)
    assert Sampler(replace(PLAIN, temperature=0)).sample(values, (), 0, np.array([-1], np.int32)) == 31


def test_a_mask_of_all_bits_changes_nothing():
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    every = np.full(32, -1, np.int32)
    for seed in range(20):
        params = SamplingParams(seed=seed)
        assert Sampler(params).sample(values, (), 0, every) == Sampler(params).sample(values, ())


def test_a_mask_of_nearly_everything_leaves_the_rest_out():
    mask = np.array([0b10111], np.int32)
    sampler = Sampler(PLAIN)
    drawn = [sampler.sample(logits(), (), 0, mask) for _ in range(DRAWS)]
    assert_distribution(np.bincount(drawn, minlength=5) / DRAWS, [0.25, 0.1, 0, 0, 0.15])


def test_a_mask_that_allows_nothing_is_an_error():
    with pytest.raises(EngineError, match="allows no token"):
        Sampler(PLAIN).sample(logits(), (), 0, np.zeros(1, np.int32))
