"""The clicks from the app store to the page in the sidebar, in a real Chromium; a picture of each.

python -m tests.container.clicks URL SLUG FOLDER, with Home Assistant's access token in TOKEN: by pictures.py.
"""

import json
import os
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, MILLISECONDS

SCREEN = {"width": 1100, "height": 700}


def logged_in(url: str, token: str) -> str:
    """A script that logs in before Home Assistant's frontend looks."""
    known = {
        "access_token": token,
        "token_type": "Bearer",
        "refresh_token": "",
        "expires_in": 10**6,
        "expires": 10**13,
        "hassUrl": url,
        "clientId": f"{url}/",
    }
    return f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(known))})"


def take(page: Page, folder: Path, name: str, **clip: int) -> None:
    """A picture of all or of a part, once nothing moves."""
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"{name}.png", **({"clip": clip} if clip else {}))
    print(f"took {name}", flush=True)


def main(url: str, slug: str, folder: Path) -> None:
    """Store, installing, starting, confirming, the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        page = browser.new_page(viewport=SCREEN, locale="en-US", color_scheme="light")
        page.set_default_timeout(MILLISECONDS)
        page.add_init_script(logged_in(url, os.environ["TOKEN"]))
        page.goto(f"{url}/config/apps/available")
        page.get_by_text("Pico-Qwen").first.wait_for()
        take(page, folder, "install-store")
        page.get_by_text("A language model of your own").click()
        page.get_by_text("lives in your home").wait_for()
        take(page, folder, "install-app")
        page.get_by_role("button", name="Install").first.click()
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_text("Open web UI").wait_for()
        take(page, folder, "install-started")
        page.get_by_text("Configuration", exact=True).first.click()
        page.get_by_text("Who is asked, and for how much").first.click()
        page.get_by_text("What may leave the house").first.wait_for()
        take(page, folder, "options")
        page.goto(f"{url}/config/integrations/dashboard")
        page.get_by_role("button", name="Add", exact=True).first.wait_for()
        page.get_by_role("button", name="Add", exact=True).first.click()
        page.get_by_role("button", name="Submit").wait_for()
        take(page, folder, "install-confirm", x=0, y=60, width=SCREEN["width"], height=420)
        page.get_by_role("button", name="Submit").click()
        page.get_by_role("button", name="Skip and finish").click()
        talk_in_sidebar(page, f"{url}/{slug}", folder)


def talk_in_sidebar(page: Page, url: str, folder: Path) -> None:
    """The app's own page, through Home Assistant's ingress, which has the colours of Home Assistant."""
    page.goto(url)
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Try the example home").click()
    frame.get_by_role("button", name="Turn on the kitchen lamp").click()
    expect(frame.locator("#log > li").last).to_contain_text("Turned on the Kitchen lamp.")
    take(page, folder, "in-sidebar")
    house = page.locator("home-assistant")
    house.evaluate("(node) => node.dispatchEvent(new CustomEvent('settheme', { detail: { dark: true } }))")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    take(page, folder, "in-sidebar-dark")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
