import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.container.supervisor import SESSION

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1200, "height": 800}}
# What Home Assistant's frontend sets for who is logged in.
INGRESS_COOKIE = {"name": "ingress_session", "value": SESSION, "url": "http://127.0.0.1"}
# Generous, since the machine may be busy; nothing waits so long when all is well.
MILLISECONDS = 30_000


@contextmanager
def process(*command: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server and its URL, once it says that it is ready."""
    started = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        for line in started.stdout:
            if "ready on " in line:
                yield started, line.split("ready on ")[1].strip() + "/"
                return
        raise RuntimeError(f"{command} ended with {started.wait()}")
    finally:
        started.kill()
        started.wait()


def stand_in(port: int = 0, *more: str):
    """The server over the scripted provider; more: the flags of stand_in.py."""
    return process(sys.executable, "-m", "tests.browser.stand_in", str(port), *more)


def researching():
    """The server with agents and a web of this machine."""
    return process(sys.executable, "-m", "tests.browser.research")


@pytest.fixture(scope="session", params=[(), ("--ingress",)], ids=["direct", "ingress"])
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """How the browser comes to the server: flags for stand_in()."""
    return request.param


@pytest.fixture(scope="session")
def scripted(way: tuple[str, ...]) -> Iterator[str]:
    """URL of a server whose answers are scripted, itself or behind Home Assistant's ingress."""
    with stand_in(0, *way) as (_, url):
        yield url


@pytest.fixture(scope="session")
def scripted_directly() -> Iterator[str]:
    """The same, without ingress."""
    with stand_in() as (_, url):
        yield url


@pytest.fixture(scope="session")
def product() -> Iterator[str]:
    """URL of the whole product with its built-in model."""
    with process(sys.executable, "-m", "picoqwen_core", "serve", "--port", "0") as (_, url):
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)


@contextmanager
def browser_context(browser: Browser, width: int, **options) -> Iterator[BrowserContext]:
    """A fresh profile at this width: a phone, a tablet or a desktop by it."""
    screen = {**(DESKTOP if width > 900 else PHONE), "viewport": {"width": width, "height": 740}}
    with browser.new_context(**{"locale": "en-US", **screen, **options}) as context:
        context.add_cookies([INGRESS_COOKIE])
        yield context


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a URL in a fresh profile: `page = visit(url, **PHONE)`; no script may fail."""
    failures: list[str] = []
    with ExitStack() as stack:

        def open_page(url: str, **options) -> Page:
            context = browser.new_context(**{"locale": "en-US", **DESKTOP, **options})
            stack.callback(context.close)
            context.add_cookies([INGRESS_COOKIE])
            page = context.new_page()
            page.set_default_timeout(MILLISECONDS)
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.goto(url)
            return page

        yield open_page
    assert failures == []
