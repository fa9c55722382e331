"""Which files are models, and which one a name means."""

from pathlib import Path

import pytest

from picoqwen_core.installed import files_of, find_models, model_file, pick, split_name


@pytest.mark.parametrize(
    ("name", "base", "quantization"),
    [
        ("Qwen3-0.6B-Q8_0", "Qwen3-0.6B", "Q8_0"),
        ("qwen3-4b-q4_k_m", "qwen3-4b", "Q4_K_M"),
        ("Qwen3-1.7B.IQ4_NL", "Qwen3-1.7B", "IQ4_NL"),
        ("Qwen3-0.6B-BF16", "Qwen3-0.6B", "BF16"),
        ("Qwen3-0.6B-f16", "Qwen3-0.6B", "F16"),
        ("pico-home", "pico-home", None),
    ],
)
def test_a_name_tells_the_format(name, base, quantization):
    assert split_name(name) == (base, quantization)


def test_a_folder_holds_files_and_folders_of_models(tmp_path: Path):
    (tmp_path / "b.gguf").write_bytes(b"12345")
    for part in (1, 2):
        (tmp_path / f"big-Q8_0-0000{part}-of-00002.gguf").write_bytes(b"1234")
    (tmp_path / "a.gguf.part").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "c.d").mkdir()
    (tmp_path / "c.d" / "config.json").touch()
    (tmp_path / "c.d" / "model.safetensors").write_bytes(b"123")
    (tmp_path / "empty").mkdir()
    (tmp_path / "rs.bin").write_bytes(b"1cja" + bytes(6))
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\3\4")

    found = find_models(tmp_path)

    assert {name: each.size_bytes for name, each in found.items()} == {
        "b": 5,
        "big-Q8_0": 8,
        "c.d": 3,
        "rs": 10,
    }
    assert [path.name for path in files_of(found["big-Q8_0"].path)] == [
        "big-Q8_0-00001-of-00002.gguf",
        "big-Q8_0-00002-of-00002.gguf",
    ]
    assert find_models(tmp_path / "nowhere") == find_models(None) == {}


def models(*names: str):
    return [model_file(Path("/nowhere") / f"{name}.gguf") for name in names]


@pytest.mark.parametrize(
    ("name", "quantization", "picked"),
    [
        ("Qwen3-4B-Q8_0", None, "Qwen3-4B-Q8_0"),
        ("qwen3-4b", None, "Qwen3-4B-Q8_0"),
        ("qwen3:4b", None, "Qwen3-4B-Q8_0"),
        ("qwen3:4b:latest", None, "Qwen3-4B-Q8_0"),
        ("qwen3-4b", "int4", "Qwen3-4B-Q4_K_M"),
        ("Qwen3-4B-Q8_0", "Q4_K_M", "Qwen3-4B-Q4_K_M"),
        ("qwen3-4b", "F16", None),
        ("other", "Q8_0", "other"),
        ("llama", None, None),
    ],
)
def test_a_name_means_the_preferred_format_unless_told(name, quantization, picked):
    found = pick(models("Qwen3-4B-Q4_K_M", "Qwen3-4B-Q8_0", "other"), name, quantization, "int8")
    assert (found.id if found else None) == picked
