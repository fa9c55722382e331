"""The research flow over a web of our own, with traps: scripted answers and a random model, real tools."""

from pathlib import Path

import pytest

from benchmarks.agent_web import research, research_with
from tests.server.conftest import KERNEL_CACHE
from tests.tiny import write_tiny


async def test_research_goes_on_past_traps_and_names_what_contradicts() -> None:
    pytest.importorskip("readability")
    result = await research()

    assert (result["state"], result["rounds"]) == ("done", 2)
    assert "806 lumens" in result["output"]
    assert "470 lumens" in result["output"]
    assert [source["title"] for source in result["sources"]] == [
        "Data sheet of the lamp",
        "The lamp in our test",
    ]
    # A redirect to a metadata address, and a PDF.
    assert result["failed_calls"] >= 2


@pytest.mark.timeout(600)
async def test_research_keeps_its_limit_with_a_model_that_writes_at_random(tmp_path: Path) -> None:
    pytest.importorskip("readability")
    model = write_tiny(tmp_path / "tiny.gguf")

    result = await research_with(model, "--cache-dir", str(KERNEL_CACHE), steps=2)

    # An answer is of the form that was asked for, whatever the model would write, unless its end is cut off.
    assert all("it ended by length" in reason for reason in result["unusable"])
    assert (result["state"], result["limits_hit"]) == ("limited", ["steps"])
    assert result["usage"]["steps"] == 2
    assert [step["name"] for step in result["steps"] if step["name"] in ("plan", "search", "read")]
