"""What the turn before said and did, as far as the next request may refer to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """The previous request, the entities it acted on or asked about, and whether we asked "which one?"."""

    previous_text: str = ""
    previous_entities: tuple[str, ...] = ()
    clarifying: bool = False
