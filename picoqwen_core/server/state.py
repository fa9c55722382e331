"""What the handlers share, kept in the aiohttp application."""

import time
from dataclasses import dataclass, field

from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.hub.downloads import Downloads
from picoqwen_core.router import Router


@dataclass(frozen=True, slots=True)
class State:
    """Built once, in app.py."""

    settings: Settings
    router: Router
    downloads: Downloads | None = None
    started: float = field(default_factory=time.monotonic)


STATE: web.AppKey[State] = web.AppKey("state", State)


def state_of(request: web.Request) -> State:
    """The state of the application that serves this request."""
    return request.app[STATE]
