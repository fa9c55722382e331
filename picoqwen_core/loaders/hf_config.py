"""config.json of a Hugging Face folder as GGUF metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picoqwen_core.errors import CheckpointError, shown

ARCHITECTURE = "Qwen3ForCausalLM"
_SIZES = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "max_position_embeddings": "context_length",
}
# Larger ones are no model's, and no float either.
_MAX_NUMBER = 1e18
# What would change the arithmetic, and the values that mean Qwen3's.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "attention_bias": (None, False),
    "hidden_act": (None, "silu"),
    "use_sliding_window": (None, False),
    "quantization_config": (None,),
}


def metadata_of(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The model's sizes under GGUF's keys. Raises CheckpointError naming the key and the value."""
    names = config.get("architectures")
    if names != [ARCHITECTURE]:
        raise CheckpointError(f"{path}: the architecture is {shown(names)}; only {ARCHITECTURE} is supported")
    for key, allowed in _PLAIN.items():
        if config.get(key) not in allowed:
            raise CheckpointError(f"{path}: {key} is {shown(config[key])}, which is not supported")
    sizes = {ours: _size(config, theirs, path) for theirs, ours in _SIZES.items()}
    heads = sizes["attention.head_count"]
    sizes["attention.head_count_kv"] = _size(config, "num_key_value_heads", path, heads)
    sizes["attention.key_length"] = _size(config, "head_dim", path, sizes["embedding_length"] // heads)
    sizes["attention.value_length"] = sizes["attention.key_length"]
    numbers = {
        "attention.layer_norm_rms_epsilon": _number(config, "rms_norm_eps", path, 1e-6),
        "rope.freq_base": _number(_rope(config, path), "rope_theta", path, 1e6),
    }
    metadata: dict[str, Any] = {"general.architecture": "qwen3", "general.name": path.parent.name}
    return metadata | {f"qwen3.{key}": value for key, value in (sizes | numbers).items()}


def _rope(config: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Where rope_theta stands: in config.json itself, or since transformers 5 in its rope_parameters."""
    for key in ("rope_parameters", "rope_scaling"):
        rope = config.get(key)
        if rope is None:
            continue
        if not isinstance(rope, dict):
            raise CheckpointError(f"{path}: {key} is {shown(rope)}; expected an object")
        kind = rope.get("rope_type", rope.get("type"))
        if kind not in (None, "default"):
            raise CheckpointError(f"{path}: RoPE scaling {shown(kind)} is not supported")
        if "rope_theta" in rope:
            return rope
    return config


def _size(config: Mapping[str, Any], key: str, path: Path, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(f"{path}: {key} is {shown(value)}; a positive whole number is needed")
    return value


def _number(config: Mapping[str, Any], key: str, path: Path, default: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MAX_NUMBER:
        raise CheckpointError(f"{path}: {key} is {shown(value)}; a positive number is needed")
    return float(value)
