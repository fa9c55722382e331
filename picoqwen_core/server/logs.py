"""How the log is written: as text, or as one JSON object a line; what is logged is said where it happens."""

import json
import logging
from datetime import UTC, datetime

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from picoqwen_core.config import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """An object with time (ISO 8601, UTC), level, logger and message; of a request also its own fields.

    Those are request_id, method, path, status, ms and caller, given to the logger as `extra={"access": ...}`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "access", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class Unreadable(logging.Filter):
    """Says in one line that something was no HTTP, and nothing of its bytes: a key may be among them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record, which may be changed here, is written."""
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.exc_info, record.exc_text = None, None
            record.msg = "What came from %s cannot be read as HTTP"
            record.levelno, record.levelname = logging.INFO, "INFO"
            return server_logger.isEnabledFor(logging.INFO)
        return True


_UNREADABLE = Unreadable()


def hide_unreadable() -> None:
    """Let aiohttp log nothing of what it could not read; once is enough."""
    server_logger.addFilter(_UNREADABLE)


def shape(settings: Settings) -> None:
    """Let the log have the level and the form of the settings."""
    root = logging.getLogger()
    root.setLevel(settings.log_level.upper())
    for handler in root.handlers:
        handler.setFormatter(JsonLines() if settings.log_format == "json" else logging.Formatter(TEXT))
