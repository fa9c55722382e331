"""What attention is told: a job of int64 in memory, because it is called by pointer (kernels.code)."""

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.matrix import column
from picoqwen_core.kernels.simd import store_i64

# Addresses of float32: KEY and VALUE of one position (head_dim,), to store; QUERIES and OUT: the first head
# of the first of TOKENS tokens, the GROUP heads that share keys one after the other, with strides in bytes
# between tokens. KEYS and VALUES: addresses of one head's cache, of CAPACITY positions. START: the position
# of the first token. SCORES: scratch of float32 (8, CAPACITY). SCRATCH: of quantized rows
# (kernels.attention_int8).
KEY, VALUE, QUERIES, QUERY_STRIDE, OUT, OUT_STRIDE, GROUP, TOKENS = range(8)
START, KEYS, VALUES, CAPACITY, HEAD_DIM, SCORES, SCRATCH, JOB_COLUMNS = range(8, 16)


@kernel
def fill(job, index, value):
    """Write one number of the job at an address."""
    store_i64(job + 8 * index, value)


@kernel
def of(job, index):
    """Read one number of the job."""
    return column(job, index)
