"""A random Qwen3 that is sure of what it says, in any format, and text that it finds likely.

Its vocabulary is one in which text and tokens are the same thing: bytes, which no merge ever joins, and words
that every tokenizer cuts out first. So another program reads the very tokens that were written.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.byte_level import TokenType
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.model.qwen3 import Qwen3
from tests.factories import write_tiny_gguf
from tests.oracles.shapes import Shape

# Heads of 128 and rows of whole super-blocks, as all Qwen3 models have them.
SHAPE = Shape("decisive", 11, 512, 4, 4, 2, 128, 1536, 2048, False, ())
CONTEXT = 4096
# Weights as a seed gives them make a model whose every choice is a near tie. As trained models do, this one
# mostly keeps to habits: each token has a successor, whose row of the head has something of its embedding.
_SURE, _LOUD = np.float32(3), np.float32(4)
END = SHAPE.vocab_size - 1
_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_WORDS = range(257, SHAPE.vocab_size - 2)
# What texts are made of: printable ASCII but the brackets of words, and words.
WRITABLE = np.array([token for token in range(94) if chr(_PRINTABLE[token]) not in "<>"] + list(_WORDS))


def metadata() -> dict[str, Any]:
    """The vocabulary; byte tokens come in the order of GPT-2's alphabet."""
    tokens = [chr(code) for code in _PRINTABLE]
    tokens += [chr(256 + number) for number in range(256 - len(tokens))]
    merged = chr(256 + 32) * 2  # two spaces, which no text of ours has; readers want a merge
    tokens += [merged, *(f"<w{number}>" for number in _WORDS), "<|im_start|>", "<|im_end|>"]
    plain, words = [int(TokenType.NORMAL)] * 257, [int(TokenType.USER_DEFINED)] * len(_WORDS)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [*plain, *words, *[int(TokenType.CONTROL)] * 2],
        "tokenizer.ggml.merges": [f"{merged[0]} {merged[1]}"],
        "tokenizer.ggml.eos_token_id": END,
        "tokenizer.ggml.add_bos_token": False,
    }


def write(path: Path, format_name: str) -> Path:
    """The model with its matrices in a format."""
    arguments: dict[str, Any] = SHAPE.weights_arguments()
    given: dict[str, Any] = {"context_length": CONTEXT, "metadata": metadata(), "change": _acquire_habits}
    return write_tiny_gguf(path, **arguments, **given, format=format_name)


def _acquire_habits(weights: dict[str, NDArray[np.float32]]) -> None:
    """Make the model as sure of its next token as trained ones are."""
    embedding, head = weights["token_embd.weight"], weights["output.weight"]
    tokens = np.random.default_rng(SHAPE.seed).permutation(WRITABLE)
    known = embedding[tokens]
    head *= _SURE
    head[np.roll(tokens, -1)] += known / np.linalg.norm(known, axis=1, keepdims=True)
    embedding *= _LOUD


def sampled(model: Qwen3, count: int, seed: int) -> NDArray[np.int32]:
    """Tokens that the model itself would write at temperature 1, of those that can be written down."""
    rng = np.random.default_rng(seed)
    cache = model.new_cache(count, "f32")
    tokens = [int(rng.choice(WRITABLE))]
    while len(tokens) < count:
        logits = model.forward(np.array(tokens[-1:], np.int32), cache)[WRITABLE]
        # Gumbel's trick: the largest of these is drawn with the softmax's probabilities.
        tokens.append(int(WRITABLE[(logits + rng.gumbel(size=logits.size)).argmax()]))
    return np.array(tokens, np.int32)


def text_of(tokens: NDArray[np.int32]) -> str:
    """How they are written down."""
    names = metadata()["tokenizer.ggml.tokens"]
    return "".join(names[token] for token in tokens)


def load(path: Path) -> Qwen3:
    """The file, ready to run."""
    return Qwen3.from_checkpoint(open_gguf(path), threads=1)
