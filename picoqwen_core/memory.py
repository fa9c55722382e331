"""A process's memory: how much it is, and giving back what only the start needed."""

import ctypes
import gc
import os
import re
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
    trim()


def trim() -> None:
    """Give freed memory back to the system.

    glibc keeps it for itself; musl has no such call and no such habit.
    """
    if give_back := getattr(ctypes.CDLL(None), "malloc_trim", None):
        give_back(0)


def forget_code(library: str) -> None:
    """Take a loaded library out of this process's memory; what is used again is read again.

    For a compiler that has done its work: of LLVM, starting touches 27 MB of code and 16 MB of tables in
    each worker. Only what was never written is given back, so that nothing can be lost. library: a part of
    the path.
    """
    try:
        text = Path("/proc/self/smaps").read_text(encoding="utf-8")
    except OSError:
        return
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    if advise is None:
        return
    for segment in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text, flags=re.MULTILINE):
        head, _, counts = segment.partition("\n")
        if library not in head or not _is_as_on_disk(head, counts):
            continue
        first, last = (int(end, 16) for end in head.split()[0].split("-"))
        advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _MADV_DONTNEED)


def _is_as_on_disk(head: str, counts: str) -> bool:
    """Whether a segment can be read again: none may write to it, and nothing has (the linker does, before it
    closes a segment).
    """
    access = head.split()[1]
    return access in ("r--p", "r-xp") and re.search(r"^Anonymous: +0 kB$", counts, re.MULTILINE) is not None
