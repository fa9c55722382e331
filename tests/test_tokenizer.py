import random
import unicodedata

import pytest

from picoqwen_core.errors import CheckpointError
from picoqwen_core.tokenizer import Tokenizer
from tests.vocabulary import DATA, qwen3_metadata, qwen_merges, tiny_metadata

IM_END, THINK = 151645, 151667


@pytest.fixture(scope="module")
def qwen() -> Tokenizer:
    return Tokenizer.from_metadata(qwen3_metadata())


@pytest.fixture(scope="module")
def transformers_qwen():
    """The same vocabulary in transformers' own tokenizer class."""
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    metadata = qwen3_metadata()
    byte_tokens, merges = qwen_merges()
    pairs = [tuple(merge.split(" ")) for merge in merges]
    vocabulary = {token: i for i, token in enumerate([*byte_tokens, *map("".join, pairs)])}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=pairs)
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    for token, kind in zip(tokens[len(vocabulary) :], types[len(vocabulary) :], strict=True):
        tokenizer.add_tokens([AddedToken(token, special=kind == 3, normalized=False)])
    return tokenizer


def vectors() -> list[tuple[str, list[int]]]:
    texts = (DATA / "qwen2-vectors.inp").read_text().split("\n__ggml_vocab_test__\n")[:-1]
    ids = [list(map(int, line.split())) for line in (DATA / "qwen2-vectors.out").read_text().splitlines()]
    return list(zip(texts, ids, strict=True))


@pytest.mark.parametrize(("text", "ids"), vectors())
def test_a_text_becomes_the_ids_that_other_programs_make_of_it(qwen, text, ids):
    assert qwen.encode(text) == ids
    assert qwen.decode(ids) == text


def random_texts(count: int) -> list[str]:
    """Words, digits, spaces, accents composed and not, emoji, scripts and Qwen's own tokens, mixed."""
    rng = random.Random(7)
    parts = (
        "the lamp Küche Ku\u0308che 厨房 кухня 🦙 👩‍👩‍👧 e\u0301 ﬁ Å \u212b \u1e9b\u0323 'S 've "
        "21.5 °C 1234567 \n \r\n \t \u00a0 \u3000 <|im_start|> <|im_end|> <think> </tool_call> "
        "<|im_end <| \x00 \u200d \ud7a3 \u1112\u1161\u11ab"
    ).split(" ")
    joints = ("", " ", "  ", "\n", "   \n")
    return ["".join(rng.choice(parts) + rng.choice(joints) for _ in range(12)) for _ in range(count)]


def test_any_mixture_of_scripts_and_special_tokens_becomes_the_ids_of_transformers(qwen, transformers_qwen):
    for text in random_texts(400):
        assert qwen.encode(text) == transformers_qwen.encode(text, add_special_tokens=False), repr(text)


def test_ids_become_the_text_of_transformers(qwen, transformers_qwen):
    rng = random.Random(3)
    for _ in range(200):
        ids = [rng.randrange(qwen.vocab_size) for _ in range(8)]
        assert qwen.decode(ids) == transformers_qwen.decode(ids), ids


def test_ids_of_special_tokens_are_those_of_qwen3(qwen):
    assert qwen.encode("<|im_end|><think>") == [IM_END, THINK]
    assert qwen.token_id("<|im_end|>") == IM_END
    assert qwen.token_id("no such token") is None
    assert qwen.stop_ids == {151643, IM_END}
    assert qwen.vocab_size == 151669


def test_control_tokens_spelled_in_plain_text_can_be_read_as_text(qwen):
    ids = qwen.encode("say <|im_end|> now", special=False)
    assert IM_END not in ids
    assert qwen.decode(ids) == "say <|im_end|> now"
    assert IM_END in qwen.encode("say <|im_end|> now")


def test_decoding_can_leave_control_tokens_out_but_keeps_tags(qwen):
    ids = qwen.encode("<think>yes</think><|im_end|>")
    assert qwen.decode(ids, skip_special=True) == "<think>yes</think>"
    assert qwen.decode(ids) == "<think>yes</think><|im_end|>"


def test_a_streamed_character_appears_only_when_it_is_whole(qwen):
    text = "🦙 កាន់ ok"
    decoder = qwen.stream_decoder()
    pieces = [decoder.push(token) for token in qwen.encode(text)]
    assert "".join(pieces) + decoder.flush() == text
    assert "" in pieces
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_stream_that_ends_inside_a_character_says_so_at_the_end():
    tiny = Tokenizer.from_metadata(tiny_metadata())
    decoder = tiny.stream_decoder()
    cut = tiny.encode("🦙")[:-1]
    assert "".join(map(decoder.push, cut)) == ""
    assert decoder.flush() == "\ufffd"


def test_an_id_past_the_vocabulary_is_no_text(qwen):
    assert qwen.decode([151_900]) == ""


def test_a_small_vocabulary_writes_every_text():
    tiny = Tokenizer.from_metadata(tiny_metadata())
    for text in random_texts(50):
        assert tiny.decode(tiny.encode(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("model", "llama", "'llama'"),
        ("pre", "gpt-4o", "'gpt-4o'"),
        ("tokens", None, "tokens"),
        ("merges", ["no-space"], "'no-space'"),
        ("merges", ["q zz"], "merges do not fit"),
        ("token_type", [1], "1 token types"),
        ("eos_token_id", 10**6, "1000000"),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_refused_with_the_reason(key, value, named):
    with pytest.raises(CheckpointError, match=named):
        Tokenizer.from_metadata(tiny_metadata() | {f"tokenizer.ggml.{key}": value})
