"""Home Assistant's WebSocket interface: calls, subscriptions, states, pipeline runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import aiohttp

from .errors import HouseError

ANSWER_SECONDS = 60


class Client:
    """One logged-in connection; use `connect`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}

    async def call(self, type_: str, **fields: Any) -> Any:
        """Send one command and return its result. Raises HouseError with what Home Assistant said."""
        return await self._call(next(self._ids), type_, fields)

    async def subscribe(self, type_: str, **fields: Any) -> asyncio.Queue[dict[str, Any]]:
        """Send one command that goes on sending events; they arrive in the queue."""
        number = next(self._ids)
        self._events[number] = asyncio.Queue()
        await self._call(number, type_, fields)
        return self._events[number]

    async def states(self) -> dict[str, dict[str, Any]]:
        """Every state by entity id."""
        return {state["entity_id"]: state for state in await self.call("get_states")}

    async def service(self, action: str, entity_id: str, **data: Any) -> None:
        """Call a service such as `light.turn_on` for one entity."""
        domain, service = action.split(".")
        await self.call(
            "call_service",
            domain=domain,
            service=service,
            service_data=data,
            target={"entity_id": entity_id},
        )

    async def items(self, entity_id: str) -> dict[str, str]:
        """The items of a to-do list: summary -> status."""
        answer = await self.call(
            "call_service",
            domain="todo",
            service="get_items",
            service_data={},
            target={"entity_id": entity_id},
            return_response=True,
        )
        return {item["summary"]: item["status"] for item in answer["response"][entity_id]["items"]}

    async def _call(self, number: int, type_: str, fields: dict[str, Any]) -> Any:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._results[number] = result
        try:
            await self._socket.send_json({"id": number, "type": type_, **fields})
            async with asyncio.timeout(ANSWER_SECONDS):
                return await result
        except TimeoutError as err:
            raise HouseError(f"Home Assistant did not answer {type_} within {ANSWER_SECONDS} s") from err
        except (aiohttp.ClientError, ConnectionError) as err:
            raise HouseError(f"the connection to Home Assistant broke during {type_}: {err}") from err
        finally:
            del self._results[number]

    async def receive(self) -> None:
        """Hand out what arrives until the connection ends; `connect` runs this."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            body = message.json()
            if body["type"] == "event":
                if (events := self._events.get(body["id"])) is not None:
                    events.put_nowait(body["event"])
            elif (result := self._results.get(body["id"])) is not None and not result.done():
                if body.get("success", True):
                    result.set_result(body.get("result"))
                else:
                    result.set_exception(HouseError(f"Home Assistant refused: {body['error']['message']}"))
        for result in self._results.values():
            if not result.done():
                result.set_exception(HouseError("Home Assistant closed the connection"))


@contextlib.asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Client]:
    """Log in by WebSocket. Raises HouseError where Home Assistant does not let us in."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/api/websocket", max_msg_size=0, heartbeat=30) as socket,
    ):
        await socket.receive_json(timeout=ANSWER_SECONDS)
        await socket.send_json({"type": "auth", "access_token": token})
        answer = await socket.receive_json(timeout=ANSWER_SECONDS)
        if answer["type"] != "auth_ok":
            raise HouseError(f"Home Assistant refused the login: {answer.get('message')}")
        client = Client(socket)
        receiver = asyncio.create_task(client.receive())
        try:
            yield client
        finally:
            receiver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiver
