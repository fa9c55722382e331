"""The arithmetic of qwen3-rs in plain NumPy and float32: int8 weights times int8 activations, by groups.

Written from the description of the program alone; shares no code with the engine or its loaders, and reads
the file itself. One token at a time, as there.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_EPS, _THETA = np.float32(1e-6), np.float32(1e6)


@dataclass
class Matrix:
    """Codes int8 (rows, columns) and scales float32 (rows, columns / group)."""

    codes: NDArray[np.int8]
    scales: Floats

    def row(self, index: int) -> Floats:
        """A dequantized row: what the embedding of a token is."""
        groups = self.codes[index].reshape(len(self.scales[index]), -1).astype(np.float32)
        return (groups * self.scales[index][:, None]).reshape(-1)

    def times(self, x: Floats) -> Floats:
        """The product with an activation, which is quantized for it in the same groups."""
        groups = self.scales.shape[1]
        codes, scales = quantized(x.reshape(groups, -1))
        weights = self.codes.reshape(len(self.codes), groups, -1).astype(np.int32)
        sums = np.einsum("rgi,gi->rg", weights, codes.astype(np.int32)).astype(np.float32)
        total = np.zeros(len(self.codes), np.float32)
        for group in range(groups):
            total += sums[:, group] * self.scales[:, group] * scales[group]
        return total


def quantized(groups: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Activations: scale = max|x| / 127, halves away from zero; a group of zeros stays zero."""
    scales = np.abs(groups).max(axis=1) / np.float32(127)
    divided = groups / np.where(scales > 0, scales, np.float32(1))[:, None]
    return np.trunc(divided + np.copysign(np.float32(0.5), divided)).astype(np.int8), scales


@dataclass
class Model:
    """A checkpoint in layout A or B, and the keys and values of the tokens that were read."""

    path: Path
    layout: str
    keys: list[list[Floats]] = field(default_factory=list)
    values: list[list[Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        data = self.path.read_bytes()
        start = 8 if self.layout == "a" else 12
        numbers = struct.unpack_from("<10I", data, start)
        self.dim, self.hidden, self.layers, self.heads, self.kv_heads, self.vocab, _, self.head_dim = numbers[
            :8
        ]
        self.group = numbers[9]
        self._data, self._at = data, 256
        layers = range(self.layers)
        self.attention_norms = [self._floats(self.dim) for _ in layers]
        self.ffn_norms = [self._floats(self.dim) for _ in layers]
        self.final_norm = self._floats(self.dim)
        self.q_norms = [self._floats(self.head_dim) for _ in layers]
        self.k_norms = [self._floats(self.head_dim) for _ in layers]
        query, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.embedding = self._matrix(self.vocab, self.dim)
        self.q, self.k, self.v, self.o, self.gate, self.down, self.up = (
            [self._matrix(rows, columns) for _ in layers]
            for rows, columns in (
                (query, self.dim),
                (kv, self.dim),
                (kv, self.dim),
                (self.dim, query),
                (self.hidden, self.dim),
                (self.dim, self.hidden),
                (self.hidden, self.dim),
            )
        )
        self.head = self.embedding if numbers[8] else self._matrix(self.vocab, self.dim)
        assert self._at == len(data)
        self.keys, self.values = ([[] for _ in layers] for _ in range(2))

    def read(self, token: int) -> Floats:
        """The logits after one more token, float32 (vocab,)."""
        x = self.embedding.row(token)
        for layer in range(self.layers):
            x = x + self._attend(layer, norm(x, self.attention_norms[layer]))
            h = norm(x, self.ffn_norms[layer])
            gate = self.gate[layer].times(h)
            x = x + self.down[layer].times(gate / (1 + np.exp(-gate)) * self.up[layer].times(h))
        return self.head.times(norm(x, self.final_norm))

    def _attend(self, layer: int, h: Floats) -> Floats:
        q = self.q[layer].times(h).reshape(self.heads, -1)
        k = self.k[layer].times(h).reshape(self.kv_heads, -1)
        position = len(self.keys[layer])
        q = np.stack([rotated(norm(row, self.q_norms[layer]), position) for row in q])
        self.keys[layer].append(np.stack([rotated(norm(row, self.k_norms[layer]), position) for row in k]))
        self.values[layer].append(self.v[layer].times(h).reshape(self.kv_heads, -1))
        keys, values = np.stack(self.keys[layer]), np.stack(self.values[layer])
        out = []
        for head in range(self.heads):
            kv = head // (self.heads // self.kv_heads)
            scores = keys[:, kv] @ q[head] / np.sqrt(np.float32(self.head_dim))
            weights = np.exp(scores - scores.max())
            out.append(weights / weights.sum() @ values[:, kv])
        return self.o[layer].times(np.concatenate(out))

    def _floats(self, count: int) -> Floats:
        found = np.frombuffer(self._data, "<f4", count, self._at).astype(np.float32)
        self._at += 4 * count
        return found

    def _matrix(self, rows: int, columns: int) -> Matrix:
        codes = np.frombuffer(self._data, np.int8, rows * columns, self._at).reshape(rows, columns)
        self._at += rows * columns
        return Matrix(codes, self._floats(rows * columns // self.group).reshape(rows, -1))


def norm(x: Floats, weight: Floats) -> Floats:
    """RMS norm."""
    result: Floats = weight * (np.float32(1) / np.sqrt((x * x).mean() + _EPS) * x)
    return result


def rotated(x: Floats, position: int) -> Floats:
    """RoPE: the first half of a head turns with the second."""
    half = len(x) // 2
    frequency = np.float32(1) / _THETA ** (np.arange(half, dtype=np.float32) / np.float32(half))
    angle = np.float32(position) * frequency
    a, b = x[:half], x[half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)])
