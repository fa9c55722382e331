"""Fetches a page from the public web and from nowhere else.

Every address of a host is looked at after DNS, the connection goes to an address that was looked at, and each
redirect is a new fetch that is looked at again. Size, type and time are limited.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver
    from yarl import URL

MAX_BYTES = 2_000_000
TYPES = ("text/html", "application/xhtml+xml", "text/plain")
_MOST_REDIRECTS, _CONNECT_SECONDS, _SECONDS, _MOST_URL = 5, 5.0, 15.0, 2000
_AGENT = "Mozilla/5.0 (compatible; Pico-Qwen)"
# Prefixes that carry an IPv4 address to which a gateway passes on: NAT64 (RFC 6052) and 6to4 (RFC 3056).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Page:
    """What was fetched: the address in the end, the media type, and the bytes."""

    url: str
    type: str
    body: bytes
    charset: str | None


async def fetch_page(url: str, box: Toolbox) -> Page:
    """The page at an address. Raises ToolError saying what is not allowed or went wrong."""
    import aiohttp  # noqa: PLC0415
    from yarl import URL  # noqa: PLC0415

    if len(url) > _MOST_URL:
        raise ToolError(f"the address is longer than {_MOST_URL} characters")
    try:
        async with asyncio.timeout(_SECONDS):
            target = URL(url)
            for _ in range(_MOST_REDIRECTS + 1):
                found = await _fetch_one(target, box)
                if isinstance(found, Page):
                    return found
                target = target.join(found)
    except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as err:
        reason = str(err) or f"no answer within {_SECONDS:g} seconds"
        raise ToolError(f"{url[:200]} cannot be read: {reason[:200]}", untrusted=True) from err
    raise ToolError(f"{url[:200]} redirects more than {_MOST_REDIRECTS} times")


async def checked_addresses(url: "URL", box: Toolbox) -> list[str]:
    """The addresses of a URL's host, all of them public. Raises ToolError where one is not."""
    if url.scheme not in {"http", "https"} or not url.host:
        raise ToolError(f"{str(url)[:200]!r} is no address of a page; it begins with http:// or https://")
    if url.user or url.password:
        raise ToolError("an address with a name or a password in it is not read")
    host = url.host.rstrip(".").casefold()
    port = url.port or 443
    try:
        addresses = await box.resolve(host, port)
    except OSError as err:
        raise ToolError(f"{host} is not known: {err}") from err
    if not addresses:
        raise ToolError(f"{host} has no address")
    if f"{host}:{port}" not in box.allowed_hosts and not all(map(is_public, addresses)):
        raise ToolError(f"{host} is in a private network, and is not read")
    return list(addresses)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


async def _fetch_one(url: "URL", box: Toolbox) -> "Page | URL":
    """The page, or where it redirects to."""
    import aiohttp  # noqa: PLC0415
    from yarl import URL  # noqa: PLC0415

    addresses = await checked_addresses(url, box)
    connector = aiohttp.TCPConnector(resolver=_pinned(addresses), use_dns_cache=False, force_close=True)
    timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=_CONNECT_SECONDS)
    headers = {"User-Agent": _AGENT, "Accept": "text/html,text/plain;q=0.8"}
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
        session.get(url, allow_redirects=False, headers=headers) as response,
    ):
        if response.status in {301, 302, 303, 307, 308}:
            return URL(response.headers.get("Location", ""))
        if response.status != 200:
            raise ToolError(f"{url} answers {response.status}")
        if response.content_type not in TYPES:
            raise ToolError(f"{url} is {response.content_type[:60]}, and only pages are read", untrusted=True)
        body = await _limited_body(response)
        return Page(str(url), response.content_type, body, response.charset)


async def _limited_body(response: "aiohttp.ClientResponse") -> bytes:
    """The first MAX_BYTES, counted after decompression."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        size += len(part)
        if size >= MAX_BYTES:
            break
    return b"".join(parts)[:MAX_BYTES]


def _pinned(addresses: list[str]) -> "AbstractResolver":
    """Resolves to the addresses that were checked; a second answer of DNS might be another one."""
    from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415

    class Pinned(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            del family
            return [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
                for address in addresses
            ]

        async def close(self) -> None:
            return

    return Pinned()
