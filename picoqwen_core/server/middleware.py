"""What happens around every request: an id, the key, errors as JSON, one line in the log."""

import logging
import re
import time
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

from picoqwen_core.errors import (
    AuthError,
    BusyError,
    EngineUnavailable,
    InsufficientMemory,
    PicoQwenError,
    RequestError,
)
from picoqwen_core.server.access import OPEN_PATHS
from picoqwen_core.server.state import state_of

_LOGGER = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[\w.-]{1,64}")
_CLIENT_LEFT = 499
_ACCESS_FIELDS = ("request_id", "method", "path", "status", "ms", "caller")
_AIOHTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
RETRY_SECONDS = 5


def error_body(error: PicoQwenError, code: str | None = None) -> dict[str, dict[str, str]]:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": str(error), "type": kind, "code": code or error.code}}


def unexpected(request: web.Request, defect: Exception) -> PicoQwenError:
    """What to tell the caller of a defect of ours, which itself goes to the log."""
    _LOGGER.error("%s %s %s failed", request["id"], request.method, request.path, exc_info=defect)
    return PicoQwenError(f"the server failed; its log says more under request {request['id']}")


@web.middleware
async def access_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and log how it went; never what was said in it."""
    given = request.headers.get("X-Request-Id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:12]
    request["id"] = request_id
    start = time.perf_counter()
    # Stays where the handler is cancelled, since nobody is there to be answered.
    status = _CLIENT_LEFT
    try:
        response = await handler(request)
        status = response.status
    finally:
        took = (time.perf_counter() - start) * 1000
        caller = request.get("caller", "-")
        resource = request.match_info.route.resource
        # Where the path holds what opens it, only its form is told.
        path = resource.canonical if resource and "mcp_token" in request.match_info else request.path
        said = (request_id, request.method, path, status, took, caller)
        access = dict(zip(_ACCESS_FIELDS, said, strict=True)) | {"ms": round(took, 1)}
        # Who looks whether the server lives asks every few seconds, and would fill the log of a quiet home.
        level = logging.DEBUG if request.path in OPEN_PATHS and status == 200 else logging.INFO
        _LOGGER.log(level, "%s %s %s %d %.0f ms %s", *said, extra={"access": access})
        state_of(request).metrics.request(resource.canonical if resource else "other", status)
    # A file of the page goes without: the bytes are counted, and nobody asks after one.
    if not response.prepared and not request.path.startswith("/ui/"):
        response.headers["X-Request-Id"] = request_id
    return response


async def unnamed(_: web.Request, response: web.StreamResponse) -> None:
    """Keep to ourselves which versions of what answer: of no use to anybody, and part of every file."""
    response.headers.pop("Server", None)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn our errors into JSON answers, once; anything else is a defect and is logged."""
    try:
        return await handler(request)
    except PicoQwenError as err:
        return _answer(request, error_body(err), err.status, _headers(err))
    except web.HTTPException as err:
        return _from_aiohttp(request, err)
    except Exception as err:
        return _answer(request, error_body(unexpected(request, err)), 500, {})


def is_plain(path: str) -> bool:
    """Whether a path is one of Ollama's, whose clients expect an error as text."""
    return path.startswith("/api/") and not path.startswith("/api/v1/")


def _answer(
    request: web.Request, body: dict[str, dict[str, str]], status: int, headers: dict[str, str]
) -> web.Response:
    """An error as the callers of this path expect it: Ollama's are a plain text under `error`."""
    if is_plain(request.path):
        plain = {"error": body["error"]["message"], "code": body["error"]["code"]}
        return web.json_response(plain, status=status, headers=headers)
    return web.json_response(body, status=status, headers=headers)


def _headers(error: PicoQwenError) -> dict[str, str]:
    if isinstance(error, EngineUnavailable | InsufficientMemory | BusyError):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, AuthError) else {}


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> web.Response:
    """An unknown path, a wrong method, a body that is too large."""
    detail = error.text if isinstance(error, web.HTTPRequestEntityTooLarge) else error.reason
    body = error_body(
        RequestError(f"{request.method} {request.path}: {detail}"),
        _AIOHTTP_CODES.get(error.status),
    )
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _answer(request, body, error.status, headers)
