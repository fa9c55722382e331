"""How far a long work is: a bar that moves on a terminal, nothing elsewhere."""

import time
from types import TracebackType
from typing import Self, TextIO

_BAR_WIDTH = 30
_REDRAW_SECONDS = 0.1


class ProgressBar:
    """Drawn on one line of a terminal, at most ten times a second, and wiped away at the end."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        """total: the sum of what `advance` will be called with."""
        self._label, self._total, self._stream = label, max(total, 1), stream
        self._terminal = stream.isatty()
        self._done = 0
        self._started = time.monotonic()
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._write("\r\x1b[K")

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self._done += amount
        if time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._draw()

    def _draw(self) -> None:
        if not self._terminal:
            return
        self._drawn = time.monotonic()
        share = min(self._done / self._total, 1.0)
        full = int(share * _BAR_WIDTH)
        bar = "#" * full + "." * (_BAR_WIDTH - full)
        self._write(f"\r\x1b[K{self._label} [{bar}] {share:4.0%}{self._remaining(share)}")

    def _remaining(self, share: float) -> str:
        seconds = time.monotonic() - self._started
        if share == 0 or seconds < 1:
            return ""
        left = round(seconds / share - seconds)
        return f", {left // 60}:{left % 60:02} left"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
