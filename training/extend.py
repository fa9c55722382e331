"""Takes a model file apart again: its weights, and its vocabulary with what the format has gained since.

New special tokens are appended, so that every token keeps its number and nothing that was learned is lost.
Their embeddings begin as the mean of all with a little noise.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer

from picoqwen_core.home.dsl import special_tokens
from picoqwen_core.loaders.gguf import open_gguf
from training.vocab import vocabulary_of


def extended_vocabulary(metadata: dict[str, Any]) -> Tokenizer:
    """The tokenizer of a model file, with special tokens that it lacks at the end."""
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = vocabulary_of({token: i for i, token in enumerate(tokens)}, merges)
    known = [token for token, kind in zip(tokens, types, strict=True) if int(kind) == 3]
    wanted = dict.fromkeys((*known, *special_tokens()))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in wanted])
    return tokenizer


def shape_of(metadata: dict[str, Any]) -> dict[str, int]:
    """What training.network.NetworkConfig calls the sizes of a model file; the vocabulary may have grown."""
    names = {
        "hidden_size": "embedding_length",
        "n_layers": "block_count",
        "n_heads": "attention.head_count",
        "n_kv_heads": "attention.head_count_kv",
        "head_dim": "attention.key_length",
        "intermediate_size": "feed_forward_length",
    }
    return {ours: int(metadata[f"qwen3.{theirs}"]) for ours, theirs in names.items()}


def main() -> None:
    """model.gguf -> checkpoint.npz + vocabulary.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    arguments = parser.parse_args()
    file = open_gguf(arguments.model)
    tokenizer = extended_vocabulary(dict(file.metadata))
    arguments.vocabulary.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(arguments.vocabulary))
    weights: dict[str, Any] = {
        name: np.asarray(file.tensor(name).dequantized(), np.float32) for name in file.tensors
    }
    old = weights["token_embd.weight"]
    rng = np.random.default_rng(1)
    added = tokenizer.get_vocab_size() - len(old)
    fresh = old.mean(0) + rng.normal(0, old.std() * 0.5, (added, old.shape[1])).astype(np.float32)
    weights["token_embd.weight"] = np.concatenate([old, fresh.astype(np.float32)])
    np.savez(arguments.checkpoint, config=json.dumps(shape_of(dict(file.metadata))), **weights)
    print(f"{added} tokens added, {tokenizer.get_vocab_size()} in all")


if __name__ == "__main__":
    main()
