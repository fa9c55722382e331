"""Words of names as codes such as area1 and light2, and codes as the words that they stand for.

Words are replaced, not whole names, so that a part of a name and a room within a device's name stay to be
seen. A code keeps the case of its word and the letters that it is inflected with: "Küchen" is "Area1n". A
form that cannot be told so has a code of its own, such as area1v2. So nothing is lost on the way back.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from picoqwen_core.pseudonyms.names import Name
from picoqwen_core.pseudonyms.plain_words import folded, kinds, spoken, told

# Scripts that put no space between words: a name is looked for within the text.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]+")
# Vowels and accents that are characters of their own belong to a word, and are no letters to Python.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff\u1000-\u109f"
_WORD = f"(?:[^\\W_{_UNSPACED}]|[{_MARKS}])+"
_LOOKALIKE = re.compile(r"([a-zA-Z]{1,20})([0-9]{1,6})")
# Short names are inflected by these only; others by any three letters.
_ENDINGS = frozenset("s es e n en er ern em r ns".split())
_PLURALS = frozenset({"er", "ern", "e", "en"})
_JOINTS = ("", "n", "s", "en", "er", "e", "es")
_SHORT, _LONGEST_ENDING, _STEM = 3, 3, 4


@dataclass(frozen=True, slots=True)
class _Entry:
    """A word, as a name spells it, and its code."""

    word: str
    code: str

    def written(self, letters: str) -> str:
        """The word in the case that the code's letters have."""
        if letters.islower():
            return self.word.lower()
        return self.word.upper() if letters.isupper() else self._titled()

    def coded(self, word: str) -> str | None:
        """The code in the word's case; None where that is neither the name's nor a usual one."""
        if word == self._titled():
            return self.code.capitalize()
        if word == self.word.lower():
            return self.code
        return self.code.upper() if word == self.word.upper() else None

    def _titled(self) -> str:
        usual = self.word in (self.word.lower(), self.word.upper())
        return self.word[0].upper() + self.word[1:].lower() if usual else self.word


class Codes:
    """Those of one request."""

    def __init__(self, names: Iterable[Name], written: str) -> None:
        """written: all that the request says, which no code may occur in already."""
        self._taken = _taken(written)
        self._entries: dict[str, _Entry] = {}
        self._by_code: dict[str, _Entry] = {}
        self._numbers: dict[str, int] = {}
        self._given: dict[str, str] = {}
        self._meant: dict[str, str] = {}
        self._variants: dict[str, int] = {}
        unspaced: set[str] = set()
        for name in names:
            for word in _words(name.text):
                if _UNSPACED_WORD.fullmatch(word):
                    unspaced.add(word)
                self._add(word, name.kind)
        self._stems = {
            _stem(each): entry for each, entry in self._entries.items() if len(_stem(each)) >= _STEM
        }
        inside = "|".join(re.escape(each) for each in sorted(unspaced, key=lambda each: (-len(each), each)))
        self._token = re.compile(f"(?:{inside})[0-9]*|{_WORD}" if inside else _WORD)
        kinds_ = sorted(self._numbers) or ["device"]
        one_of = "|".join(kinds_)
        self._code = re.compile(rf"({one_of})([0-9]+)(?:v[0-9]+)?", re.IGNORECASE)
        self._apart = re.compile(rf"\b({one_of})(?:[ _#-]|[ _-]#)0*([0-9]+)\b", re.IGNORECASE)
        begun = "|".join(each[:length] for each in kinds_ for length in range(len(each), 0, -1))
        self._open = re.compile(rf"(?:(?:{one_of})[0-9]+(?:v[0-9]*)?|{begun})\Z", re.IGNORECASE)

    @property
    def used(self) -> bool:
        """Whether anything was replaced."""
        return any(word != code for word, code in self._given.items())

    def hide(self, text: str) -> str:
        """The text with codes."""
        if not self._entries:
            return text
        return self._token.sub(lambda found: self._coded(found[0]), unicodedata.normalize("NFC", text))

    def show(self, text: str) -> str:
        """The text with what the codes stand for; what only looks like a code stays."""
        return self._code.sub(self._word, text)

    def show_name(self, text: str) -> str:
        """The same for what is a name and nothing else, where "Area 1" cannot be anything but area1."""
        return self.show(self._apart.sub(r"\1\2", text))

    def split(self, text: str) -> tuple[str, str]:
        """The text as far as it is certain, and what may be the beginning of a code."""
        held = self._open.search(text)
        at = held.start() if held else len(text)
        return text[:at], text[at:]

    def begins(self, text: str) -> bool:
        """Whether the text ends in the middle of what may become a word of a name."""
        last = re.search(f"{_WORD}\\Z", unicodedata.normalize("NFC", text))
        begun = folded(last[0]) if last is not None else ""
        return bool(begun) and begun not in self._entries and any(e.startswith(begun) for e in self._entries)

    def _add(self, word: str, kind: str) -> None:
        key = folded(word)
        if key in self._entries:
            return
        number = self._numbers.get(kind, 0) + 1
        while (kind, str(number)) in self._taken:
            number += 1
        self._numbers[kind] = number
        entry = _Entry(word, f"{kind}{number}")
        self._entries[key] = self._by_code[entry.code] = entry

    def _coded(self, token: str) -> str:
        if token not in self._given:
            self._given[token] = self._code_of(token)
        return self._given[token]

    def _code_of(self, token: str) -> str:
        whole = folded(token)
        if entry := self._entries.get(whole):
            return entry.coded(token) or self._variant(entry, token)
        if entry := self._entries.get(whole.rstrip("0123456789")):
            return self._variant(entry, token)
        if whole in spoken() or token.isdigit():
            return token
        for entry, start, ending in self._inflected(token):
            # A code is told from what follows by its digits.
            coded = entry.coded(start) if not any(each.isdigit() for each in ending) else None
            return f"{coded}{ending}" if coded else self._variant(entry, token)
        for at in range(len(whole)):
            for end in range(at + _STEM, len(whole) + 1):
                if entry := self._stems.get(whole[at:end]):
                    return self._variant(entry, token)
        return token

    def _inflected(self, token: str) -> Iterator[tuple[_Entry, str, str]]:
        """The name of which it is a form, or a compound with a kind of device; the longest first."""
        for cut in range(len(token) - 1, _SHORT - 1, -1):
            start, ending = token[:cut], token[cut:]
            entry = self._entries.get(folded(start))
            if entry is None:
                continue
            rest = folded(ending)
            short = len(start) == _SHORT
            same = start.lower() == entry.word.lower()
            usual = rest in (_ENDINGS if same else _PLURALS) if short else len(rest) <= _LONGEST_ENDING
            if rest not in self._entries and (usual or (same and _ends_in_kind(rest))):
                yield entry, start, ending

    def _variant(self, entry: _Entry, token: str) -> str:
        number = self._variants[entry.code] = self._variants.get(entry.code, 1) + 1
        made = f"{entry.code}v{number}"
        self._meant[made] = token
        return made

    def _word(self, found: re.Match[str]) -> str:
        whole, code = found[0].lower(), f"{found[1]}{found[2]}".lower()
        if whole in self._meant:
            return self._meant[whole]
        entry = self._by_code.get(code)
        # A form that was never given is the word's own.
        return entry.written(found[1]) if entry else found[0]


def _taken(written: str) -> set[tuple[str, str]]:
    """What looks like a code in a text, or like the beginning of one: its letters and its digits."""
    return {
        (letters[start:].lower(), digits[:end])
        for letters, digits in _LOOKALIKE.findall(written)
        for start in range(len(letters))
        for end in range(1, len(digits) + 1)
    }


def _words(name: str) -> list[str]:
    """The words of a name that are to be replaced: all but plain ones, or all where it has no others."""
    composed = unicodedata.normalize("NFC", name)
    found = [*re.findall(_WORD, composed), *_UNSPACED_WORD.findall(composed)]
    words = [each for each in found if len(each) > 1 and not each.isdigit()]
    return [each for each in words if folded(each) not in told()] or words


def _stem(word: str) -> str:
    return word[:-1] if len(word) > _STEM else word


def _ends_in_kind(rest: str) -> bool:
    return any(rest.startswith(joint) and rest[len(joint) :] in kinds() for joint in _JOINTS)
