"""Records what transformers' Qwen3ForCausalLM computes on the random models of shapes.py.

Run it with a Python that has torch and transformers; the tests compare our engine with the recording, so
that they need neither:  python -m tests.oracles.record_transformers
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.oracles.shapes import GREEDY_TOKENS, RMS_EPS, ROPE_THETA, SHAPES, Shape
from tests.oracles.weights import prompt_ids, random_weights

RECORDING = Path(__file__).parent / "transformers.npz"
_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def build(shape: Shape) -> Any:
    """The shape's model in transformers, with our weights."""
    config = Qwen3Config(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_kv_heads,
        head_dim=shape.head_dim,
        rms_norm_eps=RMS_EPS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        max_position_embeddings=4096,
        tie_word_embeddings=shape.tied,
        attn_implementation="eager",
    )
    model = Qwen3ForCausalLM(config).float().eval()
    state = {}
    for name, array in random_weights(**shape.weights_arguments()).items():
        state[_hf_name(name)] = torch.from_numpy(array)
    if shape.tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return model


def _hf_name(name: str) -> str:
    fixed = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    }
    if name in fixed:
        return fixed[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_NAMES[part]}.weight"


@torch.no_grad()
def main() -> None:
    """Write transformers.npz: logits of the last position and of every 50th, and greedy continuations."""
    recorded: dict[str, np.ndarray[Any, Any]] = {}
    for shape in SHAPES:
        model = build(shape)
        for length in shape.prompts:
            ids = prompt_ids(shape, length)
            logits = model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0].numpy()
            recorded[f"{shape.name}/{length}/logits"] = logits[::-50][::-1][-8:].astype(np.float32)
        first = torch.from_numpy(prompt_ids(shape, shape.prompts[0]).astype(np.int64))[None]
        text = model.generate(
            first,
            attention_mask=torch.ones_like(first),
            max_new_tokens=GREEDY_TOKENS,
            min_new_tokens=GREEDY_TOKENS,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        recorded[f"{shape.name}/greedy"] = text[0, first.shape[1] :].numpy().astype(np.int32)
    np.savez_compressed(RECORDING, **recorded)
    print(f"{RECORDING}: {RECORDING.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
