"""Vocabularies as GGUF metadata: the real one of Qwen2 and Qwen3, and small ones for tiny models."""

import gzip
from pathlib import Path
from typing import Any

from picoqwen_core.byte_level import TokenType, byte_alphabet
from picoqwen_core.home.dsl import special_tokens
from picoqwen_core.home.render import END

DATA = Path(__file__).parent / "data"
# Added tokens of Qwen3 in id order, from 151643 on; those before <tool_call> are control tokens.
CONTROL = (
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
    "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>"
).split()
USER_DEFINED = (
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> "
    "<|file_sep|> <tool_response> </tool_response> <think> </think>"
).split()
_BYTES = 256


def qwen_merges() -> tuple[list[str], list[str]]:
    """The byte tokens and the merges of Qwen; every other token is what a merge makes."""
    lines = gzip.decompress((DATA / "qwen2-merges.txt.gz").read_bytes()).decode().split("\n")
    return lines[:_BYTES], lines[_BYTES:]


def qwen3_metadata() -> dict[str, Any]:
    """Tokenizer and chat template of Qwen3 as its GGUF files carry them."""
    return _metadata(*qwen_merges())


def tiny_metadata(merges: tuple[str, ...] = ("Ġ t", "h e", "i n", "Ġt he", "Ġ a", "o n")) -> dict[str, Any]:
    """The same with a handful of merges: under 300 tokens, every text can be written in it."""
    return _metadata(list(byte_alphabet().values()), list(merges))


def home_metadata() -> dict[str, Any]:
    """A vocabulary as the built-in model has it: bytes and the special tokens of its two small languages."""
    text, special = list(byte_alphabet().values()), list(special_tokens())
    tokens = [*text, *special]
    return {
        "picoqwen.prompt_format": "home-1",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.token_type": [int(TokenType.NORMAL)] * len(text)
        + [int(TokenType.CONTROL)] * len(special),
        "tokenizer.ggml.eos_token_id": tokens.index(END),
    }


def _metadata(byte_tokens: list[str], merges: list[str]) -> dict[str, Any]:
    text = [*byte_tokens, *(merge.replace(" ", "") for merge in merges)]
    types = [TokenType.NORMAL] * len(text)
    types += [TokenType.CONTROL] * len(CONTROL) + [TokenType.USER_DEFINED] * len(USER_DEFINED)
    tokens = [*text, *CONTROL, *USER_DEFINED]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.token_type": [int(kind) for kind in types],
        "tokenizer.ggml.bos_token_id": tokens.index("<|endoftext|>"),
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": (DATA / "qwen3-chat-template.jinja").read_text(),
    }
