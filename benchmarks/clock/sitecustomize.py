"""A wall clock that is ahead by the seconds in the file SECONDS_AHEAD, read at each look at it.

Python imports this at its start where this folder is in PYTHONPATH. The monotonic clock stays as it is, as
it does where a real clock is set.
"""

import os
import time
from pathlib import Path

_PLACE = Path(os.environ["SECONDS_AHEAD"])
_true_ns = time.time_ns


def _time_ns() -> int:
    return _true_ns() + int(_PLACE.read_text(encoding="ascii") or 0) * 1_000_000_000


def _time() -> float:
    return _time_ns() / 1e9


time.time_ns, time.time = _time_ns, _time
