"""The chat page in the language that a browser asks for: at its first paint, and where no JavaScript runs.

The texts are those of webui/text_*.js and more_*.js, which the page's own code reads too; a language chosen
in the settings, and Home Assistant's, are known to that code alone.
"""

import html
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "webui"
DEFAULT = "en"
# <a data-t="chat">Chat</a>, and the attributes that follow the names of their texts. What is empty there is
# for the page's code alone.
_TEXT = re.compile(r'( data-t="(\w+)"[^>]*>)[^<]+')
_ATTRIBUTE = re.compile(r'( data-t-(?:label|placeholder)="(\w+)" [\w-]+=")[^"]*')
_LINE = re.compile(r'^  (\w+): (".*"),$', re.MULTILINE)


@cache
def languages() -> frozenset[str]:
    """All that the page speaks."""
    return frozenset(path.stem.removeprefix("text_") for path in FOLDER.glob("text_*.js"))


@cache
def texts(language: str) -> Mapping[str, str]:
    """What the page says, by key."""
    read = _read(f"text_{language}.js") + _read(f"more_{language}.js")
    return {key: json.loads(text) for key, text in _LINE.findall(read)}


@cache
def page_in(language: str) -> str:
    """index.html in one of the languages."""
    said = texts(language)
    page = _read("index.html")
    for places in (_TEXT, _ATTRIBUTE):
        page = places.sub(lambda found: found[1] + html.escape(said[found[2]]), page)
    return page.replace('<html lang="en">', f'<html lang="{language}">').replace(
        "ui/text_en.js", f"ui/text_{language}.js"
    )


def wanted_language(accepted: str) -> str:
    """The best of the page's languages for a browser that sends this Accept-Language."""
    found = [(_weight(each), each.strip()[:2].lower()) for each in accepted.split(",")]
    known = [(weight, tag) for weight, tag in found if tag in languages() and weight > 0]
    return max(known, key=lambda pair: pair[0])[1] if known else DEFAULT


def _weight(entry: str) -> float:
    """Of "de;q=0.8"."""
    _, _, given = entry.partition("q=")
    try:
        return float(given) if given else 1.0
    except ValueError:
        return 0.0


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
