"""A stand-in for the Supervisor: discovery, facts about an app, its ingress, and its way to Home Assistant.

As in supervisor/api/ingress.py, proxy.py and discovery.py of Home Assistant's Supervisor. What Home
Assistant asks beside that is answered with an error, as by a Supervisor that is starting.
"""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

ADDRESS, APP_ADDRESS = "172.30.32.2", "172.30.33.5"
SLUG = "local_picoqwen"
INGRESS_TOKEN, SESSION, USER = "ingress-token", "session", "user-1"
NOT_HANDED_ON = {
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "x-supervisor-token",
    "x-hassio-key",
}
# Compared letter by letter, so that "mcp-protocol-version" is not handed on.
FORWARDED = ("X-Speech-Content", "Accept", "Last-Event-ID", "Mcp-Session-Id", "MCP-Protocol-Version")
KEPT = ("Cache-Control", "Mcp-Session-Id")
IDENTITY = ("X-Remote-User-Id", "X-Remote-User-Name", "X-Remote-User-Display-Name")


class Supervisor:
    """Knows one app, whose token is `token`; asks it from `address` by ingress."""

    def __init__(
        self, token: str, config: dict[str, Any], address: str = ADDRESS, app_address: str = APP_ADDRESS
    ) -> None:
        self.token = token
        self.config = config
        self.app_address = app_address
        self.told: list[dict[str, Any]] = []
        # How often that was news.
        self.news = 0
        # Home Assistant's address and a token for it; None while there is none.
        self.core: tuple[str, str] | None = None
        # Methods and paths of what the app asked Home Assistant.
        self.handed_on: list[tuple[str, str]] = []
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))

    async def discover(self, request: web.Request) -> web.Response:
        """What the app says of itself; only for a service that its config.yaml names."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _refused(401, "who are you?")
        told = await request.json()
        if told["service"] not in self.config["discovery"]:
            return _refused(403, "not a service of this app")
        known = [each for each in self.told if each["service"] == told["service"]]
        message = known[0] if known else {"addon": SLUG, "uuid": uuid.uuid4().hex}
        if not known:
            self.told.append(message)
        self.news += message.get("config") != told["config"]
        # A known service keeps its number when its address or key changes.
        message.update(told)
        return said({"uuid": message["uuid"]})

    async def discovered(self, _: web.Request) -> web.Response:
        """All messages, as Home Assistant reads them at its start."""
        return said({"discovery": self.told, "services": {}})

    async def discovery(self, request: web.Request) -> web.Response:
        """One message, which Home Assistant reads when it is told that there is one."""
        for each in self.told:
            if each["uuid"] == uuid.UUID(request.match_info["uuid"]).hex:
                return said(each)
        return _refused(404, "no such message")

    async def app_info(self, _: web.Request) -> web.Response:
        """All about the app."""
        return said(self.app_facts())

    def app_facts(self) -> dict[str, Any]:
        """Of the app what Home Assistant's client insists on."""
        given = {name: self.config[name] for name in ("name", "description", "version", "url", "arch")}
        flags = (
            "advanced auth_api build docker_api full_access homeassistant_api host_network host_pid host_ipc "
            "host_uts host_dbus hassio_api signed update_available detached changelog stdin gpio usb uart "
            "kernel_modules "
            "devicetree udev video audio auto_update system_managed"
        )
        nothing = (
            "homeassistant long_description webui audio_input audio_output network network_description "
            "system_managed_config_entry"
        )
        return {
            **dict.fromkeys(flags.split(), False),
            **dict.fromkeys(nothing.split()),
            **given,
            "available": True,
            "icon": True,
            "logo": True,
            "documentation": True,
            "ingress": True,
            "watchdog": True,
            "protected": True,
            "repository": "local",
            "slug": SLUG,
            "stage": "stable",
            "version_latest": given["version"],
            "state": "started",
            "apparmor": "profile",
            "rating": 8,
            "hassio_role": "default",
            "hostname": "local-picoqwen",
            "dns": [],
            "boot": "auto",
            "boot_config": "auto",
            "options": {},
            "schema": [],
            "machine": [],
            "privileged": [],
            "startup": "services",
            "services": [],
            "discovery": self.config["discovery"],
            "translations": {},
            "devices": [],
            "ingress_entry": f"/api/hassio_ingress/{INGRESS_TOKEN}",
            "ingress_url": f"/api/hassio_ingress/{INGRESS_TOKEN}/",
            "ingress_port": self.config["ingress_port"],
            "ingress_panel": True,
            "ip_address": APP_ADDRESS,
        }

    async def ingress(self, request: web.Request) -> web.StreamResponse:
        """Hand a request on to the app, from our address, with who asks as only we may say."""
        if request.cookies.get("ingress_session") != SESSION:
            return web.Response(status=401)
        headers = CIMultiDict(zip(IDENTITY, (USER, "demo", "Demo"), strict=True))
        for name, value in request.headers.items():
            if name.lower() not in NOT_HANDED_ON and name not in IDENTITY:
                headers.add(name, value)
        url = f"http://{self.app_address}:{self.config['ingress_port']}/{request.match_info['path']}"
        async with self.session.request(
            request.method,
            url,
            headers=headers,
            params=request.query,
            data=await request.read(),
            allow_redirects=False,
        ) as result:
            response = web.StreamResponse(status=result.status)
            for name, value in result.headers.items():
                if name.lower() not in NOT_HANDED_ON:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in result.content.iter_any():
                await response.write(piece)
            return response

    async def core_api(self, request: web.Request) -> web.StreamResponse:
        """Home Assistant's answer to the app, which may ask where its config.yaml says so."""
        known = request.headers.get("Authorization", "").split(" ")[-1] == self.token
        if not known or not self.config.get("homeassistant_api"):
            raise web.HTTPUnauthorized
        if self.core is None:
            raise web.HTTPBadGateway
        address, token = self.core
        path = request.match_info["path"]
        self.handed_on.append((request.method, path))
        headers = {name: value for name, value in request.headers.items() if name in FORWARDED}
        headers["Authorization"] = f"Bearer {token}"
        if "Content-Type" in request.headers:
            headers["Content-Type"] = request.headers["Content-Type"]
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, f"{address}/api/{path}", headers=headers, data=await request.read()
            ) as result,
        ):
            kept = {name: result.headers[name] for name in KEPT if name in result.headers}
            return web.Response(
                body=await result.read(),
                status=result.status,
                content_type=result.content_type,
                headers=kept,
            )


def said(data: Any) -> web.Response:
    """An answer of the Supervisor."""
    return web.json_response({"result": "ok", "data": data})


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"result": "error", "message": message}, status=status)


async def _unknown(_: web.Request) -> web.Response:
    return _refused(404, "the stand-in does not know that")


@asynccontextmanager
async def standing_in(
    token: str,
    config: dict[str, Any],
    address: str = ADDRESS,
    port: int = 80,
    more: Callable[[Supervisor], list[web.RouteDef]] = lambda _: [],
) -> AsyncIterator[Supervisor]:
    """On the Supervisor's address, or one where nobody comes by ingress; more: what else it answers."""
    supervisor = Supervisor(token, config)
    app = web.Application()
    app.add_routes(more(supervisor))
    app.add_routes(
        [
            web.post("/discovery", supervisor.discover),
            web.get("/discovery", supervisor.discovered),
            web.get("/discovery/{uuid}", supervisor.discovery),
            web.get("/addons/{slug}/info", supervisor.app_info),
            web.route("*", "/core/api/{path:.*}", supervisor.core_api),
            web.route("*", "/ingress/{token}/{path:.*}", supervisor.ingress),
            web.route("*", "/{rest:.*}", _unknown),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    try:
        yield supervisor
    finally:
        await supervisor.session.close()
        await runner.cleanup()
