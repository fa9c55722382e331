"""What the engine needs to know of the CPU it runs on."""

import os


def usable_cores() -> int:
    """Cores that this process may use: its affinity, which containers and `taskset` narrow."""
    return max(1, len(os.sched_getaffinity(0)))
