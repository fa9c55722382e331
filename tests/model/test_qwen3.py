"""The engine's forward pass against transformers (recorded), NumPy, and itself read in other chunks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from picoqwen_core.errors import CheckpointError, ConfigError, ContextLengthExceeded, RequestError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.kv_cache import KIND_BITS
from picoqwen_core.model.qwen3 import Part, Qwen3
from picoqwen_core.quants.formats import FORMATS
from tests.factories import write_tiny_gguf
from tests.oracles import numpy_qwen3
from tests.oracles.shapes import GREEDY_TOKENS, SHAPES, Shape
from tests.oracles.weights import prompt_ids, random_weights

RECORDED = np.load(Path(__file__).parents[1] / "oracles" / "transformers.npz")
CASES = [(shape, length) for shape in SHAPES for length in shape.prompts]
IDS = [f"{shape.name}-{length}" for shape, length in CASES]


def load(shape: Shape, folder: Path, format_name: str = "F32") -> Qwen3:
    arguments: dict[str, Any] = shape.weights_arguments()
    path = write_tiny_gguf(folder / "m.gguf", **arguments, format=format_name, context_length=2200)
    return Qwen3.from_checkpoint(open_gguf(path), threads=1)


@pytest.mark.parametrize(("shape", "length"), CASES, ids=IDS)
def test_logits_equal_those_of_transformers(shape: Shape, length: int, tmp_path: Path) -> None:
    model = load(shape, tmp_path)
    ours = model.forward_all(prompt_ids(shape, length), model.new_cache(kind="f32"))
    recorded = RECORDED[f"{shape.name}/{length}/logits"]
    assert np.abs(ours[::-50][::-1][-8:] - recorded).max() <= 1e-3


@pytest.mark.parametrize(("shape", "length"), CASES[:-1], ids=IDS[:-1])
def test_logits_equal_those_of_plain_numpy(shape: Shape, length: int, tmp_path: Path) -> None:
    model = load(shape, tmp_path)
    ids = prompt_ids(shape, length)
    ours = model.forward_all(ids, model.new_cache(kind="f32"))
    exact = numpy_qwen3.logits(shape, random_weights(**shape.weights_arguments()), ids)  # type: ignore[arg-type]
    assert np.abs(ours - exact).max() <= 1e-3


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_greedy_tokens_equal_those_of_transformers(shape: Shape, tmp_path: Path) -> None:
    model = load(shape, tmp_path)
    cache = model.new_cache(kind="f32")
    logits = model.forward(prompt_ids(shape, shape.prompts[0]), cache)
    tokens = []
    for _ in range(GREEDY_TOKENS):
        tokens.append(int(logits.argmax()))
        logits = model.forward(np.array(tokens[-1:], np.int32), cache)
    assert tokens == RECORDED[f"{shape.name}/greedy"].tolist()


@pytest.mark.parametrize("sizes", [(300,), (1,) * 40, (5, 1, 100, 3, 31), (299, 1)], ids=str)
def test_the_way_a_prompt_is_cut_changes_nothing(sizes: tuple[int, ...], tmp_path: Path) -> None:
    shape = SHAPES[0]
    model = load(shape, tmp_path)
    ids = prompt_ids(shape, 300)[: sum(sizes)]
    whole = model.forward(ids, model.new_cache(kind="f32"))
    cache, start, logits = model.new_cache(kind="f32"), 0, whole
    for size in sizes:
        logits = model.forward(ids[start : start + size], cache)
        start += size
    assert np.abs(logits - whole).max() <= 1e-4


# K formats have blocks of 256, so the shape is one whose rows are multiples of it.
WIDE = Shape("wide", 5, 256, 2, 4, 2, 128, 512, 256, True, (24,))


@pytest.mark.parametrize("format_name", FORMATS)
def test_models_of_every_format_stay_close_to_their_dequantized_weights(
    format_name: str, tmp_path: Path
) -> None:
    model = load(WIDE, tmp_path, format_name)
    stored = {name: tensor.dequantized() for name, tensor in model.checkpoint.tensors.items()}
    ids = prompt_ids(WIDE, 24)
    exact = numpy_qwen3.logits(WIDE, stored, ids)
    together = model.forward_all(ids, model.new_cache(kind="f32"))
    cache = model.new_cache(kind="f32")
    single = np.stack([model.forward(ids[i : i + 1], cache) for i in range(len(ids))])
    bound = 0.03 if FORMATS[format_name].block_size > 1 else 1e-5
    for ours in (together, single):
        assert np.linalg.norm(ours - exact) <= bound * np.linalg.norm(exact)


@pytest.mark.parametrize(("kind", "bound"), [("f32", 1e-5), ("f16", 2e-3), ("int8", 2e-2), ("k8v4", 0.15)])
def test_a_smaller_cache_costs_little(kind: str, bound: float, tmp_path: Path) -> None:
    model = load(WIDE, tmp_path, "F32")
    ids = prompt_ids(WIDE, 24)
    stored = {name: tensor.dequantized() for name, tensor in model.checkpoint.tensors.items()}
    exact = numpy_qwen3.logits(WIDE, stored, ids)
    ours = model.forward_all(ids, model.new_cache(kind=kind))
    assert np.linalg.norm(ours - exact) <= bound * np.linalg.norm(exact)


@pytest.mark.parametrize("kind", KIND_BITS)
@pytest.mark.parametrize("format_name", ["F32", "Q8_0", "Q4_K", "Q6_K"])
def test_sequences_read_together_are_read_as_if_alone(kind: str, format_name: str, tmp_path: Path) -> None:
    model = load(WIDE, tmp_path, format_name)
    ids = prompt_ids(WIDE, 40)
    prompts = [ids[:3], ids[5:17], ids[20:21], ids[22:30], ids[30:36]]
    nexts = [ids[10:11], ids[11:12], ids[12:15], ids[15:16], ids[16:17]]
    alone = []
    for prompt, following in zip(prompts, nexts, strict=True):
        cache = model.new_cache(100, kind)
        model.forward(prompt, cache)
        alone.append(model.forward(following, cache))
    caches = [model.new_cache(100 + 50 * number, kind) for number in range(len(prompts))]
    model.forward_batch([Part(*pair) for pair in zip(prompts, caches, strict=True)])
    together = model.forward_batch([Part(*pair) for pair in zip(nexts, caches, strict=True)])
    assert [cache.length for cache in caches] == [4, 13, 4, 9, 7]
    for ours, theirs in zip(together, alone, strict=True):
        # A value that a pass rounds otherwise may get another of sixteen levels.
        assert np.linalg.norm(ours - theirs) <= (0.08 if kind == "k8v4" else 0.02) * np.linalg.norm(theirs)


def test_a_pass_of_too_many_tokens_is_refused(tmp_path: Path) -> None:
    model = load(SHAPES[0], tmp_path)
    parts = [Part(prompt_ids(SHAPES[0], 300), model.new_cache(400)) for _ in range(2)]
    with pytest.raises(RequestError, match=r"1 to 512 tokens, got 600"):
        model.forward_batch(parts)


def test_an_unknown_kind_of_cache_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'q2'.*f32, f16, int8, k8v4"):
        load(SHAPES[0], tmp_path).new_cache(100, "q2")


def test_threads_change_nothing(tmp_path: Path) -> None:
    shape = SHAPES[2]
    arguments: dict[str, Any] = shape.weights_arguments()
    checkpoint = open_gguf(write_tiny_gguf(tmp_path / "m.gguf", **arguments, format="Q8_0"))
    ids = prompt_ids(shape, 33)
    alone = Qwen3.from_checkpoint(checkpoint, threads=1)
    together = Qwen3(checkpoint, alone.config, threads=3)
    expected = alone.forward_all(ids, alone.new_cache(kind="f32"))
    np.testing.assert_allclose(together.forward_all(ids, together.new_cache(kind="f32")), expected, atol=1e-5)
    together.close()


def test_a_truncated_cache_continues_as_if_the_rest_had_not_been_read(tmp_path: Path) -> None:
    shape = SHAPES[0]
    model = load(shape, tmp_path)
    ids = prompt_ids(shape, 300)
    cache = model.new_cache(kind="f32")
    model.forward(ids[:60], cache)
    cache.truncate(10)
    again = model.forward(ids[10:20], cache)
    assert np.abs(again - model.forward(ids[:20], model.new_cache(kind="f32"))).max() <= 1e-4


def test_too_many_tokens_are_refused_with_both_numbers(tmp_path: Path) -> None:
    model = load(SHAPES[0], tmp_path)
    with pytest.raises(ContextLengthExceeded, match=r"300 tokens do not fit into a context of 100"):
        model.forward(prompt_ids(SHAPES[0], 300), model.new_cache(100, "f32"))


def test_token_ids_outside_the_vocabulary_are_refused(tmp_path: Path) -> None:
    model = load(SHAPES[0], tmp_path)
    with pytest.raises(RequestError, match="400"):
        model.forward(np.array([400], np.int32), model.new_cache(kind="f32"))


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", metadata={"general.architecture": "llama"})
    with pytest.raises(CheckpointError, match="llama"):
        Qwen3.from_checkpoint(open_gguf(path))
