"""Numbers in words, as each of the five other languages says them."""

from training.tongues.grammar import pack

_ELIDED = ("uno", "otto")
_SPANISH = {2: "veintidós", 3: "veintitrés", 6: "veintiséis"}


def in_words(value: int, language: str) -> str | None:
    """A number from 2 to 100 in words; None where the language's phrase file lacks what it is made of."""
    words: dict[str, str] = pack(language)["numbers"]
    if str(value) in words:
        return words[str(value)]
    ten, unit = value - value % 10, value % 10
    if language == "fr" and 70 <= value < 100:
        return _french(value, words)
    if str(ten) not in words or str(unit) not in words or value > 99:
        return None
    return _compound(words[str(ten)], words[str(unit)], ten, unit, language)


def _compound(ten_word: str, unit_word: str, ten: int, unit: int, language: str) -> str:
    match language:
        case "de":
            return f"{unit_word.removesuffix('s') if unit == 1 else unit_word}und{ten_word}"
        case "nl":
            return f"{unit_word}{'ën' if unit_word.endswith('e') else 'en'}{ten_word}".replace(
                "één", "een", 1
            )
        case "it":
            stem = ten_word[:-1] if unit_word in _ELIDED else ten_word
            return f"{stem}{'tré' if unit == 3 else unit_word}"
        case "es" if ten == 20:
            return _SPANISH.get(unit, f"veinti{unit_word}")
        case "es":
            return f"{ten_word} y {unit_word}"
    return f"{ten_word} et un" if unit == 1 else f"{ten_word}-{unit_word}"


def _french(value: int, words: dict[str, str]) -> str | None:
    base = 60 if value < 80 else 80
    rest = words.get(str(value - base))
    if rest is None:
        return None
    if base == 60:
        return f"soixante et {rest}" if value == 71 else f"soixante-{rest}"
    return f"quatre-vingt-{rest}" if value > 80 else "quatre-vingts"
