"""20,000 spoiled models, the same ones each time; script/fuzz tries others."""

import json
import subprocess
import sys

import pytest

from picoqwen_core.errors import CheckpointError
from tests.loaders.fuzz import outcome
from tests.repository import ROOT

COUNT = 20_000


# A loaded machine takes many times longer than the half minute that this takes alone.
@pytest.mark.timeout(1200)
def test_a_spoiled_model_opens_or_is_refused_and_nothing_else():
    command = [sys.executable, "-m", "tests.loaders.fuzz", str(COUNT)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1100, check=False)
    assert run.returncode == 0, f"exit status {run.returncode}:\n{run.stderr[-4000:]}"
    results = json.loads(run.stdout)
    assert results["tried"] == COUNT
    # Spoiled enough to be refused mostly, and not so badly that nothing is left to look at.
    assert results["refused"] > COUNT / 2
    assert results["opened"] > COUNT / 10


def test_what_is_not_a_refusal_is_a_finding():
    def fail(error: BaseException) -> None:
        raise error

    assert outcome(lambda: fail(CheckpointError("it is cut short"))) == "refused"
    assert "ZeroDivisionError" in outcome(lambda: fail(ZeroDivisionError()))
    assert "MemoryError" in outcome(lambda: fail(MemoryError()))
    assert "RecursionError" in outcome(lambda: fail(RecursionError()))
    assert "characters" in outcome(lambda: fail(CheckpointError("x" * 5000)))
