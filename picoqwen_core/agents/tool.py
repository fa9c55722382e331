"""What a tool is and what it answers: the protocol, its annotations, its result. No tool lives here.

A tool's text is data. The result says whether it may be trusted; policy.py decides what may still be called
once text that may not be trusted has been read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from picoqwen_core.messages import ToolSpec

# Of one result; a small model's context is a few thousand tokens.
MAX_RESULT_CHARACTERS = 6000
DEFAULT_SECONDS = 20.0
_CUT = "\n[cut off here: {left} more characters]"


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a call does to the world. What nobody has said is taken to be the worst, as in MCP.

    read_only: changes nothing. destructive: what it changes may not be undone. open_world: something leaves
    for, or comes from, where this home has no say. idempotent: a second same call changes nothing more.
    sends: what of an open-world call leaves, for the policy: "url" (the argument `url`), "words" (the
    argument `query`), or anything.
    """

    read_only: bool = False
    destructive: bool = True
    open_world: bool = True
    idempotent: bool = False
    sends: Literal["url", "words", "anything"] = "anything"


# Reads, and asks nobody outside.
READS = Annotations(read_only=True, destructive=False, open_world=False, idempotent=True)


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was read."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call: text for the model, and the same as JSON in `data` where there is any.

    untrusted: somebody else may have written the text (a page, another server, a calendar), so that orders in
    it are not the user's. error: the call failed, and the text says how to do better.
    """

    text: str
    untrusted: bool = True
    error: bool = False
    sources: tuple[Source, ...] = ()
    data: Mapping[str, Any] | None = None
    truncated: bool = False


# How far a call is, of how much where that is known, and what it does; each time further than before.
type Report = Callable[[float, float | None, str | None], Awaitable[None]]


async def report_to_nobody(done: float, whole: float | None, what: str | None) -> None:
    """For calls that nobody waits for step by step."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """In whose name a tool is called: `owner` is the caller's key; tainted: untrusted text was read.

    report: told how far the call is, by tools that take long.
    """

    run: str = ""
    owner: str = ""
    tainted: bool = False
    report: Report = report_to_nobody


class Tool(Protocol):
    """Something that the server can do for a model.

    `name` is [a-z0-9_-]+, with `server__` before it where another server's; `parameters` is the JSON
    schema of an object; a call takes at most `seconds`.
    """

    @property
    def name(self) -> str:
        """What the model calls it."""

    @property
    def description(self) -> str:
        """What it does, in a sentence or two, for the model."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of its arguments."""

    @property
    def annotations(self) -> Annotations:
        """What a call does to the world."""

    @property
    def seconds(self) -> float:
        """How long a call may take."""

    @property
    def described_by(self) -> str:
        """Who wrote the description where that is somebody whose word is not trusted, else ""."""

    def cost_estimate(self, arguments: Mapping[str, Any]) -> float:
        """Dollars that a call will cost at most; 0 for what is free."""

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Do it. Arguments fit the schema. Cancelling the task stops the work.

        Raises ToolError where it failed in a way that the model can be told of.
        """


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """Limits of one call that its caller sets, beside the tool's own, and of the result's characters."""

    seconds: float | None = None
    characters: int = MAX_RESULT_CHARACTERS


@dataclass(frozen=True, slots=True)
class Described:
    """Name, description, schema and annotations of a tool, for classes that have them from here.

    A subclass needs `execute` only.
    """

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    annotations: Annotations = READS
    seconds: float = DEFAULT_SECONDS
    described_by: str = ""

    def cost_estimate(self, arguments: Mapping[str, Any]) -> float:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return 0.0


def spec_of(tool: Tool) -> ToolSpec:
    """The tool as a model is told of it."""
    return ToolSpec(tool.name, tool.description, tool.parameters)


def limited(result: ToolResult, characters: int = MAX_RESULT_CHARACTERS) -> ToolResult:
    """The result with its text cut to a number of characters, which is said in it."""
    left = len(result.text) - characters
    if left <= 0:
        return result
    text = result.text[:characters].rstrip() + _CUT.format(left=left)
    return replace(result, text=text, truncated=True)


def failure(message: str, *, untrusted: bool = False) -> ToolResult:
    """A result that says what went wrong; `untrusted` where the message holds another's words."""
    return ToolResult(message, untrusted=untrusted, error=True)
