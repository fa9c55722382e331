"""What is read in the same pass, and how a prompt is cut, changes nothing, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.kv_cache import KIND_BITS
from picoqwen_core.model.qwen3 import Part, Qwen3
from picoqwen_core.model.weights import load_weights
from picoqwen_core.quants.formats import FORMATS
from tests.factories import write_tiny_gguf
from tests.oracles.shapes import Shape
from tests.oracles.weights import prompt_ids

# Grouped by two, as in the 0.6B and 1.7B models, and with heads that an int8 cache takes.
PAIRED = Shape("paired", 5, 256, 2, 4, 2, 128, 512, 256, True, (600,))
# Grouped by four, and with rows that fill no panel.
QUADS = Shape("quads", 6, 256, 2, 8, 2, 64, 512, 250, False, (600,))


def load(shape: Shape, folder: Path, format_name: str, *, pack: bool) -> Qwen3:
    arguments: dict[str, Any] = shape.weights_arguments()
    path = write_tiny_gguf(folder / "m.gguf", **arguments, format=format_name, context_length=1000)
    checkpoint = open_gguf(path)
    model = Qwen3.from_checkpoint(checkpoint, threads=1)
    if not pack:
        # As a model that is too large to be packed ahead.
        model.small = False
        model._weights = load_weights(checkpoint, model.config, pack=False)
    return model


@pytest.mark.parametrize("pack", [True, False], ids=["packed", "in-place"])
@pytest.mark.parametrize("shape", [PAIRED, QUADS], ids=["paired", "quads"])
@pytest.mark.parametrize("format_name", FORMATS)
def test_tokens_read_together_are_bit_for_bit_those_read_alone(
    shape: Shape, format_name: str, pack: bool, tmp_path: Path
) -> None:
    model = load(shape, tmp_path, format_name, pack=pack)
    ids = prompt_ids(shape, 300)
    other = model.new_cache(300)
    model.prefill(ids[:100], other, logits=False)
    one, many = model.new_cache(400), model.new_cache(400)
    for cache in (one, many):
        model.prefill(ids[:250], cache, logits=False)
    single = np.concatenate([model.forward_exact([Part(ids[i : i + 1], one)], [1]) for i in range(250, 262)])
    together = np.concatenate(
        [
            model.forward_exact([Part(ids[250:255], many)], [5]),
            model.forward_exact([Part(ids[:3], other), Part(ids[255:262], many)], [0, 7]),
        ]
    )
    np.testing.assert_array_equal(together, single)


@pytest.mark.parametrize("kind", KIND_BITS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_prompt_may_be_cut_anywhere_into_enough_tokens(format_name: str, kind: str, tmp_path: Path) -> None:
    model = load(PAIRED, tmp_path, format_name, pack=False)
    ids = prompt_ids(PAIRED, 300)
    results = []
    for sizes in ((300,), (9, 100, 182, 9), (255, 10, 35)):
        assert min(sizes) >= model.exact_prompt_tokens
        cache, start = model.new_cache(300, kind), 0
        for size in sizes:
            logits = model.prefill(ids[start : start + size], cache, logits=True)
            start += size
        results.append(logits)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("kind", KIND_BITS)
def test_a_copied_block_and_shared_ones_hold_the_same_text(kind: str, tmp_path: Path) -> None:
    model = load(PAIRED, tmp_path, "Q8_0", pack=False)
    ids = prompt_ids(PAIRED, 600)
    first = model.new_cache(700, kind)
    for start in range(0, 600, 300):
        model.prefill(ids[start : start + 300], first, logits=False)
    second = model.new_cache(700, kind)
    second.adopt([*first.blocks[:2], first.blocks[2].copy()], 520)
    model.prefill(ids[520:600], second, logits=False)
    expected = model.forward_exact([Part(ids[:1], first)], [1])
    np.testing.assert_array_equal(model.forward_exact([Part(ids[:1], second)], [1]), expected)
