"""The files of the chat page: read and packed once, sent with their ETag under a strict policy.

The page's URLs are all relative, so that it works under any path that a proxy (Home Assistant's ingress)
puts before it. What its form does without JavaScript stands in page_form.py.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

from picoqwen_core.server.page_text import DEFAULT, FOLDER, languages, page_in, wanted_language

INDEX = "index.html"
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
_VARY_PAGE = "Accept-Encoding, Accept-Language"
_WITH_POLICY = (INDEX, "service-worker.js")
# A tenth of the first load, which only a reader of the source needs; comments stand on lines of their own.
_COMMENT_OR_INDENT = re.compile(rb"^[ ]*(?:(?://|/\*|\* [^{]|\*/).*\n)?|\n(?=\n)", re.MULTILINE)


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
    bodies = {path.name: _body(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    shell = [f"ui/{name}" for name in bodies if name not in (INDEX, "service-worker.js")]
    version = hashlib.sha256(b"".join(bodies.values())).hexdigest()[:12]
    worker = bodies["service-worker.js"].replace(b'"VERSION"', json.dumps(version).encode())
    worker = worker.replace(b'["FILES"]', json.dumps(["./", *shell]).encode())
    bodies["service-worker.js"] = worker.replace(b'["SHELL"]', json.dumps(["./", *_first_load()]).encode())
    return {name: _asset(name, body) for name, body in bodies.items()}


def _first_load() -> list[str]:
    """All that the page names, but the texts, which are a language's own."""
    named = re.findall(r'(?:href|src)="(ui/[^"]+)"', page_in(DEFAULT))
    return [name for name in named if "/text_" not in name]


def _body(path: Path) -> bytes:
    body = path.read_bytes()
    return _COMMENT_OR_INDENT.sub(b"", body) if path.suffix in (".js", ".css") else body


@cache
def _pages() -> Mapping[str, Asset]:
    """The page itself by language."""
    return {language: _asset(INDEX, page_in(language).encode()) for language in languages()}


def page_language(request: web.Request) -> str:
    """The page's language for who asks."""
    return wanted_language(request.headers.get("Accept-Language", ""))


def _asset(name: str, body: bytes) -> Asset:
    return Asset(
        body,
        gzip.compress(body, 9, mtime=0),
        hashlib.sha256(body).hexdigest()[:10],
        _TYPES[Path(name).suffix],
    )


async def index(request: web.Request) -> web.Response:
    """The page itself, in the browser's language."""
    return _send(request, INDEX)


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
    asset = _pages()[page_language(request)] if name == INDEX else assets().get(name)
    if asset is None:
        raise web.HTTPNotFound
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    # Packed and plain are different bytes, and so have different tags.
    etag = f"{asset.etag}-gz" if packs else asset.etag
    common = PAGE_HEADERS if name in _WITH_POLICY else HEADERS
    headers = {**common, "ETag": f'"{etag}"', "Vary": _VARY_PAGE if name == INDEX else "Accept-Encoding"}
    if any(given.value in (etag, "*") for given in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.content_type
    if packs:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.packed if packs else asset.body, headers=headers)
