"""What a user does in Home Assistant's pages while pictures are taken; house.py starts it for one series."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
MILLISECONDS = 60_000
# Dialogs and ripples move for a moment.
STILL = 1500
# Parts of the page, in pixels.
TOP = {"x": 0, "y": 0, "width": 1000, "height": 372}
AROUND_DIALOG = {"x": 190, "y": 190, "width": 620, "height": 260}


def found(page: Page, url: str, out: Path) -> None:
    """The app's card among what was discovered, and its one question."""
    page.goto(f"{url}/config/integrations/dashboard")
    card = page.locator("ha-config-flow-card").first
    card.wait_for()
    page.wait_for_timeout(STILL)
    # Below it stands the Supervisor's stand-in, among other things, which cannot do all of its work.
    page.screenshot(path=out / "discovered.png", clip=TOP)
    card.get_by_text("Add", exact=True).click()
    submit = page.get_by_text("Submit", exact=True)
    submit.wait_for()
    page.wait_for_timeout(STILL)
    page.screenshot(path=out / "confirm.png", clip=AROUND_DIALOG)
    submit.click()
    page.get_by_text("Finish", exact=True).or_(page.get_by_text("Skip and finish", exact=True)).wait_for()


def spoken(page: Page, url: str, out: Path) -> None:
    """A question, a command that waits for a yes, the yes, and what was done."""
    page.goto(f"{url}/")
    page.wait_for_function("location.pathname.length > 1")
    page.locator("hui-view-container").first.wait_for(state="attached")
    page.wait_for_timeout(STILL)
    page.keyboard.press("a")
    box = page.locator("ha-assist-chat input, ha-assist-chat textarea").first
    box.wait_for()
    page.wait_for_timeout(STILL)
    for said, answer in (
        ("what is the outdoor temperature?", "7.2"),
        ("unlock the front door", "Shall I unlock"),
        ("yes, please", "Done. Front door: Unlocked"),
    ):
        box.fill(said)
        box.press("Enter")
        page.get_by_text(answer).last.wait_for()
    page.wait_for_timeout(STILL)
    page.screenshot(path=out / "confirmation.png")


def device(page: Page, url: str, out: Path) -> None:
    """The page of the server."""
    page.goto(f"{url}/config/integrations/integration/picoqwen")
    page.get_by_text("Pico-Qwen server").first.wait_for()
    page.wait_for_timeout(STILL)
    page.screenshot(path=out / "integration.png", clip={"x": 0, "y": 0, "width": 1200, "height": 860})
    page.get_by_text("Pico-Qwen server").first.click()
    page.get_by_text("Diagnostic").first.wait_for()
    page.set_viewport_size({"width": 1200, "height": 1240})
    page.wait_for_timeout(STILL)
    page.screenshot(path=out / "server-device.png")


SERIES: dict[str, tuple[Callable[[Page, str, Path], None], tuple[int, int]]] = {
    "found": (found, (1000, 640)),
    "spoken": (spoken, (1000, 820)),
    "device": (device, (1200, 1000)),
}


def main(name: str, out: Path) -> None:
    """Log in and take one series."""
    told = json.load(sys.stdin)
    url = told["url"]
    login = {
        "access_token": told["token"],
        "token_type": "Bearer",
        "expires_in": 86400,
        "refresh_token": "",
        "hassUrl": url,
        "clientId": f"{url}/",
        "expires": int((time.time() + 86400) * 1000),
    }
    take, (width, height) = SERIES[name]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US")
        page.set_default_timeout(MILLISECONDS)
        page.add_init_script(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(login))})")
        try:
            take(page, url, out)
        except Exception:
            page.screenshot(path=out / f"failed-{name}.png")
            raise
        finally:
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
