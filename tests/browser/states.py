"""Every page of the chat page in every state that a person can see, and how each is come to.

The pages are the product's over the servers of conftest.py. What a server says seldom, or only after minutes
(a download halfway, an engine that fell, a server that is gone), is said in its place by `answer`; what is
said so stands in said.py. test_states.py looks at all; `python -m tests.browser.states FOLDER` draws them.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import said
from tests.browser.conftest import FLAGS, MILLISECONDS, browser_context, process, stand_in

type State = Callable[[Page, str], None]
# By name; the first word is the page. Those of the product have its built-in model, the others the scripted.
PRODUCT: dict[str, State] = {}
SCRIPTED: dict[str, State] = {}


def state(kind: dict[str, State]) -> Callable[[State], State]:
    """Note a state by its function's name."""

    def note(function: State) -> State:
        kind[function.__name__.replace("_", "-")] = function
        return function

    return note


def arrive(page: Page, url: str, view: str = "chat") -> None:
    """On a view, as soon as the page knows the server."""
    page.goto(f"{url}#{view}")
    expect(page.locator("#model option").first).to_be_attached()


def answer(page: Page, path: str, body: object, status: int = 200) -> None:
    """Answer in the server's place."""
    page.route(re.compile(rf"/api/v1/{path}(\?.*)?$"), lambda route: route.fulfill(json=body, status=status))


def say(page: Page, text: str) -> None:
    """As a person does."""
    page.locator("#message").fill(text)
    page.locator("#send").click()


def last(page: Page):
    """What was said last."""
    return page.locator("#log > li").last


@state(PRODUCT)
def chat_first_visit(page: Page, url: str) -> None:
    arrive(page, url)
    expect(page.locator(".hero button")).to_be_visible()


@state(PRODUCT)
def chat_example_home(page: Page, url: str) -> None:
    arrive(page, url)
    page.locator(".hero button").click()
    expect(page.locator(".hero button")).to_have_count(4)


@state(PRODUCT)
def chat_home_commanded(page: Page, url: str) -> None:
    chat_example_home(page, url)
    for index, text in ((0, None), (None, "How warm is it outside?")):
        if text:
            say(page, text)
        else:
            page.locator(".hero button").nth(index).click()
        expect(last(page).locator(".stats")).to_be_visible()
    page.locator(".did summary").first.click()


@state(SCRIPTED)
def chat_empty(page: Page, url: str) -> None:
    arrive(page, url)


@state(SCRIPTED)
def chat_rich_answer(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "think")
    expect(last(page).locator(".stats")).to_be_visible()
    last(page).locator("summary").click()
    say(page, "who")
    expect(last(page).locator(".stats")).to_be_visible()
    say(page, "rich")
    expect(last(page).locator(".stats")).to_be_visible()


@state(SCRIPTED)
def chat_right_to_left(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "rtl: أطفئ مصباح المطبخ من فضلك")
    expect(last(page).locator(".stats")).to_be_visible()


@state(SCRIPTED)
def chat_answering(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "slowly")
    expect(last(page)).to_contain_text("word9")


@state(SCRIPTED)
def chat_stopped(page: Page, url: str) -> None:
    chat_answering(page, url)
    page.locator("#stop").click()
    expect(page.locator("#send")).to_be_visible()


@state(SCRIPTED)
def chat_editing(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "first")
    expect(last(page).locator(".stats")).to_be_visible()
    page.locator(".user .acts button").click()


@state(SCRIPTED)
def chat_busy(page: Page, url: str) -> None:
    arrive(page, url)
    answer(page, "chat", said.BUSY, 503)
    say(page, "hello")
    expect(page.locator("#log .error")).to_be_visible()


@state(SCRIPTED)
def chat_broken_off(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "break")
    expect(page.locator("#log .error")).to_be_visible()


@state(SCRIPTED)
def chat_options(page: Page, url: str) -> None:
    answer(page, "health", said.HYBRID)
    arrive(page, url)
    page.locator("#show-options").click()


@state(SCRIPTED)
def chat_offline(page: Page, url: str) -> None:
    arrive(page, url)
    say(page, "hello")
    expect(last(page).locator(".stats")).to_be_visible()
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    say(page, "are you there?")
    expect(page.locator("#log .error")).to_be_visible()


@state(SCRIPTED)
def chat_starting(page: Page, url: str) -> None:
    answer(page, "health", said.STARTING)
    arrive(page, url)
    expect(page.locator("#banner")).to_be_visible()


@state(SCRIPTED)
def chat_key_wanted(page: Page, url: str) -> None:
    arrive(page, url)
    answer(page, "chat", said.NO_KEY, 401)
    say(page, "hello")
    expect(page.locator("dialog")).to_be_visible()


@state(SCRIPTED)
def history_empty(page: Page, url: str) -> None:
    arrive(page, url)
    if page.locator("#show-history").is_visible():
        page.locator("#show-history").click()
    expect(page.locator("#history")).to_be_visible()


@state(SCRIPTED)
def history_filled(page: Page, url: str) -> None:
    page.add_init_script(said.KEPT)
    arrive(page, url)
    if page.locator("#show-history").is_visible():
        page.locator("#show-history").click()
    expect(page.locator("#history li")).to_have_count(12)


@state(SCRIPTED)
def history_deleting(page: Page, url: str) -> None:
    history_filled(page, url)
    page.locator("#history > .bad").click()
    expect(page.locator("dialog")).to_be_visible()


@state(SCRIPTED)
def shortcuts(page: Page, url: str) -> None:
    arrive(page, url)
    page.locator("body").press("?")
    expect(page.locator("dialog")).to_be_visible()


@state(SCRIPTED)
def settings(page: Page, url: str) -> None:
    arrive(page, url)
    page.locator("#show-settings").click()
    expect(page.locator("dialog")).to_be_visible()


@state(PRODUCT)
def models_to_get(page: Page, url: str) -> None:
    arrive(page, url, "models")
    expect(page.locator("#view-models .cards li").nth(3)).to_be_visible()


@state(SCRIPTED)
def models_all_kinds(page: Page, url: str) -> None:
    answer(page, "models", said.MODELS)
    answer(page, "downloads", said.DOWNLOADS)
    answer(page, "catalog", said.CATALOG)
    arrive(page, url, "models")
    expect(page.locator("#view-models progress").first).to_be_visible()


@state(SCRIPTED)
def models_deleting(page: Page, url: str) -> None:
    models_all_kinds(page, url)
    page.locator("#view-models .bad").first.click()
    expect(page.locator("dialog")).to_be_visible()


@state(SCRIPTED)
def models_offline(page: Page, url: str) -> None:
    arrive(page, url)
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("location.hash = '#models'")
    expect(page.locator("#view-models .error")).to_be_visible()


@state(PRODUCT)
def status_with_log(page: Page, url: str) -> None:
    arrive(page, url, "status")
    page.locator(".log summary").click()
    expect(page.locator("svg.plot").first).to_be_visible()


@state(SCRIPTED)
def status_everything(page: Page, url: str) -> None:
    answer(page, "health", said.HYBRID)
    answer(page, "status", said.STATUS)
    arrive(page, url, "status")
    expect(page.locator("svg.plot").first).to_be_visible()


@state(SCRIPTED)
def status_broken(page: Page, url: str) -> None:
    answer(page, "health", said.BROKEN)
    answer(page, "status", said.STATUS)
    arrive(page, url, "status")
    expect(page.locator("#view-status .error").first).to_be_visible()


@state(SCRIPTED)
def status_offline(page: Page, url: str) -> None:
    arrive(page, url)
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("location.hash = '#status'")
    expect(page.locator("#view-status .error")).to_be_visible()


@state(SCRIPTED)
def agents_empty(page: Page, url: str) -> None:
    answer(page, r"flows/runs", {"runs": []})
    arrive(page, url, "agents")
    expect(page.locator("#start-run")).to_be_visible()


@state(SCRIPTED)
def agents_done(page: Page, url: str) -> None:
    answer(page, r"flows/runs", {"runs": said.RUNS})
    page.route("**/api/v1/flows/*/runs", lambda route: route.fulfill(**said.RUN))
    arrive(page, url, "agents")
    page.locator("#task").fill("How do heat pumps work?")
    page.locator("#start-run").click()
    expect(page.locator("#run .note").last).to_be_visible()
    page.locator("#run summary").click()


@state(SCRIPTED)
def agents_failed(page: Page, url: str) -> None:
    arrive(page, url, "agents")
    answer(page, r"flows/.*/runs", said.BUSY, 503)
    page.locator("#task").fill("How do heat pumps work?")
    page.locator("#start-run").click()
    expect(page.locator("#run .error")).to_be_visible()


@state(PRODUCT)
def agents_off(page: Page, url: str) -> None:
    arrive(page, url, "agents")
    expect(page.locator("#view-agents .note")).to_be_visible()


def main(folder: Path, wanted: str = "") -> None:
    """Pictures of the states whose names contain `wanted`, by width and colours."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=MILLISECONDS)
    with (
        sync_playwright() as playwright,
        process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, product),
        stand_in() as (_, scripted),
    ):
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        for url, states in ((product, PRODUCT), (scripted, SCRIPTED)):
            for name, reach in states.items():
                if wanted not in name:
                    continue
                for width in (360, 1280):
                    with browser_context(browser, width) as context:
                        page = context.new_page()
                        page.set_default_timeout(MILLISECONDS)
                        page.on("pageerror", lambda error: print(f"error: {error}"))
                        reach(page, url)
                        for colours in ("light", "dark"):
                            page.emulate_media(color_scheme=colours)
                            page.wait_for_timeout(150)
                            page.screenshot(path=folder / f"{name}-{width}-{colours}.png")
                print(f"took {name}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
