"""What an engine's process sets before it computes: kernels, threads, and how it stands back behind others.

Libraries read their settings when they are imported, so this comes before numba and NumPy.
"""

import logging
import os
import shutil
import tempfile
from pathlib import Path

from picoqwen_core.cpu import detect_cpu
from picoqwen_core.folders import cache_folder
from picoqwen_core.machine.limits import read_memory
from picoqwen_core.strategy import Strategy, select_strategy

_LOGGER = logging.getLogger(__name__)

# Where memory runs out, Linux ends the process with the highest score, which is its share of memory in
# thousandths plus this.
_DIE_EARLIER = 500
# Room for a model's compiled kernels; those of the built-in model take 0.7 MB.
_KERNELS_BYTES = 8_000_000
# Where Linux keeps files in memory: there is room on it where disks are full.
_IN_MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder that only we can open


def choose_strategy(cpu_target: str, threads: int | None) -> Strategy:
    """How to run here. Raises ConfigError for what this processor cannot do.

    Kernels for another processor than this one are chosen by the environment, where they look themselves.
    """
    forced = os.environ.get("PICOQWEN_ISA") or None
    cpu = detect_cpu(measure=None)
    strategy = select_strategy(cpu, read_memory(), target=cpu_target, threads=threads, kernels=forced)
    if threads is not None and threads > strategy.threads:
        _LOGGER.warning("%s threads are wanted; %s can run at once here", threads, strategy.threads)
    if cpu_target != "auto":
        os.environ["PICOQWEN_ISA"] = strategy.kernels
    return strategy


def prepare_libraries(cache_dir: Path | None, threads: int | None) -> None:
    """Settings that numba, NumPy and tokenizers read when they are imported."""
    os.environ["NUMBA_CACHE_DIR"] = str(_writable(cache_dir or cache_folder()))
    if threads is not None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    # Our kernels do the arithmetic; idle pools of other libraries cost memory.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def stand_back(nice: int, cpus: tuple[int, ...] = ()) -> None:
    """Let others go first: for the processor by `nice`, and for memory by dying before they do.

    cpus: the logical CPUs to stay on, for this thread and those that it starts; empty leaves them.
    """
    if nice:
        os.nice(nice)
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    score = Path("/proc/self/oom_score_adj")
    try:
        # Raising it needs no rights, lowering it would.
        score.write_text(str(min(1000, max(0, int(score.read_text("ascii"))) + _DIE_EARLIER)), "ascii")
    except (OSError, ValueError) as err:
        _LOGGER.info("The engine dies no earlier than others where memory runs out: %s", err)


def _writable(folder: Path) -> Path:
    """The folder, or where it cannot be written or the disk is full, one that is gone after this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _take_room(folder)
    except OSError as err:
        fallback = _passing(folder)
        _LOGGER.warning(
            "Compiled kernels cannot be kept in %s (%s); the next start compiles again", folder, err
        )
        return fallback
    return folder


def _passing(folder: Path) -> Path:
    """A folder of this process alone, with what `folder` holds; as it is where none can be had either."""
    for place in (None, _IN_MEMORY):
        try:
            # A fixed name in a shared folder would let others plant compiled code.
            passing = Path(tempfile.mkdtemp(prefix="picoqwen-numba-", dir=place))
            _take_room(passing)
            if folder.is_dir():
                shutil.copytree(folder, passing, dirs_exist_ok=True)
        except OSError:
            continue
        return passing
    return folder


def _take_room(folder: Path) -> None:
    """Raises OSError where not even compiled kernels find room; numba would end there in each of them."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _KERNELS_BYTES)
