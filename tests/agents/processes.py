"""A real server process with agents, the terminal's commands against it, and the model that it asks."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

PICOQWEN = (sys.executable, "-m", "picoqwen_core")
MODEL = "up/scripted"
_READY = "picoqwen is ready on "
# A first start compiles the kernels, for a minute or more on a busy machine.
_SECONDS = 300


@dataclass(slots=True)
class Upstream:
    """A server in OpenAI's format; `answer` gives the text for the last message, and may take its time."""

    answer: Callable[[str], Awaitable[str]]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Upstream"]:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        async with TestServer(app) as server:
            self.url = str(server.make_url("/v1"))
            yield self

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        said = (await request.json())["messages"][-1]["content"]
        self.asked.append(said)
        text = await self.answer(said)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        for delta, reason in (({"content": text}, None), ({}, "stop")):
            chunk = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        await response.write(f"data: {json.dumps({**head, 'choices': [], 'usage': usage})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


@dataclass(slots=True)
class Place:
    """A folder with the server's settings, and the commands that are run there."""

    folder: Path
    url: str = ""
    process: asyncio.subprocess.Process | None = None

    def configure(self, upstream: str | None = None, **agents: Any) -> None:
        """Write the settings; `agents` are more of that section."""
        lines = ["[agents]", "agents = true", f"agents_dir = {json.dumps(str(self.folder / 'agents'))}"]
        lines += [f"{name} = {_toml(value)}" for name, value in agents.items()]
        if upstream is not None:
            lines += ["[[hybrid.upstreams]]", 'name = "up"', f"base_url = {json.dumps(upstream)}"]
            lines += ['model = "scripted"', 'api_key = "k"', "timeout = 90.0", "trusted = true"]
        (self.folder / "config.toml").write_text("\n".join(lines) + "\n")

    def flow(self, text: str, name: str = "mine.yaml") -> Path:
        """Write a flow of the user's."""
        path = self.folder / "agents" / "flows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    async def start(self, *flags: str) -> None:
        """Start the server and wait until it answers."""
        command = (*PICOQWEN, "serve", "--port", "0", "--config", str(self.folder / "config.toml"), *flags)
        self.process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), _SECONDS)).decode().strip()
        assert line.startswith(_READY), line
        self.url = line.removeprefix(_READY)

    async def end(self, number: int = signal.SIGTERM) -> None:
        """End the server."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.wait(), _SECONDS)
        self.process = None

    async def flow_command(self, action: str, *arguments: str) -> tuple[int, str]:
        """Run `picoqwen flow ACTION ...` against the server; its exit code and all that it printed."""
        return await run_command("flow", action, "--url", self.url, *arguments)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """A place whose server is ended in the end."""
    found = Place(folder)
    try:
        yield found
    finally:
        await found.end(signal.SIGKILL)


async def run_command(*arguments: str) -> tuple[int, str]:
    """A command of picoqwen's; its exit code and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *PICOQWEN, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    assert process.returncode is not None
    return process.returncode, printed.decode()


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
