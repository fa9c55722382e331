"""Who may ask, and how often: bearer keys, a token bucket for each caller, and pages of other origins."""

import hashlib
import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from picoqwen_core.config import Settings
from picoqwen_core.errors import AuthError, ForbiddenError, RateLimited, TooManyConnections
from picoqwen_core.server.page import is_public
from picoqwen_core.server.state import state_of

# Health must answer a watchdog that has no key; it tells nothing about the home.
OPEN_PATHS = frozenset({"/api/v1/health"})
CALLER = "caller"
# page_form.py answers with a page, and MCP has a rule of its own (server/mcp.py).
_LOOK_THEMSELVES = ("/", "/mcp")
# What changes nothing, and whose answer a page of another site cannot read.
_READING = ("GET", "HEAD", "OPTIONS")
_CORS_METHODS = "GET, POST, DELETE, OPTIONS"
_CORS_HEADERS = (
    "Authorization, Content-Type, X-Request-Id, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, "
    "Last-Event-ID"
)


@web.middleware
async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for a bearer key, if there is one; the caller is then known by the key's name."""
    settings = state_of(request).settings
    # The page's form sends the key in a field, so page_form.py looks at it.
    if is_public(request) or request.path in (*OPEN_PATHS, "/") or is_open_to(request, settings):
        _check_page(request, settings)
        request[CALLER] = "ingress" if comes_by_ingress(request, settings) else request.remote or "unknown"
        return await handler(request)
    if (token := request.match_info.get("mcp_token")) is not None:
        request[CALLER] = _caller_by_address(token, settings)
        return await handler(request)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    name = key_name(given.strip(), settings) if scheme.lower() == "bearer" else None
    if name is None:
        raise AuthError(
            f"the API key is missing or wrong; send it as 'Authorization: Bearer KEY'{_astray(request)}"
        )
    request[CALLER] = name
    return await handler(request)


def _check_page(request: web.Request, settings: Settings) -> None:
    """Raises ForbiddenError where a page of another site makes a browser ask that needs no key here.

    A browser sends some requests, and opens a WebSocket, without asking first whether that page may. Its word
    on whose page it is comes with https and this machine's own addresses only; else addresses are compared.
    """
    origin = request.headers.get("Origin")
    changes = request.method not in _READING or "Upgrade" in request.headers
    if origin is None or not changes or request.path in _LOOK_THEMSELVES or _may_read(request):
        return
    site = request.headers.get("Sec-Fetch-Site")
    own = origin.partition("://")[2] == request.host if site is None else site in ("same-origin", "none")
    if not own and not comes_by_ingress(request, settings):
        raise ForbiddenError(f"a page of {origin[:200]} may not ask; allowed_origins names those that may")


def mcp_token(api_key: str) -> str:
    """What stands in an address of /mcp in place of the key, for clients that can send none.

    Made of the key, opens nothing else, and does not tell it.
    """
    return hashlib.sha256(f"mcp:{api_key}".encode()).hexdigest()[:40]


def _caller_by_address(token: str, settings: Settings) -> str:
    """Raises AuthError."""
    wanted = mcp_token(settings.api_key or "")
    if settings.api_key is None or not hmac.compare_digest(
        token.encode(errors="surrogateescape"), wanted.encode()
    ):
        raise AuthError("the address of /mcp is wrong; docs/mcp.md says how the right one is made")
    return "key"


def is_open_to(request: web.Request, settings: Settings) -> bool:
    """Whether this caller needs no key: where there is none, and where Home Assistant has asked who it is."""
    return not (settings.api_key or settings.api_keys) or comes_by_ingress(request, settings)


def comes_by_ingress(request: web.Request, settings: Settings) -> bool:
    """Whether the Supervisor hands on what a person asks who is logged in to Home Assistant.

    The address counts, which nobody else can have; the header alone could be sent by anyone.
    """
    is_supervisor = settings.ingress_address is not None and request.remote == settings.ingress_address
    return is_supervisor and "X-Ingress-Path" in request.headers


def _astray(request: web.Request) -> str:
    """What is said to who came by Home Assistant's ingress, but not from the address that is set."""
    if "X-Ingress-Path" not in request.headers:
        return ""
    return f"; ingress needs none where it comes from ingress_address, and this came from {request.remote}"


def key_name(given: str, settings: Settings) -> str | None:
    """The name of a key, or None; every key is compared, whichever fits, so that time tells nothing."""
    # Header bytes that are not UTF-8 arrive as surrogates.
    raw = given.encode(errors="surrogateescape")
    found = None
    if settings.api_key is not None and hmac.compare_digest(raw, settings.api_key.encode()):
        found = "key"
    digest = hashlib.sha256(raw).hexdigest()
    for entry in settings.api_keys:
        name, _, wanted = entry.partition(":")
        if hmac.compare_digest(digest, wanted):
            found = name
    return found


@web.middleware
async def rate_limit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a caller who asks more often than the settings allow."""
    state = state_of(request)
    per_minute = state.settings.rate_limit
    if per_minute and request.path not in OPEN_PATHS and not is_public(request):
        wait = state.buckets.wait(request[CALLER], per_minute)
        if wait > 0:
            raise RateLimited(f"more than {per_minute} requests a minute; try again in {wait:.1f} s")
    return await handler(request)


@web.middleware
async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a browser that asks whether a page may send a request; by default none may."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or not _may_read(request):
        return await handler(request)
    headers = {
        "Access-Control-Allow-Methods": _CORS_METHODS,
        "Access-Control-Allow-Headers": _CORS_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=headers)


async def allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of the allowed origins read an answer, errors and streams included."""
    if _may_read(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = "Mcp-Session-Id, X-Request-Id"
        response.headers["Vary"] = "Origin"


def _may_read(request: web.Request) -> bool:
    allowed = state_of(request).settings.allowed_origins
    origin = request.headers.get("Origin")
    return origin is not None and ("*" in allowed or origin in allowed)


@web.middleware
async def crowd(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what comes over a connection beyond max_connections, health aside."""
    connections = state_of(request).connections
    connections.begin(request.protocol)
    try:
        if request.path not in OPEN_PATHS and connections.is_beyond(request.protocol):
            limit = state_of(request).settings.max_connections
            raise TooManyConnections(f"there are {limit} connections already; try again later")
        return await handler(request)
    finally:
        connections.end(request.protocol)
