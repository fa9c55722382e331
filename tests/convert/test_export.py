"""picoqwen export: both layouts byte for byte, against the plain writer; and what it refuses."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from picoqwen_core.convert.quantize import Recipe, write_quantized
from picoqwen_core.convert.qwen3_rs import chosen_group_size, write_qwen3_rs
from picoqwen_core.convert.source import open_source
from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.quants.formats import FORMATS
from tests.convert import plain_qwen3_rs
from tests.convert.plain_qwen3_rs import QWEN_TEMPLATES
from tests.convert.test_lora import write_adapter
from tests.factories import write_tiny_gguf
from tests.hf import hf_name, write_hf_folder
from tests.oracles.shapes import Shape
from tests.repository import ROOT
from tests.vocabulary import qwen3_metadata, tiny_metadata

TIED = Shape("tied", 5, 64, 2, 4, 2, 32, 96, 320, True, (9,))
UNTIED = Shape("untied", 6, 64, 1, 4, 1, 32, 64, 300, False, (9,))


def export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "picoqwen_core", "export", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=100)


def convert(source: Path, out: Path, layout="b", group_size=32):
    """The same without a process."""
    return write_qwen3_rs(
        open_source(source), out, layout, group_size, threads=2, advance=lambda values: None
    )


def change(folder: Path, edit) -> dict[str, np.ndarray]:
    """Change the weights of a Hugging Face folder; returns all of them."""
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors")
    return weights


def ties_zeros_and_extremes(weights: dict[str, np.ndarray]) -> None:
    """Groups whose scale is 1, with codes half way between two; of zeros; and of the least numbers."""
    weights["model.layers.0.self_attn.q_proj.weight"][0, :32] = [127, -127, *np.arange(-7.5, 7.5, 0.5)]
    weights["model.layers.0.mlp.down_proj.weight"][3] = 0
    weights["model.embed_tokens.weight"][5, :32] = 1e-42


@pytest.mark.parametrize("layout", ["a", "b"])
@pytest.mark.parametrize(
    ("shape", "dtype", "asked", "group"),
    [(TIED, "F32", 32, 32), (TIED, "BF16", 16, 16), (UNTIED, "F16", 64, 64), (UNTIED, "F32", 999, 64)],
)
def test_all_files_are_those_of_the_plain_writer(
    tmp_path: Path, shape: Shape, dtype: str, asked: int, group: int, layout: str
) -> None:
    metadata = tiny_metadata()
    tokens = metadata["tokenizer.ggml.tokens"]
    kept = write_hf_folder(tmp_path / "hf", shape, dtype=dtype)
    weights = {hf_name(name): array for name, array in kept.items()}
    if dtype == "F32":
        weights = change(tmp_path / "hf", ties_zeros_and_extremes)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    out = tmp_path / "out" / "model.bin"
    out.parent.mkdir()
    result = export(tmp_path / "hf", out, "-g", str(asked), "--layout", layout)
    assert result.returncode == 0, result.stderr
    expected = {
        "": plain_qwen3_rs.checkpoint(weights, config, layout, group, shared=shape.tied),
        ".tokenizer": plain_qwen3_rs.tokenizer(
            tokens,
            metadata["tokenizer.ggml.merges"],
            tokens.index("<|endoftext|>"),
            tokens.index("<|im_end|>"),
            layout,
        ),
        **{ending: text.encode() for ending, text in QWEN_TEMPLATES.items()},
    }
    found = {path.name.removeprefix("model.bin"): path.read_bytes() for path in out.parent.iterdir()}
    assert found == expected
    assert f"layout {layout} (qwen3" in result.stdout
    assert f"in groups of {group}, largest error 0." in result.stdout


def test_layout_b_and_groups_of_64_are_the_default(tmp_path: Path) -> None:
    write_hf_folder(tmp_path / "hf", UNTIED)
    assert export(tmp_path / "hf", tmp_path / "m.bin").returncode == 0
    header = struct.unpack("<13I", (tmp_path / "m.bin").read_bytes()[:52])
    assert (header[2], header[12]) == (1, 64)


@pytest.mark.parametrize("layout", ["a", "b"])
def test_what_was_exported_is_read_back_with_its_tokenizer_and_template(tmp_path: Path, layout: str) -> None:
    write_hf_folder(tmp_path / "hf", TIED)
    convert(tmp_path / "hf", tmp_path / "m.bin", layout)
    found, source = open_checkpoint(tmp_path / "m.bin"), open_checkpoint(tmp_path / "hf")
    for key in ("tokens", "merges", "eos_token_id", "bos_token_id"):
        assert found.metadata[f"tokenizer.ggml.{key}"] == source.metadata[f"tokenizer.ggml.{key}"], key
    for name, tensor in source.tensors.items():
        np.testing.assert_allclose(
            found.tensor(name).dequantized(), tensor.dequantized(), atol=0.02, err_msg=name
        )


def test_the_real_vocabulary_gets_scores_from_which_its_merges_come_back(tmp_path: Path) -> None:
    metadata = qwen3_metadata()
    rows = 151_936
    filled = [f"[PAD{index}]" for index in range(len(metadata["tokenizer.ggml.tokens"]), rows)]
    metadata["tokenizer.ggml.tokens"] += filled
    metadata["tokenizer.ggml.token_type"] += [5] * len(filled)
    path = write_tiny_gguf(tmp_path / "m.gguf", n_layers=1, vocab_size=rows, metadata=metadata)
    convert(path, tmp_path / "m.bin")
    found = open_checkpoint(tmp_path / "m.bin").metadata
    assert found["tokenizer.ggml.merges"] == metadata["tokenizer.ggml.merges"]
    # Tokens that only fill up the embedding's rows are left out, as in qwen3-rs's own files.
    assert len(found["tokenizer.ggml.tokens"]) == 151_669
    assert found["tokenizer.ggml.tokens"] == metadata["tokenizer.ggml.tokens"][:151_669]


@pytest.mark.parametrize("layouts", [("a", "b"), ("b", "a")])
def test_one_layout_becomes_the_other_without_loss(tmp_path: Path, layouts: tuple[str, str]) -> None:
    write_hf_folder(tmp_path / "hf", UNTIED)
    first, second = layouts
    for layout in layouts:
        convert(tmp_path / "hf", tmp_path / layout, layout, 64)
    result = convert(tmp_path / first, tmp_path / "again", second, 64)
    assert result.largest_error == 0
    for ending in ("", ".tokenizer", *QWEN_TEMPLATES):
        ours, theirs = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("again", second))
        assert ours == theirs, ending


@pytest.mark.parametrize(("nearness", "shared"), [(0, 1), (5e-7, 1), (2e-6, 0)])
def test_a_head_that_equals_the_embedding_is_not_written(
    tmp_path: Path, nearness: float, shared: int
) -> None:
    source = open_checkpoint(write_tiny_gguf(tmp_path / "m.gguf", metadata=tiny_metadata()))
    tensors = {name: (each.type, each.shape, each.data) for name, each in source.tensors.items()}
    head = source.tensor("token_embd.weight").dequantized().copy()
    head[-1, -1] = np.float32(0.25)
    near = head.copy()
    near[-1, -1] += np.float32(nearness)
    for name, values in (("token_embd.weight", head), ("output.weight", near)):
        tensors[name] = (FORMATS["F32"], values.shape, FORMATS["F32"].quantize(values.reshape(-1)))
    write_gguf(tmp_path / "two.gguf", source.metadata, tensors)
    assert convert(tmp_path / "two.gguf", tmp_path / "m.bin").header.shared_classifier == shared


def test_an_adapter_is_merged_on_the_way(tmp_path: Path) -> None:
    write_hf_folder(tmp_path / "base")
    write_adapter(tmp_path / "adapter")
    recipe = Recipe(FORMATS["F32"])
    source = open_source(tmp_path / "adapter")
    write_quantized(source, tmp_path / "merged.gguf", recipe, threads=1, advance=lambda values: None)
    convert(tmp_path / "merged.gguf", tmp_path / "expected.bin")
    assert export(tmp_path / "adapter", tmp_path / "m.bin", "-g", "32").returncode == 0
    assert (tmp_path / "m.bin").read_bytes() == (tmp_path / "expected.bin").read_bytes()


@pytest.mark.parametrize(
    ("requested", "dim", "expected"),
    [(64, 1024, 64), (64, 96, 32), (64, 100, 4), (64, 90, 4), (2, 64, 4), (128, 64, 64), (48, 64, 4)],
)
def test_the_group_size_is_halved_until_it_divides_the_hidden_size(requested, dim, expected) -> None:
    assert chosen_group_size(requested, dim) == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "m.bin"), "nowhere: no such file"),
        (("empty", "m.bin"), "no model: a folder needs config.json"),
        (("hf", "m.bin", "-g", "x"), "--group-size is 'x'; allowed: a whole number, 1 or more"),
        (("hf", "m.bin", "-g", "0"), "--group-size is '0'"),
        (("hf", "m.bin"), "groups of 64 do not divide the model's intermediate size, 96; try -g 32"),
        (("hf", "no/m.bin", "-g", "32"), "there is no folder"),
        (("hf", "hf/model.safetensors", "-g", "32"), "write to another file"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_nothing(tmp_path: Path, arguments, told: str) -> None:
    write_hf_folder(tmp_path / "hf", TIED)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    paths = [tmp_path / each if place < 2 else each for place, each in enumerate(arguments)]
    result = export(*paths)
    assert result.returncode == 1
    assert told in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rope_theta": 5e6}, "RoPE theta is 5e[+]06; qwen3-rs's layouts do not store it and mean 1e[+]06"),
        ({"rms_norm_eps": 1e-5}, "RMS norm epsilon is 1e-05"),
    ],
)
def test_a_model_that_the_layouts_cannot_hold_is_refused(tmp_path: Path, changes: dict, told: str) -> None:
    write_hf_folder(tmp_path / "hf", TIED, config=changes)
    with pytest.raises(CheckpointError, match=told):
        convert(tmp_path / "hf", tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def test_templates_are_needed_before_anything_is_written(tmp_path: Path) -> None:
    metadata = tiny_metadata()
    del metadata["tokenizer.chat_template"]
    path = write_tiny_gguf(tmp_path / "m.gguf", metadata=metadata)
    with pytest.raises(CheckpointError, match="no chat template"):
        convert(path, tmp_path / "m.bin")
    assert [each.name for each in tmp_path.iterdir()] == ["m.gguf"]


NO_SYSTEM = "{% if messages|length > 1 %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"


@pytest.mark.parametrize("template", ["{{ messages[-1].content }}>", NO_SYSTEM])
def test_templates_with_a_system_prompt_are_left_out_where_there_is_none(
    tmp_path: Path, template: str
) -> None:
    metadata = tiny_metadata() | {"tokenizer.chat_template": template}
    convert(write_tiny_gguf(tmp_path / "m.gguf", metadata=metadata), tmp_path / "m.bin")
    found = sorted(path.name for path in tmp_path.glob("m.bin.template*"))
    assert found == ["m.bin.template", "m.bin.template.with-thinking"]


@pytest.mark.parametrize("template", ["{{ messages[0].content }}{{ messages[-1].content }}", "nothing"])
def test_a_template_that_does_not_show_what_the_user_says_is_refused(tmp_path: Path, template: str) -> None:
    metadata = tiny_metadata() | {"tokenizer.chat_template": template}
    path = write_tiny_gguf(tmp_path / "m.gguf", metadata=metadata)
    with pytest.raises(CheckpointError, match=r"shows the user's text [02] times"):
        convert(path, tmp_path / "m.bin")


def test_a_full_disk_leaves_no_file_of_the_six(tmp_path: Path) -> None:
    import resource

    write_hf_folder(tmp_path / "hf", TIED)
    command = [sys.executable, "-m", "picoqwen_core", "export", str(tmp_path / "hf"), str(tmp_path / "m.bin")]
    result = subprocess.run(
        [*command, "-g", "32"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert result.returncode == 1
    assert "MB are missing; nothing was kept" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_groups_that_do_not_fit_are_refused_without_a_process(tmp_path: Path) -> None:
    write_hf_folder(tmp_path / "hf", TIED)
    with pytest.raises(ConfigError, match="try -g 32"):
        convert(tmp_path / "hf", tmp_path / "m.bin", group_size=64)
