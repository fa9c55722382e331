"""Causal grouped-query attention over the KV cache."""

import math

import numpy as np

from picoqwen_core.kernels.compiled import kernel


@kernel
def attend(query, keys, values, length, scores, out):
    """out = softmax(query . keys / sqrt(head_dim)) . values, for one head of one token.

    query, out: float32 (head_dim,); keys, values: float32 (capacity, head_dim), of which the first
    `length` rows are seen; scores: float32 scratch of at least `length`.
    """
    head_dim = query.size
    scale = np.float32(1) / np.float32(math.sqrt(head_dim))
    largest = np.float32(-np.inf)
    for p in range(length):
        key = keys[p]
        total = np.float32(0)
        for d in range(head_dim):
            total += query[d] * key[d]
        total *= scale
        scores[p] = total
        largest = max(largest, total)
    weight_sum = np.float32(0)
    for p in range(length):
        weight = np.float32(math.exp(scores[p] - largest))
        scores[p] = weight
        weight_sum += weight
    for d in range(head_dim):
        out[d] = np.float32(0)
    for p in range(length):
        weight = scores[p]
        value = values[p]
        for d in range(head_dim):
            out[d] += weight * value[d]
    inverse = np.float32(1) / weight_sum
    for d in range(head_dim):
        out[d] *= inverse
