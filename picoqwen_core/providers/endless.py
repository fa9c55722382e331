"""When an answer of another server has gone on for too long: it was told how many tokens it may take."""

import time
from collections.abc import Callable

# Tokens of prose hold 4 characters; runs of spaces in code hold more.
_CHARACTERS_A_TOKEN, _SPARE_CHARACTERS = 12, 1000
# A piece holds a token or more; some tell of roles, of usage, or that the server is alive.
_PIECES_A_TOKEN, _SPARE_PIECES = 2, 200
# Slower than this nobody reads along.
_SECONDS_A_TOKEN, _SPARE_SECONDS = 1.0, 60.0


class Bounds:
    """What an answer of so many tokens can take at most: pieces, characters and seconds."""

    def __init__(self, tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back; the time runs from now on."""
        self._pieces = tokens * _PIECES_A_TOKEN + _SPARE_PIECES
        self._characters = tokens * _CHARACTERS_A_TOKEN + _SPARE_CHARACTERS
        self._clock = clock
        self._end = clock() + tokens * _SECONDS_A_TOKEN + _SPARE_SECONDS

    def passed(self, characters: int) -> bool:
        """Count one more piece, after which so many characters have come; whether that is too much."""
        self._pieces -= 1
        return self._pieces < 0 or characters > self._characters or self._clock() > self._end
