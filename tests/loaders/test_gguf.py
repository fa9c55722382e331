"""Reading and writing GGUF, and refusing what is not sound."""

import random
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.quants.formats import FORMATS
from tests.factories import write_tiny_gguf

METADATA = {
    "general.architecture": "qwen3",
    "a.flag": True,
    "a.number": 7,
    "a.float": 0.5,
    "a.texts": ["x", "ü", ""],
    "a.numbers": [1, -2, 3],
    "a.empty": [],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = np.arange(96, dtype=np.float32)
    tensors = {
        "first": (FORMATS["Q8_0"], (3, 32), FORMATS["Q8_0"].quantize(values)),
        "second": (FORMATS["F32"], (5,), FORMATS["F32"].quantize(values[:5])),
    }
    write_gguf(tmp_path / "m.gguf", METADATA, tensors)
    return tmp_path / "m.gguf"


def test_what_was_written_is_read_back(path: Path) -> None:
    checkpoint = open_gguf(path)
    assert dict(checkpoint.metadata) == METADATA
    assert checkpoint.tensor("first").shape == (3, 32)
    np.testing.assert_array_equal(checkpoint.tensor("second").dequantized(), np.arange(5, dtype=np.float32))


def test_the_gguf_package_reads_what_we_write(path: Path) -> None:
    reader = gguf.GGUFReader(path)
    assert [tensor.name for tensor in reader.tensors] == ["first", "second"]
    assert reader.tensors[0].shape.tolist() == [32, 3]
    assert reader.get_field("a.texts").contents() == ["x", "ü", ""]  # type: ignore[union-attr]


def test_we_read_what_the_gguf_package_writes(tmp_path: Path) -> None:
    path = tmp_path / "theirs.gguf"
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_uint64("a.big", 1 << 40)
    writer.add_array("a.floats", [0.5, 1.5])
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    writer.add_tensor("t", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    checkpoint = open_gguf(path)
    assert checkpoint.metadata["a.big"] == 1 << 40
    assert checkpoint.metadata["a.floats"] == [0.5, 1.5]
    np.testing.assert_array_equal(checkpoint.tensor("t").dequantized(), matrix)


@pytest.mark.parametrize(
    ("offset", "data", "told"),
    [
        (0, b"GGML", "not a GGUF file"),
        (4, struct.pack("<I", 1), "version 1"),
        (4, struct.pack(">I", 3), "big-endian"),
        (8, struct.pack("<Q", 1 << 60), "tensors, more than the file holds"),
        (16, struct.pack("<Q", 1 << 60), "metadata values, more than the file holds"),
        (24, struct.pack("<Q", 1 << 62), "needs"),
    ],
)
def test_a_damaged_header_is_refused_by_name(path: Path, offset: int, data: bytes, told: str) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + len(data)] = data
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=told) as error:
        open_gguf(path)
    assert str(path) in str(error.value)


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole) - 32, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            open_gguf(path)


def test_a_missing_file_and_tensor_are_named(path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        open_gguf(path.parent / "nowhere.gguf")
    with pytest.raises(CheckpointError, match="'third' is missing"):
        open_gguf(path).tensor("third")


def test_mutated_files_never_crash_the_loader(tmp_path: Path) -> None:
    sound = write_tiny_gguf(tmp_path / "m.gguf", n_layers=1, vocab_size=32).read_bytes()
    header = sound.index(b"output_norm") + 60
    rng = random.Random(3)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(header)] = rng.randrange(256)
        (tmp_path / "d.gguf").write_bytes(damaged)
        try:
            Qwen3.from_checkpoint(open_gguf(tmp_path / "d.gguf"), threads=1)
        except CheckpointError:
            refused += 1
    assert refused > 500


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"a\.thing"):
        write_gguf(tmp_path / "m.gguf", {"a.thing": object()}, {})
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_gguf(tmp_path / "no" / "m.gguf", {}, {})
    assert list(tmp_path.iterdir()) == []
