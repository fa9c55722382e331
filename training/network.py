"""Qwen3's architecture in PyTorch, as small as a home needs it; trained here, run by picoqwen_core."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm as fused_rms_norm
from torch.nn.functional import scaled_dot_product_attention, silu


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of the network, in the words of Qwen3's own configuration."""

    vocab_size: int
    hidden_size: int = 256
    n_layers: int = 6
    n_heads: int = 4
    n_kv_heads: int = 2
    head_dim: int = 64
    intermediate_size: int = 704
    rms_eps: float = 1e-6
    rope_theta: float = 10_000.0
    context_length: int = 512


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / rms(x) * weight over the last dimension; the mean in float32."""
    if x.is_cuda:
        return fused_rms_norm(x, weight.shape, weight.to(x.dtype), eps)
    scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + eps)
    return x * (scale.to(x.dtype)) * weight.to(x.dtype)


class Norm(nn.Module):
    """RMSNorm with a learned weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return rms_norm(x, self.weight, self.eps)


class Block(nn.Module):
    """One transformer block: grouped-query attention with QK-norm and RoPE, then SwiGLU."""

    def __init__(self, c: NetworkConfig) -> None:
        super().__init__()
        self.c = c
        q_size, kv_size = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
        self.attn_norm = Norm(c.hidden_size, c.rms_eps)
        self.attn_q = nn.Linear(c.hidden_size, q_size, bias=False)
        self.attn_k = nn.Linear(c.hidden_size, kv_size, bias=False)
        self.attn_v = nn.Linear(c.hidden_size, kv_size, bias=False)
        self.attn_q_norm = Norm(c.head_dim, c.rms_eps)
        self.attn_k_norm = Norm(c.head_dim, c.rms_eps)
        self.attn_output = nn.Linear(q_size, c.hidden_size, bias=False)
        self.ffn_norm = Norm(c.hidden_size, c.rms_eps)
        self.ffn_gate = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.ffn_up = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.ffn_down = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: (batch, length, hidden); cos, sin: (length, 1, head_dim / 2)."""
        x = x + self._attention(self.attn_norm(x), cos, sin)
        h = self.ffn_norm(x)
        return x + self.ffn_down(silu(self.ffn_gate(h)) * self.ffn_up(h))

    def _attention(self, h: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = h.shape
        c = self.c
        q = self.attn_q_norm(self.attn_q(h).view(batch, length, c.n_heads, c.head_dim))
        k = self.attn_k_norm(self.attn_k(h).view(batch, length, c.n_kv_heads, c.head_dim))
        v = self.attn_v(h).view(batch, length, c.n_kv_heads, c.head_dim)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.attn_output(y.transpose(1, 2).reshape(batch, length, -1))


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal grouped-query attention; q is (batch, heads, length, head_dim), k and v have fewer heads.

    Written out, because for a few dozen tokens it is twice as fast on a CPU as PyTorch's fused kernel.
    """
    if q.is_cuda:
        return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    batch, heads, length, size = q.shape
    share = heads // k.shape[1]
    grouped = q.reshape(batch, k.shape[1], share * length, size)
    scores = (grouped @ k.transpose(-1, -2)).float() * size**-0.5
    past = torch.ones(length, length, dtype=torch.bool).tril().repeat(share, 1)
    weights = scores.masked_fill(~past, float("-inf")).softmax(-1).to(v.dtype)
    return (weights @ v).reshape(batch, heads, length, size)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE in the half-split layout; x is (batch, length, heads, head_dim)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Network(nn.Module):
    """Token ids (batch, length) in, the last hidden states (batch, length, hidden) out; the head is tied."""

    def __init__(self, c: NetworkConfig) -> None:
        super().__init__()
        self.c = c
        self.token_embd = nn.Embedding(c.vocab_size, c.hidden_size)
        self.blk = nn.ModuleList(Block(c) for _ in range(c.n_layers))
        self.output_norm = Norm(c.hidden_size, c.rms_eps)
        half = c.head_dim // 2
        frequency = c.rope_theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angle = torch.arange(c.context_length, dtype=torch.float32)[:, None] * frequency
        self.register_buffer("cos", angle.cos()[:, None, :], persistent=False)
        self.register_buffer("sin", angle.sin()[:, None, :], persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for name, parameter in self.blk.named_parameters():
            if parameter.dim() == 2:
                std = 0.02 / (2 * self.c.n_layers) ** 0.5 if "output" in name or "down" in name else 0.02
                nn.init.normal_(parameter, std=std * (1024 / parameter.shape[1]) ** 0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (batch, length) to hidden states (batch, length, hidden)."""
        x = self.token_embd(ids)
        if torch.is_autocast_enabled(ids.device.type):
            x = x.to(torch.bfloat16)
        length = ids.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for block in self.blk:
            x = block(x, cos, sin)
        return self.output_norm(x)
