"""A Hugging Face folder of a Qwen3 model as a Checkpoint: config.json, safetensors files, tokenizer.

Names and sizes become GGUF's; the tensors' bytes stay where they are. The tokenizer's files are read in
hf_tokenizer.py.
"""

import mmap
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.loaders.files import read_json
from picoqwen_core.loaders.hf_config import metadata_of
from picoqwen_core.loaders.hf_tokenizer import read_tokenizer
from picoqwen_core.loaders.safetensors import open_safetensors

CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
_ONCE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"model\.layers\.(0|[1-9][0-9]{0,3})\.([a-z_.]+)\.weight")
# Old files store these sines, which follow from the configuration.
_IGNORED = re.compile(r"(.*\.)?rotary_emb\.inv_freq")


def is_hf_folder(path: Path) -> bool:
    """Whether a folder looks like a model: a config.json beside safetensors files."""
    return (path / CONFIG).is_file() and any(path.glob("*.safetensors"))


def open_hf_folder(path: Path) -> Checkpoint:
    """Map the folder's tensors and read its texts.

    Raises CheckpointError for another architecture, and for anything that is missing or unsound.
    """
    config = read_json(path / CONFIG)
    metadata = metadata_of(config, path / CONFIG)
    maps, tensors = _open_tensors(path)
    if config.get("tie_word_embeddings") is True:
        tensors.pop("output.weight", None)
    elif config.get("tie_word_embeddings") is False and "output.weight" not in tensors:
        raise CheckpointError(f"{path}: lm_head.weight is missing, and {CONFIG} says that it is not tied")
    embedding = tensors.get("token_embd.weight")
    if embedding is None:
        raise CheckpointError(f"{path}: tensor 'model.embed_tokens.weight' is missing")
    metadata |= read_tokenizer(path, config, embedding.shape[0])
    return Checkpoint(path, metadata, tensors, sum(map(len, maps)), tuple(maps))


def gguf_name(name: str) -> str | None:
    """GGUF's name of a tensor of Qwen3ForCausalLM; None for one that it does not have."""
    if name in _ONCE:
        return _ONCE[name]
    layer = _LAYER.fullmatch(name)
    if layer is None or layer[2] not in _IN_LAYER:
        return None
    return f"blk.{layer[1]}.{_IN_LAYER[layer[2]]}.weight"


def _open_tensors(path: Path) -> tuple[list[mmap.mmap], dict[str, Tensor]]:
    """The tensors of all files, by GGUF's names."""
    places = _places(path)
    maps: list[mmap.mmap] = []
    tensors: dict[str, Tensor] = {}
    for file in _files(path, places):
        mapped, found = open_safetensors(path / file)
        maps.append(mapped)
        for name, tensor in found.items():
            if _IGNORED.fullmatch(name):
                continue
            known = gguf_name(name)
            if known is None:
                raise CheckpointError(f"{path / file}: Qwen3ForCausalLM has no tensor {shown(name)}")
            if known in tensors:
                raise CheckpointError(f"{path / file}: tensor {shown(name)} occurs in another file too")
            if places is not None and places.pop(name, None) != file:
                raise CheckpointError(f"{path / file}: tensor {shown(name)} is not where {INDEX} says")
            tensors[known] = replace(tensor, name=known)
    missing = [name for name in places or () if not _IGNORED.fullmatch(name)]
    if missing:
        raise CheckpointError(f"{path}: tensor {shown(missing[0])} is in {INDEX}, but in no file")
    return maps, tensors


def _places(path: Path) -> dict[str, str] | None:
    """The index: the file of each tensor; None where a folder has no index."""
    if not (path / INDEX).exists():
        return None
    places = read_json(path / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{path / INDEX}: weight_map is missing or empty")
    for file in places.values():
        # Never out of the folder: the index is part of what was downloaded.
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise CheckpointError(f"{path / INDEX}: {shown(file)} is not the name of a safetensors file")
    return dict(places)


def _files(path: Path, places: dict[str, str] | None) -> Iterable[str]:
    if places is not None:
        return sorted(set(places.values()))
    if (path / SINGLE).is_file():
        return [SINGLE]
    found = sorted(each.name for each in path.glob("*.safetensors"))
    if not found:
        raise CheckpointError(f"{path}: has no *.safetensors files")
    return found
