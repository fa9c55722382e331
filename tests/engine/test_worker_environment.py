"""What a worker sets before it computes; each case in a process of its own, as a worker is."""

import os
import subprocess
import sys
from pathlib import Path

from tests.engine.conftest import ROOT


def kernel_cache(cache_dir: Path | None, **environment: str) -> tuple[Path, str]:
    """The folder that a worker settles on, and what it says about it."""
    option = "None" if cache_dir is None else f"pathlib.Path({str(cache_dir)!r})"
    program = (
        "import os, pathlib, picoqwen_core.engine.environment as environment\n"
        f"environment.prepare_libraries({option}, 1)\n"
        "print(os.environ['NUMBA_CACHE_DIR'])"
    )
    inherited = {
        key: value for key, value in os.environ.items() if key not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=ROOT, env=inherited | environment,
    )  # fmt: skip
    return Path(done.stdout.strip()), done.stderr


def test_the_option_wins_over_the_environment(tmp_path):
    folder, said = kernel_cache(tmp_path / "a" / "b", NUMBA_CACHE_DIR=str(tmp_path / "c"))
    assert folder == tmp_path / "a" / "b"
    assert folder.is_dir()
    assert said == ""


def test_without_an_option_the_environment_and_then_the_users_cache_are_taken(tmp_path):
    assert kernel_cache(None, NUMBA_CACHE_DIR=str(tmp_path / "c"))[0] == tmp_path / "c"
    assert kernel_cache(None, XDG_CACHE_HOME=str(tmp_path))[0] == tmp_path / "picoqwen" / "numba"
    assert kernel_cache(None, HOME=str(tmp_path))[0] == tmp_path / ".cache" / "picoqwen" / "numba"


def test_a_folder_that_cannot_be_written_is_replaced_by_a_private_one_and_a_warning(tmp_path):
    (tmp_path / "file").touch()
    folder, said = kernel_cache(tmp_path / "file" / "numba", TMPDIR=str(tmp_path))
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o077 == 0
    assert "the next start compiles again" in said


def test_a_disk_that_is_full_is_left_for_one_that_is_not_with_what_was_compiled_before(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "compiled").write_text("kernel")
    program = (
        "import errno, os, pathlib, picoqwen_core.engine.environment as environment\n"
        "def no_room(number, start, size):\n"
        "    if '/full/' in os.readlink(f'/proc/self/fd/{number}'):\n"
        "        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "os.posix_fallocate = no_room\n"
        f"environment.prepare_libraries(pathlib.Path({str(tmp_path / 'full')!r}), 1)\n"
        "print(os.environ['NUMBA_CACHE_DIR'])"
    )
    done = said_by(program, TMPDIR=str(tmp_path))

    folder = Path(done.stdout.strip())
    assert folder.name.startswith("picoqwen-numba-")
    assert (folder / "compiled").read_text() == "kernel"
    assert "No space left on device" in done.stderr


def said_by(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from picoqwen_core.engine.environment import *\n" + program]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment
    )


def test_it_stands_back_for_the_processor_and_for_memory():
    done = said_by(
        "import os, pathlib\n"
        "score = pathlib.Path('/proc/self/oom_score_adj')\n"
        "before = os.nice(0), int(score.read_text())\n"
        "stand_back(3, tuple(sorted(os.sched_getaffinity(0)))[:1])\n"
        "print(os.nice(0) - before[0], int(score.read_text()) - before[1], len(os.sched_getaffinity(0)))"
    )
    assert done.stdout.split() == ["3", "500", "1"], done.stderr


def test_a_target_chooses_the_kernels_and_the_environment_wins():
    chosen = "import os\nchoose_strategy('generic', None)\nprint(os.environ.get('PICOQWEN_ISA'))"
    assert said_by(chosen, PICOQWEN_ISA="").stdout == "generic\n"
    best = "import os\nprint(repr(os.environ.get('PICOQWEN_ISA')), choose_strategy('auto', 1).threads)"
    assert said_by(best, PICOQWEN_ISA="").stdout == "'' 1\n"
    assert "PICOQWEN_ISA is 'mmx'; this processor can run" in said_by(best, PICOQWEN_ISA="mmx").stderr


def test_more_threads_than_can_run_are_not_taken():
    done = said_by("import logging\nlogging.basicConfig()\nprint(choose_strategy('auto', 4000).threads)")
    assert int(done.stdout) < 4000
    assert "4000 threads are wanted" in done.stderr
