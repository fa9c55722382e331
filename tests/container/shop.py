"""What Home Assistant's own pages ask the Supervisor about one app: the store, installing and starting.

Beside supervisor.py, which discovers the app and hands on what comes by ingress. Installing only notes that
it was clicked: what then runs is started by pictures.py.
"""

from typing import Any

import yaml
from aiohttp import ClientSession, web

from house_runner.paths import ROOT
from tests.addon.supervisor_rules import form
from tests.container.supervisor import SESSION, SLUG, Supervisor, said

ADDON = ROOT / "addon"
REPOSITORY = {
    "slug": "picoqwen",
    "name": "Pico-Qwen",
    "source": "https://github.com/PieBru/pico-qwen",
    "url": "https://github.com/PieBru/pico-qwen",
    "maintainer": "Pico-Qwen",
}


class Shop:
    """Knows whether the app was installed and started by clicks."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.is_installed = self.is_started = False

    def routes(self) -> list[web.RouteDef]:
        """Before the ones of supervisor.py."""
        app = "/{kind:addons|store/addons}/{slug}"
        return [
            web.get("/store", self.store),
            web.get("/store/repositories", self.repositories),
            web.post("/store/reload", self.nothing),
            web.get("/addons", self.installed),
            web.get(f"{app}/{{name:icon|logo}}", self.picture),
            web.get(f"{app}/{{name:documentation|changelog}}", self.text),
            web.post(f"{app}/install", self.install),
            web.post(f"{app}/start", self.start),
            web.get("/store/addons/{slug}", self.info),
            web.get("/addons/{slug}/info", self.info),
            web.get("/addons/{slug}/stats", self.stats),
            web.post("/addons/{slug}/options/validate", self.validate),
            web.get("/ingress/panels", self.panels),
            web.post("/ingress/session", self.session),
            web.post("/ingress/validate_session", self.nothing),
        ]

    def _facts(self) -> dict[str, Any]:
        facts = self.supervisor.app_facts()
        return {
            **facts,
            "repository": REPOSITORY["slug"],
            "installed": self.is_installed,
            "version": facts["version"] if self.is_installed else None,
            "state": "started" if self.is_started else "stopped",
            "stage": self.supervisor.config["stage"],
            "long_description": (ADDON / "README.md").read_text(),
            "options": self.supervisor.config["options"],
            "schema": form(self.supervisor.config["schema"]),
            "translations": {
                path.stem: yaml.safe_load(path.read_text())
                for path in (ADDON / "translations").glob("*.yaml")
            },
        }

    async def store(self, _: web.Request) -> web.Response:
        """The one app and its repository."""
        return said({"addons": [self._facts()], "repositories": [REPOSITORY]})

    async def repositories(self, _: web.Request) -> web.Response:
        """The repositories that were added."""
        return said([REPOSITORY])

    async def installed(self, _: web.Request) -> web.Response:
        """What is installed."""
        return said({"addons": [self._facts()] if self.is_installed else []})

    async def info(self, request: web.Request) -> web.Response:
        """All about the app."""
        if request.match_info["slug"] != SLUG:
            return web.json_response({"result": "error", "message": "no such app"}, status=404)
        return said(self._facts())

    async def picture(self, request: web.Request) -> web.FileResponse:
        """The icon or the logo."""
        return web.FileResponse(ADDON / f"{request.match_info['name']}.png")

    async def text(self, request: web.Request) -> web.FileResponse:
        """What is written about it."""
        names = {"documentation": "DOCS.md", "changelog": "CHANGELOG.md"}
        return web.FileResponse(ADDON / names[request.match_info["name"]])

    async def install(self, _: web.Request) -> web.Response:
        """Note that it was clicked."""
        self.is_installed = True
        return said({})

    async def start(self, _: web.Request) -> web.Response:
        """Note that it was clicked."""
        self.is_started = True
        return said({})

    async def validate(self, _: web.Request) -> web.Response:
        """The options are those of config.yaml."""
        return said({"valid": True, "message": "", "pwned": False})

    async def stats(self, _: web.Request) -> web.Response:
        """Nothing that was measured."""
        return said({"cpu_percent": 0, "memory_percent": 0, "memory_usage": 0, "memory_limit": 0})

    async def panels(self, _: web.Request) -> web.Response:
        """The app's place in the sidebar."""
        config = self.supervisor.config
        panel = {"title": config["panel_title"], "icon": config["panel_icon"], "admin": True, "enable": True}
        return said({"panels": {SLUG: panel}})

    async def session(self, _: web.Request) -> web.Response:
        """A session for who is logged in."""
        return said({"session": SESSION})

    async def nothing(self, _: web.Request) -> web.Response:
        """Done."""
        return said({})


async def tell(session: ClientSession, url: str, token: str, what: str) -> None:
    """Push something to Home Assistant, as the Supervisor does: a panel, or a message of the discovery."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"addon": SLUG, "service": "picoqwen"}
    async with session.post(f"{url}/api/hassio_push/{what}", headers=headers, json=body) as response:
        response.raise_for_status()
