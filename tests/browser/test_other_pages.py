"""The agents, models and status pages, a new version of the page, and the first load, in a real browser."""

import asyncio
import json
import os
import re
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from picoqwen_core.config import BUILT_IN_MODEL
from tests.browser.conftest import PHONE, process, researching, stand_in
from tests.browser.test_chat_page import last, say, wait_until_online
from tests.hub.stand_in import StandIn
from tests.server.flow_contract import FLOW_EVENT, complaints, hold

RESEARCH = {
    "name": "research",
    "description": "Looks things up",
    "input": "a question",
    "tools": ["web_search"],
    "lacks": [],
    "limits": {"steps": 24, "tokens": 60000, "seconds": 300.0, "cost": 0.05},
}
FLOWS = {"flows": [RESEARCH]}
EVENTS = [
    {"type": "started", "id": "r1", "flow": "research"},
    {"type": "step", "step": 1, "name": "plan"},
    {"type": "tool", "tool": "web_search", "arguments": {"query": "heat pumps"}, "state": "called"},
    {"type": "delta", "text": "They move "},
    {
        "type": "done",
        "id": "r1",
        "flow": "research",
        "state": "done",
        "started": 1795780800.0,
        "input": "how do heat pumps work?",
        "output": "They move **heat**.",
        "sources": [
            {"title": "A page", "url": "https://example.org/a"},
            {"title": "bad", "url": "javascript:alert(1)"},
        ],
        "steps": [],
        "usage": {"steps": 2, "prompt_tokens": 300, "completion_tokens": 21, "seconds": 1.5, "cost": 0},
        "limits_hit": [],
    },
]


def offer_flows(page: Page, events: list) -> list[dict]:
    """Answer as the flows' API does; what was asked for."""
    asked: list[dict] = []
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"

    def start(route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(content_type="text/event-stream", body=body)

    page.route("**/api/v1/health", lambda route: route.fulfill(json=route.fetch().json() | {"agents": True}))
    page.route("**/api/v1/flows", lambda route: route.fulfill(json=FLOWS))
    page.route("**/api/v1/flows/research/runs", start)
    page.route(
        "**/api/v1/flows/runs?*", lambda route: route.fulfill(json={"runs": [events[-1]] if asked else []})
    )
    return asked


def test_an_agent_is_run_and_its_steps_and_sources_are_shown(scripted, visit):
    page = visit(scripted)
    asked = offer_flows(page, EVENTS)
    page.goto(f"{scripted}#agents")
    page.get_by_label("Task").fill("how do heat pumps work?")
    page.get_by_role("button", name="Run").click()

    run = page.locator("#run")
    expect(run.locator("strong")).to_have_text("heat")
    expect(run.locator(".steps li")).to_have_text(["plan", "Called web_search: heat pumps"])
    assert [link.get_attribute("href") for link in run.locator("a").all()] == ["https://example.org/a"]
    expect(run).to_contain_text("done · Steps 2 · Tokens read 300 · Tokens written 21 · 1.5 s")
    expect(page.locator("#runs")).to_contain_text("research")
    assert asked == [{"input": "how do heat pumps work?", "stream": True}]


def test_a_real_run_over_a_web_of_this_machine_shows_its_steps_and_sources(visit):
    with researching() as (_, url):
        page = visit(f"{url}#agents")
        page.get_by_label("Task").fill("How bright is the Lumo 5 lamp?")
        page.get_by_role("button", name="Run").click()

        expect(page.locator("#run")).to_contain_text("The sources disagree")
        expect(page.locator("#run")).to_contain_text("806 lumens")
        expect(page.locator("#run a").filter(has_text="Data sheet")).to_be_visible()
        assert page.locator("#run .steps li").count() > 10
        # It is kept, and can be read again.
        expect(page.locator("#runs li").first).to_contain_text("research")


def test_the_real_server_is_understood_from_the_list_of_flows_to_the_history(scripted, visit):
    page = visit(scripted)
    answers: dict[str, dict] = {}

    def note(response) -> None:
        path = response.url.removeprefix(scripted).partition("?")[0]
        if path in ("api/v1/flows", "api/v1/flows/runs"):
            answers[path] = response.json()

    page.on("response", note)
    page.goto(f"{scripted}#agents")
    page.locator("#flow").select_option("think")
    page.get_by_label("Task").fill("is it warm?")
    page.get_by_role("button", name="Run").click()

    run = page.locator("#run")
    expect(run.locator(".steps li")).to_have_text(
        ["thought: It is **November**.", re.compile("^reflection: "), "think"]
    )
    expect(run).to_contain_text("You said: Question: is it warm?")
    expect(run).to_contain_text("done · Steps 3")
    expect(page.locator("#runs summary").first).to_have_text("is it warm?")
    for path, answer in answers.items():
        hold("GET", f"/{path}", answer)
    assert set(answers) == {"api/v1/flows", "api/v1/flows/runs"}


def test_what_these_tests_answer_in_the_servers_place_is_what_it_promises() -> None:
    for event in EVENTS:
        assert complaints(FLOW_EVENT, event) == [], event
    hold("GET", "/api/v1/flows", FLOWS)


def test_a_run_that_was_broken_off_can_be_gone_on_with(scripted, visit):
    page = visit(scripted)
    offer_flows(page, EVENTS)
    broken = {**EVENTS[-1], "state": "interrupted", "input": "how?"}
    page.route("**/api/v1/flows/runs?*", lambda route: route.fulfill(json={"runs": [broken]}))
    asked: list[str] = []

    def resume(route) -> None:
        asked.append(route.request.url)
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in EVENTS) + "data: [DONE]\n\n"
        route.fulfill(content_type="text/event-stream", body=body)

    page.route("**/api/v1/flows/runs/r1/resume", resume)
    page.goto(f"{scripted}#agents")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#run strong")).to_have_text("heat")
    assert len(asked) == 1


def test_an_agent_that_fails_says_why(scripted, visit):
    page = visit(scripted)
    offer_flows(page, [{"type": "error", "message": "no model can do that"}])
    page.goto(f"{scripted}#agents")
    page.get_by_label("Task").fill("anything")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_have_text("no model can do that")
    expect(page.get_by_role("button", name="Run")).to_be_enabled()


def test_where_agents_are_off_the_page_says_how_to_turn_them_on(product, visit):
    page = visit(f"{product}#agents")
    expect(page.locator("#view-agents .note")).to_contain_text("Turn them on in the app's options")


def test_who_answered_and_what_it_cost_is_shown(scripted, visit):
    page = visit(scripted)
    say(page, "who")
    # The stand-in answers in the place of this machine, so the router says that this is who it was.
    told = "Answered by this machine, large-model · nobody else is to be asked · local failed · $0.0021"
    expect(last(page).locator(".served")).to_have_text(told)


@contextmanager
def hub_on_this_machine(hub: StandIn):
    """The stand-in in a thread of its own; its URL."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=0.1)

    async def serve() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        started.set()

    def turn() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=turn)
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_a_model_is_downloaded_loaded_and_deleted_by_clicks(visit, tmp_path: Path, monkeypatch):
    hub = StandIn(repositories={"Owner/Tiny-GGUF": {"Tiny-Q8_0.gguf": BUILT_IN_MODEL.read_bytes()}})
    with hub_on_this_machine(hub) as hub_url:
        monkeypatch.setitem(os.environ, "PICOQWEN_HUB_URL", hub_url)
        monkeypatch.setitem(os.environ, "PICOQWEN_MODELS_DIR", str(tmp_path / "models"))
        with process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, url):
            page = visit(f"{url}#models")
            page.get_by_label("Repository").fill("Owner/Tiny-GGUF")
            page.locator("#view-models form button").click()
            card = page.locator("#view-models .cards li").filter(has_text="Tiny-Q8_0")
            expect(card.get_by_role("button", name="Load").first).to_be_visible()
            card.get_by_role("button", name="Delete").click()
            page.get_by_role("dialog").get_by_role("button", name="Delete").click()
            expect(card.get_by_role("button", name="Load")).to_have_count(0)
            assert not list((tmp_path / "models").rglob("*.gguf"))


def test_the_status_page_of_a_server_that_has_said_nothing_yet_shows_zeros(visit):
    with stand_in() as (_, url):
        page = visit(f"{url}#status")
        expect(page.locator(".facts").first).to_contain_text("Tokens written0")
        assert "NaN" not in page.locator("#view-status").inner_text()


def test_the_status_page_says_what_is_wrong_with_the_apps_options(visit, tmp_path: Path, monkeypatch):
    options = tmp_path / "options.json"
    options.write_text('{"model": "/share/none.gguf"}')
    monkeypatch.setitem(os.environ, "SUPERVISOR_TOKEN", "t")
    serve = (sys.executable, "-m", "picoqwen_core", "serve", "--port", "0", "--options", str(options))
    with process(*serve) as (_, url):
        page = visit(f"{url}#status")
        expect(page.locator("#banner")).to_contain_text("Something is broken on the server")
        expect(page.locator("#view-status .error")).to_contain_text("model is '/share/none.gguf'")


def test_the_status_page_shows_the_log_and_keeps_it_open(product, visit):
    page = visit(f"{product}#status", **PHONE)
    page.locator(".log summary").click()
    expect(page.locator(".log pre")).to_contain_text("GET /api/v1/status 200")
    page.wait_for_timeout(2500)
    expect(page.locator(".log pre")).to_be_visible()
    # The newest line is in sight, and stays there; none is cut off.
    pane = "document.querySelector('.log pre')"
    page.wait_for_function(f"{pane}.scrollTop + {pane}.clientHeight >= {pane}.scrollHeight - 4")
    assert page.evaluate(f"{pane}.scrollWidth <= {pane}.clientWidth")
    page.evaluate(f"{pane}.scrollTop = 0")
    page.wait_for_timeout(2500)
    assert page.evaluate(f"{pane}.scrollTop") == 0


def test_a_new_version_of_the_page_is_offered(way, visit):
    with stand_in(0, *way) as (server, url):
        page = visit(url)
        wait_until_online(page)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        wait_until_online(page)
        server.kill()
        server.wait()
        with stand_in(urlsplit(url).port, "--newer", *way):
            page.evaluate(
                "navigator.serviceWorker.getRegistration().then((it) => it.update()).then(() => true)"
            )
            expect(page.locator("#banner")).to_contain_text("There is a new version of this page.")
            page.get_by_role("button", name="Reload").click()
            wait_until_online(page)
            names = page.evaluate("caches.keys()")
            assert [name.startswith("picoqwen-newer-") for name in names] == [True]


@pytest.mark.parametrize("lite", [False, True])
def test_the_first_load_is_small_and_soon_there(product, visit, lite):
    page = visit("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    if lite:
        page.add_init_script("localStorage.setItem('picoqwen.settings', '{\"lite\": true}')")
    page.goto(product)
    wait_until_online(page)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"\nfirst load {sum(received) / 1000:.1f} kB, {len(received)} requests; first paint {paint:.0f} ms")
    assert 5_000 < sum(received) < (30_000 if lite else 60_000)
