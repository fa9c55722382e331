"""What the model is examined with is not taught."""

from itertools import islice

import pytest

from training import dataset
from training.draw import mixed_draws, sample
from training.unseen import is_examined


def test_a_sentence_is_known_in_any_case_and_punctuation() -> None:
    assert is_examined("Licht AUS!")
    assert not is_examined("Licht aus im Keller")


def test_nothing_of_the_fresh_requests_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [
        (name, home, turn) for name, home, turn in islice(mixed_draws(1, "train"), 60) if sample(home, turn)
    ]
    examined, *others = drawn
    monkeypatch.setattr(dataset, "mixed_draws", lambda _seed, _split: iter(drawn))
    monkeypatch.setattr(dataset, "is_examined", lambda text: text == examined[2].text)

    taught, _ = dataset.samples(1, "train", len(others))

    assert taught == [sample(home, turn) for _, home, turn in others]
