"""A hub on this machine that serves what it is told, and misbehaves where it is told to."""

import asyncio
import hashlib
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class StandIn:
    """Repositories by name, their files by path; `faults` are used up, one for each request of a file."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    # "truncate", "stall", "no_range", "too_long", "error"; `redirect` is an address.
    faults: list[str] = field(default_factory=list)
    lies: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    redirect: str | None = None
    ranges: list[str | None] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/models/{owner}/{name}/tree/main", self._tree)
        app.router.add_get("/{owner}/{name}/resolve/main/{path:.+}", self._file)
        return app

    def _repository(self, request: web.Request) -> dict[str, bytes]:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPUnauthorized
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if name not in self.repositories:
            raise web.HTTPNotFound
        return self.repositories[name]

    async def _tree(self, request: web.Request) -> web.Response:
        listed = [{"type": "directory", "path": "folder", "oid": "0", "size": 0}]
        for path, data in self._repository(request).items():
            size = self.lies.get(path, len(data))
            if path.endswith((".gguf", ".safetensors")):
                lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 100}
                listed.append({"type": "file", "path": path, "oid": "1", "size": size, "lfs": lfs})
            else:
                blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
                listed.append({"type": "file", "path": path, "oid": blob, "size": size})
        return web.json_response(listed)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        data = self._repository(request).get(request.match_info["path"])
        if data is None:
            raise web.HTTPNotFound
        self.ranges.append(request.headers.get("Range"))
        if self.redirect:
            raise web.HTTPFound(self.redirect)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "error":
            raise web.HTTPBadGateway
        asked = request.headers.get("Range") if fault != "no_range" else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body = data[start:] + (b"more" if fault == "too_long" else b"")
        response = web.StreamResponse(status=206 if asked else 200)
        if fault != "too_long":
            response.content_length = len(body)
        await response.prepare(request)
        if fault in ("truncate", "stall"):
            await response.write(body[: len(body) // 2])
            if fault == "stall":
                await asyncio.sleep(3600)
            request.transport.close()
            return response
        await response.write(body)
        return response
