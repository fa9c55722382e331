"""Audits the page as Lighthouse does, in a real Chromium: script/check-page.

One line for each check; what does not hold ends it with an error. Times are told and not judged, since the
machine may be busy with something else. What the real Lighthouse says stands in lighthouse.py.
"""

import json
import os
import sys
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import lighthouse
from tests.browser.conftest import DESKTOP, FLAGS, MILLISECONDS, PHONE, process
from tests.browser.test_chat_page import AxeOfAnotherWorld, last, say, wait_until_online

VIEWS = ("chat", "models", "status", "agents")
SCREENS = {"phone": PHONE, "desktop": DESKTOP}
MOST_FIRST_LOAD, MOST_FIRST_PAINT_MS = 60_000, 300
MOST_SHIFT, MOST_BLOCKING_MS, MOST_HEAP = 0.1, 200, 5_000_000
MOST_UNUSED = 20_000
LOADS = 5
# A finger's width; what lies within a line of text is left as it is.
TARGET = 44
AXE = {"rules": {"target-size": {"enabled": True}}}
OBSERVE = """
window.shift = 0; window.blocked = 0;
const observe = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
  .observe({ type, buffered: true });
observe("layout-shift", (entry) => { if (!entry.hadRecentInput) window.shift += entry.value; });
observe("longtask", (entry) => { window.blocked += Math.max(0, entry.duration - 50); });
"""
SMALL_TARGETS = """(least) => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
  .map((node) => [node, (node.matches("input") && node.closest("label")) || node])
  .filter(([node, area]) => area.checkVisibility() && node.type !== "hidden" && !node.closest(".skip, .text"))
  .map(([node, area]) => [node.outerHTML.slice(0, 60), area.getBoundingClientRect()])
  .filter(([, { width, height }]) => width && Math.min(width, height) < least - 0.5)
  .map(([text, { width, height }]) => `${text} ${Math.round(width)}x${Math.round(height)}`)"""
SMALL_TEXT = """() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
  && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())
  && parseFloat(getComputedStyle(node).fontSize) < 12).map((node) => node.outerHTML.slice(0, 60))"""
RESOURCES = """() => performance.getEntriesByType("resource").map(
  ({ name, encodedBodySize, decodedBodySize }) => ({ name, encodedBodySize, decodedBodySize }))"""


class Audit:
    """Says what is found, and remembers what does not hold."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def require(self, holds: object, what: str, found: object = "") -> None:
        """A check, and what it found."""
        said = what if found in ("", [], None) else f"{what}: {found}"
        print(f"{'ok' if holds else 'NOT SO'}: {said}", flush=True)
        if not holds:
            self.failed.append(said)

    def tell(self, what: str, found: float, most: float, unit: str) -> None:
        """A time."""
        within = "within" if found <= most else "OVER"
        print(f"{within} {most:g} {unit}: {what} {found:.0f} {unit}", flush=True)


def visit(context: BrowserContext, url: str) -> Page:
    """The page, as soon as it knows the server."""
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    page.add_init_script(OBSERVE)
    page.goto(url)
    wait_until_online(page)
    page.wait_for_load_state("networkidle")
    return page


def check_first_load(audit: Audit, browser: Browser, url: str) -> None:
    """Bytes, first paint and time blocked, of first visits."""
    paints, blocked = [], []
    for _ in range(LOADS):
        with browser.new_context(**PHONE) as context:
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            received: list[float] = []
            session.on(
                "Network.loadingFinished", lambda event, to=received: to.append(event["encodedDataLength"])
            )
            page.add_init_script(OBSERVE)
            page.goto(url)
            wait_until_online(page)
            size = sum(received)
            paints.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            blocked.append(page.evaluate("window.blocked"))
    audit.require(size < MOST_FIRST_LOAD, f"the first load is {size / 1000:.1f} kB, headers included")
    audit.tell(f"first paint, the best of {LOADS}", min(paints), MOST_FIRST_PAINT_MS, "ms")
    audit.tell(
        f"main thread blocked by long tasks, the best of {LOADS}", min(blocked), MOST_BLOCKING_MS, "ms"
    )


def check_view(audit: Audit, browser: Browser, url: str, view: str, screen: str) -> None:
    """What jumps, is cut off, too small to read or to hit; errors; and what axe finds in both colours."""
    errors: list[str] = []
    name = f"{view} on a {screen}"
    with browser.new_context(locale="en-US", **SCREENS[screen]) as context:
        context.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        context.on("requestfailed", lambda request: errors.append(request.url))
        page = visit(context, f"{url}#{view}")
        shift = page.evaluate("window.shift")
        audit.require(shift < MOST_SHIFT, f"{name}: layout shift {shift:.3f}, {MOST_SHIFT} at most")
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        audit.require(width <= 0, f"{name}: nothing is cut off at the side")
        small = page.evaluate(SMALL_TEXT)
        audit.require(not small, f"{name}: no text is smaller than 12 pixels", small)
        if screen == "phone":
            small = page.evaluate(SMALL_TARGETS, TARGET)
            audit.require(not small, f"{name}: all that is tapped is {TARGET} pixels", small)
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            found = AxeOfAnotherWorld().run(page, options=AXE)
            audit.require(
                not found.violations_count, f"{name}, {colours}: axe finds nothing", _rules(found.response)
            )
    audit.require(not errors, f"{name}: no error in the console", errors)


def _rules(response: dict[str, Any]) -> list[str]:
    return [f"{each['id']} {each['nodes'][0]['html']}" for each in response["violations"]]


def check_page(audit: Audit, browser: Browser, url: str) -> None:
    """What the page is told to be: its policy, its description, and that it can be installed."""
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        response = page.goto(url)
        policy = response.headers["content-security-policy"]
        audit.require(
            "default-src 'none'" in policy and "unsafe" not in policy,
            "a policy forbids all but its own files",
        )
        audit.require("frame-ancestors 'self'" in policy, "and frames of others")
        audit.require(response.headers["x-content-type-options"] == "nosniff", "types are not guessed")
        for what in ("description", "viewport", "theme-color"):
            content = page.locator(f"meta[name={what}]").first.get_attribute("content")
            audit.require(content and "user-scalable" not in content, f"it has a {what}", content)
        audit.require(
            page.evaluate("document.doctype && document.characterSet === 'UTF-8'"), "doctype and UTF-8"
        )
        audit.require(
            page.evaluate("document.documentElement.lang && document.title"), "a language and a title"
        )
        session = context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        audit.require(
            manifest.get("data") and not manifest["errors"], "the manifest has no error", manifest["errors"]
        )
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # Each context of these checks is a private one.
        found = [each["errorId"] for each in errors if each["errorId"] != "in-incognito"]
        audit.require(not found, "it can be installed on a phone", found)


def check_offline(audit: Audit, browser: Browser, url: str) -> None:
    """The shell opens without the server, says so, and shows what was said."""
    with browser.new_context(**PHONE) as context:
        page = visit(context, url)
        say(page, "turn on the kitchen lamp")
        expect(last(page).locator(".stats")).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        wait_until_online(page)
        context.set_offline(True)
        page.reload()
        expect(page.locator("#banner")).to_contain_text("cannot be reached")
        expect(page.locator("#log > li.user")).to_contain_text("turn on the kitchen lamp")
        audit.require(True, "offline it opens, says so, and shows the conversation")


def check_resources(audit: Audit, browser: Browser, url: str) -> None:
    """Memory, and what is fetched for nothing."""
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Profiler.enable")
        session.send("Profiler.startPreciseCoverage", {"callCount": False, "detailed": True})
        page.goto(url)
        wait_until_online(page)
        page.wait_for_load_state("networkidle")
        coverage = session.send("Profiler.takePreciseCoverage")["result"]
        unused = {each["url"]: _unused(each["functions"]) for each in coverage if each["url"].startswith(url)}
        most = max(unused, key=unused.__getitem__)
        told = f"{most.rpartition('/')[2]} has {unused[most] / 1000:.1f} kB that the first load does not use"
        audit.require(unused[most] < MOST_UNUSED, f"no script is large for nothing: {told}")
        found = page.evaluate(RESOURCES)
        audit.require(
            all(each["name"].startswith(url) for each in found),
            f"{len(found)} files, all of the server's own",
        )
        plain = [
            each["name"]
            for each in found
            if "/ui/" in each["name"] and each["encodedBodySize"] >= each["decodedBodySize"]
        ]
        audit.require(not plain, "all of the page's files are packed", plain)
        for view in VIEWS:
            page.evaluate("(view) => { location.hash = view; }", f"#{view}")
            expect(page.locator(f"#view-{view}")).to_be_visible()
        page.wait_for_load_state("networkidle")
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        audit.require(
            heap < MOST_HEAP,
            f"after all pages its scripts hold {heap / 1e6:.1f} MB, {MOST_HEAP / 1e6:g} at most",
        )


def _unused(functions: list[dict[str, Any]]) -> int:
    """Characters that did not run. Ranges come from the outer to the inner, which tell more exactly."""
    end = max(each["ranges"][0]["endOffset"] for each in functions)
    ran = bytearray(end)
    for function in functions:
        for part in function["ranges"]:
            size = part["endOffset"] - part["startOffset"]
            ran[part["startOffset"] : part["endOffset"]] = bytes([part["count"] > 0]) * size
    return ran.count(0)


def main(with_lighthouse: bool) -> int:
    """All checks; 1 where one does not hold."""
    audit = Audit()
    chromium = os.environ["CHROMIUM"]
    with process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, url):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for check in (check_first_load, check_page, check_offline, check_resources):
                check(audit, browser, url)
            for screen in SCREENS:
                for view in VIEWS:
                    check_view(audit, browser, url, view, screen)
        if with_lighthouse:
            for name, scores in lighthouse.run(chromium, url, VIEWS):
                others = [score for category, score in scores.items() if category != "performance"]
                audit.require(min(others) == 100, f"Lighthouse on {name}", json.dumps(scores))
    print(f"{len(audit.failed)} checks do not hold" if audit.failed else "all checks hold")
    return 1 if audit.failed else 0


if __name__ == "__main__":
    sys.exit(main("--lighthouse" in sys.argv[1:]))
