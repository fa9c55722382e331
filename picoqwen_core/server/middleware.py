"""What happens around every request: an id, the key, errors as JSON, one line in the log."""

import hmac
import logging
import time
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

from picoqwen_core.errors import AuthError, EngineUnavailable, PicoQwenError, RequestError
from picoqwen_core.server.state import state_of

_LOGGER = logging.getLogger(__name__)
# Health must answer a watchdog that has no key; it tells nothing about the home.
_OPEN_PATHS = frozenset({"/api/v1/health"})
RETRY_SECONDS = 5


def error_body(error: PicoQwenError) -> dict[str, dict[str, str]]:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": str(error), "type": kind, "code": error.code}}


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn our errors into JSON answers, once; anything else is a defect and is logged."""
    try:
        return await handler(request)
    except PicoQwenError as err:
        headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(err, EngineUnavailable) else {}
        return web.json_response(error_body(err), status=err.status, headers=headers)
    except web.HTTPRequestEntityTooLarge as err:
        return _as_json(RequestError(f"the body is too large: {err.text}"), err.status)
    except web.HTTPException as err:
        return _as_json(RequestError(f"{request.method} {request.path}: {err.reason}"), err.status)
    except Exception:
        _LOGGER.exception("%s %s failed", request.method, request.path)
        return web.json_response(error_body(PicoQwenError("the server failed; see its log")), status=500)


def _as_json(error: PicoQwenError, status: int) -> web.Response:
    return web.json_response(error_body(error), status=status)


@web.middleware
async def access_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and log how it went; never what was said in it."""
    request_id = request.headers.get("X-Request-Id", "")[:64] or uuid.uuid4().hex[:12]
    request["id"] = request_id
    start = time.perf_counter()
    response = await handler(request)
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
    took = (time.perf_counter() - start) * 1000
    _LOGGER.info("%s %s %s %d %.0f ms", request_id, request.method, request.path, response.status, took)
    return response


@web.middleware
async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for the bearer key, if there is one."""
    key = state_of(request).settings.api_key
    if key is not None and request.path not in _OPEN_PATHS:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise AuthError("the API key is missing or wrong; send it as 'Authorization: Bearer KEY'")
    return await handler(request)
