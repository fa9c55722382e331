"""What attention is told: a job of int64 in memory, because it is called by pointer (kernels.code)."""

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.matrix import column
from picoqwen_core.kernels.simd import store_i64

# Addresses of float32: KEY and VALUE of one position (head_dim,), to store; QUERIES and OUT: the first head
# of the first of TOKENS tokens, the GROUP heads that share keys one after the other, with strides in bytes
# between tokens. TABLE: address of the int64 addresses of a cache's blocks, of POSITIONS positions each; KEYS
# and VALUES: where in each block those of this head begin. START: the position of the first token. SCORES:
# scratch of float32 (8, SCORE_STRIDE / 4). SCRATCH: of 20 x HEAD_DIM bytes. PAIRS: whether
# two queries may be computed by code of their own, which rounds otherwise than that for four.
KEY, VALUE, QUERIES, QUERY_STRIDE, OUT, OUT_STRIDE, GROUP, TOKENS = range(8)
START, TABLE, KEYS, VALUES, HEAD_DIM, SCORES, SCORE_STRIDE, SCRATCH, PAIRS, JOB_COLUMNS = range(8, 18)
# Positions of a block of the cache. Large, so that attention streams through memory; only the last one of a
# sequence is partly empty.
POSITIONS = 256


@kernel
def fill(job, index, value):
    """Write one number of the job at an address."""
    store_i64(job + 8 * index, value)


@kernel
def of(job, index):
    """Read one number of the job."""
    return column(job, index)


@kernel
def out_of(job, number, last):
    """Where the output of a query goes: those that only fill up four, past the `last`, go nowhere."""
    if number > last:
        return of(job, SCRATCH) + 16 * of(job, HEAD_DIM)
    group = of(job, GROUP)
    return of(job, OUT) + number // group * of(job, OUT_STRIDE) + number % group * 4 * of(job, HEAD_DIM)


@kernel
def keys_of(job, block):
    """Address of this head's keys in a block."""
    return column(of(job, TABLE), block) + of(job, KEYS)


@kernel
def values_of(job, block):
    """Address of this head's values in a block."""
    return column(of(job, TABLE), block) + of(job, VALUES)
