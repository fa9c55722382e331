"""read_page: the readable text of a page on the public web (agents/fetching.py fetches it)."""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from picoqwen_core.agents.fetching import Page, fetch_page
from picoqwen_core.agents.tool import Annotations, Described, Source, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

_SPACES, _BLANK_LINES = re.compile(r"[ \t\xa0]+"), re.compile(r"\s*\n\s*")
_MOST_TITLE = 200


@dataclass(frozen=True, slots=True)
class _ReadPage(Described):
    box: Toolbox = field(default_factory=Toolbox)

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """The title and the text, off the event loop: lxml computes."""
        page = await fetch_page(arguments["url"], self.box)
        title, text = await asyncio.to_thread(readable, page)
        if not text:
            raise ToolError(f"{page.url} has no readable text")
        return ToolResult(f"{title}\n\n{text}".strip(), sources=(Source(page.url, title),))


def make(box: Toolbox) -> _ReadPage:
    """The tool. Raises ConfigError where the extra `agents` is not installed."""
    box.need("readability", "lxml")
    return _ReadPage(
        "read_page",
        "Read the text of a page on the web by its address.",
        {
            "type": "object",
            "properties": {"url": {"type": "string", "description": "http:// or https://"}},
            "required": ["url"],
            "additionalProperties": False,
        },
        Annotations(read_only=True, destructive=False, open_world=True, idempotent=True, sends="url"),
        box=box,
    )


def readable(page: Page) -> tuple[str, str]:
    """Title and text of a page. Raises ToolError for what cannot be parsed."""
    text = _decoded(page)
    if page.type == "text/plain":
        return "", text.strip()
    from lxml import etree, html  # noqa: PLC0415
    from readability import Document  # noqa: PLC0415

    # It logs each page that it cannot read, at the level of errors; the model is told instead.
    logging.getLogger("readability").setLevel(logging.CRITICAL)
    try:
        document = Document(text)
        title = document.short_title() or ""
        summary = html.fromstring(document.summary(html_partial=True))
        for line in summary.iter("p", "br", "li", "tr", "h1", "h2", "h3", "h4", "div", "pre"):
            line.tail = "\n" + (line.tail or "")
        found = summary.text_content()
    except (etree.LxmlError, ValueError, TypeError, AttributeError, LookupError) as err:
        raise ToolError(f"{page.url} cannot be parsed: {type(err).__name__}") from err
    except Exception as err:
        if type(err).__module__.startswith("readability"):
            raise ToolError(f"{page.url} has no readable text") from err
        raise
    text = _BLANK_LINES.sub("\n", _SPACES.sub(" ", found)).strip()
    return "" if title == "[no-title]" else title[:_MOST_TITLE], text


def _decoded(page: Page) -> str:
    """The body as text; a page's own declaration counts where its server said nothing."""
    declared = re.search(rb"<meta[^>]{0,100}charset=[\"']?([\w-]{1,40})", page.body[:4096], re.IGNORECASE)
    charset = page.charset or (declared.group(1).decode("ascii", "replace") if declared else "utf-8")
    try:
        return page.body.decode(charset, "replace")
    except LookupError:
        return page.body.decode("utf-8", "replace")
