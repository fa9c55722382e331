"""Where files are kept that are nobody's documents: compiled kernels, measurements."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where compiled kernels, and what was measured, are kept where no option says so."""
    if chosen := environment.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "picoqwen" / "numba"
