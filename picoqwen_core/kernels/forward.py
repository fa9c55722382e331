"""A whole forward pass as one compiled function, run by every thread on its share of each step.

Calling a product from Python costs as much as the product in a small model, so Python is left once per pass.
Steps that need the others' results are separated by a barrier. A pass reads tokens of any number of
sequences.
"""

from typing import NamedTuple

from picoqwen_core.kernels import attention_job
from picoqwen_core.kernels.activation import swiglu
from picoqwen_core.kernels.attention_job import fill
from picoqwen_core.kernels.barrier import wait
from picoqwen_core.kernels.code import call
from picoqwen_core.kernels.compiled import entry, kernel
from picoqwen_core.kernels.matmul import MIN_PANEL_TOKENS, embed, matmul
from picoqwen_core.kernels.matrix import COLUMNS, column
from picoqwen_core.kernels.norm import accumulate, clear, rmsnorm
from picoqwen_core.kernels.quantize import activations_at, quantize_row, row_of
from picoqwen_core.kernels.rope import rope

# Rows of the weight table: one matrix each, per layer, then the embedding and the head.
Q, K, V, OUTPUT, GATE, UP, DOWN, PER_LAYER = range(8)
# Columns of the table of sequences: address of the addresses of a cache's blocks, bytes of one head's keys in
# a block and of its values, which follow them, and the code of the cache's kind (kernels.code).
BLOCK_TABLE, KEY_BYTES, VALUE_BYTES, STORE_CODE, ATTEND_CODE, SEQUENCE_COLUMNS = range(6)
# Columns of the table of blocks: the sequence, the first token and the number of tokens. Attention takes a
# block of tokens and one key-value head at a time.
BLOCK_SEQUENCE, BLOCK_FIRST, BLOCK_TOKENS, BLOCK_COLUMNS = range(4)
# With two heads a group, the queries of so many tokens fill two quads.
ATTENTION_TOKENS = 4


class Shape(NamedTuple):
    """A model's sizes; those in columns are rounded up, as the rows of its matrices are."""

    n_layers: int
    hidden: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    hidden_columns: int
    query_columns: int
    ffn_columns: int
    eps: float


class Norms(NamedTuple):
    """Addresses of float32: norm weights, layer after layer, and RoPE tables (positions, head_dim / 2)."""

    attention: int
    ffn: int
    q: int
    k: int
    output: int
    cos: int
    sin: int


class Memory(NamedTuple):
    """Addresses of a pass's scratch: float32 rows, one for each token, and each thread's own."""

    x: int  # hidden_columns
    h: int  # hidden_columns; the normalised input of a block, then its output, before that is added to x
    qkv: int  # (n_heads + 2 n_kv_heads) x head_dim
    attended: int  # query_columns
    gate: int  # ffn_columns
    up: int  # ffn_columns
    last: int  # hidden_columns; what the head reads
    # Activations (kernels.quantize) as seven int64 whose floats are h, attended, gate and last.
    h_input: int
    attended_input: int
    gate_input: int
    last_input: int
    scores: int  # 8 x positions of the largest cache, for each thread
    score_bytes: int
    scratch: int  # for each thread
    scratch_bytes: int
    jobs: int  # an attention_job for each thread
    records: int  # whether there are rows that fill no panel (kernels.matmul)


class Pass(NamedTuple):
    """What is read: addresses of int64 for each token, of tables, and of where logits go.

    ids, owners (rows of `sequences`), positions: of each token. blocks, sequences: tables, see above. wanted:
    the tokens whose logits are wanted, into float32 (n_wanted, vocab) at `logits`. panels: whether products
    are computed by panels, else by rows: they round differently; neither depends on what else is in the pass.
    """

    tokens: int
    ids: int
    owners: int
    positions: int
    blocks: int
    n_blocks: int
    sequences: int
    wanted: int
    n_wanted: int
    logits: int
    panels: int


@kernel
def _matrix(weights, layer, part):
    return weights + 8 * COLUMNS * (layer * PER_LAYER + part)


@kernel
def _quantize(t, cols, source, target, panels, m):
    """Quantize row t of `source` into the Activations at `target`."""
    a = row_of(activations_at(target), t, cols)
    quantize_row(source + 4 * t * cols, cols, a, not panels or m.records != 0)


@kernel
def _normalise(thread, threads, weight, s, m, p):
    """x += h, then h = rmsnorm(x), and quantized, for this thread's rows."""
    for t in range(thread, p.tokens, threads):
        x, h = m.x + 4 * t * s.hidden_columns, m.h + 4 * t * s.hidden_columns
        accumulate(x, h, s.hidden)
        rmsnorm(h, x, weight, s.hidden, s.eps)
        _quantize(t, s.hidden_columns, m.h, m.h_input, p.panels != 0, m)


@kernel
def _sequence(p, number, index):
    return column(p.sequences + 8 * SEQUENCE_COLUMNS * number, index)


@kernel
def _fill_cache(job, p, owner, head):
    """Where keys and values of a head (of all layers' heads) are."""
    keys = _sequence(p, owner, KEY_BYTES)
    first = head * (keys + _sequence(p, owner, VALUE_BYTES))
    fill(job, attention_job.TABLE, _sequence(p, owner, BLOCK_TABLE))
    fill(job, attention_job.KEYS, first)
    fill(job, attention_job.VALUES, first + keys)


@kernel
def _rotate_and_store(thread, threads, layer, s, norms, m, p):
    """QK-norm and RoPE; queries stay in the scratch, keys and values go to the cache."""
    head, heads = 4 * s.head_dim, s.n_heads + s.n_kv_heads
    row, half = head * (heads + s.n_kv_heads), s.head_dim // 2
    job = m.jobs + 8 * attention_job.JOB_COLUMNS * thread
    fill(job, attention_job.HEAD_DIM, s.head_dim)
    fill(job, attention_job.SCRATCH, m.scratch + thread * m.scratch_bytes)
    for item in range(thread, p.tokens * heads, threads):
        t, h = item // heads, item % heads
        at, position = m.qkv + t * row + h * head, column(p.positions, t)
        norm = (norms.q if h < s.n_heads else norms.k) + layer * head
        rmsnorm(at, at, norm, s.head_dim, s.eps)
        angles = 4 * half * position
        rope(at, norms.cos + angles, norms.sin + angles, half)
        if h >= s.n_heads:
            owner = column(p.owners, t)
            fill(job, attention_job.KEY, at)
            fill(job, attention_job.VALUE, at + s.n_kv_heads * head)
            fill(job, attention_job.START, position)
            _fill_cache(job, p, owner, layer * s.n_kv_heads + h - s.n_heads)
            call(_sequence(p, owner, STORE_CODE), job, 0, 0, 0, 0, 0, 0)


@kernel
def _attention(thread, threads, layer, s, m, p):
    head, group = 4 * s.head_dim, s.n_heads // s.n_kv_heads
    row = head * (s.n_heads + 2 * s.n_kv_heads)
    job = m.jobs + 8 * attention_job.JOB_COLUMNS * thread
    fill(job, attention_job.QUERY_STRIDE, row)
    fill(job, attention_job.OUT_STRIDE, 4 * s.query_columns)
    fill(job, attention_job.GROUP, group)
    fill(job, attention_job.SCORES, m.scores + thread * m.score_bytes)
    fill(job, attention_job.SCORE_STRIDE, m.score_bytes // 8)
    fill(job, attention_job.PAIRS, p.panels == 0)
    for item in range(thread, p.n_blocks * s.n_kv_heads, threads):
        kv, block = item % s.n_kv_heads, p.blocks + 8 * BLOCK_COLUMNS * (item // s.n_kv_heads)
        owner, t = column(block, BLOCK_SEQUENCE), column(block, BLOCK_FIRST)
        fill(job, attention_job.QUERIES, m.qkv + t * row + kv * group * head)
        fill(job, attention_job.OUT, m.attended + 4 * t * s.query_columns + kv * group * head)
        fill(job, attention_job.TOKENS, column(block, BLOCK_TOKENS))
        fill(job, attention_job.START, column(p.positions, t))
        _fill_cache(job, p, owner, layer * s.n_kv_heads + kv)
        call(_sequence(p, owner, ATTEND_CODE), job, 0, 0, 0, 0, 0, 0)


@kernel
def _attention_block(thread, threads, sync, layer, weights, s, norms, m, p):
    """h = attention of h; ends with a barrier."""
    scratch = m.scratch + thread * m.scratch_bytes
    query, kv = s.n_heads * s.head_dim, s.n_kv_heads * s.head_dim
    row = 4 * (query + 2 * kv)
    for part in range(Q, V + 1):
        out = m.qkv + 4 * (0 if part == Q else query + (part - K) * kv)
        matrix = _matrix(weights, layer, part)
        matmul(thread, threads, matrix, p.tokens, p.panels != 0, m.h_input, scratch, out, row)
    wait(threads, sync)
    _rotate_and_store(thread, threads, layer, s, norms, m, p)
    wait(threads, sync)
    _attention(thread, threads, layer, s, m, p)
    wait(threads, sync)
    for t in range(thread, p.tokens, threads):
        _quantize(t, s.query_columns, m.attended, m.attended_input, p.panels != 0, m)
    wait(threads, sync)
    output = _matrix(weights, layer, OUTPUT)
    stride = 4 * s.hidden_columns
    matmul(thread, threads, output, p.tokens, p.panels != 0, m.attended_input, scratch, m.h, stride)
    wait(threads, sync)


@kernel
def _ffn_block(thread, threads, sync, layer, weights, s, m, p):
    """h = down(silu(gate(h)) * up(h)); ends with a barrier."""
    scratch, row = m.scratch + thread * m.scratch_bytes, 4 * s.ffn_columns
    for part in range(GATE, UP + 1):
        out = m.gate if part == GATE else m.up
        matrix = _matrix(weights, layer, part)
        matmul(thread, threads, matrix, p.tokens, p.panels != 0, m.h_input, scratch, out, row)
    wait(threads, sync)
    for t in range(thread, p.tokens, threads):
        swiglu(m.gate + t * row, m.up + t * row, s.ffn)
        _quantize(t, s.ffn_columns, m.gate, m.gate_input, p.panels != 0, m)
    wait(threads, sync)
    down = _matrix(weights, layer, DOWN)
    stride = 4 * s.hidden_columns
    matmul(thread, threads, down, p.tokens, p.panels != 0, m.gate_input, scratch, m.h, stride)
    wait(threads, sync)


@kernel
def _head(thread, threads, sync, weights, s, norms, m, p):
    """The logits of the wanted tokens; a prompt's, which are few, by rows."""
    panels = p.panels != 0 and p.n_wanted >= MIN_PANEL_TOKENS
    for i in range(thread, p.n_wanted, threads):
        t = column(p.wanted, i)
        x, row = m.x + 4 * t * s.hidden_columns, m.last + 4 * i * s.hidden_columns
        accumulate(x, m.h + 4 * t * s.hidden_columns, s.hidden)
        rmsnorm(row, x, norms.output, s.hidden, s.eps)
        _quantize(i, s.hidden_columns, m.last, m.last_input, panels, m)
    wait(threads, sync)
    head = _matrix(weights, s.n_layers, 1)
    scratch = m.scratch + thread * m.scratch_bytes
    matmul(thread, threads, head, p.n_wanted, panels, m.last_input, scratch, p.logits, 4 * s.vocab)
    wait(threads, sync)


@entry
def forward(thread, threads, sync, weights, s, norms, m, p):
    """Read tokens, append them to their caches, and write the logits of those that are wanted.

    thread of threads; sync: address of int64 (16,) of the barrier; weights: address of the table of
    kernels.matrix, with n_layers x 7 + 2 rows; s, norms, m, p: Shape, Norms, Memory and Pass.
    """
    embedding = _matrix(weights, s.n_layers, 0)
    for t in range(thread, p.tokens, threads):
        embed(embedding, column(p.ids, t), m.h + 4 * t * s.hidden_columns)
        clear(m.x + 4 * t * s.hidden_columns, s.hidden_columns)
    for layer in range(s.n_layers):
        _normalise(thread, threads, norms.attention + 4 * layer * s.hidden, s, m, p)
        wait(threads, sync)
        _attention_block(thread, threads, sync, layer, weights, s, norms, m, p)
        _normalise(thread, threads, norms.ffn + 4 * layer * s.hidden, s, m, p)
        wait(threads, sync)
        _ffn_block(thread, threads, sync, layer, weights, s, m, p)
    if p.n_wanted > 0:
        _head(thread, threads, sync, weights, s, norms, m, p)
