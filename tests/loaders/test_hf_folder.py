"""Hugging Face folders: the same logits, ids and texts as other programs, and refusing what is not sound."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from picoqwen_core.chat import ChatTemplate
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.hf_tokenizer import read_tokenizer
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.messages import Message
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.tokenizer import Tokenizer
from tests.hf import tokenizer_json, write_hf_folder, write_json
from tests.oracles import numpy_qwen3
from tests.oracles.shapes import SHAPES, Shape
from tests.oracles.weights import prompt_ids
from tests.vocabulary import qwen3_metadata, tiny_metadata

INDEX = "model.safetensors.index.json"


def logits(path: Path, shape: Shape):
    model = Qwen3.from_checkpoint(open_checkpoint(path), threads=1)
    return model.forward_all(prompt_ids(shape, 9), model.new_cache(32))


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("shape", SHAPES[:2], ids=lambda shape: shape.name)
@pytest.mark.parametrize("shards", [1, 3])
def test_logits_are_those_of_the_oracle(tmp_path, shape, dtype, shards):
    weights = write_hf_folder(tmp_path, shape, dtype=dtype, shards=shards)
    expected = numpy_qwen3.logits(shape, weights, prompt_ids(shape, 9))
    np.testing.assert_allclose(logits(tmp_path, shape), expected, atol=2e-3)


def test_tensors_are_views_of_the_file(tmp_path):
    write_hf_folder(tmp_path)
    tensor = open_checkpoint(tmp_path).tensor("blk.0.attn_q.weight")
    assert not tensor.data.flags.owndata
    assert not tensor.data.flags.writeable


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_of_the_folder_means_the_folder(tmp_path, name):
    write_hf_folder(tmp_path)
    assert open_checkpoint(tmp_path / name).path == tmp_path


def save_with_transformers(folder: Path):
    """Qwen3's tokenizer in the files that transformers writes."""
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    content = tokenizer_json(qwen3_metadata(), pairs=True)
    merges = [tuple(pair) for pair in content["model"]["merges"]]
    theirs = Qwen2Tokenizer(vocab=content["model"]["vocab"], merges=merges)
    theirs.add_tokens(
        [AddedToken(t["content"], special=t["special"], normalized=False) for t in content["added_tokens"]]
    )
    theirs.chat_template = "{{ messages }}"
    theirs.save_pretrained(folder)
    return theirs


def test_a_tokenizer_that_transformers_saved_gives_the_ids_of_transformers(tmp_path):
    theirs = save_with_transformers(tmp_path)
    metadata = read_tokenizer(tmp_path, {"eos_token_id": 151_645}, 151_936)
    ours = Tokenizer.from_metadata(metadata)
    for text in ("Turn on the Küche lamp!\n\n 12 34", "<|im_start|>user\nhi<|im_end|>", "厨房 🦙 e\u0301"):
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)
    assert ours.vocab_size == 151_669
    assert metadata["tokenizer.ggml.token_type"] == qwen3_metadata()["tokenizer.ggml.token_type"]
    assert metadata["tokenizer.chat_template"] == "{{ messages }}"


@pytest.mark.parametrize("pairs", [False, True])
def test_the_tokenizer_is_that_of_a_gguf_file(tmp_path, pairs):
    write_hf_folder(tmp_path, pairs=pairs)
    found, expected = open_checkpoint(tmp_path).metadata, tiny_metadata()
    for key in ("tokens", "merges", "token_type", "model", "pre", "eos_token_id", "add_bos_token"):
        assert found[f"tokenizer.ggml.{key}"] == expected[f"tokenizer.ggml.{key}"], key
    assert found["tokenizer.chat_template"] == expected["tokenizer.chat_template"]
    ChatTemplate.from_metadata(found).render([Message("user", "hi")])


def test_every_listed_end_ends_an_answer(tmp_path):
    write_hf_folder(tmp_path)
    write_json(tmp_path / "generation_config.json", {"eos_token_id": [5, 6, 7, 8]})
    assert {5, 6, 7, 8} <= Tokenizer.from_metadata(open_checkpoint(tmp_path).metadata).stop_ids


def test_a_template_file_wins_and_of_several_the_default(tmp_path):
    write_hf_folder(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings["chat_template"] = [
        {"name": "rag", "template": "no"},
        {"name": "default", "template": "yes"},
    ]
    write_json(tmp_path / "tokenizer_config.json", settings)
    assert open_checkpoint(tmp_path).metadata["tokenizer.chat_template"] == "yes"
    (tmp_path / "chat_template.jinja").write_text("file")
    assert open_checkpoint(tmp_path).metadata["tokenizer.chat_template"] == "file"


def test_a_tied_head_that_is_stored_all_the_same_is_left_alone(tmp_path):
    shape = SHAPES[1]
    write_hf_folder(tmp_path, shape, config={"tie_word_embeddings": True})
    assert "output.weight" not in open_checkpoint(tmp_path).tensors


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"architectures": None}, "architecture is None"),
        ({"hidden_size": "64"}, "hidden_size is '64'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"rope_theta": 10**400}, "rope_theta"),
        ({"quantization_config": {"quant_method": "awq"}}, "awq"),
        ({"attention_bias": True}, "attention_bias"),
        ({"tie_word_embeddings": False}, "lm_head.weight is missing"),
        ({"eos_token_id": "x"}, "eos_token_id"),
    ],
)
def test_a_configuration_that_is_not_qwen3s_is_refused_by_name(tmp_path, changes, told):
    write_hf_folder(tmp_path, config=changes)
    (tmp_path / "generation_config.json").unlink()
    with pytest.raises(CheckpointError, match=told):
        Qwen3.from_checkpoint(open_checkpoint(tmp_path), threads=1)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("../secret.safetensors", "is not the name"),
        ("/etc/passwd", "is not the name"),
        ("a/b.safetensors", "is not the name"),
        ("gone.safetensors", "no such file"),
        (7, "is not the name"),
    ],
)
def test_an_index_never_leads_out_of_the_folder(tmp_path, file, told):
    write_hf_folder(tmp_path, shards=2)
    index = json.loads((tmp_path / INDEX).read_text())
    index["weight_map"]["model.norm.weight"] = file
    write_json(tmp_path / INDEX, index)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path)


def test_shards_that_do_not_fit_their_index_are_refused(tmp_path):
    write_hf_folder(tmp_path, shards=2)
    first, second = sorted(tmp_path.glob("*.safetensors"))
    second.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match="occurs in another file too"):
        open_checkpoint(tmp_path)
    second.unlink()
    with pytest.raises(CheckpointError, match=f"{second.name}: no such file"):
        open_checkpoint(tmp_path)


def _directory(path: Path, change) -> None:
    """Rewrite a safetensors file's directory."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


NORM = "model.norm.weight"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dtype": "I8"}, "type 'I8'"),
        ({"shape": [1 << 62]}, "needs"),
        ({"shape": [0]}, "impossible shape"),
        ({"shape": [-64]}, "impossible shape"),
        ({"shape": "64"}, "impossible shape"),
        ({"data_offsets": [0, 1 << 60]}, "needs"),
        ({"data_offsets": [256, 0]}, "needs"),
        ({"data_offsets": [0, 256]}, "overlap"),
        ({"data_offsets": None}, "offsets None"),
    ],
)
def test_a_directory_that_does_not_fit_the_file_is_refused(tmp_path, change, told):
    write_hf_folder(tmp_path)
    _directory(tmp_path / "model.safetensors", lambda header: header[NORM].update(change))
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "cannot be read"),
        (b"abc", "cut short"),
        (struct.pack("<Q", 1 << 63), "cut short"),
        (struct.pack("<Q", 2) + b"[]", "JSON object"),
        (struct.pack("<Q", 60000) + b"[" * 60000, "not sound JSON"),
        (struct.pack("<Q", 13) + b'{"a":1,"a":2}', "'a' occurs twice"),
        (struct.pack("<Q", 9) + b'{"a":NaN}', "NaN"),
        (struct.pack("<Q", 7) + b'{"a":1}', "directory entry 1"),
    ],
)
def test_a_file_that_is_not_safetensors_is_refused(tmp_path, data, told):
    write_hf_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path)


def test_a_tensor_that_qwen3_does_not_have_is_refused(tmp_path):
    write_hf_folder(tmp_path)
    bias = "model.layers.0.self_attn.q_proj.bias"
    _directory(tmp_path / "model.safetensors", lambda header: header.update({bias: header.pop(NORM)}))
    with pytest.raises(CheckpointError, match=bias):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"normalizer": None}, "normalizer is None"),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, "cuts text"),
        ({"added_tokens": [{"id": 1 << 40, "content": "<x>"}]}, "320 rows"),
        ({"added_tokens": [{"id": 300, "content": "<x>", "lstrip": True}]}, "lstrip"),
        ({"added_tokens": 7}, "added_tokens"),
        ({"model": {"type": "Unigram"}}, "Unigram"),
        ({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}, "same id"),
        ({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}, "id -1"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}}, "expected two tokens"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": {}}}, "merges must be a list"),
        ({"model": {"type": "BPE", "vocab": [], "merges": []}}, "vocab must be"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(tmp_path, change, told):
    write_hf_folder(tmp_path)
    write_json(tmp_path / "tokenizer.json", tokenizer_json(tiny_metadata()) | change)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path)


def test_a_folder_without_a_model_says_what_is_needed(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json and \*\.safetensors"):
        open_checkpoint(tmp_path)
