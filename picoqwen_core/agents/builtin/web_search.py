"""web_search: titles, addresses and extracts from a search engine; which one is a setting."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from picoqwen_core.agents.tool import Annotations, Described, Source, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ConfigError, ToolError

_RESULTS, _SECONDS, _MOST_EXTRACT, _MOST_ANSWER = 5, 10.0, 400, 2_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """One result of a search."""

    title: str
    url: str
    extract: str = ""


# A search engine: the words and how many results, and what it found. Raises ToolError.
type Search = Callable[[str, int], Awaitable[list[Found]]]


@dataclass(frozen=True, slots=True)
class _WebSearch(Described):
    search: Search | None = None

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """A list, one result a paragraph."""
        assert self.search is not None
        found = [
            each
            for each in await self.search(arguments["query"], arguments.get("results", _RESULTS))
            if each.url.startswith(("http://", "https://"))
        ]
        if not found:
            return ToolResult("nothing was found; try other words", untrusted=False)
        lines = [
            f"{number}. {each.title[:200]}\n{each.url}\n{each.extract[:_MOST_EXTRACT]}"
            for number, each in enumerate(found, 1)
        ]
        sources = tuple(Source(each.url, each.title[:200]) for each in found)
        return ToolResult("\n\n".join(lines), sources=sources)


def make(box: Toolbox) -> _WebSearch:
    """The tool. Raises ConfigError for a search engine that is not known or not set up."""
    if box.search not in ENGINES:
        raise ConfigError(f"web_search_engine is {box.search!r}; allowed: {', '.join(ENGINES)}")
    return _WebSearch(
        "web_search",
        "Search the web. Gives titles, addresses and short extracts.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 1, "maxLength": 300},
                "results": {"type": "integer", "minimum": 1, "maximum": 10},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
        Annotations(read_only=True, destructive=False, open_world=True, idempotent=True, sends="words"),
        search=ENGINES[box.search](box),
    )


def duckduckgo(box: Toolbox) -> Search:
    """DuckDuckGo, through ddgs. Raises ConfigError where the extra `agents` is not installed."""
    box.need("ddgs")

    async def search(query: str, results: int) -> list[Found]:
        return await asyncio.to_thread(_ask_duckduckgo, query, results)

    return search


def _ask_duckduckgo(query: str, results: int) -> list[Found]:
    from ddgs import DDGS  # noqa: PLC0415
    from ddgs.exceptions import DDGSException  # noqa: PLC0415

    try:
        found = DDGS(timeout=int(_SECONDS)).text(query, max_results=results, backend="duckduckgo")
    except DDGSException as err:
        if "No results" in str(err):
            return []
        raise ToolError(f"DuckDuckGo did not answer: {str(err)[:200]}", untrusted=True) from err
    return [
        Found(str(each.get("title", "")), str(each.get("href", "")), str(each.get("body", "")))
        for each in found
    ]


def searxng(box: Toolbox) -> Search:
    """A SearXNG of one's own, which must allow the format json. Raises ConfigError without its address."""
    address = (box.searxng_url or "").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ConfigError("web_search_engine is 'searxng'; set searxng_url to its address, http://HOST:PORT")

    async def search(query: str, results: int) -> list[Found]:
        import aiohttp  # noqa: PLC0415

        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        parameters = {"q": query, "format": "json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{address}/search", params=parameters, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise ToolError(f"SearXNG answers {response.status}; 403 means that it allows no json")
                body = await response.content.read(_MOST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            raise ToolError(f"SearXNG does not answer: {err}") from err
        return _from_searxng(body)[:results]

    return search


def _from_searxng(body: bytes) -> list[Found]:
    import json  # noqa: PLC0415

    try:
        answer = json.loads(body)
        # Some kinds of results have no address or no text, and values may be null.
        found = [
            Found(str(each.get("title") or ""), str(each["url"]), str(each.get("content") or ""))
            for each in answer["results"]
            if each.get("url")
        ]
        silent = [str(engine) for engine, *_ in answer.get("unresponsive_engines") or ()]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ToolError("SearXNG's answer is not what its format json promises", untrusted=True) from err
    if not found and silent:
        raise ToolError(
            f"SearXNG found nothing, and these engines did not answer it: {', '.join(silent)[:200]}"
        )
    return found


ENGINES: dict[str, Callable[[Toolbox], Search]] = {"duckduckgo": duckduckgo, "searxng": searxng}
