"""The cells of docs/comparison.md that can be read from the source of the installed Home Assistant."""

import json
import re
from pathlib import Path

import homeassistant.components
import pytest
from homeassistant.const import MAJOR_VERSION, MINOR_VERSION

COMPONENTS = Path(homeassistant.components.__file__).parent
TABLE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text()
COLUMNS = {
    "ollama": "ollama",
    "openai": "openai_conversation",
    "anthropic": "anthropic",
    "google": "google_generative_ai_conversation",
    "open_router": "open_router",
    "llama_cpp": "llama_cpp",
}
# What the source of an integration has where the table says yes.
FOUND = {
    "discovered (app or network)": r"async_step_(hassio|zeroconf|ssdp|dhcp|usb)\(",
    "new key asked for when the old one is refused": r"async_step_reauth\(",
    "server or key changed without removing the entry": r"_get_reconfigure_entry\(",
    "several agents on one entry": r"\(ConfigSubentryFlow\)",
    "streamed": r"supports_streaming",
    "thoughts kept in the log": r"thinking_content",
    "woken when a satellite wakes": r"def async_prepare\(",
    "the model searches the web": r"web_search|google_search|GoogleSearch",
    "data from instructions": r"AITaskEntityFeature\.GENERATE_DATA",
    "questions weighed (`evaluate`)": r"AITaskEntityFeature\.EVALUATE",
    "attachments": r"AITaskEntityFeature\.SUPPORT_ATTACHMENTS",
    "images made": r"AITaskEntityFeature\.GENERATE_IMAGE",
    "own actions": r"services\.async_register|async_register_platform_entity_service",
    "diagnostics": r"async_get_config_entry_diagnostics\(",
    "repairs": r"async_create_issue\(",
    "system health": r"system_health",
    "model downloaded from the form": r"\.pull\(",
}

pytestmark = pytest.mark.skipif(
    (MAJOR_VERSION, MINOR_VERSION) != (2026, 11), reason="the table is about Home Assistant 2026.11"
)


def rows() -> dict[str, dict[str, str]]:
    """The cells by row and column."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if "|" in line
    ]
    return {cells[0]: dict(zip(lines[0][1:], cells[1:], strict=True)) for cells in lines[2:]}


def source(column: str) -> str:
    return "\n".join(path.read_text() for path in sorted((COMPONENTS / COLUMNS[column]).glob("*.py")))


@pytest.mark.parametrize("row", FOUND)
def test_a_yes_is_in_the_source_and_a_no_is_not(row: str) -> None:
    told = {column: rows()[row][column] for column in COLUMNS}
    assert told == {column: "y" if re.search(FOUND[row], source(column)) else "-" for column in COLUMNS}


@pytest.mark.parametrize("column", COLUMNS)
def test_texts_languages_and_grade_are_counted(column: str) -> None:
    folder = COMPONENTS / COLUMNS[column]
    exceptions = json.loads((folder / "translations" / "en.json").read_text()).get("exceptions", {})
    cells = {row: told[column] for row, told in rows().items()}
    assert cells["translated exceptions (texts)"] == str(len(exceptions))
    assert cells["languages"] == str(len(list((folder / "translations").glob("*.json"))))
    grade = json.loads((folder / "manifest.json").read_text()).get("quality_scale", "-")
    assert cells["quality scale"] == grade
    speech = {path.name for path in folder.glob("*.py")} & {"stt.py", "tts.py"}
    assert (cells["speech to text, text to speech"] == "y") == (len(speech) == 2)
    entities = {path.stem for path in folder.glob("*.py")} & {"sensor", "binary_sensor", "event", "button"}
    assert (cells["sensors and events"] == "y") == bool(entities)
