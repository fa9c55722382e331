"""What an engine's process sets before it computes: kernels, threads, and how it stands back behind others.

Libraries read their settings when they are imported, so this comes before numba and NumPy.
"""

import logging
import os
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as err:
        # A fixed name in the shared temporary folder would let others plant compiled code.
        fallback = Path(tempfile.mkdtemp(prefix="picoqwen-numba-"))
        _LOGGER.warning(
            "Compiled kernels cannot be kept in %s (%s); the next start compiles again", folder, err
        )
        return fallback
