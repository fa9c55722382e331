"""How kernels are compiled: without the GIL, with float arithmetic as written, entries kept on disk.

A kernel is called by other kernels only, and becomes part of them; from Python it would crash. An entry is
what Python calls: it alone has the wrapper that converts Python's numbers, and a place in the cache. Without
them kernels compile in three quarters of the time.
"""

from numba import njit

# No reassociation and no contraction: kernels say how they add and where they use FMA. LLVM would order sums
# differently in each place that a kernel is inlined into, and a token's numbers would depend on its place.
FLOATS = {"nsz"}

kernel = njit(
    nogil=True, fastmath=FLOATS, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
entry = njit(nogil=True, fastmath=FLOATS, error_model="numpy", cache=True)
