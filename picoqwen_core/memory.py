"""A process's memory: how much it is, and giving back what only the start needed."""

import ctypes
import gc
import os
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1_000_000
_MADV_DONTNEED = 4


def resident_mb(pid: int | None = None) -> float | None:
    """Resident memory of a process (None: this one) in megabytes of 10^6; None when it has just ended.

    Read from Linux itself: importing psutil for this one number would add 2 MB to it.
    """
    try:
        pages = Path(f"/proc/{pid or 'self'}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return None
    return round(int(pages) * _PAGE_BYTES / _MEGABYTE, 1)


def settle() -> None:
    """Give back what only the start needed.

    In the API process 3 MB where its modules had to be compiled, in a worker 20 MB after Qwen's vocabulary.
    """
    gc.collect()
    # What is loaded stays: later collections need not walk it.
    gc.freeze()
    # glibc keeps freed memory for itself; musl has no such call and no such habit.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def forget_code(library: str) -> None:
    """Take the code of a loaded library out of this process's memory; what is called again is read again.

    For a compiler that has done its work: of LLVM, starting touches 27 MB in each worker. Only executable
    segments are given back: they are never written, so nothing can be lost. library: a part of the path.
    """
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    if advise is None:
        return
    for line in lines:
        span, access, *_ = line.split(maxsplit=2)
        if access == "r-xp" and library in line:
            first, last = (int(end, 16) for end in span.split("-"))
            advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _MADV_DONTNEED)
