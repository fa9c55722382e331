"""What the engine needs to know of the CPU it runs on."""

import os


def usable_cores() -> int:
    """Cores that this process may use; containers and `taskset` narrow its affinity, on Linux."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
