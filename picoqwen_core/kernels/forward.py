"""A whole forward pass as one compiled function, run by every thread on its share of each step.

Calling a product from Python costs as much as the product in a small model, so Python is left once per pass.
Steps that need the others' results are separated by a barrier.
"""

from picoqwen_core.kernels.attention import attend
from picoqwen_core.kernels.barrier import wait
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.elementwise import norm_rows, rmsnorm, rope, swiglu
from picoqwen_core.kernels.products import embed, matmul, quantize_row

# Rows of the weight table: one matrix each, per layer, then the embedding and the head.
Q, K, V, OUTPUT, GATE, UP, DOWN, PER_LAYER = range(8)
# Columns of the weight table.
ADDRESS, KIND, ROWS, COLS = range(4)


@kernel
def _project(thread, threads, matrix, tokens, b, x, out, add):
    """out (+)= x . matrix^T for a row of the weight table, from the quantized activations in the buffers."""
    matmul(
        thread,
        threads,
        matrix[ADDRESS],
        matrix[KIND],
        matrix[ROWS],
        matrix[COLS],
        tokens,
        x,
        b.quants,
        b.scales,
        b.sums,
        out,
        b.panels[thread].ctypes.data,
        add,
    )


@kernel
def _quantize_share(thread, threads, tokens, cols, x, b):
    for t in range(thread, tokens, threads):
        quantize_row(x[t, :cols], b.quants[t], b.scales[t], b.sums[t])


@kernel
def _rotate_and_store(thread, threads, tokens, start, layer, norms, b, keys, values):
    """QK-norm and RoPE; queries stay in the buffer, keys and values go to the cache."""
    head_dim = keys.shape[3]
    n_heads, n_kv_heads = b.q.shape[1] // head_dim, keys.shape[1]
    for item in range(thread, tokens * (n_heads + n_kv_heads), threads):
        t, head = item // (n_heads + n_kv_heads), item % (n_heads + n_kv_heads)
        position = start + t
        if head < n_heads:
            query = b.q[t, head * head_dim : (head + 1) * head_dim]
            rmsnorm(query, query, norms.q[layer], norms.eps[0])
            rope(query, norms.cos[position], norms.sin[position])
        else:
            kv = head - n_heads
            key = keys[layer, kv, position]
            rmsnorm(key, b.k[t, kv * head_dim : (kv + 1) * head_dim], norms.k[layer], norms.eps[0])
            rope(key, norms.cos[position], norms.sin[position])
            values[layer, kv, position, :] = b.v[t, kv * head_dim : (kv + 1) * head_dim]


@kernel
def _attention(thread, threads, tokens, start, layer, b, keys, values):
    head_dim = keys.shape[3]
    n_heads = b.q.shape[1] // head_dim
    group = n_heads // keys.shape[1]
    for item in range(thread, tokens * n_heads, threads):
        t, head = item // n_heads, item % n_heads
        kv = head // group
        columns = slice(head * head_dim, (head + 1) * head_dim)
        attend(
            b.q[t, columns],
            keys[layer, kv],
            values[layer, kv],
            start + t + 1,
            b.scores[thread],
            b.attended[t, columns],
        )


@kernel
def forward(thread, threads, sync, ids, start, weights, norms, b, keys, values, logit_rows, logits):
    """Read tokens and write the logits of the last `logit_rows` of them.

    thread of threads; sync: int64 (16,) of the barrier; ids: int32 (tokens,); start: position of the first;
    weights: int64 (n_layers * 7 + 2, 4) table of address, GGML type, rows, columns; norms, b: the named
    tuples of model.buffers; keys, values: the KV cache; logits: float32 (logit_rows, vocab).
    """
    tokens, n_layers = ids.size, keys.shape[0]
    table = weights[n_layers * PER_LAYER :]  # the embedding and the head
    embedding, head = table[0], table[1]
    for t in range(thread, tokens, threads):
        embed(embedding[ADDRESS], embedding[KIND], embedding[COLS], ids[t], b.x[t])
    wait(threads, sync)
    for layer in range(n_layers):
        w = weights[layer * PER_LAYER : (layer + 1) * PER_LAYER]
        norm_rows(
            thread,
            threads,
            tokens,
            b.x,
            norms.attention[layer],
            norms.eps[0],
            b.h,
            b.quants,
            b.scales,
            b.sums,
        )
        wait(threads, sync)
        _project(thread, threads, w[Q], tokens, b, b.h, b.q, False)
        _project(thread, threads, w[K], tokens, b, b.h, b.k, False)
        _project(thread, threads, w[V], tokens, b, b.h, b.v, False)
        wait(threads, sync)
        _rotate_and_store(thread, threads, tokens, start, layer, norms, b, keys, values)
        wait(threads, sync)
        _attention(thread, threads, tokens, start, layer, b, keys, values)
        wait(threads, sync)
        _quantize_share(thread, threads, tokens, b.attended.shape[1], b.attended, b)
        wait(threads, sync)
        _project(thread, threads, w[OUTPUT], tokens, b, b.attended, b.x, True)
        wait(threads, sync)
        norm_rows(
            thread, threads, tokens, b.x, norms.ffn[layer], norms.eps[0], b.h, b.quants, b.scales, b.sums
        )
        wait(threads, sync)
        _project(thread, threads, w[GATE], tokens, b, b.h, b.gate, False)
        _project(thread, threads, w[UP], tokens, b, b.h, b.up, False)
        wait(threads, sync)
        for t in range(thread, tokens, threads):
            swiglu(b.gate[t], b.up[t])
        if threads > 1:
            wait(threads, sync)
        _quantize_share(thread, threads, tokens, b.gate.shape[1], b.gate, b)
        wait(threads, sync)
        _project(thread, threads, w[DOWN], tokens, b, b.gate, b.x, True)
        wait(threads, sync)
    if logit_rows == 0:
        return
    first = tokens - logit_rows
    norm_rows(
        thread, threads, logit_rows, b.x[first:], norms.output, norms.eps[0], b.h, b.quants, b.scales, b.sums
    )
    wait(threads, sync)
    _project(thread, threads, head, logit_rows, b, b.h, logits, False)
    wait(threads, sync)
