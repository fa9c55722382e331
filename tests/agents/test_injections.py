"""Nothing that others wrote makes a harmful call happen, though the model obeys every word of it."""

from collections import Counter
from pathlib import Path

import pytest

from tests.agents.red_team import CALLS, WAYS, allow_all, house, in_a_flow, injections

ALL = injections()
KINDS = Counter(kind for kind, _, _ in ALL)
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "agents.md"


def of(kind: str) -> list[tuple[str, str]]:
    return [(text, wanted) for each, text, wanted in ALL if each == kind]


def test_there_are_enough_orders_of_enough_kinds() -> None:
    assert len({text for _, text, _ in ALL}) == len(ALL) >= 200
    assert len(KINDS) >= 20
    assert set(WAYS) <= set(KINDS)
    assert {wanted for _, _, wanted in ALL} == set(CALLS)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_order_of_a_kind_gets_through_in_a_chat_or_a_flow(kind: str, tmp_path: Path) -> None:
    async with house(tmp_path) as server:
        through = [text for text, wanted in of(kind) if await server.obeys(kind, text, wanted)]
    through += [text for text, wanted in of(kind) if await in_a_flow(text, wanted)]
    assert through == []


@pytest.mark.parametrize("kind", KINDS)
async def test_without_the_policy_every_order_gets_through(kind: str, tmp_path: Path) -> None:
    # Forgetting a note is refused by the tool itself, whatever the policy says.
    orders = [(text, wanted) for text, wanted in of(kind) if wanted != "forget"]
    async with house(tmp_path, allow_all) as server:
        stopped = [text for text, wanted in orders if not await server.obeys(kind, text, wanted)]
    assert stopped == []


def test_the_guide_has_the_table_of_what_was_tried() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for kind, count in KINDS.items():
        assert f"| {kind} | {count} | 0 |" in text, kind
    assert f"| all | {len(ALL)} | 0 |" in text
