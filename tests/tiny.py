"""A tiny model that can be talked to: random weights, a small vocabulary, Qwen3's template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picoqwen_core.byte_level import TokenType
from tests.factories import write_tiny_gguf
from tests.vocabulary import tiny_metadata


def write_tiny(path: Path, metadata: Mapping[str, Any] | None = None) -> Path:
    """A model over the tokens of `metadata` that writes plain text only, so that no answer ends by itself."""
    metadata = tiny_metadata() if metadata is None else metadata
    types = metadata["tokenizer.ggml.token_type"]
    return write_tiny_gguf(
        path,
        # Slow enough that an endless answer lasts seconds, and can be left in its middle.
        hidden_size=128,
        n_layers=6,
        intermediate_size=256,
        tied=False,
        vocab_size=len(types),
        context_length=4096,
        metadata=metadata,
        mute=[token for token, kind in enumerate(types) if kind != TokenType.NORMAL],
    )
