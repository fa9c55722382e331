"""The chat page: how its files are sent, that it works behind a prefix, and its form without JavaScript."""

import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import get_args

import pytest
from aiohttp import web

from picoqwen_core.agents.orchestrator import built_in_flows
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.health import Condition
from picoqwen_core.messages import ChatDelta
from picoqwen_core.server.page import FOLDER, POLICY, assets
from picoqwen_core.server.page_text import page_in
from picoqwen_core.upstreams import STRATEGIES
from tests.server.conftest import END, ROOT, FakeProvider

PLAIN = {"Accept-Encoding": "identity"}
MOST_PACKED_BYTES = 60_000
# Fetched when they are first needed: other languages, and what the chat can do without.
LATER = {"agents.js", "home.js", "models.js", "more.css", "settings.js", "status.js"}
FIRST_LOAD = (
    {path.name for path in FOLDER.iterdir()}
    - LATER
    - {path.name for path in FOLDER.glob("text_*.js") if path.name != "text_en.js"}
    - {path.name for path in FOLDER.glob("more_*.js")}
)


async def get(http, url: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    async with http.get(url, headers=headers, auto_decompress=False) as response:
        return response.status, response.headers, await response.read()


async def send_form(http, url: str, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, str]:
    async with http.post(f"{url}/", data=fields, headers=headers or {}) as response:
        assert response.content_type == "text/html"
        return response.status, await response.text()


def history_in(page: str) -> str:
    """What the page's hidden field would send with the next message."""
    return html.unescape(re.search(r'name="history" value="([^"]*)"', page).group(1))


async def test_the_page_comes_under_a_strict_policy(serve, http):
    url = await serve(FakeProvider(END))
    for path in ("/", "/ui/index.html", "/service-worker.js"):
        status, headers, _ = await get(http, url + path)
        assert (status, headers["Content-Security-Policy"]) == (200, POLICY)
        assert headers["X-Content-Type-Options"] == "nosniff"
    async with http.post(f"{url}/", data={"message": "hi"}) as response:
        assert response.headers["Content-Security-Policy"] == POLICY
    assert "Server" not in headers
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


def test_the_page_has_no_inline_script_or_style():
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", page) == []
    for path in FOLDER.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text()
        )


async def test_files_are_packed_and_not_sent_twice(serve, http):
    url = await serve(FakeProvider(END))
    for name, asset in assets().items():
        address = f"{url}/ui/{name}"
        _, plain_headers, plain = await get(http, address, **PLAIN)
        _, packed_headers, packed = await get(http, address, **{"Accept-Encoding": "gzip, br"})
        assert gzip.decompress(packed) == plain == asset.body
        assert packed_headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain_headers
        assert packed_headers["ETag"] != plain_headers["ETag"]
        again = {"Accept-Encoding": "gzip", "If-None-Match": packed_headers["ETag"]}
        status, headers, body = await get(http, address, **again)
        assert (status, body, headers["ETag"]) == (304, b"", packed_headers["ETag"])


async def test_the_first_load_is_small(serve, http):
    url = await serve(FakeProvider(END))
    total = 0
    for name in FIRST_LOAD:
        _, _, body = await get(http, f"{url}/ui/{name}", **{"Accept-Encoding": "gzip"})
        total += len(body)
    assert 10_000 < total < MOST_PACKED_BYTES / 2  # half of the bar, which is the bar of saving data


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapp.js", "%2e%2e%2fpage.py", "app.js.map"])
async def test_only_files_of_the_page_are_sent(serve, http, name):
    url = await serve(FakeProvider(END))
    status, _, _ = await get(http, f"{url}/ui/{name}")
    assert status == 404


def test_every_file_is_part_of_the_package_and_of_the_service_worker():
    assert '"webui/*"' in (ROOT / "pyproject.toml").read_text()
    worker = assets()["service-worker.js"].body.decode()
    names = json.loads(re.search(r"const FILES = (\[.*\]);", worker).group(1))
    shell = {path.name for path in FOLDER.iterdir()} - {"index.html", "service-worker.js"}
    assert set(names) == {"./", *(f"ui/{name}" for name in shell)}
    assert "VERSION" not in worker
    # Where data are to be saved: what the first load has fetched; the page names the language.
    lean = json.loads(re.search(r"const SHELL = (\[.*\]);", worker).group(1))
    not_kept = {"index.html", "service-worker.js", "text_en.js"}
    assert {name.removeprefix("ui/") for name in lean} == {"./", *FIRST_LOAD} - not_kept


def test_every_import_names_a_file():
    for path in FOLDER.glob("*.js"):
        for name in re.findall(r'from "(.+?)"', path.read_text()):
            assert (FOLDER / name).is_file(), f"{path.name} imports {name}"


def test_the_page_fetches_all_that_it_needs_at_once():
    page = (FOLDER / "index.html").read_text()
    told = set(re.findall(r'<link rel="modulepreload" href="ui/(.+?)">', page))
    needed, found = set(), {"app.js"}
    while found:
        needed |= found
        texts = [(FOLDER / name).read_text() for name in found]
        # Only static imports: the others are fetched when they are first needed.
        found = {
            name for text in texts for name in re.findall(r'^import .+ from "\./(.+?)";', text, re.MULTILINE)
        } - needed
    # The texts are named by their language.
    assert told == needed - {"app.js"} | {"text_en.js"}
    assert needed & LATER == set()


def test_urls_are_relative_so_that_the_page_works_under_any_path():
    texts = {path.name: path.read_text() for path in FOLDER.iterdir()}
    urls = re.findall(r'(?:href|src|action)="([^"]*)"', texts["index.html"])
    assert urls
    assert not [url for url in urls if url.startswith(("/", "http"))]
    for name, text in texts.items():
        assert not re.search(r"[\"'`]/(?:api|ui|v1|service)", text), name


async def test_the_page_needs_no_key_and_the_api_does(serve, http):
    url = await serve(FakeProvider(END), api_key="k", rate_limit=1)
    assert [(await get(http, url + path))[0] for path in ("/", "/ui/app.js", "/service-worker.js")] == [
        200
    ] * 3
    assert (await get(http, f"{url}/api/v1/models"))[0] == 401
    assert (await get(http, f"{url}/uix"))[0] == 401


async def test_only_ingress_needs_no_key(serve, http):
    path = {"X-Ingress-Path": "/api/hassio_ingress/token"}
    url = await serve(FakeProvider(END), api_key="k", ingress_address="127.0.0.1")
    assert (await get(http, f"{url}/api/v1/models", **path))[0] == 200
    assert (await get(http, f"{url}/api/v1/models"))[0] == 401

    elsewhere = await serve(FakeProvider(END), api_key="k", ingress_address="172.30.32.2")
    assert (await get(http, f"{elsewhere}/api/v1/models", **path))[0] == 401
    none = await serve(FakeProvider(END), api_key="k")
    assert (await get(http, f"{none}/api/v1/models", **path))[0] == 401


async def test_the_page_works_behind_a_proxy_with_a_path_of_its_own(serve, http, aiohttp_server_of):
    url = await serve(FakeProvider(ChatDelta("hi there"), END), api_key="k", ingress_address="127.0.0.1")
    prefix = "/api/hassio_ingress/token"
    outside = await aiohttp_server_of(proxy(http, url, prefix))

    _, _, page = await get(http, f"{outside}{prefix}/", **PLAIN)
    for link in re.findall(r'(?:href|src)="(ui/[^"]*)"', page.decode()):
        assert (await get(http, f"{outside}{prefix}/{link}"))[0] == 200
    status, answer = await send_form(http, f"{outside}{prefix}", message="hello")

    assert status == 200
    assert "hi there" in answer


def proxy(http, url: str, prefix: str) -> web.Application:
    """Hands everything below the prefix on, as ingress does."""

    async def hand_on(request: web.Request) -> web.Response:
        headers = {key: value for key, value in request.headers.items() if key != "Host"}
        headers["X-Ingress-Path"] = prefix
        target = f"{url}/{request.match_info['path']}"
        body = await request.read()
        async with http.request(request.method, target, headers=headers, data=body) as response:
            return web.Response(
                status=response.status, body=await response.read(), content_type=response.content_type
            )

    app = web.Application()
    app.router.add_route("*", prefix + "/{path:.*}", hand_on)
    return app


@pytest.fixture
async def aiohttp_server_of():
    runners = []

    async def start(app: web.Application) -> str:
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_the_form_answers_without_javascript_and_goes_on(serve, http):
    provider = FakeProvider(ChatDelta("It is <b>noon</b>."), END)
    url = await serve(provider)
    status, page = await send_form(http, url, message="What time is it?", history="")
    assert status == 200
    assert "What time is it?" in page
    assert "It is &lt;b&gt;noon&lt;/b&gt;." in page

    await send_form(http, url, message="And now?", history=history_in(page))
    said = [(message.role, message.content) for message in provider.requests[1].messages]
    assert said == [
        ("user", "What time is it?"),
        ("assistant", "It is <b>noon</b>."),
        ("user", "And now?"),
    ]


async def test_what_is_typed_into_the_form_is_never_read_as_html(serve, http):
    url = await serve(FakeProvider(ChatDelta("ok"), END))
    nasty = '"><script>alert(1)</script><!--talk--><img src=x onerror=alert(1)>'
    _, page = await send_form(http, url, message=nasty)
    assert page.count("<script") == 1
    assert "<img" not in page
    assert json.loads(history_in(page))[0] == ["user", nasty]


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"message": "  "}, 400, "the message is empty"),
        ({"message": "hi", "history": "[1]"}, 400, "the conversation so far cannot be read"),
        ({"message": "hi", "history": "{"}, 400, "the conversation so far cannot be read"),
        ({"message": "hi", "history": '[["king", "x"]]'}, 400, "king"),
    ],
)
async def test_a_bad_form_is_told_on_the_page(serve, http, fields, status, told):
    url = await serve(FakeProvider(END))
    got, page = await send_form(http, url, **fields)
    assert got == status
    assert told in html.unescape(page)


async def test_a_broken_engine_is_told_on_the_page_and_the_talk_is_kept(serve, http):
    url = await serve(FakeProvider(EngineUnavailable("the model is loading")))
    status, page = await send_form(http, url, message="again", history='[["user", "a"], ["assistant", "b"]]')
    assert status == 503
    assert "the model is loading" in page
    assert json.loads(history_in(page)) == [["user", "a"], ["assistant", "b"]]


async def test_the_form_asks_for_the_key(serve, http):
    named = "panel:" + hashlib.sha256(b"second").hexdigest()
    url = await serve(FakeProvider(ChatDelta("hi"), END), api_key="k", api_keys=(named,))
    assert (await send_form(http, url, message="hello"))[0] == 401
    assert (await send_form(http, url, message="hello", key="wrong"))[0] == 401
    assert (await send_form(http, url, message="hello", key="k"))[0] == 200
    assert (await send_form(http, url, message="hello", key="second"))[0] == 200


async def test_a_form_of_another_web_page_is_refused(serve, http):
    provider = FakeProvider(ChatDelta("hi"), END)
    url = await serve(provider)
    status, _ = await send_form(http, url, {"Sec-Fetch-Site": "cross-site"}, message="hello")
    assert status == 403
    assert provider.requests == []
    assert (await send_form(http, url, {"Sec-Fetch-Site": "same-origin"}, message="hello"))[0] == 200


async def test_forms_count_for_the_rate_and_files_do_not(serve, http):
    url = await serve(FakeProvider(ChatDelta("hi"), END), rate_limit=1)
    for _ in range(3):
        assert (await get(http, f"{url}/"))[0] == 200
    assert (await send_form(http, url, message="hello"))[0] == 200
    async with http.post(f"{url}/", data={"message": "hello"}) as response:
        assert response.status == 429


def texts_in(kind: str, language: str) -> dict[str, str]:
    lines = (FOLDER / f"{kind}_{language}.js").read_text().splitlines()
    return {
        key: json.loads(text)
        for key, text in (re.match(r'  (\w+): (".*"),$', line).groups() for line in lines[1:-1])
    }


@pytest.mark.parametrize("kind", ["text", "more"])
@pytest.mark.parametrize("language", ["de", "fr", "es", "nl", "it"])
def test_a_language_says_everything_with_the_same_values(language, kind):
    english, other = texts_in(kind, "en"), texts_in(kind, language)
    assert list(other) == list(english)
    for key, text in other.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key
        assert text.strip(), key


def code_of(names: Iterable[str]) -> str:
    return "".join((FOLDER / name).read_text() for name in names)


def test_every_text_is_used_and_every_used_text_is_there():
    scripts = {path.name for path in FOLDER.glob("*.js") if not re.match("(text|more)_", path.name)}
    at_once, later = scripts - LATER, scripts & LATER
    page = (FOLDER / "index.html").read_text()
    first, more = texts_in("text", "en"), texts_in("more", "en")
    assert first.keys() & more.keys() == set()
    used = set(re.findall(r'data-t(?:-label|-placeholder)?="(\w+)"', page))
    # Where no JavaScript runs it is the server that says it.
    assert {key for key in used if key.startswith("nojs_")} <= more.keys()
    used = {key for key in used if not key.startswith("nojs_")}
    used |= set(re.findall(r'\bt\("(\w+)"', code_of(at_once)))
    assert used <= first.keys()
    assert set(re.findall(r'\bt\("(\w+)"', code_of(later))) <= first.keys() | more.keys()
    words = set(re.findall(r"\w+", code_of(scripts))) | used
    composed = ("did_Hass", "state_", "run_", "rung_", "flow_", "about_", "step_", "cond_", "nojs_")
    assert [key for key in {**first, **more} if key not in words and not key.startswith(composed)] == []


def test_what_comes_with_the_server_has_a_name_in_every_language():
    said = texts_in("more", "en")
    assert {f"cond_{condition}" for condition in get_args(Condition.__value__)} <= said.keys()
    for name, flow in built_in_flows().items():
        assert said[f"flow_{name}"] == name
        assert said[f"about_{name}"] == flow.description


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR,pt;q=0.9,es;q=0.8,en;q=0.7", "es"),
        ("en;q=0.2, fr;q=0.8", "fr"),
        ("nl;q=0, it", "it"),
        ("ja", "en"),
        ("", "en"),
        ("*;q=x,;;,q=", "en"),
    ],
)
async def test_the_page_comes_in_the_language_of_the_browser(serve, http, accepted, language):
    url = await serve(FakeProvider(END))
    _, headers, page = await get(http, f"{url}/", **PLAIN, **{"Accept-Language": accepted})
    said = texts_in("text", language) | texts_in("more", language)
    assert f'<html lang="{language}">' in page.decode()
    assert f'href="ui/text_{language}.js"' in page.decode()
    assert f">{said['nojs_note']}<" in html.unescape(page.decode())
    assert f'placeholder="{said["message_hint"]}"' in html.unescape(page.decode())
    assert headers["Vary"] == "Accept-Encoding, Accept-Language"
    again = {**PLAIN, "If-None-Match": headers["ETag"]}
    assert (await get(http, f"{url}/", **again, **{"Accept-Language": accepted}))[0] == 304
    other = "en" if language != "en" else "de"
    assert (await get(http, f"{url}/", **again, **{"Accept-Language": other}))[0] == 200


def test_the_english_of_the_page_is_that_of_its_texts():
    assert page_in("en") == (FOLDER / "index.html").read_text()


async def test_the_form_answers_in_the_language_of_the_browser(serve, http):
    url = await serve(FakeProvider(ChatDelta("hallo"), END))
    _, page = await send_form(http, url, {"Accept-Language": "de"}, message="hallo")
    assert "<h2>Du</h2>" in page
    assert "<h2>Antwort</h2>" in page


def test_scripts_are_sent_without_their_comments():
    for path in FOLDER.glob("*.js"):
        kept = [line.strip() for line in assets()[path.name].body.decode().splitlines()]
        assert not [line for line in kept if line.startswith(("//", "/*", "*"))]
        if path.name != "service-worker.js":
            lost = {line.strip() for line in path.read_text().splitlines()} - set(kept)
            assert all(re.match(r"$|//|/\*\*|\*", line) for line in lost), path.name


def test_the_page_offers_every_way_to_choose_who_is_asked_first():
    page = (FOLDER / "index.html").read_text()
    select = page[page.index('<select id="routing">') :]
    offered = re.findall(r'<option value="(\w*)"', select[: select.index("</select>")])

    assert sorted(offered) == sorted(["", "local_only", *STRATEGIES])
