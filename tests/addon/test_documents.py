"""What the app's documents say of models is what the page marks, computed by the same code."""

import re
from pathlib import Path

import pytest

from picoqwen_core.catalog import offers, recommended
from picoqwen_core.config import BUILT_IN_MODEL, Settings
from picoqwen_core.server import local_models
from picoqwen_core.strategy import PROFILES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["addon/DOCS.md", "docs/guides/start.md"]
# The kind of processor of each machine; Linux and a graphics unit leave about this share of its memory.
KINDS = {
    "Raspberry Pi 4": "raspberry_pi_4",
    "Raspberry Pi 5": "raspberry_pi_5",
    "Intel N100": "intel_n100",
    "PC": "generic_x86",
}
TOLD_OF_MEMORY = 0.93


def _rows(document: str) -> list[list[str]]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if re.match(rf"\| ({'|'.join(KINDS)}), \d+ GB \|", line)
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_models_told_for_each_machine_are_those_that_the_page_marks(document: str) -> None:
    rows = _rows(document)
    assert [row[0].partition(",")[0] for row in rows] == list(KINDS)

    for machine, marked, download, memory, largest in rows:
        kind, _, size = machine.partition(", ")
        room = int(int(size.split()[0]) * (1 << 30) * TOLD_OF_MEMORY * local_models.SHARE_OF_MEMORY)
        best = recommended(room, PROFILES[KINDS[kind]].bandwidth)
        assert best is not None
        assert marked.replace(" ", "-") == best.id, machine
        assert download == f"{best.size_bytes / 1e9:.1f} GB"
        assert memory == f"{best.memory_bytes / 1e9:.1f} GB"
        fitting = [each for each in offers() if each.memory_bytes <= room]
        assert largest == f"up to {fitting[-1].id.replace('-Q', ' Q')}", machine


def test_a_machine_with_more_memory_is_marked_no_other_model() -> None:
    # The documents say that speed decides, not memory.
    for kind, sizes in {
        "raspberry_pi_4": (4, 8),
        "raspberry_pi_5": (4, 8, 16),
        "intel_n100": (8, 16),
    }.items():
        rooms = [int(size * (1 << 30) * TOLD_OF_MEMORY * local_models.SHARE_OF_MEMORY) for size in sizes]
        assert len({recommended(room, PROFILES[kind].bandwidth) for room in rooms}) == 1, kind


@pytest.mark.parametrize("document", ["README.md", *DOCUMENTS])
def test_the_built_in_models_size_is_told_as_it_is(document: str) -> None:
    told = set(re.findall(r"(\d+\.\d) MB", (ROOT / document).read_text(encoding="utf-8")))
    assert f"{BUILT_IN_MODEL.stat().st_size / 1e6:.1f}" in told


def test_the_default_model_is_the_built_in_one() -> None:
    assert Settings().model == BUILT_IN_MODEL
