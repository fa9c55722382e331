"""The tool `generate`: this server's model answers a prompt. For MCP clients, not for our own agents."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from picoqwen_core.agents.tool import READS, Described, ToolContext, ToolResult
from picoqwen_core.messages import ChatRequest, Message, Usage
from picoqwen_core.router import AUTO, Router

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "minLength": 1, "maxLength": 100_000, "description": "What to answer"},
        "system": {"type": "string", "maxLength": 20_000, "description": "How to answer"},
        "model": {"type": "string", "maxLength": 200, "description": "One of the server's models"},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 8192},
    },
    "required": ["prompt"],
    "additionalProperties": False,
}
_MAX_TOKENS = 512
# A piece is a token, or a few.
_PIECES_A_REPORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate(Described):
    """Asks the router, so that strategy, privacy and budget count as for any other caller."""

    router: Router

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """The answer's text; `data` says which model gave it and what it read and wrote."""
        system = arguments.get("system")
        messages = (Message("system", system),) if system else ()
        request = ChatRequest(
            (*messages, Message("user", arguments["prompt"])),
            model=arguments.get("model") or AUTO,
            max_tokens=arguments.get("max_tokens", _MAX_TOKENS),
            thinking=False,
            priority="background",
        )
        text, reason, usage, pieces = "", "stop", Usage(), 0
        deltas, model = self.router.route(request)
        async with aclosing(deltas):
            async for delta in deltas:
                text += delta.content
                pieces += bool(delta.content)
                if delta.content and pieces % _PIECES_A_REPORT == 1:
                    await context.report(pieces, request.max_tokens, None)
                reason, usage = delta.finish_reason or reason, delta.usage or usage
                model = delta.served.model if delta.served is not None else model
        counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        return ToolResult(text, data={"text": text, "model": model, "finish_reason": reason, "usage": counts})


def make(router: Router, seconds: float) -> Generate:
    """The tool over a router; an answer may take so many seconds."""
    description = "Let the language model of this server answer a prompt."
    return Generate("generate", description, _SCHEMA, READS, seconds, router=router)
