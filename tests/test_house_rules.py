"""What must not stand in any file, and what every copy of the repository must have."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import picoqwen_core
from tests.repository import ROOT, name_of, texts

# Spelled in pieces, so that this file does not break its own rules.
REGISTRIES = re.compile(
    "|".join(["files" + r"\.pythonhosted\.", "pypi" + r"\.org/simple", "registry" + r"\.npmjs\."])
)
INDEX_OPTIONS = re.compile("--" + r"(?:extra-)?index-url|--" + "find-links|--" + "trusted-host")
BUILD_PATHS = re.compile(r"(?<![\w.])/(?:" + "work|root|home/[a-z]+|Users/[A-Za-z]+|opt/wheels" + r")/")
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}: {match.group()}"
        for path, text in texts().items()
        if (match := pattern.search(text))
    ]


def test_no_file_names_a_package_registry_or_an_index() -> None:
    assert hits(REGISTRIES) == []
    assert hits(INDEX_OPTIONS) == []


def test_no_file_names_a_folder_of_the_machine_it_was_made_on() -> None:
    assert hits(BUILD_PATHS) == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=name_of)
def test_requirements_are_pinned_with_hashes_and_name_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if not block.startswith("#")]

    assert len(blocks) > 5
    for block in blocks:
        assert re.match(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==\S+", block), block
        assert "--hash=sha256:" in block, block
    assert "://" not in text


def test_every_requirements_file_has_its_source() -> None:
    assert {path.stem for path in REQUIREMENTS} == {
        path.stem for path in (ROOT / "requirements").glob("*.in")
    }
    assert {"server", "run", "test"} <= {path.stem for path in REQUIREMENTS}


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; old = set(sys.modules); import picoqwen_core; print(sorted(set(sys.modules) - old))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == "['picoqwen_core']\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", picoqwen_core.__version__)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "picoqwen_core" / "py.typed").is_file()


def test_hacs_finds_exactly_one_integration() -> None:
    folders = {path.relative_to(ROOT).parts[1] for path in texts() if "custom_components" in path.parts}
    assert folders == {"picoqwen"}
