"""The engine on qwen3-rs's files, against that program's arithmetic in NumPy: same text, near logits."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from picoqwen_core.convert.qwen3_rs import write_qwen3_rs
from picoqwen_core.convert.source import open_source
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.model.qwen3 import Qwen3
from tests.hf import write_hf_folder
from tests.oracles import numpy_qwen3, numpy_qwen3_rs
from tests.oracles.shapes import Shape

SHAPE = Shape("numerics", 4, 128, 2, 4, 2, 64, 192, 320, False, (1,))
TOKENS = 128


def write_checkpoint(folder: Path, layout: str, group: int) -> Path:
    """A random model that is sure of each token: its head is its embedding with the rows in another order."""
    write_hf_folder(folder / "hf", SHAPE)
    weights = load_file(folder / "hf" / "model.safetensors")
    order = np.random.default_rng(SHAPE.seed).permutation(SHAPE.vocab_size)
    weights["model.embed_tokens.weight"] *= np.float32(4)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"][order] * np.float32(0.1)
    save_file(weights, folder / "hf" / "model.safetensors")
    path = folder / "m.bin"
    model = open_source(folder / "hf")
    write_qwen3_rs(model, path, layout, group, threads=1, advance=lambda values: None)  # type: ignore[arg-type]
    return path


def greedy(path: Path, layout: str) -> tuple[list[int], NDArray[np.float32], NDArray[np.float32]]:
    """What qwen3-rs writes; its logits and ours on that text, float32 (tokens, vocab)."""
    theirs, ours = numpy_qwen3_rs.Model(path, layout), Qwen3.from_checkpoint(open_checkpoint(path), threads=1)
    cache = ours.new_cache(TOKENS)
    ids, rows = [5], []
    for _ in range(TOKENS):
        rows.append((theirs.read(ids[-1]), ours.forward(np.array(ids[-1:], np.int32), cache)))
        ids.append(int(rows[-1][0].argmax()))
    return ids, np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])


@pytest.mark.parametrize("layout", ["a", "b"])
def test_groups_of_32_are_computed_as_qwen3_rs_does(tmp_path: Path, layout: str) -> None:
    ids, theirs, ours = greedy(write_checkpoint(tmp_path, layout, 32), layout)
    assert len(set(ids)) > 100
    assert ours.argmax(axis=1).tolist() == ids[1:]
    difference = np.abs(theirs - ours).max(axis=1)
    # Where an activation lies half way between two int8 codes, the order of a sum decides: one code more or
    # less moves these small models' logits (of standard deviation 1.3) by some hundredths.
    assert np.median(difference) < 1e-4
    assert np.quantile(difference, 0.75) < 1e-2
    assert difference.max() < 0.1


def test_groups_of_64_give_the_same_text_nearer_to_exact_arithmetic(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, "b", 64)
    ids, theirs, ours = greedy(path, "b")
    assert ours.argmax(axis=1).tolist() == ids[1:]
    weights = {name: tensor.dequantized() for name, tensor in open_checkpoint(path).tensors.items()}
    exact = numpy_qwen3.logits(SHAPE, weights, np.array(ids[:-1], np.int32))
    # Our activations have a scale for each 32 values, theirs for each 64.
    assert np.square(ours - exact).mean() < np.square(theirs - exact).mean()
    assert np.abs(ours - theirs).max() < 0.2
