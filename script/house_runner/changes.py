"""What changed in the house: collects state changes and compares states before and after."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .client import Client

# Agents and the entities of their server tell of the conversation, not of the house.
IGNORED_PLATFORM = "picoqwen"
MOVING = {"opening", "closing", "locking", "unlocking", "returning"}
QUIET_SECONDS = 0.15
SETTLE_SECONDS = 8


@dataclass(slots=True)
class Change:
    """How one entity is different; `ms` is when it first changed, counted from the sentence."""

    entity_id: str
    before: str
    after: str
    ms: float
    attributes: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line to read, such as `light.kitchen_lamp: off -> on, brightness None -> 255`."""
        parts = [f"{self.before} -> {self.after}"] if self.before != self.after else []
        parts += [f"{name} {old} -> {new}" for name, (old, new) in self.attributes.items()]
        return f"{self.entity_id}: {', '.join(parts)}"


class Watcher:
    """Follows the states of the whole house from one moment on."""

    def __init__(self, client: Client, events: asyncio.Queue[dict[str, Any]]) -> None:
        self._client = client
        self._events = events
        self._first: dict[str, float] = {}
        self._ignored: frozenset[str] = frozenset()
        self._before: Mapping[str, dict[str, Any]] = {}
        self._start = 0.0

    @classmethod
    async def open(cls, client: Client) -> "Watcher":
        """Subscribe to every change of a state."""
        return cls(client, await client.subscribe("subscribe_events", event_type="state_changed"))

    async def begin(self) -> float:
        """Remember the house as it is now; the clock starts."""
        registry = await self._client.call("config/entity_registry/list")
        self._ignored = frozenset(
            entity["entity_id"] for entity in registry if entity["platform"] == IGNORED_PLATFORM
        )
        self._before = await self._client.states()
        while not self._events.empty():
            self._events.get_nowait()
        self._first = {}
        self._start = time.perf_counter()
        return self._start

    async def until_changed(self, entity_id: str, seconds: float) -> float | None:
        """Milliseconds until `entity_id` changed, or None where it did not within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while entity_id not in self._first:
                    self._note(await self._events.get())
        except TimeoutError:
            return None
        return self._first[entity_id]

    async def finish(self) -> list[Change]:
        """Wait until nothing moves any more; everything that is now different from the beginning."""
        end = time.perf_counter() + SETTLE_SECONDS
        while time.perf_counter() < end:
            try:
                self._note(await asyncio.wait_for(self._events.get(), QUIET_SECONDS))
            except TimeoutError:
                after = await self._client.states()
                if not any(state["state"] in MOVING for state in after.values()):
                    break
        return self._compare(await self._client.states())

    def _note(self, event: dict[str, Any]) -> None:
        ms = (time.perf_counter() - self._start) * 1000
        self._first.setdefault(event["data"]["entity_id"], ms)

    def _compare(self, after: Mapping[str, dict[str, Any]]) -> list[Change]:
        changes = []
        for entity_id, new in after.items():
            old = self._before.get(entity_id)
            if old is None or entity_id in self._ignored or entity_id.startswith("conversation."):
                continue
            attributes = _changed_attributes(old["attributes"], new["attributes"])
            if old["state"] != new["state"] or attributes:
                ms = self._first.get(entity_id, float("nan"))
                changes.append(Change(entity_id, old["state"], new["state"], ms, attributes))
        return sorted(changes, key=lambda change: change.ms)


def _changed_attributes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
