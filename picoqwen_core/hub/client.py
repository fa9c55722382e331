"""What a hub tells of a repository, and one file of it as a stream; redirects only to hosts that are allowed.

The interface is Hugging Face's: https://huggingface.co/docs/hub/api. The token goes to the hub itself, never
to where it redirects to.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from picoqwen_core.errors import DownloadError, GatedRepository, HubUnreachable, ModelNotFound

# Where Hugging Face keeps large files.
_ALLOWED = (".huggingface.co", ".hf.co")
_REDIRECTS = 5
_ANSWER_SECONDS = 30.0
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository; `sha256` or `blob` (git's SHA-1 of small files) tells its content."""

    path: str
    size: int
    sha256: str | None = None
    blob: str | None = None


class Hub:
    """One hub, by its address; the session belongs to the caller."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token = token

    async def files(self, repository: str) -> list[RemoteFile]:
        """The files of a repository's main branch. Raises ModelNotFound, GatedRepository, HubUnreachable."""
        found: list[RemoteFile] = []
        address: str | None = f"{self._url}/api/models/{quote(repository)}/tree/main?recursive=true"
        while address is not None:
            async with self._get(address, repository) as response:
                try:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        listed = await response.json(content_type=None)
                    found += [_remote(each) for each in listed if each.get("type") == "file"]
                except (ValueError, KeyError, TypeError, AttributeError) as err:
                    raise DownloadError(f"{self._url} lists {repository!r} in a way not understood") from err
                following = response.links.get("next")
                address = str(following["url"]) if following else None
        return found

    @asynccontextmanager
    async def open(self, repository: str, path: str, start: int) -> AsyncIterator[aiohttp.ClientResponse]:
        """One file from byte `start` on; its status is 206 where the hub can begin there, else 200."""
        address = f"{self._url}/{quote(repository)}/resolve/main/{quote(path)}"
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {}
        async with self._get(address, repository, headers) as response:
            yield response

    @asynccontextmanager
    async def _get(
        self, address: str, repository: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the hub, or of where it redirects to; what is refused becomes an error."""
        for _ in range(_REDIRECTS):
            self._check_host(address)
            sent = {**(headers or {}), **self._authorization(address)}
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    response = await self._session.get(address, headers=sent, allow_redirects=False)
            except (aiohttp.ClientError, OSError, TimeoutError) as err:
                host = urlsplit(address).netloc
                raise HubUnreachable(f"no answer from {host} ({err or 'it takes too long'})") from err
            async with response:
                if response.status in _REDIRECT_STATUS and "Location" in response.headers:
                    address = urljoin(address, response.headers["Location"])
                    continue
                _check_status(response, repository)
                yield response
                return
        raise DownloadError(f"{self._url} redirects more than {_REDIRECTS} times for {repository!r}")

    def _authorization(self, address: str) -> dict[str, str]:
        own = _origin(address) == _origin(self._url)
        return {"Authorization": f"Bearer {self._token}"} if own and self._token else {}

    def _check_host(self, address: str) -> None:
        parts = urlsplit(address)
        if _origin(address) == _origin(self._url):
            return
        if parts.scheme != "https" or not f".{parts.hostname}".endswith(_ALLOWED):
            raise DownloadError(f"{self._url} redirects to {_origin(address)}, which is not allowed")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _check_status(response: aiohttp.ClientResponse, repository: str) -> None:
    if response.status in (401, 403):
        # Hugging Face answers 401 for a repository that does not exist, too.
        raise GatedRepository(
            f"{repository!r} is not there, or needs a token of someone who accepted its terms (hub_token)"
        )
    if response.status == 404:
        raise ModelNotFound(f"{repository!r} has no such file, or does not exist on the hub")
    if response.status >= 500 or response.status == 429:
        raise HubUnreachable(f"the hub answers {response.status} for {repository!r}")
    if response.status not in (200, 206):
        raise DownloadError(f"the hub answers {response.status} for {repository!r}")


def _remote(item: dict[str, Any]) -> RemoteFile:
    large = item.get("lfs")
    if large:
        return RemoteFile(str(item["path"]), int(large["size"]), sha256=str(large["oid"]))
    return RemoteFile(str(item["path"]), int(item["size"]), blob=str(item["oid"]))
