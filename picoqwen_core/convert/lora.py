"""A LoRA adapter folder (PEFT's) and the model it changes: W + alpha / r x (B @ A), merged when it is read.

Only adapters of the layers' projections are known; what an adapter has beside them is refused, not left out.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.convert.weights import LoraUpdate, Model
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.loaders.files import read_json
from picoqwen_core.loaders.hf_folder import CONFIG, gguf_name
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.loaders.safetensors import open_safetensors

ADAPTER_CONFIG, ADAPTER = "adapter_config.json", "adapter_model.safetensors"
# PEFT's names. The adapter's own name, mostly "default", is in files that save_pretrained did not write.
_NAME = re.compile(r"base_model\.model\.(model\.layers\.\d+\.[a-z_.]+)\.lora_([AB])(?:\.\w+)?\.weight")
# What would change the arithmetic, and the values that mean that it does not.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "bias": (None, "none"),
    "use_dora": (None, False),
    "fan_in_fan_out": (None, False),
    "alpha_pattern": (None, {}),
    "rank_pattern": (None, {}),
    "modules_to_save": (None, []),
    "lora_bias": (None, False),
}


def is_adapter_folder(path: Path) -> bool:
    """Whether a folder has an adapter in it."""
    return (path / ADAPTER_CONFIG).is_file()


def open_adapter(path: Path, base: Path | None = None) -> Model:
    """An adapter folder and its base model.

    base: the base model; without it, the same folder if it has a config.json, or the folder or file that
    adapter_config.json names. Raises CheckpointError when the base is not there or does not fit.
    """
    config = read_json(path / ADAPTER_CONFIG)
    for key, allowed in _PLAIN.items():
        if config.get(key) not in allowed:
            raise CheckpointError(
                f"{path / ADAPTER_CONFIG}: {key} is {config[key]!r}, which is not supported"
            )
    checkpoint = open_checkpoint(_base(path, config) if base is None else base)
    _, tensors = open_safetensors(path / ADAPTER)
    return Model(checkpoint, _updates(path, config, tensors, checkpoint))


def _base(path: Path, config: Mapping[str, Any]) -> Path:
    if (path / CONFIG).is_file():
        return path
    name = config.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise CheckpointError(f"{path / ADAPTER_CONFIG}: base_model_name_or_path is {name!r}; pass --base")
    for found in (path / name, Path(name)):
        if found.exists():
            return found
    raise CheckpointError(
        f"{path}: the adapter's base model {name!r} is neither a path from here nor from the folder; "
        "pass --base with the path of it"
    )


def _updates(
    path: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], checkpoint: Checkpoint
) -> dict[str, LoraUpdate]:
    pairs: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        target = gguf_name(f"{match[1]}.weight") if match else None
        if match is None or target is None:
            raise CheckpointError(f"{path / ADAPTER}: {name!r} is no adapter of a layer's projection")
        pairs.setdefault(target, {})[match[2]] = tensor
    if not pairs:
        raise CheckpointError(f"{path / ADAPTER}: holds no adapters")
    return {target: _update(path, config, checkpoint.tensor(target), pair) for target, pair in pairs.items()}


def _update(path: Path, config: Mapping[str, Any], tensor: Tensor, pair: Mapping[str, Tensor]) -> LoraUpdate:
    if len(pair) != 2:
        raise CheckpointError(
            f"{path / ADAPTER}: {tensor.name} has {' and '.join(pair)}, but not both A and B"
        )
    a, b = pair["A"], pair["B"]
    fits = len(a.shape) == len(b.shape) == 2 and a.shape[0] == b.shape[1]
    if not fits or (b.shape[0], a.shape[1]) != tensor.shape:
        raise CheckpointError(
            f"{path / ADAPTER}: A {a.shape} and B {b.shape} do not fit {tensor.name} {tensor.shape}"
        )
    return LoraUpdate(a.dequantized(), b.dequantized(), _scale(path, config, a.shape[0]))


def _scale(path: Path, config: Mapping[str, Any], rank: int) -> np.float32:
    """alpha / r, or alpha / sqrt(r) for a rank-stabilized adapter."""
    alpha, r = config.get("lora_alpha"), config.get("r")
    where = path / ADAPTER_CONFIG
    if r != rank:
        raise CheckpointError(f"{where}: r is {r!r}, but the adapters have rank {rank}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise CheckpointError(f"{where}: lora_alpha is {alpha!r}; a number is needed")
    divisor = math.sqrt(rank) if config.get("use_rslora") is True else rank
    return np.float32(alpha) / np.float32(divisor)
