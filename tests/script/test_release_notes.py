"""A release is not made while something says another version; its notes are the changelog's."""

from pathlib import Path

import pytest

from release_notes import CHANGELOGS, PLACES, ROOT, complaints, section

VERSION = "1.2.3"
MANIFEST = """{
  "requirements": [],
  "version": "1.2.3",
  "zeroconf": []
}
"""
CHANGELOG = """# Changelog

## [Unreleased]

- Later

## [1.2.3] - 2026-12-01

- New

## [1.2.2] - 2026-11-01

- Old
"""
FILES = {
    "addon/config.yaml": 'name: Pico-Qwen\nversion: "1.2.3"\nslug: picoqwen\n',
    "picoqwen_core/__init__.py": '"""The server."""\n\n__version__ = "1.2.3"\n',
    "custom_components/picoqwen/manifest.json": MANIFEST,
    "CHANGELOG.md": CHANGELOG,
    "addon/CHANGELOG.md": "# Changelog\n\n## 1.2.3\n\n- New\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_version_that_everything_says_is_let_pass(repository: Path) -> None:
    assert list(complaints(VERSION, repository)) == []
    assert set(PLACES) | set(CHANGELOGS) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_says_another_version_is_named(repository: Path, name: str) -> None:
    path = repository / name
    path.write_text(path.read_text().replace("1.2.3", "1.2.4"))

    (complaint,) = complaints(VERSION, repository)

    assert complaint.startswith(f"{name}: ")
    assert VERSION in complaint


@pytest.mark.parametrize("name", CHANGELOGS)
def test_a_heading_with_nothing_below_it_is_no_text(repository: Path, name: str) -> None:
    path = repository / name
    path.write_text(path.read_text().replace("- New\n", ""))

    assert [each.split(":")[0] for each in complaints(VERSION, repository)] == [name]


@pytest.mark.parametrize("version", ["v1.2.3", "1.2", "1.2.3-rc1", ""])
def test_what_is_no_version_is_refused(repository: Path, version: str) -> None:
    (complaint,) = complaints(version, repository)
    assert repr(version) in complaint


def test_the_notes_are_what_stands_below_the_versions_heading_alone() -> None:
    assert section(CHANGELOG, r"## \[1\.2\.3\] - \d{4}-\d\d-\d\d") == "- New"


def test_the_places_are_those_of_this_repository() -> None:
    """Each file says a version in the way that is looked for, be it the next or the last one."""
    said = [each for each in complaints("0.0.0", ROOT) if "no version" in each]
    assert said == []
