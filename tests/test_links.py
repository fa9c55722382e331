"""Every link in the documents to a file or a heading of the repository leads to one; the web is not asked."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.repository import ROOT, files, name_of

_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
DOCUMENTS = [path for path in files() if path.suffix == ".md" and "tests/data" not in path.as_posix()]


def _targets(document: Path) -> list[str]:
    """Where its links and pictures lead, code left out."""
    return _LINK.findall(_CODE.sub("", document.read_text(encoding="utf-8")))


def _anchors(document: Path) -> set[str]:
    """The names of its headings, as GitHub makes them: small letters, no punctuation, - for blanks."""
    found: dict[str, int] = {}
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = "".join(
            each for each in plain if each in " -_" or unicodedata.category(each)[0] in "LN"
        ).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{index}" if index else name for name, most in found.items() for index in range(most + 1)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings_that_there_are(document: Path) -> None:
    for target in _targets(document):
        place, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        path = (document.parent / place).resolve() if place else document
        assert path.exists(), f"{target}: no such file"
        assert path.is_relative_to(ROOT), f"{target}: outside of the repository"
        if anchor:
            assert anchor in _anchors(path), f"{target}: no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_to_this_repository_on_the_web_name_files_that_there_are(document: Path) -> None:
    for target in _targets(document):
        found = re.match(r"https://github\.com/PieBru/pico-qwen/(?:blob|tree)/main/([^#]+)(?:#(.+))?", target)
        if found is None:
            continue
        path = ROOT / found.group(1)
        assert path.exists(), f"{target}: no such file"
        assert not found.group(2) or found.group(2) in _anchors(path), f"{target}: no such heading"


def test_what_the_app_store_shows_leads_to_the_web_alone() -> None:
    # Home Assistant shows these on a page of its own, where a path means nothing.
    for name in ("README.md", "DOCS.md", "CHANGELOG.md"):
        targets = _targets(ROOT / "addon" / name)
        assert [each for each in targets if not each.startswith(("https://", "#"))] == []


def test_there_is_something_to_check() -> None:
    assert sum(len(_targets(document)) for document in DOCUMENTS) > 100
