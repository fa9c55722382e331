"""The error tree. Each class carries the HTTP status and the stable code that the API answers with.

PicoQwenError
├── ConfigError              an option or flag has a value that cannot be used
├── RequestError             the request is wrong; the caller can mend it
│   ├── ContextLengthExceeded
│   ├── GrammarError         a regular expression or grammar cannot be used
│   ├── SchemaError          a JSON schema cannot be used; names the keyword and its path
│   ├── SettingsRefused      settings that were to be read again cannot be used
│   └── ModelNotFound
├── AuthError                the key is missing or wrong
├── CheckpointError          a model file is damaged or not supported
├── EngineError              the engine failed while working
│   ├── EngineUnavailable    the engine's process is not running (starting, crashed, stopped)
│   └── InsufficientMemory   there is no room for the model
├── ModelInUse               a model that is needed cannot be unloaded or deleted
├── DownloadError            a model could not be fetched
│   ├── HubUnreachable       there is no network, or the hub does not answer
│   ├── GatedRepository      the hub asks for a token, or does not accept it
│   └── DiskFull             there is no room on the disk
├── ProviderError            another server that should have answered failed at it
│   ├── ProviderUnavailable  it cannot be reached, or is busy; `retry_after` may say how long
│   │   └── ProviderTimeout  it gave no sign of life; whether it worked, and will be paid for it, is not known
│   │       └── ProviderHurried  it had less time than it may take
│   └── ProviderRefused      it does not accept the key, the model or the request
├── NobodyAnswered           everybody who might have answered was asked, and failed
├── LimitReached             a run of an agent has used up its steps, tokens, seconds or money
├── ToolError                a tool could not do what it was called for
├── BudgetExceeded           the answer would cost more than may be spent
├── ForbiddenError           what was asked for is not allowed here
└── BusyError                the queue is full; try again later
    ├── RateLimited          too many requests of one caller
    └── TooManyConnections   there are as many connections as there may be
"""

from http import HTTPStatus
from typing import Any, ClassVar, Self

_SHOWN_CHARACTERS = 100


class PicoQwenError(Exception):
    """Base of every error that Pico-Qwen raises on purpose."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"


class ConfigError(PicoQwenError):
    """An option, flag or environment variable has a value that cannot be used."""

    code = "config_error"


class RequestError(PicoQwenError):
    """The request is wrong; the message names the offending value."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class ContextLengthExceeded(RequestError):
    """The prompt does not fit into the model's context."""

    code = "context_length_exceeded"


class GrammarError(RequestError):
    """A regular expression or a grammar is wrong, too complex, or fits no text."""

    code = "invalid_grammar"


class SchemaError(RequestError):
    """A JSON schema is wrong, demands what is not supported, or fits no value."""

    code = "unsupported_schema"


class SettingsRefused(RequestError):
    """Settings that were to be read again cannot be used; those that counted before go on counting."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "settings_refused"


class ModelNotFound(RequestError):
    """No model of that name is installed."""

    status = HTTPStatus.NOT_FOUND
    code = "model_not_found"


class AuthError(PicoQwenError):
    """The API key is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class CheckpointError(PicoQwenError):
    """A model file is damaged, incomplete or of a kind that is not supported."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "bad_checkpoint"


class EngineError(PicoQwenError):
    """The engine failed while working on a request."""

    code = "engine_error"


class EngineUnavailable(EngineError):
    """The engine's process is not running: it is starting, has crashed or was stopped."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "engine_unavailable"


class InsufficientMemory(EngineError):
    """There is no room for the model, and nothing that may be unloaded for it."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "insufficient_memory"


class ModelInUse(PicoQwenError):
    """The model is needed and can be neither unloaded nor deleted."""

    status = HTTPStatus.CONFLICT
    code = "model_in_use"


class DownloadError(PicoQwenError):
    """A model could not be fetched, or what came is not what was promised."""

    status = HTTPStatus.BAD_GATEWAY
    code = "download_failed"


class HubUnreachable(DownloadError):
    """There is no network, or the hub does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "hub_unreachable"


class GatedRepository(DownloadError):
    """The hub asks for a token, or does not accept the one there is."""

    status = HTTPStatus.FORBIDDEN
    code = "gated_repository"


class DiskFull(DownloadError):
    """There is no room for the model on the disk."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "disk_full"


class ProviderError(PicoQwenError):
    """Another server failed at an answer, or sent what is none."""

    status = HTTPStatus.BAD_GATEWAY
    code = "provider_error"


class ProviderUnavailable(ProviderError):
    """Another server cannot be reached, does not answer, or is busy."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "provider_unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """retry_after: seconds for which it does not want to be asked, where it said so."""
        super().__init__(message)
        self.retry_after = retry_after


class ProviderTimeout(ProviderUnavailable):
    """Another server took the request and gave no sign of life."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "provider_timeout"


class ProviderHurried(ProviderTimeout):
    """Another server had less time than it may take, since those before it had used it up."""

    code = "provider_hurried"


class ProviderRefused(ProviderError):
    """Another server does not accept the key, the model or the request."""

    code = "provider_refused"


class NobodyAnswered(PicoQwenError):
    """Everybody who might have answered was asked; the message says how each of them failed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "nobody_answered"


class LimitReached(PicoQwenError):
    """A run of an agent has used up one of its limits, which `limit` names."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "limit_reached"

    limit = ""

    @classmethod
    def of(cls, limit: str, allowed: float) -> Self:
        """limit: steps, tokens, seconds, cost or nodes."""
        error = cls(f"the limit of {allowed:g} {'dollars' if limit == 'cost' else limit} is reached")
        error.limit = limit
        return error


class ToolError(PicoQwenError):
    """A tool could not do what it was called for; the model is told, and may do better."""

    status = HTTPStatus.BAD_GATEWAY
    code = "tool_failed"

    def __init__(self, message: str, *, untrusted: bool = False) -> None:
        """untrusted: whether the message holds words that somebody else wrote."""
        super().__init__(message)
        self.untrusted = untrusted


class BudgetExceeded(PicoQwenError):
    """The answer would cost more than may be spent."""

    status = HTTPStatus.PAYMENT_REQUIRED
    code = "budget_exceeded"


class ForbiddenError(PicoQwenError):
    """What was asked for is not allowed here."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class BusyError(PicoQwenError):
    """The queue is full; the caller should try again later."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "busy"


class RateLimited(BusyError):
    """One caller asks more often than it may."""

    code = "rate_limited"


class TooManyConnections(BusyError):
    """There are as many connections as there may be."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "too_many_connections"


def shown(value: Any) -> str:
    """A value from a file for a message: cut short, because such a value may have any size."""
    text = repr(value[:_SHOWN_CHARACTERS] if isinstance(value, str | bytes | list) else value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
