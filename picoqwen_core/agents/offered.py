"""What besides tools is offered to MCP clients, in plain words: documents to read, and prompts to start from.

The protocol's own types are in mcp_documents.py; what the documents are is said in flow_offer.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """Something to be read, by its URI; `text` is "" where it is only listed."""

    uri: str
    name: str
    description: str
    type: str = "text/markdown"
    text: str = ""


class Documents(Protocol):
    """The documents of callers; each sees its own. All methods wait for the disk."""

    # How the URIs are built, with one {id}, and what stands behind them.
    template: str
    about: str

    def newest(self, owner: str) -> Sequence[Document]:
        """The last ones, the newest first."""

    def read(self, uri: str, owner: str) -> Document:
        """One of them with its text. Raises RequestError where there is none of that URI."""

    def ids(self, start: str, owner: str) -> Sequence[str]:
        """The ids that begin so, for completion."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A message that a user may start from; arguments: their descriptions by name, all required."""

    name: str
    description: str
    text: Callable[[Mapping[str, str]], str]
    arguments: Mapping[str, str] = field(default_factory=dict)
