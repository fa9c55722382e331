"""The search engines, as far as they can be known without the Internet: the installed ddgs, SearXNG's JSON.

ddgs is driven to the wire: its own engine asks a server of ours, and reads a page that is built as it wants.
SearXNG's shape is that of its documentation (docs.searxng.org/dev/search_api) and of its get_json_response.
"""

import importlib
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.registry import built_in
from picoqwen_core.agents.tool import ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ConfigError

RESULT = '<div class="body"><h2><a>{title}</a></h2><a href="{url}">{body}</a></div>'
PAGE = "<html>{}</html>".format(
    RESULT.format(title="A lamp", url="https://lamps.example/1", body="806 lumens")
    + RESULT.format(title="An ad", url="https://duckduckgo.com/y.js?ad=1", body="Buy")
)


@pytest.fixture
async def duck(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """DuckDuckGo's page on this machine; what was asked, and what is answered."""
    engines = pytest.importorskip("ddgs.engines.duckduckgo")
    seen: dict[str, Any] = {"asked": [], "page": PAGE, "status": 200}

    async def answer(request: web.Request) -> web.Response:
        seen["asked"].append(dict(await request.post()))
        return web.Response(text=seen["page"], content_type="text/html", status=seen["status"])

    app = web.Application()
    app.router.add_post("/html/", answer)
    async with TestServer(app) as server:
        monkeypatch.setattr(engines.Duckduckgo, "search_url", str(server.make_url("/html/")))
        yield seen


async def search(box: Toolbox, **more: Any) -> ToolResult:
    return await call_tool(built_in(["web_search"], box)[0], {"query": "bright lamp", **more})


async def test_ddgs_asks_duckduckgo_and_what_it_finds_is_listed(duck: dict[str, Any]) -> None:
    result = await search(Toolbox())
    assert duck["asked"][0]["q"] == "bright lamp"
    assert result.text == "1. A lamp\nhttps://lamps.example/1\n806 lumens"
    assert [(source.url, source.title) for source in result.sources] == [
        ("https://lamps.example/1", "A lamp")
    ]
    assert result.untrusted


@pytest.mark.parametrize("status", [200, 202, 429])
async def test_nothing_found_is_said(duck: dict[str, Any], status: int) -> None:
    # ddgs does not tell a refusal from a page without results.
    duck |= {"page": "<html></html>", "status": status}
    assert (await search(Toolbox())).text == "nothing was found; try other words"


def test_the_installed_ddgs_takes_what_we_give_it() -> None:
    ddgs = pytest.importorskip("ddgs")
    engines = importlib.import_module("ddgs.engines").ENGINES
    exceptions = importlib.import_module("ddgs.exceptions")
    results = importlib.import_module("ddgs.results")
    assert "timeout" in inspect.signature(ddgs.DDGS).parameters
    assert {"query", "max_results", "backend"} <= set(inspect.signature(ddgs.DDGS._search_sync).parameters)
    # With a name that it does not know, ddgs would ask every engine that it has.
    assert "duckduckgo" in engines["text"]
    assert set(results.TextResult.__dataclass_fields__) == {"title", "href", "body"}
    assert issubclass(exceptions.TimeoutException, exceptions.DDGSException)


@pytest.fixture
async def searx() -> AsyncIterator[tuple[Toolbox, dict[str, Any]]]:
    """A SearXNG on this machine; what it answers."""
    said: dict[str, Any] = {"status": 200, "asked": {}, "body": {}}

    async def answer(request: web.Request) -> web.Response:
        said["asked"] = dict(request.query)
        return web.json_response(said["body"], status=said["status"])

    app = web.Application()
    app.router.add_get("/search", answer)
    async with TestServer(app) as server:
        yield Toolbox(search="searxng", searxng_url=str(server.make_url("/"))), said


def answered(*results: dict[str, Any], silent: Any = ()) -> dict[str, Any]:
    """All that SearXNG answers in the format json."""
    lists = {name: [] for name in ("answers", "corrections", "infoboxes", "suggestions")}
    return {
        "query": "bright lamp",
        "number_of_results": 0,
        "results": list(results),
        **lists,
        "unresponsive_engines": list(silent),
    }


async def test_searxng_is_asked_and_read_as_it_is_documented(searx: Any) -> None:
    box, said = searx
    full = {"url": "https://lamps.example/1", "title": "A lamp", "content": "806 lumens", "engine": "bing"}
    bare = {"url": "https://lamps.example/2", "title": None, "content": None}
    said["body"] = answered(full, bare, {"title": "no address", "url": None}, silent=[["google", "CAPTCHA"]])
    result = await search(box)
    assert said["asked"] == {"q": "bright lamp", "format": "json"}
    assert [source.url for source in result.sources] == ["https://lamps.example/1", "https://lamps.example/2"]
    assert "806 lumens" in result.text
    assert "None" not in result.text


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, {}, "403 means that it allows no json"),
        (200, {"error": "no"}, "not what its format json promises"),
        (
            200,
            answered(silent=[["google", "timeout"], ["bing", "CAPTCHA"]]),
            "did not answer it: google, bing",
        ),
    ],
)
async def test_what_is_wrong_with_a_searxng_is_told(searx: Any, status: int, body: Any, said: str) -> None:
    box, server = searx
    server |= {"status": status, "body": body}
    result = await search(box)
    assert result.error
    assert said in result.text


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picoqwen_core.agents.toolbox.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"ddgs is not installed; install picoqwen\[agents\]"):
        built_in(["web_search"], Toolbox())
    with pytest.raises(ConfigError, match=r"readability, lxml is not installed; install picoqwen\[agents\]"):
        built_in(["read_page"], Toolbox())
    with pytest.raises(ConfigError, match="set searxng_url to its address"):
        built_in(["web_search"], Toolbox(search="searxng"))
    with pytest.raises(ConfigError, match="web_search_engine is 'goggle'; allowed: duckduckgo, searxng"):
        built_in(["web_search"], Toolbox(search="goggle"))
