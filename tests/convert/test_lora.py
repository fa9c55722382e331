"""LoRA adapter folders: merged as the formula says, in plain loops, and refused when they do not fit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from picoqwen_core.convert.quantize import Recipe, write_quantized
from picoqwen_core.convert.source import open_source
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.quants.formats import FORMATS
from tests.hf import SHAPE, write_hf_folder

RANK, ALPHA = 3, 5.0
Q, DOWN = "layers.0.self_attn.q_proj", "layers.1.mlp.down_proj"


def write_adapter(folder: Path, *, tensors=None, **changes) -> Path:
    """An adapter of two matrices in PEFT's files."""
    rng = np.random.default_rng(7)
    shapes = {Q: (SHAPE.n_heads * SHAPE.head_dim, SHAPE.hidden_size)}
    shapes |= {DOWN: (SHAPE.hidden_size, SHAPE.intermediate_size)}
    found = {}
    for name, (rows, columns) in shapes.items():
        for letter, shape in (("A", (RANK, columns)), ("B", (rows, RANK))):
            key = f"base_model.model.model.{name}.lora_{letter}.weight"
            found[key] = rng.standard_normal(shape).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(found if tensors is None else tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none", "use_dora": False}
    config |= {"base_model_name_or_path": "../base", "target_modules": ["q_proj", "down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config | changes))
    return folder


def merged_by_loops(weight, a, b, scale):
    """W + scale x (B @ A), element by element, summed by rank in float32."""
    merged = weight.copy()
    for row in range(weight.shape[0]):
        for column in range(weight.shape[1]):
            total = np.float32(0)
            for rank in range(a.shape[0]):
                total += b[row, rank] * a[rank, column]
            merged[row, column] += scale * total
    return merged


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    write_hf_folder(tmp_path / "base")
    return write_adapter(tmp_path / "adapter")


def quantized(source: Path, base: Path | None = None):
    out = source.parent / "out.gguf"
    recipe = Recipe(FORMATS["F32"])
    write_quantized(open_source(source, base), out, recipe, threads=2, advance=lambda values: None)
    return open_gguf(out)


def test_adapted_matrices_are_merged_to_the_bit_and_others_are_left_alone(adapter: Path) -> None:
    base, merged = open_source(adapter.parent / "base").checkpoint, quantized(adapter)
    tensors = load_file(adapter / "adapter_model.safetensors")
    for name, ours in ((Q, "blk.0.attn_q.weight"), (DOWN, "blk.1.ffn_down.weight")):
        a, b = (tensors[f"base_model.model.model.{name}.lora_{letter}.weight"] for letter in "AB")
        scale = np.float32(ALPHA) / np.float32(RANK)
        expected = merged_by_loops(base.tensor(ours).dequantized(), a, b, scale)
        np.testing.assert_array_equal(merged.tensor(ours).dequantized(), expected)
    for name in ("blk.1.attn_q.weight", "token_embd.weight", "blk.0.attn_norm.weight"):
        np.testing.assert_array_equal(
            merged.tensor(name).dequantized(), base.tensor(name).dequantized(), name
        )


def test_a_rank_stabilized_adapter_is_scaled_by_the_root(adapter: Path) -> None:
    write_adapter(adapter, use_rslora=True)
    update = open_source(adapter).updates["blk.0.attn_q.weight"]
    assert update.scale == np.float32(ALPHA) / np.float32(RANK**0.5)


def test_the_base_may_lie_in_the_same_folder_or_be_named(adapter: Path, tmp_path: Path) -> None:
    named = open_source(adapter).checkpoint
    write_adapter(adapter, base_model_name_or_path="Qwen/Qwen3-0.6B")
    assert open_source(adapter, tmp_path / "base").checkpoint.path == tmp_path / "base"
    for path in (tmp_path / "base").iterdir():
        shutil.copy(path, adapter)
    assert open_source(adapter).checkpoint.tensors.keys() == named.tensors.keys()


KEY = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"
A, B = np.ones((RANK, 64), np.float32), np.ones((128, RANK), np.float32)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base_model_name_or_path": "Qwen/Qwen3-0.6B"}, "'Qwen/Qwen3-0.6B' is neither a path .* --base"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path is None"),
        ({"use_dora": True}, "use_dora is True, which is not supported"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern is"),
        ({"r": 4}, "r is 4, but the adapters have rank 3"),
        ({"lora_alpha": "much"}, "lora_alpha is 'much'"),
        ({"tensors": {}}, "holds no adapters"),
        ({"tensors": {KEY.format("A"): A}}, "has A, but not both A and B"),
        ({"tensors": {KEY.format("A"): A, KEY.format("B"): B[:9]}}, r"B \(9, 3\) do not fit blk.0.attn_q"),
        ({"tensors": {KEY.format("A"): A, KEY.format("B"): B[:, :2]}}, "do not fit"),
        ({"tensors": {"base_model.model.lm_head.lora_A.weight": A}}, "no adapter of a layer's projection"),
        (
            {"tensors": {KEY.replace("0", "7").format("A"): A, KEY.replace("0", "7").format("B"): B}},
            "missing",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(adapter: Path, changes: dict, told: str) -> None:
    write_adapter(adapter, **changes)
    with pytest.raises(CheckpointError, match=told):
        open_source(adapter)


def test_a_folder_without_its_weights_is_told(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"adapter_model\.safetensors: no such file"):
        open_source(adapter)
