"""Models in several GGUF files, as llama.cpp's and the gguf package's writers split them."""

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.quants.formats import FORMATS

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
NAMES = [f"m-{part:05}-of-00003.gguf" for part in (1, 2, 3)]


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Five tensors in three files by the gguf package."""
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "qwen3", split_max_tensors=2)
    writer.add_string("a.text", "first part only")
    for number in range(5):
        writer.add_tensor(f"t{number}", MATRIX + number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [tmp_path / name for name in NAMES]


@pytest.mark.parametrize("named", [0, 1, 2])
def test_any_part_opens_the_whole_model(parts, named):
    checkpoint = open_checkpoint(parts[named])
    assert checkpoint.path == parts[0]
    assert checkpoint.metadata["a.text"] == "first part only"
    assert checkpoint.size == sum(part.stat().st_size for part in parts)
    for number in range(5):
        np.testing.assert_array_equal(checkpoint.tensor(f"t{number}").dequantized(), MATRIX + number)


def test_a_missing_part_is_named(parts):
    parts[1].unlink()
    with pytest.raises(CheckpointError, match=r"3 parts.*m-00002-of-00003\.gguf is missing"):
        open_checkpoint(parts[0])


def test_a_part_under_another_name_says_what_it_must_be_called(parts):
    other = parts[0].rename(parts[0].with_name("other.gguf"))
    with pytest.raises(CheckpointError, match=r"part 1 of 3 and must be named NAME-00001-of-00003\.gguf"):
        open_checkpoint(other)


def test_a_copy_of_another_part_is_refused(parts):
    parts[2].write_bytes(parts[1].read_bytes())
    with pytest.raises(CheckpointError, match=r"m-00003-of-00003.*not 2"):
        open_checkpoint(parts[0])


def write_parts(folder: Path, *parts: dict) -> Path:
    """Parts with these values of `split.*` and, each, one tensor of the name in `tensor`."""
    for number, part in enumerate(parts):
        tensors = {part.pop("tensor"): (FORMATS["F32"], (1,), np.zeros(4, np.uint8))}
        metadata = {"split.no": number, "split.count": len(parts)} | part
        write_gguf(folder / f"m-{number + 1:05}-of-{len(parts):05}.gguf", metadata, tensors)
    return folder / f"m-00001-of-{len(parts):05}.gguf"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"tensor": "a"}, {"tensor": "a"}, "'a' is in another part too"),
        ({"tensor": "a", "split.tensors.count": 3}, {"tensor": "b"}, "split.tensors.count is 3"),
        ({"tensor": "a"}, {"tensor": "b", "split.count": 1}, "split.no is 1, of 1 parts"),
        ({"tensor": "a", "split.count": "2"}, {"tensor": "b"}, "split.count is '2'"),
        ({"tensor": "a", "split.no": 5}, {"tensor": "b"}, "split.no is 5, of 2 parts"),
        ({"tensor": "a", "split.count": 1 << 20}, {"tensor": "b"}, "small whole number"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(tmp_path, first, second, told):
    path = write_parts(tmp_path, dict(first), dict(second))
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(path)


def test_version_2_is_read_like_version_3(tmp_path):
    path = write_parts(tmp_path, {"tensor": "a"})
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", 2)
    path.write_bytes(data)
    assert list(open_checkpoint(path).tensors) == ["a"]
