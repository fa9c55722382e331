"""The page by keys alone, on a phone, without motion, at a first start, and beside other servers."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.conftest import MILLISECONDS, PHONE, ROOT, process, stand_in
from tests.browser.test_chat_page import last, say, wait_until_online
from tests.browser.test_other_pages import hub_on_this_machine
from tests.hub.stand_in import StandIn

SERVE = (sys.executable, "-m", "picoqwen_core", "serve", "--port")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_conversation_is_led_and_found_again_with_the_keyboard_alone(scripted, visit):
    page = visit(scripted)
    wait_until_online(page)
    press(page, "/")
    page.keyboard.type("first")
    press(page, "Enter")
    expect(last(page)).to_contain_text("You said: first")
    press(page, "Escape", "r")
    expect(page.locator("#stop")).to_be_hidden()
    expect(last(page)).to_contain_text("You said: first. turns 1")
    press(page, "e")
    expect(page.locator("#message")).to_have_value("first")
    page.keyboard.type(" of all")
    press(page, "Enter")
    expect(last(page)).to_contain_text("You said: first of all. turns 1")

    press(page, "Escape", "n")
    expect(page.locator("#message")).to_be_focused()
    press(page, "Escape", "h")
    expect(page.locator("#history button").first).to_be_focused()
    press(page, "Tab", "Enter")
    expect(last(page)).to_contain_text("You said: first of all")


@pytest.mark.parametrize("key", ["/", "n"])
@pytest.mark.parametrize("view", ["chat", "status"])
def test_what_is_typed_right_after_the_key_for_the_message_is_in_it(scripted, visit, view, key):
    page = visit(f"{scripted}#{view}")
    wait_until_online(page)
    focused = """(key) => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      return document.activeElement.id;
    }"""
    assert page.evaluate(focused, key) == "message"
    page.keyboard.type("at once")
    expect(page.locator("#message")).to_have_value("at once")


def test_a_model_is_chosen_and_deleted_with_the_keyboard_alone(scripted, visit):
    page = visit(scripted)
    wait_until_online(page)
    press(page, "2")
    expect(page.locator("#view-models")).to_be_focused()
    expect(page.get_by_role("button", name="Use: other")).to_be_visible()
    reached = []
    for _ in range(12):
        press(page, "Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        if reached[-1] == "Use: other":
            break
    assert reached[-1] == "Use: other", reached
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    press(page, "Enter")
    expect(page.locator("#model")).to_have_value("other")


def test_settings_are_changed_with_the_keyboard_alone_and_the_focus_comes_back(scripted, visit):
    page = visit(scripted)
    wait_until_online(page)
    page.locator("#show-settings").focus()
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").locator("select").first.focus()
    page.keyboard.type("De")
    press(page, "Enter")
    if page.get_by_role("dialog").is_visible():
        page.get_by_role("dialog").locator("button.main").focus()
        press(page, "Enter")
    expect(page.locator("#send")).to_have_text("Senden")
    expect(page.locator("#show-settings")).to_be_focused()


def test_nothing_moves_where_less_motion_is_asked_for(scripted, visit):
    page = visit(scripted, reduced_motion="reduce")
    still = visit(scripted, reduced_motion="no-preference")
    for each, name in ((page, "none"), (still, "blink")):
        say(each, "slowly")
        expect(each.locator(".waiting")).to_be_visible()
        # Once there are words, the mark stands behind the last of them.
        expect(each.locator(".waiting > p")).to_be_visible()
        animation = each.evaluate(
            "getComputedStyle(document.querySelector('.waiting > p'), '::after').animationName"
        )
        assert animation == name
        each.locator("#stop").click()


def test_on_a_phone_a_conversation_is_opened_by_touch(scripted, visit):
    page = visit(scripted, **PHONE)
    for text in ("one", "two"):
        page.locator("#message").fill(text)
        page.locator("#send").tap()
        expect(last(page)).to_contain_text(f"You said: {text}")
        page.locator("#show-history").tap()
        page.get_by_role("button", name="New conversation").tap()
    page.locator("#show-history").tap()
    page.get_by_role("button", name="one", exact=True).tap()
    expect(page.locator("#history")).to_be_hidden()
    expect(last(page)).to_contain_text("You said: one")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# Compiling takes 5 seconds, and minutes where the machine is busy.
@pytest.mark.timeout(400)
def test_a_first_start_counts_on_the_page(visit, tmp_path: Path):
    port = free_port()
    # No kernel is compiled yet.
    environment = {**os.environ, "PICOQWEN_CACHE_DIR": str(tmp_path)}
    server = subprocess.Popen((*SERVE, str(port)), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        page = visit("about:blank")
        soon = time.monotonic() + MILLISECONDS / 1000
        while time.monotonic() < soon:
            try:
                page.goto(f"http://127.0.0.1:{port}/")
                break
            except Error:
                time.sleep(0.05)
        expect(page.locator("#banner")).to_contain_text("The first start prepares this processor: ")
        expect(page.locator("#banner")).to_be_hidden(timeout=300_000)
        page.get_by_role("button", name="Try the example home").click()
        page.get_by_role("button", name="Turn on the kitchen lamp").click()
        expect(last(page)).to_contain_text("Turned on the Kitchen lamp.")
    finally:
        server.terminate()
        server.wait(30)


def test_another_server_is_asked_and_steps_back_when_it_is_gone(visit, tmp_path: Path, monkeypatch):
    with stand_in() as (upstream, url):
        monkeypatch.setitem(
            os.environ,
            "PICOQWEN_UPSTREAMS",
            f'[{{"name": "shed", "base_url": "{url}v1", "model": "scripted", '
            '"input_price": 1000, "output_price": 2000}]',
        )
        monkeypatch.setitem(os.environ, "PICOQWEN_BUDGET_FILE", str(tmp_path / "budget.db"))
        with process(*SERVE, "0") as (_, product):
            page = visit(product)
            page.get_by_text("Options").click()
            page.get_by_label("Ask first").select_option("cloud_first")
            say(page, "hello")
            expect(last(page)).to_contain_text("You said: hello")
            served = last(page).locator(".served")
            expect(served).to_contain_text("Answered by another server")
            expect(served).to_contain_text("Ask first: other servers")
            expect(served).to_contain_text("$")

            page.goto(f"{product}#status")
            status = page.locator("#view-status")
            expect(status).to_contain_text("shed/scripted")
            expect(status).to_contain_text("Stepped in for another0")
            expect(status.locator("dd").filter(has_text="$").first).not_to_have_text("$0")

            upstream.send_signal(signal.SIGKILL)
            upstream.wait()
            page.goto(f"{product}#chat")
            say(page, "hello again")
            expect(last(page)).to_contain_text("I can only control a home")
            page.goto(f"{product}#status")
            expect(status).to_contain_text("Stepped in for another1")
            expect(status).to_contain_text("failures 1")


def test_a_download_shows_how_far_it_is_and_is_cancelled(visit, tmp_path: Path, monkeypatch):
    hub = StandIn(repositories={"Owner/Big-GGUF": {"Big-Q8_0.gguf": bytes(8_000_000)}}, faults=["stall"])
    with hub_on_this_machine(hub) as hub_url:
        monkeypatch.setitem(os.environ, "PICOQWEN_HUB_URL", hub_url)
        monkeypatch.setitem(os.environ, "PICOQWEN_MODELS_DIR", str(tmp_path / "models"))
        with process(*SERVE, "0") as (_, url):
            page = visit(f"{url}#models")
            page.get_by_label("Repository").fill("Owner/Big-GGUF")
            page.locator("#view-models form button").click()
            card = page.locator("#view-models .cards li").filter(has=page.locator("progress"))
            expect(card).to_contain_text("4 MB of 8 MB")
            assert card.locator("progress").evaluate("(bar) => bar.position") == pytest.approx(0.5, abs=0.01)
            card.get_by_role("button", name="Cancel").click()
            expect(page.locator("#view-models")).to_contain_text("cancelled")
            expect(page.locator("progress")).to_have_count(0)
