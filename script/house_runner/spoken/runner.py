"""Says the hand-written requests to real Home Assistants, one house after the other."""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ..client import Client, connect
from ..conversation import Conversation
from ..errors import HouseError
from ..home_assistant import start_home_assistant
from ..integration import configure
from ..paths import make_folder
from ..ports import HOST, find_free
from ..server import Server, start_server
from .judge import LARGER_MODEL_SAYS, Verdict, judge
from .requests import Spoken, SpokenHome

_ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, slots=True)
class Said:
    """A request and what came of it: `text` and `tools` of the last turn, `ms` of all turns."""

    home: str
    language: str
    request: Spoken
    verdict: Verdict
    text: str
    tools: tuple[str, ...]
    ms: tuple[float, ...]


def nothing(_request: Spoken) -> bool:
    """Which failures are told: none."""
    return False


async def say_all(homes: Sequence[SpokenHome], *, tell: Callable[[Spoken], bool] = nothing) -> list[Said]:
    """Say every request of every home, and print what went wrong with those that `tell` names.

    Raises HouseError where something does not start.
    """
    said: list[Said] = []
    with tempfile.TemporaryDirectory(prefix="picoqwen-", ignore_cleanup_errors=True) as folder:
        async with running_server(Path(folder)) as server:
            for home in homes:
                async with in_house(home, server, Path(folder) / home.name) as house:
                    for request in home.requests:
                        said.append(await house.say(request))
                        if tell(request) and not said[-1].verdict.right:
                            _tell(said[-1])
    return said


@contextlib.asynccontextmanager
async def running_server(folder: Path) -> AsyncIterator[Server]:
    """The server with a stand-in for a larger model behind it, so that one can hear who answered."""
    async with _larger_model() as url:
        upstream = {"name": "larger", "base_url": url, "model": "larger", "trusted": True, "timeout": 30}
        environment = {"PICOQWEN_UPSTREAMS": json.dumps([upstream]), "PICOQWEN_ROUTING": "by_rung"}
        server = await start_server(find_free(), folder / "server.log", environment=environment)
        try:
            yield server
        finally:
            await server.stop()


@contextlib.asynccontextmanager
async def in_house(home: SpokenHome, server: Server, folder: Path) -> AsyncIterator["SpokenHouse"]:
    """Home Assistant with one home in it, connected to the server."""
    make_folder(folder)
    running = await start_home_assistant(folder / "config", find_free(), folder / "ha.log", home.house)
    try:
        async with connect(running.url, running.token) as client:
            agent = await configure(running, client, server.url, folder / "server-url.txt")
            devices = await client.call("config/device_registry/list")
            areas = await client.call("config/area_registry/list")
            names = {area["area_id"]: area["name"] for area in areas}
            rooms = {
                names[device["area_id"]].casefold(): device["id"]
                for device in devices
                if device["area_id"] in names and [i[0] for i in device["identifiers"]] == ["demo_house"]
            }
            yield SpokenHouse(home, client, await Conversation.open(client, agent), rooms)
    finally:
        await running.stop()


class SpokenHouse:
    """A running home that is put back before each request."""

    def __init__(
        self, home: SpokenHome, client: Client, conversation: Conversation, rooms: dict[str, str]
    ) -> None:
        self._home, self._client, self._conversation, self._rooms = home, client, conversation, rooms

    async def say(self, request: Spoken) -> Said:
        """One request, turn by turn; it is over at the first turn that is wrong."""
        settings = {"settings": {entity: dict(wanted) for entity, wanted in request.before.items()}}
        await self._client.call("call_service", domain="demo_house", service="reset", service_data=settings)
        conversation_id, times = None, []
        for turn in request.turns:
            if turn.room is not None and turn.room.casefold() not in self._rooms:
                raise HouseError(f"there is no satellite in {turn.room!r} of {self._home.name}: {turn.say}")
            answer = await self._conversation.say(
                turn.say,
                path="pipeline" if self._home.language == "en" else "process",
                device_id=self._rooms[turn.room.casefold()] if turn.room else None,
                conversation_id=conversation_id,
                language=self._home.language,
            )
            conversation_id = answer.conversation_id
            times.append(answer.ms)
            after: dict[str, Any] = await self._client.states()
            verdict = judge(turn, answer.changes, after, answer.text, datetime.now(_ZONE))
            if not verdict.right:
                break
        tools = tuple(str(call) for call in answer.tool_calls)
        home = self._home
        return Said(home.name, home.language, request, verdict, answer.text, tools, tuple(times))


def _tell(said: Said) -> None:
    print(f"[{said.home}/{said.request.category}] {said.request}: {said.verdict.problem}", flush=True)
    print(f"      said {said.text!r}; called {', '.join(said.tools) or 'nothing'}", flush=True)


@contextlib.asynccontextmanager
async def _larger_model() -> AsyncIterator[str]:
    """An OpenAI-compatible server on this machine that has one answer to everything."""

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "larger", "object": "model"}]})

    async def chat(request: web.Request) -> web.StreamResponse:
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "larger"}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, reason in (({"role": "assistant", "content": LARGER_MODEL_SAYS}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await response.write(f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application(client_max_size=64_000_000)
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", chat)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = find_free()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield f"http://{HOST}:{port}/v1"
    finally:
        await runner.cleanup()
