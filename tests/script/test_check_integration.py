"""The checker finds what it says it looks for: each test spoils a copy of the integration."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import check_integration


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The integration, to be spoiled."""
    folder = tmp_path / "picoqwen"
    shutil.copytree(check_integration.INTEGRATION, folder)
    monkeypatch.setattr(check_integration, "INTEGRATION", folder)
    return folder


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def test_the_integration_is_in_order() -> None:
    assert check_integration.complaints() == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (replace("manifest.json", '"version": "0.1.0"', '"version": "new"'), "version 'new' is none"),
        (replace("manifest.json", '"codeowners"', '"owners"'), "codeowners is missing"),
        (replace("manifest.json", "_picoqwen._tcp.local.", "picoqwen"), "is no service type"),
        (replace("manifest.json", '"domain": "picoqwen"', '"domain": "qwen"'), "the domain has to be"),
        (replace("translations/de.json", '"title": "Neuer', '"title": " Neuer'), "blanks around it"),
        (replace("translations/fr.json", '"api_key": "La', '"key": "La'), "each field needs a description"),
        (replace("translations/it.json", '"entry_type"', '"type"'), "entry_type and initiate_flow"),
        (replace("services.yaml", "prime:", "primer:"), "know different actions"),
        (replace("services.yaml", "    stop:", "    halt:"), "its fields and their texts differ"),
        (replace("quality_scale.yaml", "brands:", "brand:"), "brands is missing"),
        (replace("quality_scale.yaml", "action-setup: done", "action-setup: yes"), "is no status"),
        (
            replace("quality_scale.yaml", "    comment: The integration has no triggers.\n", ""),
            "an exemption needs a reason",
        ),
        (replace("sensor.py", "PARALLEL_UPDATES = 0", ""), "but sensor.py has none"),
        (replace("config_flow.py", "async_step_reconfigure(", "async_step_other("), "does not show it"),
        (lambda folder: (folder / "brand" / "icon.png").unlink(), "brand/icon.png"),
    ],
)
def test_what_is_spoiled_is_found(copy: Path, spoil: Callable[[Path], None], complaint: str) -> None:
    spoil(copy)
    assert complaint in "\n".join(check_integration.complaints())


def test_a_section_that_home_assistant_does_not_know_is_found(copy: Path) -> None:
    path = copy / "translations" / "en.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "options_flow": {}}))
    assert "en.json: options_flow is not known" in check_integration.complaints()
