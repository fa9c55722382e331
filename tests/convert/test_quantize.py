"""picoqwen quantize: what the gguf package reads in the file; bad cases leave nothing behind."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind

from picoqwen_core.convert.quantize import Recipe, write_quantized
from picoqwen_core.convert.source import open_source
from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.quants.formats import FORMATS
from tests.factories import write_tiny_gguf
from tests.hf import write_hf_folder
from tests.oracles.shapes import Shape
from tests.qwen3_rs import write_qwen3_rs
from tests.repository import ROOT
from tests.vocabulary import tiny_metadata

# Rows of 256 hold K blocks; ffn_down's of 96 and attn_output's of 128 do not.
SIZES = {"hidden_size": 256, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "head_dim": 32}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    metadata = tiny_metadata()
    rows = len(metadata["tokenizer.ggml.tokens"])
    return write_tiny_gguf(tmp_path / "in.gguf", vocab_size=rows, metadata=metadata, tied=False, **SIZES)


def quantize(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "picoqwen_core", "quantize", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=100, **options
    )


def convert(source: Path, out: Path, recipe: Recipe):
    return write_quantized(open_source(source), out, recipe, threads=2, advance=lambda values: None)


def kinds(path: Path) -> dict[str, Kind]:
    return {tensor.name: Kind(tensor.tensor_type) for tensor in gguf.GGUFReader(path).tensors}


@pytest.mark.parametrize("name", FORMATS)
def test_every_tensor_has_the_values_that_its_quantizer_gives(source: Path, name: str) -> None:
    out = source.with_name("out.gguf")
    convert(source, out, Recipe(FORMATS[name], FORMATS[name]))
    weights = open_gguf(source).tensors
    for tensor in gguf.GGUFReader(out).tensors:
        kind = Kind(tensor.tensor_type)
        expected = FORMATS[kind.name].quantize(weights[tensor.name].dequantized().reshape(-1))
        assert tensor.data.tobytes() == expected.tobytes(), tensor.name


def test_matrices_get_the_format_and_vectors_stay_as_they_are(source: Path) -> None:
    out = source.with_name("out.gguf")
    result = quantize(source, out, "--to", "q4_k")
    found = kinds(out)
    assert result.returncode == 0, result.stderr
    assert found["blk.0.attn_q.weight"] == found["token_embd.weight"] == Kind.Q4_K
    assert found["output.weight"] == Kind.Q6_K
    # Rows of 96 and 128 elements have no blocks of 256.
    assert found["blk.1.ffn_down.weight"] == found["blk.1.attn_output.weight"] == Kind.Q5_0
    assert {kind for name, kind in found.items() if "norm" in name} == {Kind.F32}
    assert "rows of blk.0.ffn_down.weight do not end with a block; it is Q5_0" in result.stderr
    assert "MB, tensors: " in result.stdout
    # A bar is for terminals.
    assert "[#" not in result.stderr


@pytest.mark.parametrize(
    ("main", "columns", "expected"),
    [
        ("Q4_K", 256, "Q4_K"),
        ("Q4_K", 96, "Q5_0"),
        ("Q5_K", 96, "Q5_1"),
        ("Q6_K", 96, "Q8_0"),
        ("Q6_K", 100, "F16"),
        ("IQ4_NL", 100, "F16"),
    ],
)
def test_rows_without_whole_blocks_get_what_llama_cpp_takes(main: str, columns: int, expected: str) -> None:
    from picoqwen_core.convert.quantize import fitting

    assert fitting(FORMATS[main], columns).name == expected


@pytest.mark.parametrize(
    ("tied", "flags", "embedding", "head"),
    [
        (False, (), Kind.Q4_0, Kind.Q6_K),
        (False, ("--head", "q8_0", "--embedding", "Q5_0"), Kind.Q5_0, Kind.Q8_0),
        (True, (), Kind.Q6_K, None),
        (True, ("--embedding", "q4_0"), Kind.Q4_0, None),
        (True, ("--head", "f16"), Kind.F16, None),
    ],
)
def test_head_and_embedding_can_be_chosen(tmp_path: Path, tied: bool, flags, embedding, head) -> None:
    source = write_tiny_gguf(tmp_path / "in.gguf", tied=tied, **SIZES)
    result = quantize(source, tmp_path / "out.gguf", "--to", "q4_0", *flags)
    assert result.returncode == 0, result.stderr
    found = kinds(tmp_path / "out.gguf")
    assert (found["token_embd.weight"], found.get("output.weight")) == (embedding, head)


def test_metadata_keeps_its_values_and_types(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "in.gguf", "qwen3")
    writer.add_uint64("a.big", 1 << 40)
    writer.add_uint8("a.small", 3)
    writer.add_float64("a.exact", 0.1)
    writer.add_key_value("a.counts", [1, 2], gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT16)
    writer.add_array("a.flags", [True, False])
    writer.add_array("a.none", [])
    writer.add_custom_alignment(64)
    writer.add_file_type(0)
    for name, shape in (("token_embd.weight", (4, 32)), ("output_norm.weight", (32,))):
        writer.add_tensor(name, np.ones(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    convert(tmp_path / "in.gguf", tmp_path / "out.gguf", Recipe(FORMATS["Q8_0"]))
    before, after = (gguf.GGUFReader(tmp_path / name).fields for name in ("in.gguf", "out.gguf"))
    for key in ("a.big", "a.small", "a.exact", "a.counts", "a.flags", "general.architecture"):
        assert after[key].types == before[key].types, key
        assert after[key].contents() == before[key].contents(), key
    assert "general.alignment" not in after
    assert after["general.file_type"].contents() == 7
    assert after["general.quantization_version"].contents() == 2


def test_a_hugging_face_folder_becomes_a_file_with_tokenizer_and_template(tmp_path: Path) -> None:
    shape = Shape("hf", 5, 64, 2, 4, 2, 32, 96, 320, True, (9,))
    write_hf_folder(tmp_path / "hf", shape, dtype="BF16")
    out = tmp_path / "out.gguf"
    assert quantize(tmp_path / "hf", out, "--to", "q8_0").returncode == 0
    fields = gguf.GGUFReader(out).fields
    tokens = tiny_metadata()["tokenizer.ggml.tokens"]
    # One for each row of the embedding: llama.cpp counts the rows by the tokens.
    padding = [f"[PAD{index}]" for index in range(len(tokens), shape.vocab_size)]
    assert fields["tokenizer.ggml.tokens"].contents() == [*tokens, *padding]
    assert fields["tokenizer.ggml.token_type"].contents()[len(tokens) :] == [5] * len(padding)
    assert fields["tokenizer.chat_template"].contents() == tiny_metadata()["tokenizer.chat_template"]
    model = Qwen3.from_checkpoint(open_gguf(out), threads=1)
    exact = Qwen3.from_checkpoint(open_source(tmp_path / "hf").checkpoint, threads=1)
    ids = np.arange(20, dtype=np.int32)
    ours, theirs = (each.forward(ids, each.new_cache(32)) for each in (model, exact))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999


def test_a_model_in_parts_becomes_one_file(tmp_path: Path) -> None:
    whole = open_gguf(write_tiny_gguf(tmp_path / "whole.gguf", **SIZES))
    names = sorted(whole.tensors)
    for part in range(2):
        split = {"split.no": part, "split.count": 2, "split.tensors.count": len(names)}
        tensors = {
            name: (tensor.type, tensor.shape, tensor.data)
            for name in names[part::2]
            for tensor in [whole.tensors[name]]
        }
        write_gguf(tmp_path / f"m-0000{part + 1}-of-00002.gguf", {**whole.metadata, **split}, tensors)
    first = tmp_path / "m-00001-of-00002.gguf"
    convert(first, tmp_path / "out.gguf", Recipe(FORMATS["F32"]))
    out = open_gguf(tmp_path / "out.gguf")
    assert not any(key.startswith("split.") for key in out.metadata)
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(out.tensor(name).dequantized(), tensor.dequantized())
    told = quantize(first, tmp_path / "m-00002-of-00002.gguf", "--to", "q8_0")
    assert told.returncode == 1
    assert "write to another file" in told.stderr


@pytest.mark.parametrize("group", [16, 32, 64])
def test_a_qwen3_rs_checkpoint_becomes_a_file_with_its_values(tmp_path: Path, group: int) -> None:
    # More rows than are converted at once.
    shape = Shape("rs", 5, 64, 1, 4, 2, 32, 64, 40_000, False, (9,))
    kept = write_qwen3_rs(tmp_path / "m.bin", shape, group_size=group)
    convert(tmp_path / "m.bin", tmp_path / "out.gguf", Recipe(FORMATS["F32"]))
    out = open_gguf(tmp_path / "out.gguf")
    loss = 1e-3 if group < 32 else 0  # those are read as F16
    for name, values in kept.items():
        np.testing.assert_allclose(out.tensor(name).dequantized(), values, rtol=loss, atol=loss / 100)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("in.gguf", "in.gguf", "--to", "q8_0"), "write to another file"),
        (("in.gguf", "link.gguf", "--to", "q8_0"), "write to another file"),
        (("in.gguf", "o.gguf", "--to", "q9"), "--to is 'q9'; allowed: f32, f16, q4_0"),
        (("in.gguf", "o.gguf", "--to", "q8_0", "--head", "x"), "--head is 'x'; allowed: "),
        (("in.gguf", "o.gguf", "--to", "q8_0", "--threads", "0"), "--threads is 0"),
        (("in.gguf", "o.gguf", "--to", "q8_0", "--base", "b"), "no adapter folder"),
        (("no.gguf", "o.gguf", "--to", "q8_0"), "no.gguf: no such file"),
        (("in.gguf", "no/o.gguf", "--to", "q8_0"), "there is no folder"),
        (("in.gguf", ".", "--to", "q8_0"), "is a folder"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_leaves_all_as_it_was(
    source: Path, arguments: tuple[str, ...], told: str
) -> None:
    (source.parent / "link.gguf").symlink_to(source)
    before = {path.name: path.read_bytes() for path in source.parent.iterdir()}
    paths = [source.parent / each if place < 2 else each for place, each in enumerate(arguments)]
    result = quantize(*paths)
    assert result.returncode == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in source.parent.iterdir()} == before


def test_a_tied_model_has_one_format_for_head_and_embedding(tmp_path: Path) -> None:
    source = write_tiny_gguf(tmp_path / "in.gguf", **SIZES)
    with pytest.raises(ConfigError, match="cannot be F16 and Q8_0"):
        convert(source, tmp_path / "o.gguf", Recipe(FORMATS["Q8_0"], FORMATS["F16"], FORMATS["Q8_0"]))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    weights = np.ones((4, 32), np.float32)
    weights[2, 3] = np.nan
    tensors = {"token_embd.weight": (FORMATS["F32"], weights.shape, FORMATS["F32"].quantize(weights.ravel()))}
    write_gguf(tmp_path / "in.gguf", {"general.architecture": "qwen3"}, tensors)
    with pytest.raises(
        CheckpointError, match=r"token_embd\.weight' holds infinities or what is not a number"
    ):
        convert(tmp_path / "in.gguf", tmp_path / "out.gguf", Recipe(FORMATS["Q8_0"]))
    assert [path.name for path in tmp_path.iterdir()] == ["in.gguf"]


def test_a_file_larger_than_allowed_leaves_nothing_and_says_how_much_is_missing(source: Path) -> None:
    def small_files() -> None:
        # Python ignores SIGXFSZ, so writing fails with EFBIG.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    before = sorted(source.parent.iterdir())
    result = quantize(source, source.with_name("out.gguf"), "--to", "f32", preexec_fn=small_files)
    assert result.returncode == 1
    size = source.stat().st_size / 1e6
    assert f"{size:.1f} MB are needed, 0.1 MB are free, {size - 0.1:.1f} MB are missing" in result.stderr
    assert sorted(source.parent.iterdir()) == before


def test_a_terminated_run_leaves_nothing(tmp_path: Path) -> None:
    # IQ4_NL is searched for, so this takes seconds.
    source = write_tiny_gguf(tmp_path / "in.gguf", **{**SIZES, "hidden_size": 1024}, vocab_size=60_000)
    command = [sys.executable, "-m", "picoqwen_core", "quantize", str(source), str(tmp_path / "out.gguf")]
    with subprocess.Popen([*command, "--to", "iq4_nl", "--head", "iq4_nl"], cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) == 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(list(tmp_path.iterdir())) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == [source]


def test_the_bar_moves_on_a_terminal(source: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "picoqwen_core", "quantize", str(source)]
    with subprocess.Popen(
        [*command, str(source.with_name("out.gguf")), "--to", "q8_0"], cwd=ROOT, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        assert process.wait(60) == 0
    os.close(ours)
    assert b"quantizing out.gguf [" in shown
    assert shown.endswith(b"\r\x1b[K")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
