"""Compiles kernels ahead on all cores: at the first start on a CPU, and when an image is built.

Numba compiles on one core at a time, so each core gets a process of its own; what they compile reaches this
one through the cache. A part that is not prepared is compiled when it is first needed.
python -m picoqwen_core.kernels.prepare PART ... compiles parts in this process.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from numba import typeof
from numba.core import config

from picoqwen_core.kernels import code
from picoqwen_core.kernels.blocks import BLOCKS
from picoqwen_core.kernels.floats import NUMBERS
from picoqwen_core.kernels.forward import Memory, Norms, Pass, Shape, forward
from picoqwen_core.kernels.isa import ISA

_LOGGER = logging.getLogger(__name__)
_MAKERS = {
    "rows": code.rows_code,
    "pack": code.pack_code,
    "panel": code.panel_code,
    "embed": code.embed_code,
    "store": code.store_code,
    "attend": code.attend_code,
}
# Parts of a format, and about how long each takes, in seconds; those of a cache, and the rest.
_SECONDS = {"rows": 0.7, "pack": 0.3, "panel": 1.0, "embed": 0.1, "store": 0.3, "attend": 1.8, "forward": 3.0}
_FORMAT_PARTS, _CACHE_PARTS = ("rows", "pack", "panel", "embed"), ("store", "attend")
_TIMEOUT_S, _POLL_S = 1200, 0.2
type Report = Callable[[int, int], None]
_REPORT: ContextVar[Report] = ContextVar("report", default=lambda done, of: None)


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """Inside, `prepare` tells how many of the parts that were missing are there: report(done, of)."""
    token = _REPORT.set(report)
    try:
        yield
    finally:
        _REPORT.reset(token)


def parts_for(type_ids: Iterable[int], cache_kinds: Iterable[str]) -> list[str]:
    """Names of the parts that models with tensors of these GGML types need, with caches of these kinds."""
    formats = [f"{part}:{type_id}" for type_id in sorted(set(type_ids)) for part in _FORMAT_PARTS]
    caches = [f"{part}:{kind}" for kind in sorted(set(cache_kinds)) for part in _CACHE_PARTS]
    return ["forward", *caches, *formats]


def all_parts() -> list[str]:
    """Every part there is."""
    type_ids = [*(block.type_id for block in BLOCKS.values()), *(number.type_id for number in NUMBERS)]
    return parts_for(type_ids, code.CACHE_KINDS)


def prepare(parts: Iterable[str], processes: int) -> None:
    """Compile what is not in the cache yet, on so many processes; nothing is done where they are not two.

    A process that fails is a warning: what it should have compiled is compiled when it is needed.
    """
    missing = [part for part in parts if not _mark(part).exists()]
    if missing:
        _REPORT.get()(0, len(missing))
    if processes < 2 or not missing:
        return
    _LOGGER.info("compiling %d kernels for %s, once on this machine ...", len(missing), ISA.name)
    command = [sys.executable, "-m", "picoqwen_core.kernels.prepare"]
    running = []
    for share in filter(None, _shares(missing, processes)):
        try:
            running.append(subprocess.Popen([*command, *share]))  # noqa: S603
        except OSError as err:
            _LOGGER.warning("kernels cannot be compiled ahead: %s", err)
            break
    _watch(running, missing)
    for process in running:
        if process.wait():
            _LOGGER.warning("compiling kernels ahead ended with %s", process.returncode)


def _watch(running: list[subprocess.Popen[bytes]], missing: list[str]) -> None:
    """Until all have ended, or are killed for taking too long."""
    report, reported, ends = _REPORT.get(), 0, time.monotonic() + _TIMEOUT_S
    while any(process.poll() is None for process in running):
        if time.monotonic() > ends:
            for process in running:
                process.kill()
        time.sleep(_POLL_S)
        done = sum(_mark(part).exists() for part in missing)
        if done != reported:
            report(done, len(missing))
            reported = done


def compile_part(part: str) -> None:
    """Compile a part, or load it from the cache, and remember that it is there."""
    name, _, of = part.partition(":")
    if name == "forward":
        forward.compile(_forward_types())
    else:
        _MAKERS[name](of if name in _CACHE_PARTS else int(of))
    _mark(part).parent.mkdir(parents=True, exist_ok=True)
    _mark(part).touch()


def _shares(parts: list[str], processes: int) -> list[list[str]]:
    """Parts for each process, so that all take about as long. Formats with the same tile stay together."""
    together: dict[str, list[str]] = {}
    for part in parts:
        name, _, of = part.partition(":")
        together.setdefault(f"{name} {code.tile_name(int(of))}" if name == "panel" else part, []).append(part)
    shares: list[list[str]] = [[] for _ in range(processes)]
    loads = [0.0] * processes
    for name, group in sorted(together.items(), key=lambda item: -_seconds(item[0])):
        least = loads.index(min(loads))
        shares[least] += group
        loads[least] += _seconds(name)
    return shares


def _seconds(part: str) -> float:
    return _SECONDS[part.replace(":", " ").split()[0]]


def _mark(part: str) -> Path:
    """A file that is there when the part is in the cache."""
    return Path(config.CACHE_DIR) / "prepared" / part.replace(":", "-")


def _forward_types() -> tuple[object, ...]:
    """What the forward pass is called with: whole numbers, and tuples of them."""
    shape = Shape(*[1] * (len(Shape._fields) - 1), eps=1e-6)
    others = (group(*[1] * len(group._fields)) for group in (Norms, Memory, Pass))
    return tuple(typeof(value) for value in (0, 1, 1, 1, shape, *others))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        compile_part(argument)
