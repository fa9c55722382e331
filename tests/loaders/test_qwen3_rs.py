"""qwen3-rs's checkpoints: logits of the weights that a file holds, its tokenizer, its templates."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from picoqwen_core.chat import ChatTemplate
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.loaders.qwen3_rs_tokenizer import read_tokenizer_beside
from picoqwen_core.messages import Message
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.tokenizer import Tokenizer
from tests.hf import tokenizer_json, write_json
from tests.oracles import numpy_qwen3
from tests.oracles.shapes import Shape
from tests.oracles.weights import prompt_ids
from tests.qwen3_rs import TEMPLATES, write_qwen3_rs, write_tokenizer
from tests.vocabulary import qwen3_metadata, tiny_metadata

SMALL = Shape("rs", 6, 64, 2, 2, 1, 32, 96, 320, True, (9,))
# Rows that are no multiple of the kernels' steps, and such that groups of 128 divide.
UNTIED = Shape("rs_untied", 7, 96, 3, 4, 2, 32, 160, 300, False, (9,))
WIDE = Shape("rs_wide", 8, 128, 2, 4, 1, 64, 384, 300, False, (9,))
VOCABULARY = {"metadata": tiny_metadata()}


@pytest.mark.parametrize("layout", ["A", "B"])
@pytest.mark.parametrize(
    ("shape", "group"),
    [(SMALL, 32), (UNTIED, 32), (WIDE, 32), (WIDE, 64), (WIDE, 128), (WIDE, 16), (SMALL, 4), (UNTIED, 8)],
)
def test_logits_are_those_of_the_weights_in_the_file(tmp_path, layout, shape, group):
    path = tmp_path / "m.bin"
    weights = write_qwen3_rs(path, shape, layout=layout, group_size=group)
    model = Qwen3.from_checkpoint(open_checkpoint(path), threads=1)
    ids = prompt_ids(shape, 9)
    found = model.forward_all(ids, model.new_cache(32))
    expected = numpy_qwen3.logits(shape, weights, ids)
    # Activations are int8 beside int8 weights, float32 beside F16.
    near = 0.005 if group % 32 else 0.06
    assert np.abs(found - expected).max() < near * np.abs(expected).max()
    assert np.corrcoef(found.reshape(-1), expected.reshape(-1))[0, 1] > 0.999


def test_bytes_are_views_of_the_file_and_dequantize_to_its_weights(tmp_path):
    path = tmp_path / "m.bin"
    weights = write_qwen3_rs(path, WIDE, group_size=64)
    tensor = open_checkpoint(path).tensor("blk.1.ffn_down.weight")
    assert tensor.type.name == "Q8_S"
    assert not tensor.data.flags.owndata
    np.testing.assert_array_equal(tensor.dequantized(), weights["blk.1.ffn_down.weight"])


def test_a_size_that_fits_no_layout_is_refused_with_both(tmp_path):
    path = tmp_path / "m.bin"
    write_qwen3_rs(path, SMALL)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=rf"{size - 100} bytes.* {size} in layout B"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("offset", "data", "told"),
    [
        (0, b"NEWQ", "pico-qwen's later format"),
        (0, b"QWEN", "pico-qwen's later format"),
        (4, struct.pack("<i", 2), "version 2"),
        (8, struct.pack("<I", 2), "LlamaForCausalLM"),
        (8, struct.pack("<I", 3), "layout A"),
        (12, struct.pack("<I", 0xFFFFFFFF), "layout A"),
        (48, struct.pack("<I", 0), "inf in layout B"),
    ],
)
def test_a_header_that_means_nothing_is_refused(tmp_path, offset, data, told):
    path = tmp_path / "m.bin"
    write_qwen3_rs(path, SMALL)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("shape", "changes", "told"),
    [
        (replace(SMALL, n_heads=3, n_kv_heads=2), {}, "3 heads of 32 with 2"),
        (replace(SMALL, head_dim=16), {}, "2 heads of 16"),
        (SMALL, {"max_seq_len": 0}, "max_seq_len is 0"),
    ],
)
def test_impossible_sizes_are_refused_though_the_file_has_them(tmp_path, shape, changes, told):
    write_qwen3_rs(tmp_path / "m.bin", shape, changes=changes, group_size=16)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path / "m.bin")


def test_a_group_size_that_rows_do_not_end_with_is_refused(tmp_path):
    write_qwen3_rs(tmp_path / "m.bin", SMALL, group_size=64)
    with pytest.raises(CheckpointError, match="group size 64 does not divide hidden_dim, 96"):
        open_checkpoint(tmp_path / "m.bin")


def test_the_vocabulary_and_its_merges_follow_from_the_scores(tmp_path):
    write_qwen3_rs(tmp_path / "m.bin", SMALL)
    found, expected = open_checkpoint(tmp_path / "m.bin").metadata, tiny_metadata()
    for key in ("tokens", "merges", "model", "pre", "eos_token_id", "add_bos_token"):
        assert found[f"tokenizer.ggml.{key}"] == expected[f"tokenizer.ggml.{key}"], key
    assert Tokenizer.from_metadata(found).encode("<|im_start|>the in") == Tokenizer.from_metadata(
        expected
    ).encode("<|im_start|>the in")


@pytest.mark.timeout(300)
def test_every_merge_of_the_real_vocabulary_is_found(tmp_path):
    expected = qwen3_metadata()
    write_tokenizer(tmp_path / "m.bin.tokenizer", expected)
    found = read_tokenizer_beside(tmp_path / "m.bin", 151_936)
    assert found["tokenizer.ggml.merges"] == expected["tokenizer.ggml.merges"]
    assert found["tokenizer.ggml.tokens"] == expected["tokenizer.ggml.tokens"]


def test_without_merges_a_tokenizer_json_is_read_and_else_asked_for(tmp_path):
    path = tmp_path / "m.bin"
    write_qwen3_rs(path, SMALL)
    write_tokenizer(tmp_path / "m.bin.tokenizer", tiny_metadata(), equal_scores=True)
    with pytest.raises(CheckpointError, match=r"has no merges.*Copy the model's tokenizer\.json to .*json"):
        open_checkpoint(path)
    write_json(tmp_path / "tokenizer.json", tokenizer_json(tiny_metadata()))
    assert open_checkpoint(path).metadata["tokenizer.ggml.merges"] == tiny_metadata()["tokenizer.ggml.merges"]
    (tmp_path / "m.bin.tokenizer").unlink()
    assert open_checkpoint(path).metadata["tokenizer.ggml.merges"]
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"m\.bin\.tokenizer: no such file; copy"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"short", "cut short"),
        (struct.pack("<III", 9, 0, 0), "no tokens"),
        (struct.pack("<IIIfI", 9, 0, 0, 0, 1 << 31), "2147483648 bytes"),
        (struct.pack("<IIIf", 9, 0, 0, 0), "within token 0"),
        (struct.pack("<IIIfI3sfI1s", 9, 0, 0, -1.0, 3, b"abc", -1e6, 1, b"a"), "cannot be found"),
        (struct.pack("<IIIfI1sfI1s", 9, 0, 0, -1.0, 1, b"a", -1e6, 1, b"b"), "has the score -1"),
        (struct.pack("<IIIfI2sfI1s", 9, 0, 0, float("nan"), 2, b"ab", -1e6, 1, b"b"), "the score nan"),
        (struct.pack("<IIIfI2sfI2s", 9, 0, 0, -1.0, 2, b"ab", -1.0, 2, b"cd"), "no merges"),
        (
            struct.pack("<IIIfI2sfI2sfI1s", 9, 0, 0, -1.0, 2, b"ab", -1.0, 2, b"cd", -1e6, 1, b"a"),
            "same score",
        ),
    ],
)
def test_a_tokenizer_that_is_not_sound_is_refused(tmp_path, data, told):
    write_qwen3_rs(tmp_path / "m.bin", SMALL)
    (tmp_path / "m.bin.tokenizer").write_bytes(data)
    with pytest.raises(CheckpointError, match=told):
        open_checkpoint(tmp_path / "m.bin")


USER, SYSTEM = Message("user", 'say "%s" {{ 1 }}'), Message("system", "be brief\n")


def template(folder: Path, *without: str) -> ChatTemplate:
    write_qwen3_rs(folder / "m.bin", SMALL)
    for ending in without:
        (folder / f"m.bin{ending}").unlink()
    return ChatTemplate.from_metadata(open_checkpoint(folder / "m.bin").metadata)


@pytest.mark.parametrize(
    ("ending", "thinking", "messages"),
    [
        (".template", None, (USER,)),
        (".template", False, (USER,)),
        (".template.with-thinking", True, (USER,)),
        (".template.with-system", False, (SYSTEM, USER)),
        (".template.with-system-and-thinking", True, (SYSTEM, USER)),
    ],
)
def test_a_turn_is_the_text_of_its_file(tmp_path, ending, thinking, messages):
    expected = TEMPLATES[ending]
    for message in messages:
        before, after = expected.split("%s", 1)
        # What was put in is never looked at again.
        expected = before + message.content.replace("%s", "\0") + after
    rendered = template(tmp_path).render(messages, thinking=thinking)
    assert rendered == expected.replace("\0", "%s")


def test_a_longer_talk_is_what_qwens_own_template_makes_of_it(tmp_path):
    messages = (SYSTEM, USER, Message("assistant", "no"), Message("user", "why 🦙?"))
    qwens = ChatTemplate.from_metadata(tiny_metadata())
    for thinking in (True, False):
        assert template(tmp_path).render(messages, thinking=thinking) == qwens.render(
            messages, thinking=thinking
        )


def test_missing_templates_are_missed_only_where_they_are_needed(tmp_path):
    only = template(tmp_path, *list(TEMPLATES)[1:])
    assert only.render((USER,), thinking=True) == only.render((USER,), thinking=False)
    with pytest.raises(RequestError, match=r"no file m\.bin\.template\.with-system"):
        only.render((SYSTEM, USER))
    with pytest.raises(RequestError, match="not tool"):
        only.render((USER, Message("tool", "1", tool_call_id="x")))
    (tmp_path / "m.bin.template").unlink()
    assert "tokenizer.chat_template" not in open_checkpoint(tmp_path / "m.bin").metadata


def test_a_template_without_a_place_for_the_text_is_refused(tmp_path):
    write_qwen3_rs(tmp_path / "m.bin", SMALL)
    (tmp_path / "m.bin.template.with-system").write_text("only %s")
    with pytest.raises(CheckpointError, match="has 1 places %s; it must have 2"):
        open_checkpoint(tmp_path / "m.bin")
