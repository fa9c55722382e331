"""The files of the chat page: read and packed once, sent with their ETag under a strict policy.

The page's URLs are all relative, so that it works under any path that a proxy (Home Assistant's ingress)
puts before it. What its form does without JavaScript stands in page_form.py.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parents[1] / "webui"
SERVICE_WORKER = "/service-worker.js"
# The page is not part of the API, which openapi.py describes.
ROUTES = frozenset({"/", "/ui/{name}", SERVICE_WORKER})
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
# No inline script or style, nothing from elsewhere; framed by pages of the same origin only, as ingress does.
POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect", "manifest", "worker")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        # Nothing may be made of text but by textContent: an answer of a model is never read as HTML.
        "require-trusted-types-for 'script'",
        "trusted-types picoqwen",
    ]
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Asked for each time and answered with 304: files of two versions are never mixed.
    "Cache-Control": "no-cache",
}
# The policy of a page holds for all that it loads; the others go without: a tenth of the first load.
PAGE_HEADERS = {**HEADERS, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
_WITH_POLICY = ("index.html", "service-worker.js")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, plain and packed with gzip."""

    body: bytes
    packed: bytes
    etag: str
    content_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """All files of the page by name."""
    bodies = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    shell = [f"ui/{name}" for name in bodies if name not in ("index.html", "service-worker.js")]
    version = hashlib.sha256(b"".join(bodies.values())).hexdigest()[:12]
    worker = bodies["service-worker.js"].replace(b'"VERSION"', json.dumps(version).encode())
    bodies["service-worker.js"] = worker.replace(b'["FILES"]', json.dumps(["./", *shell]).encode())
    return {name: _asset(name, body) for name, body in bodies.items()}


def _asset(name: str, body: bytes) -> Asset:
    return Asset(
        body,
        gzip.compress(body, 9, mtime=0),
        hashlib.sha256(body).hexdigest()[:16],
        _TYPES[Path(name).suffix],
    )


async def index(request: web.Request) -> web.Response:
    """The page itself."""
    return _send(request, "index.html")


async def file(request: web.Request) -> web.Response:
    """A script, a style sheet, a picture; 404 for anything that is not one of the page's."""
    return _send(request, request.match_info["name"])


async def service_worker(request: web.Request) -> web.Response:
    """At the root, because a service worker sees only what lies beside and below itself."""
    return _send(request, "service-worker.js")


def is_public(request: web.Request) -> bool:
    """Whether this asks for a file of the page, which needs no key: it is where the key is typed in."""
    path = request.path
    return request.method in ("GET", "HEAD") and (path in ("/", SERVICE_WORKER) or path.startswith("/ui/"))


def _send(request: web.Request, name: str) -> web.Response:
    asset = assets().get(name)
    if asset is None:
        raise web.HTTPNotFound
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    # Packed and plain are different bytes, and so have different tags.
    etag = f"{asset.etag}-gz" if packs else asset.etag
    common = PAGE_HEADERS if name in _WITH_POLICY else HEADERS
    headers = {**common, "ETag": f'"{etag}"', "Vary": "Accept-Encoding"}
    if any(given.value in (etag, "*") for given in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.content_type
    if packs:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.packed if packs else asset.body, headers=headers)
