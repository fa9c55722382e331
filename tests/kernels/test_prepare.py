"""Kernels compiled ahead by several processes, into the cache that this one reads."""

import os
import subprocess
import sys
from pathlib import Path

from picoqwen_core.kernels.prepare import _shares, all_parts, parts_for


def test_a_model_needs_the_parts_of_its_formats_and_of_its_cache() -> None:
    assert parts_for([8, 0, 8], ["int8"]) == [
        *("forward", "store:int8", "attend:int8"),
        *("rows:0", "pack:0", "panel:0", "embed:0"),
        *("rows:8", "pack:8", "panel:8", "embed:8"),
    ]


def test_each_part_is_compiled_by_one_process() -> None:
    shares = _shares(all_parts(), 3)
    assert all(shares)
    assert sorted(part for share in shares for part in share) == sorted(all_parts())


def test_what_other_processes_compile_is_loaded_from_the_cache(tmp_path: Path) -> None:
    lines = (
        "from picoqwen_core.kernels import code",
        "from picoqwen_core.kernels.prepare import prepare",
        "prepare(['embed:0', 'embed:8'], 2)",
        "print(code._embed_number(code._KINDS[0]).cache_hits, code._embed_block(code._KINDS[8]).cache_hits)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "; ".join(lines)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "1"]
    assert sorted(mark.name for mark in tmp_path.glob("*/prepared/*")) == ["embed-0", "embed-8"]
