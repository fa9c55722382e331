"""The research flow over a web of our own, with traps: scripted answers, real tools."""

import pytest

from benchmarks.agent_web import research


async def test_research_goes_on_past_traps_and_names_what_contradicts() -> None:
    pytest.importorskip("readability")
    result = await research()

    assert (result["state"], result["rounds"]) == ("done", 2)
    assert "806 lumens" in result["output"]
    assert "470 lumens" in result["output"]
    assert [source["title"] for source in result["sources"]] == ["Page 4", "Page 5"]
    # A redirect to a metadata address, and a PDF.
    assert result["failed_calls"] >= 2
