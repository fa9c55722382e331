"""Talking to the house: one sentence in, the answer with its tool calls and changed states out."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .changes import Change, Watcher
from .client import Client
from .errors import HouseError

Path = Literal["pipeline", "process"]
PIPELINE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SpokenTool:
    """A tool call as Home Assistant ran it."""

    name: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        """Name and arguments on one line."""
        return f"{self.name} {json.dumps(self.arguments, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a sentence; `ms` is the time to the whole answer."""

    text: str
    response_type: str
    conversation_id: str | None
    continues: bool
    ms: float
    changes: list[Change]
    tool_calls: list[SpokenTool] = field(default_factory=list)

    @property
    def first_change_ms(self) -> float | None:
        """Time to the first changed state, None where nothing changed."""
        return self.changes[0].ms if self.changes else None


class Conversation:
    """Speaks with one agent through one connection."""

    def __init__(self, client: Client, watcher: Watcher, agent_id: str) -> None:
        self.client = client
        self.watcher = watcher
        self.agent_id = agent_id
        self._language = "en"

    @classmethod
    async def open(cls, client: Client, agent_id: str) -> "Conversation":
        """Start watching, and let the agent prepare as it does when a wake word is heard."""
        conversation = cls(client, await Watcher.open(client), agent_id)
        await client.call("conversation/prepare", agent_id=agent_id, language="en")
        return conversation

    async def say(
        self,
        text: str,
        *,
        path: Path = "pipeline",
        device_id: str | None = None,
        conversation_id: str | None = None,
        language: str = "en",
    ) -> Answer:
        """Say a sentence, wait for the answer and until nothing moves. Raises HouseError."""
        await self.watcher.begin()
        run = self._by_pipeline if path == "pipeline" else self._by_process
        started = time.perf_counter()
        self._language = language
        result, tool_calls = await run(text, device_id, conversation_id)
        ms = (time.perf_counter() - started) * 1000
        changes = await self.watcher.finish()
        response = result["response"]
        return Answer(
            text=response["speech"].get("plain", {}).get("speech", ""),
            response_type=response["response_type"],
            conversation_id=result["conversation_id"],
            continues=result.get("continue_conversation", False),
            ms=ms,
            changes=changes,
            tool_calls=tool_calls,
        )

    async def _by_process(
        self, text: str, device_id: str | None, conversation_id: str | None
    ) -> tuple[dict[str, Any], list[SpokenTool]]:
        result: dict[str, Any] = await self.client.call(
            "conversation/process",
            text=text,
            language=self._language,
            agent_id=self.agent_id,
            device_id=device_id,
            conversation_id=conversation_id,
        )
        return result, []

    async def _by_pipeline(
        self, text: str, device_id: str | None, conversation_id: str | None
    ) -> tuple[dict[str, Any], list[SpokenTool]]:
        events = await self.client.subscribe(
            "assist_pipeline/run",
            start_stage="intent",
            end_stage="intent",
            input={"text": text},
            device_id=device_id,
            conversation_id=conversation_id,
        )
        result: dict[str, Any] | None = None
        tool_calls: list[SpokenTool] = []
        async with asyncio.timeout(PIPELINE_SECONDS):
            while True:
                event = await events.get()
                data = event["data"] or {}
                match event["type"]:
                    case "intent-progress":
                        tool_calls += _spoken_tools(data)
                    case "intent-end":
                        result = data["intent_output"]
                    case "error":
                        raise HouseError(f"the pipeline failed: {data['message']}")
                    case "run-end":
                        break
        if result is None:
            raise HouseError("the pipeline ended without an answer")
        return result, tool_calls


def _spoken_tools(progress: Mapping[str, Any]) -> list[SpokenTool]:
    calls = progress.get("chat_log_delta", {}).get("tool_calls") or []
    return [SpokenTool(call["tool_name"], call["tool_args"]) for call in calls]
