"""The guard of read_page: only the public web is read, and only so much of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from picoqwen_core.agents.fetching import MAX_BYTES, Page, fetch_page, is_public
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "172.30.32.2", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378::1", "nonsense"),
    ],
)
def test_addresses_of_a_home_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        *(("http://127.0.0.1/", "private network"), ("http://[::1]:8080/", "private network")),
        *(("http://2130706433/", "private network|not known"), ("http://localhost/", "private network")),
        *(
            ("http://0x7f.1/", "private network|not known"),
            ("http://169.254.169.254/latest", "private network"),
        ),
        *(("file:///etc/passwd", "begins with http"), ("ftp://a.example/", "begins with http")),
        *(("gopher://a", "begins with http"), ("http://user:pw@a.example/", "a password")),
        *(("http:///", "begins with http|cannot be read"), ("x" * 3000, "longer than")),
    ],
)
async def test_what_is_not_the_public_web_is_not_read(url: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        await fetch_page(url, Toolbox())


async def page(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<title>Hi</title><p>Hello</p>", content_type="text/html")


async def huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"x" * (MAX_BYTES + 999), content_type="text/plain")


async def picture(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"PNG", content_type="image/png")


async def away(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.query["to"])


async def round_and_round(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/round"})


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    app = web.Application()
    app.add_routes(
        [web.get("/page", page), web.get("/huge", huge), web.get("/picture", picture), web.get("/away", away)]
    )
    async with TestServer(app) as server:
        yield server


def box_for(site: TestServer, **more: Any) -> Toolbox:
    """A toolbox for which public.test is this site, and private.test a machine of the home."""

    async def resolve(host: str, port: int) -> list[str]:
        return {"public.test": ["127.0.0.1"], "private.test": ["10.0.0.1"]}.get(host, ["127.0.0.1"])

    return Toolbox(resolve=resolve, allowed_hosts=(f"public.test:{site.port}",), **more)


async def test_a_page_is_fetched_by_the_address_that_was_checked(site: TestServer) -> None:
    found = await fetch_page(f"http://public.test:{site.port}/page", box_for(site))
    assert found == Page(
        f"http://public.test:{site.port}/page", "text/html", b"<title>Hi</title><p>Hello</p>", "utf-8"
    )


async def test_only_the_beginning_of_a_huge_page_is_read(site: TestServer) -> None:
    found = await fetch_page(f"http://public.test:{site.port}/huge", box_for(site))
    assert len(found.body) == MAX_BYTES


@pytest.mark.parametrize(
    "target", ["http://private.test/", "http://127.0.0.1:80/", "http://[::1]/", "file:///etc/passwd"]
)
async def test_a_redirect_is_checked_again(site: TestServer, target: str) -> None:
    with pytest.raises(ToolError, match=r"private network|begins with http"):
        await fetch_page(f"http://public.test:{site.port}/away?to={target}", box_for(site))


async def test_redirects_come_to_an_end(site: TestServer) -> None:
    url = f"http://public.test:{site.port}/away?to=/away%3Fto=/page"
    assert (await fetch_page(url, box_for(site))).url.endswith("/page")
    app = web.Application()
    app.router.add_get("/round", round_and_round)
    async with TestServer(app) as server:
        with pytest.raises(ToolError, match="more than 5 times"):
            await fetch_page(f"http://public.test:{server.port}/round", box_for(server))


async def test_what_is_no_page_is_not_read(site: TestServer) -> None:
    with pytest.raises(ToolError, match="is image/png"):
        await fetch_page(f"http://public.test:{site.port}/picture", box_for(site))
    with pytest.raises(ToolError, match="answers 404"):
        await fetch_page(f"http://public.test:{site.port}/none", box_for(site))


async def test_a_name_that_changes_its_address_after_the_check_is_not_followed(site: TestServer) -> None:
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) > 1 else ["192.0.2.1", "10.0.0.1"]

    with pytest.raises(ToolError, match="private network"):
        await fetch_page(f"http://rebind.test:{site.port}/page", Toolbox(resolve=resolve))
    assert asked == ["rebind.test"]
