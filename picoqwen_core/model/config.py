"""The shape of a Qwen3 model, read from a checkpoint's metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picoqwen_core.errors import CheckpointError, shown

_DEFAULT_EPS, _DEFAULT_THETA = 1e-6, 1e6
_MAX_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class Qwen3Config:
    """Qwen3's dimensions; q has n_heads x head_dim values, which need not be hidden_size."""

    vocab_size: int
    hidden_size: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    intermediate_size: int
    context_length: int
    rms_eps: float = _DEFAULT_EPS
    rope_theta: float = _DEFAULT_THETA

    def __post_init__(self) -> None:
        for name in ("hidden_size", "intermediate_size", "head_dim"):
            value = getattr(self, name)
            if value % 32:
                raise CheckpointError(f"{name} is {value}; it must be a multiple of 32")
        if self.n_heads % self.n_kv_heads:
            raise CheckpointError(f"{self.n_heads} heads cannot share {self.n_kv_heads} key-value heads")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], vocab_size: int) -> Qwen3Config:
        """Read GGUF's qwen3.* keys; `vocab_size` is the number of embedding rows.

        Raises CheckpointError for another architecture and for missing or impossible values.
        """
        architecture = metadata.get("general.architecture")
        if architecture != "qwen3":
            raise CheckpointError(
                f"the model's architecture is {shown(architecture)}; only 'qwen3' is supported"
            )
        scaling = metadata.get("qwen3.rope.scaling.type", "none")
        if scaling != "none":
            raise CheckpointError(f"RoPE scaling {shown(scaling)} is not supported")
        hidden = _size(metadata, "embedding_length")
        heads = _size(metadata, "attention.head_count")
        head_dim = _size(metadata, "attention.key_length", hidden // heads)
        value_length = _size(metadata, "attention.value_length", head_dim)
        if value_length != head_dim:
            raise CheckpointError(f"values of length {value_length} beside keys of {head_dim}: not Qwen3")
        return cls(
            vocab_size=vocab_size,
            hidden_size=hidden,
            n_layers=_size(metadata, "block_count"),
            n_heads=heads,
            n_kv_heads=_size(metadata, "attention.head_count_kv", heads),
            head_dim=head_dim,
            intermediate_size=_size(metadata, "feed_forward_length"),
            context_length=_size(metadata, "context_length"),
            rms_eps=_positive(metadata, "attention.layer_norm_rms_epsilon", _DEFAULT_EPS),
            rope_theta=_positive(metadata, "rope.freq_base", _DEFAULT_THETA),
        )


def _size(metadata: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = metadata.get(f"qwen3.{key}", default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _MAX_SIZE:
        raise CheckpointError(f"metadata qwen3.{key} is {shown(value)}; a positive whole number is needed")
    return value


def _positive(metadata: Mapping[str, Any], key: str, default: float) -> float:
    value = metadata.get(f"qwen3.{key}", default)
    if not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise CheckpointError(f"metadata qwen3.{key} is {shown(value)}; a positive number is needed")
    return float(value)
