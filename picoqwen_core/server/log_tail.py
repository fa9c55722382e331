"""GET /api/v1/logs: the last lines of the server's log, for the status page.

Lines are kept at the level of the log and never below INFO: what people say is written at DEBUG.
"""

import logging
from collections import deque

from aiohttp import web

from picoqwen_core.server.state import state_of

MOST_LINES = 200


class LogTail(logging.Handler):
    """Keeps the newest lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=MOST_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        try:
            self.lines.append(self.format(record))
        except (TypeError, ValueError):
            self.handleError(record)


async def logs(request: web.Request) -> web.Response:
    """Answer {"lines"}, the oldest first; none where the server was not told to keep any."""
    return web.json_response({"lines": list(state_of(request).log)})
