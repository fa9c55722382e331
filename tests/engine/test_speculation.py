"""Guessing ahead changes the speed, never an answer: over toy models, and bit for bit over a real one."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.speculation import Both, DraftModel, Pace, PromptLookup
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.messages import SamplingParams
from picoqwen_core.model.qwen3 import Qwen3
from tests.engine.counting import VOCAB, CountingModel
from tests.factories import write_tiny_gguf

GREEDY = SamplingParams(temperature=0)
DRAWN = SamplingParams(temperature=1, top_k=0, top_p=1, seed=5)


class CyclingModel(CountingModel):
    """Goes round in a circle of ten, so that its answers repeat themselves; other tokens are unlikely."""

    def logits(self, ids):
        logits = np.zeros(VOCAB, np.float32)
        logits[ids[-1] // 10 * 10 + (ids[-1] + 1) % 10] = 6
        return logits


class Always:
    """Guesses the same, right or wrong."""

    def __init__(self, guesses: Sequence[int]) -> None:
        self.guesses = list(guesses)

    def guess(self, ids, most):
        return self.guesses[:most]


def run(model, prompt, params, guesser, tokens=40):
    engine = Engine(model, context_length=120, guesser=guesser)
    ids = list(engine.generate(prompt, params, max_tokens=tokens, stop_ids=frozenset({VOCAB - 1})))
    return ids, engine


def test_what_followed_before_is_guessed():
    lookup = PromptLookup()
    assert lookup.guess([1, 2, 3, 4, 5, 9, 1, 2, 3], 2) == [4, 5]
    assert lookup.guess([1, 2, 3, 4, 5, 9, 1, 2, 3, 7], 2) == []


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize(
    "guesser", [PromptLookup, lambda: Always([3, 4, 5]), lambda: Always([7])], ids=["lookup", "some", "wrong"]
)
def test_an_answer_is_the_same_with_and_without_guesses(params, guesser):
    prompt = [1, 2, 3, 4, 5, 6]
    plain, _ = run(CyclingModel(), prompt, params, None)
    guessed, engine = run(CyclingModel(), prompt, params, guesser)
    assert guessed == plain
    assert engine.stats.guessed_tokens > 0


def test_right_guesses_save_passes():
    model, plain = CyclingModel(), CyclingModel()
    prompt = [*range(10), *range(10)]
    run(plain, prompt, GREEDY, None)
    _, engine = run(model, prompt, GREEDY, PromptLookup)
    assert engine.stats.right_guesses == engine.stats.guessed_tokens
    assert len(model.passes) < len(plain.passes) / 4


def test_wrong_guesses_become_rare():
    _, engine = run(CyclingModel(), [1, 2], GREEDY, lambda: Always([40, 41, 42, 43]), tokens=100)
    assert engine.stats.right_guesses == 0
    assert engine.stats.guessed_tokens < 20


def test_the_pace_follows_success():
    pace = Pace()
    first = pace.most()
    pace.verified(first, first)
    assert pace.most() > first
    pace.verified(8, 0)
    assert pace.most() == 0


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_a_draft_model_changes_no_answer(params):
    plain, _ = run(CyclingModel(), [1, 2, 3], params, None)
    draft = CyclingModel()
    guessed, engine = run(
        CyclingModel(), [1, 2, 3], params, lambda: Both(PromptLookup(), DraftModel(draft, 120, 16))
    )
    assert guessed == plain
    assert engine.stats.right_guesses > 0


def test_a_draft_model_reads_a_long_prompt_in_pieces():
    draft = DraftModel(CyclingModel(), 120, 16)
    ids = [token % 10 for token in range(40)]
    assert [draft.guess(ids, 2) for _ in range(3)] == [[], [], [0, 1]]


@pytest.mark.parametrize(("head_dim", "kind"), [(64, "auto"), (128, "k8v4")])
@pytest.mark.parametrize("params", [GREEDY, SamplingParams(temperature=0.4, seed=3)], ids=["greedy", "drawn"])
def test_a_real_model_answers_the_same_with_and_without_guesses(params, head_dim, kind, tmp_path):
    path = write_tiny_gguf(
        tmp_path / "m.gguf", hidden_size=256, n_layers=2, intermediate_size=256, n_heads=4, n_kv_heads=2,
        head_dim=head_dim, vocab_size=300, format="Q8_0", context_length=600,
    )  # fmt: skip
    model = Qwen3.from_checkpoint(open_gguf(path), threads=1, kv_cache=kind)
    prompt = [token % 7 for token in range(30)]
    guessers = (None, PromptLookup, lambda: Always([1, 2]))
    answers = [run_real(model, prompt, params, guesser) for guesser in guessers]
    assert answers[1] == answers[2] == answers[0]
    # A greedy answer of random weights soon goes round in circles.
    assert len(answers[0]) == 120


def run_real(model, prompt, params, guesser):
    engine = Engine(model, context_length=400, guesser=guesser)
    return list(engine.generate(prompt, params, max_tokens=120, stop_ids=frozenset()))


def test_guesses_never_lead_past_the_end_of_the_answer():
    ids, _ = run(CyclingModel(), [*range(10)] * 2, GREEDY, PromptLookup, tokens=7)
    assert ids == [0, 1, 2, 3, 4, 5, 6]
    assert all(b == a + 1 for a, b in pairwise(ids))
