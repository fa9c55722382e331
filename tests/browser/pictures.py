"""The pictures of the page in docs/images: python -m tests.browser.pictures FOLDER.

All of them show the whole product, but the agents' run: there the model's answers are scripted (research.py).
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import DESKTOP, FLAGS, MILLISECONDS, PHONE, process, researching, stand_in
from tests.browser.test_chat_page import last, say, wait_until_online

# All of a run, from its first step to its sources; all of the status page.
TALL = {"width": 360, "height": 1230}
WHOLE = {"width": 360, "height": 1820}


def visit(browser: Browser, url: str, screen: dict, colours: str) -> Page:
    """A fresh visit."""
    page = browser.new_context(locale="en-US", color_scheme=colours, **screen).new_page()
    page.set_default_timeout(MILLISECONDS)
    page.goto(url)
    wait_until_online(page)
    return page


def talk(page: Page) -> None:
    """What the example home is good for."""
    page.get_by_role("button", name="Try the example home").click()
    page.get_by_role("button", name="Turn on the kitchen lamp").click()
    expect(last(page).locator(".stats")).to_be_visible()
    say(page, "How warm is it outside?")
    expect(last(page)).to_contain_text("7.5")
    expect(last(page).locator(".stats")).to_be_visible()


def take(page: Page, path: Path) -> None:
    """A picture, once nothing moves."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    print(f"took {path.name}", flush=True)


def take_status(browser: Browser, folder: Path) -> None:
    """With another server, which answers by script; once it is gone another one steps in."""
    with stand_in() as (other, other_url), tempfile.TemporaryDirectory() as kept:
        shed = {"name": "shed", "base_url": f"{other_url}v1", "model": "scripted", "trusted": True}
        os.environ |= {
            "PICOQWEN_UPSTREAMS": json.dumps([shed]),
            "PICOQWEN_BUDGET_FILE": f"{kept}/budget.db",
        }
        with process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, url):
            page = visit(browser, url, {**PHONE, "viewport": WHOLE}, "dark")
            page.get_by_text("Options").click()
            page.get_by_label("Ask first").select_option("cloud_first")
            for is_there in (True, False):
                if not is_there:
                    other.kill()
                    other.wait()
                say(page, "hello")
                expect(last(page).locator(".stats")).to_be_visible()
            page.goto(f"{url}#status")
            page.get_by_text("Log", exact=True).click()
            # The plots want some samples.
            expect(page.locator("svg.plot").first).to_be_visible()
            page.wait_for_timeout(8000)
            take(page, folder / "status-phone.png")
        del os.environ["PICOQWEN_UPSTREAMS"], os.environ["PICOQWEN_BUDGET_FILE"]


def main(folder: Path) -> None:
    """Every page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        expect.set_options(timeout=MILLISECONDS)
        with process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, url):
            for name, screen, colours in (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")):
                page = visit(browser, url, screen, colours)
                talk(page)
                take(page, folder / f"chat-{name}.png")
            take(visit(browser, f"{url}#models", DESKTOP, "light"), folder / "models-desktop.png")
        take_status(browser, folder)
        with researching() as (_, url):
            page = visit(browser, f"{url}#agents", PHONE | {"viewport": TALL}, "light")
            page.get_by_label("Task").fill("How bright is the Lumo 5 lamp?")
            page.get_by_role("button", name="Run").click()
            expect(page.locator("#run")).to_contain_text("The sources disagree")
            page.get_by_text("Steps (").click()
            page.locator("#run").evaluate("(run) => run.scrollIntoView()")
            take(page, folder / "agents-phone.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
