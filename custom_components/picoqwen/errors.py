"""What can go wrong between Home Assistant and the server."""

from typing import Any


class PicoQwenError(Exception):
    """The server answered with an error; `code` is its stable name for it, where it gave one."""

    def __init__(self, message: str, code: str | None = None) -> None:
        """The message is for people, and may be shown."""
        super().__init__(message)
        self.code = code


class PicoQwenConnectionError(PicoQwenError):
    """The server cannot be reached, or broke off."""


class PicoQwenAuthError(PicoQwenError):
    """The server does not accept the API key."""


class PicoQwenBusyError(PicoQwenError):
    """Too many requests are waiting already."""


class PicoQwenUnavailableError(PicoQwenError):
    """The server is there, but its model is not: it is loading, has failed, or found no memory."""


class PicoQwenBudgetError(PicoQwenError):
    """The answer would cost more than may be spent."""


class PicoQwenUnsupportedError(PicoQwenError):
    """The server is too old to know what it was asked for."""


_BY_STATUS: dict[int, type[PicoQwenError]] = {
    401: PicoQwenAuthError,
    402: PicoQwenBudgetError,
    403: PicoQwenAuthError,
    405: PicoQwenUnsupportedError,
    429: PicoQwenBusyError,
    502: PicoQwenConnectionError,
    503: PicoQwenUnavailableError,
    504: PicoQwenConnectionError,
}
_BY_CODE: dict[str, type[PicoQwenError]] = {
    "budget_exceeded": PicoQwenBudgetError,
    "busy": PicoQwenBusyError,
    "engine_unavailable": PicoQwenUnavailableError,
    "not_found": PicoQwenUnsupportedError,
    "unauthorized": PicoQwenAuthError,
}


def error_of(body: Any, status: int | None = None, otherwise: str = "error") -> PicoQwenError:
    """The error that a response, or the error event of a stream, means."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = {}
    code = error.get("code")
    kind = _BY_CODE.get(code) if isinstance(code, str) else None
    if kind is None and status is not None:
        kind = _BY_STATUS.get(status)
    return (kind or PicoQwenError)(str(error.get("message", otherwise)), code)
