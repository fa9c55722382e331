"""Resources, prompts and completion as the protocol's package has them; what they are is in offered.py."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)
from mcp_types import Prompt as WirePrompt

from picoqwen_core.agents.offered import Document, Documents, Prompt
from picoqwen_core.errors import RequestError

# Nothing is taken for granted: runs end and flows change while the server runs, and all are the caller's own.
_FRESH: dict[str, Any] = {"ttl_ms": 0, "cache_scope": "private"}
_MOST_VALUES = 100
type Caller = Callable[[Any], str]


class Resources:
    """Answers resources/list, resources/templates/list, resources/read, and completion of their ids."""

    def __init__(self, documents: Documents, caller: Caller) -> None:
        self._documents, self._caller = documents, caller

    async def listed(self, context: Any, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        """The caller's last documents."""
        found = await asyncio.to_thread(self._documents.newest, self._caller(context))
        return ListResourcesResult(resources=[_resource(each) for each in found], **_FRESH)

    async def templates(
        self, _context: Any, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """How the URIs are built."""
        template = ResourceTemplate(
            name="document",
            uri_template=self._documents.template,
            description=self._documents.about,
            mime_type="text/markdown",
        )
        return ListResourceTemplatesResult(resource_templates=[template], **_FRESH)

    async def read(self, context: Any, params: ReadResourceRequestParams) -> ReadResourceResult:
        """A document. Raises MCPError where the caller has none of that URI."""
        try:
            found = await asyncio.to_thread(self._documents.read, str(params.uri), self._caller(context))
        except RequestError as err:
            raise MCPError(INVALID_PARAMS, str(err), {"uri": str(params.uri)}) from err
        content = TextResourceContents(uri=found.uri, mime_type=found.type, text=found.text)
        return ReadResourceResult(contents=[content], **_FRESH)

    async def ids(self, context: Any, start: str) -> list[str]:
        """The ids that begin so."""
        return [*await asyncio.to_thread(self._documents.ids, start, self._caller(context))]

    def is_template(self, uri: str) -> bool:
        """Whether this is how our URIs are built."""
        return uri == self._documents.template


class Prompts:
    """Answers prompts/list and prompts/get from whatever prompts there are at that moment."""

    def __init__(self, prompts: Callable[[], Iterable[Prompt]]) -> None:
        self._prompts = prompts

    def _named(self) -> dict[str, Prompt]:
        return {prompt.name: prompt for prompt in self._prompts()}

    async def listed(self, _context: Any, _params: PaginatedRequestParams | None) -> ListPromptsResult:
        """All of them."""
        return ListPromptsResult(prompts=[_prompt(each) for each in self._prompts()], **_FRESH)

    async def get(self, _context: Any, params: GetPromptRequestParams) -> GetPromptResult:
        """One with its arguments filled in. Raises MCPError saying what is missing."""
        prompts, given = self._named(), params.arguments or {}
        prompt = prompts.get(params.name)
        if prompt is None:
            known = ", ".join(prompts) or "none"
            raise MCPError(INVALID_PARAMS, f"there is no prompt {params.name[:128]!r}; there is: {known}")
        if missing := [name for name in prompt.arguments if not given.get(name, "").strip()]:
            raise MCPError(INVALID_PARAMS, f"prompt {prompt.name}: {', '.join(missing)} is missing")
        content = TextContent(text=prompt.text(given))
        return GetPromptResult(
            description=prompt.description, messages=[PromptMessage(role="user", content=content)]
        )


async def complete(resources: Resources, context: Any, params: CompleteRequestParams) -> CompleteResult:
    """What an argument may be: the ids of documents; a prompt's argument is the user's own words."""
    values: list[str] = []
    if params.ref.type == "ref/resource" and resources.is_template(params.ref.uri):
        values = await resources.ids(context, params.argument.value)
    shown = values[:_MOST_VALUES]
    return CompleteResult(
        completion=Completion(values=shown, total=len(values), has_more=len(shown) < len(values))
    )


def _resource(document: Document) -> Resource:
    return Resource(
        uri=document.uri, name=document.name, description=document.description, mime_type=document.type
    )


def _prompt(prompt: Prompt) -> WirePrompt:
    arguments = [
        PromptArgument(name=name, description=description, required=True)
        for name, description in prompt.arguments.items()
    ]
    return WirePrompt(name=prompt.name, description=prompt.description, arguments=arguments)
