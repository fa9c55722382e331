"""How kernels are compiled: without the GIL, with fast float arithmetic, and kept on disk."""

from numba import njit

kernel = njit(nogil=True, fastmath=True, cache=True, error_model="numpy")
