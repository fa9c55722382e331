"""One call of a tool: arguments checked, time and size limited, failures made into results."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from picoqwen_core.agents.tool import Tool, ToolContext, ToolLimits, ToolResult, failure, limited
from picoqwen_core.errors import PicoQwenError, ToolError

_LOGGER = logging.getLogger(__name__)
_MOST_COMPLAINTS = 3


def complaints(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """What is wrong with arguments, for the model to do better; empty where nothing is."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - 6 MB, where tools are used

    try:
        errors = sorted(Draft202012Validator(dict(schema)).iter_errors(dict(arguments)), key=str)
    except SchemaError as err:
        return f"the tool's schema cannot be used: {err.message}"
    told = [f"{'.'.join(map(str, each.path)) or 'arguments'}: {each.message}"[:200] for each in errors]
    return "; ".join(told[:_MOST_COMPLAINTS])


async def call_tool(
    tool: Tool,
    arguments: Mapping[str, Any],
    context: ToolContext = ToolContext(),  # noqa: B008 - frozen
    limits: ToolLimits = ToolLimits(),  # noqa: B008 - frozen
) -> ToolResult:
    """Call it. What fails is told in the result; only cancelling comes through.

    Whether the call may be made at all is for policy.py to say beforehand.
    """
    if wrong := complaints(tool.parameters, arguments):
        return failure(f"{tool.name} was not called: {wrong}")
    seconds = min(tool.seconds, limits.seconds) if limits.seconds is not None else tool.seconds
    try:
        async with asyncio.timeout(seconds):
            result = await tool.execute(arguments, context)
    except TimeoutError:
        return failure(f"{tool.name} took longer than {seconds:g} seconds and was stopped")
    except ToolError as err:
        result = failure(str(err), untrusted=err.untrusted)
    except PicoQwenError as err:
        result = failure(str(err))
    except Exception:
        _LOGGER.exception("tool %s failed", tool.name)
        return failure(f"{tool.name} failed; the server's log says more")
    return limited(result, limits.characters)
