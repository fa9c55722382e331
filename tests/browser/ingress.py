"""Home Assistant's ingress before a server of this machine; the Supervisor's part stands in tests/container.

The server trusts SUPERVISOR, from where the Supervisor's part asks it, and no other address of this machine.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from multidict import CIMultiDict

from tests.container.supervisor import INGRESS_TOKEN, Supervisor

SUPERVISOR = "127.0.0.2"
PREFIX = f"/api/hassio_ingress/{INGRESS_TOKEN}"


@asynccontextmanager
async def ingress(server: str, port: int) -> AsyncIterator[str]:
    """The page's URL behind ingress; server: the URL of the app's."""
    host, _, app_port = server.removeprefix("http://").partition(":")
    supervisor = Supervisor("token", {"ingress_port": int(app_port)}, SUPERVISOR, host)

    async def core(request: web.Request) -> web.StreamResponse:
        headers = CIMultiDict(request.headers)
        headers["X-Ingress-Path"] = PREFIX
        headers["X-Hass-Source"] = "core.ingress"
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Host"] = request.host
        headers["X-Forwarded-Proto"] = request.scheme
        return await supervisor.ingress(request.clone(headers=headers))

    app = web.Application()
    app.add_routes([web.route("*", PREFIX + "/{path:.*}", core)])
    # Who leaves is gone for the server too, as in Home Assistant.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PREFIX}"
    finally:
        await supervisor.session.close()
        await runner.cleanup()
