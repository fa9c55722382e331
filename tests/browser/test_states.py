"""Every page in every state, at three widths and in both colours: nothing cut off, and axe finds nothing."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from picoqwen_core.server.answers import ANSWERS
from tests.browser import said
from tests.browser.audit import AXE, SMALL_TARGETS, SMALL_TEXT, TARGET
from tests.browser.conftest import MILLISECONDS, PHONE, browser_context
from tests.browser.states import PRODUCT, SCRIPTED
from tests.server.flow_contract import complaints, hold_events

WIDTHS = (360, 768, 1280)
STATES = [*PRODUCT, *SCRIPTED]
# Wider than its pane may be what scrolls in it; nothing else may be cut off.
CUT_OFF = """() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
  && node.clientWidth > 0 && node.scrollWidth > node.clientWidth + 1
  && !/auto|scroll/.test(getComputedStyle(node).overflowX)
  && getComputedStyle(node).textOverflow !== "ellipsis"
  && !node.closest(".sr, svg, option, select") && getComputedStyle(node).display !== "inline")
  .map((node) => node.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def urls(product: str, scripted_directly: str) -> dict[str, str]:
    return dict.fromkeys(PRODUCT, product) | dict.fromkeys(SCRIPTED, scripted_directly)


def reach(page: Page, name: str, urls: dict[str, str]) -> list[str]:
    """Go there; what the scripts complain of."""
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.set_default_timeout(MILLISECONDS)
    (PRODUCT | SCRIPTED)[name](page, urls[name])
    return failures


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_and_nothing_is_cut_off_in(browser: Browser, urls, name: str, width: int):
    # The page's policy forbids what axe does to it; that the policy holds is tested elsewhere.
    with browser_context(browser, width, bypass_csp=True, reduced_motion="reduce") as context:
        page = context.new_page()
        failures = reach(page, name, urls)
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            found = Axe().run(page, options=AXE)
            assert len(found.response["passes"]) > 10
            assert found.violations_count == 0, f"{colours}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF) == []
        assert page.evaluate(SMALL_TEXT) == []
        if width <= PHONE["viewport"]["width"]:
            assert page.evaluate(SMALL_TARGETS, TARGET) == []
        assert failures == []


# Those in which most of what the page says is said.
WORDY = [
    *(
        "chat-first-visit",
        "chat-home-commanded",
        "chat-stopped",
        "chat-editing",
        "chat-options",
        "chat-offline",
    ),
    *(
        "chat-key-wanted",
        "history-deleting",
        "settings",
        "shortcuts",
        "models-all-kinds",
        "status-everything",
    ),
    *("agents-done", "agents-off"),
]
TEXTS = """() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
    && !node.closest(".text, .log pre, kbd, .did code, #task, option, #live, .sources, #runs summary")
    && !node.closest("#history li > *"))
  .flatMap((node) => [node.getAttribute("aria-label"), node.title, node.placeholder,
    ...[...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data.trim())])
  .filter(Boolean)"""
# Words that are the same, and what is not the page's to say: names, formats, a server's own words.
SAME = set(
    "Chat|Agent|Agents|Repository|Model|Plan|plan|Status|Options|Sources|Downloads|context 512|Installed|"
    "scripted|pico-home|Message|Conversations|Pages|Download|27 h 26 min".split("|")
)
GIVEN = (
    "Qwen",
    "pico-home",
    "shed",
    "claude",
    "http",
    "the engine was killed",
    "web_search",
    "checksum",
    "USB",
)


@pytest.fixture(scope="module")
def english(browser: Browser, urls) -> set[str]:
    """All that the page says in English."""
    return set().union(*(texts_of(browser, urls, name, "en-US") for name in WORDY))


def texts_of(browser: Browser, urls: dict[str, str], name: str, locale: str) -> set[str]:
    """What can be read in a state on the narrowest of phones, where nothing may be cut off."""
    with browser_context(browser, 320, locale=locale) as context:
        page = context.new_page()
        failures = reach(page, name, urls)
        assert page.evaluate("document.documentElement.lang") == locale[:2]
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        assert page.evaluate(CUT_OFF) == [], name
        assert page.evaluate(SMALL_TARGETS, TARGET) == [], name
        assert failures == [], name
        return set(page.evaluate(TEXTS))


# Fourteen pages in a row, which a busy machine takes its time for.
@pytest.mark.timeout(400)
@pytest.mark.parametrize("locale", ["de-DE", "fr-FR", "es-ES", "nl-NL", "it-IT"])
def test_all_texts_of_a_language_fit_a_phone_and_none_is_english(browser, urls, english, locale):
    said_there = set().union(*(texts_of(browser, urls, name, locale) for name in WORDY))
    same = {text for text in (english & said_there) - SAME if re.search(r"[^\W\d]{3}", text)}
    assert "\n".join(sorted(text for text in same if not any(word in text for word in GIVEN))) == ""


def test_what_the_states_are_told_is_what_a_server_says() -> None:
    for path, body in said.PROMISES:
        assert complaints(ANSWERS["GET", path], body) == [], path
    hold_events(said.EVENTS)
    assert complaints({"type": "object", "required": ["error"]}, said.BUSY) == []
