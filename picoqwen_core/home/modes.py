"""Which of a humidifier's modes is meant by what was said; how a mode is set is in plan.py."""

import difflib

from picoqwen_core.home.words import stem
from picoqwen_core.messages import HomeEntity

_ALIKE = 0.8


def mode_of(entity: HomeEntity, said: float | str | None) -> str | None:
    """The entity's own name of a mode, as its tool wants it; None where it has no such mode.

    What was said is taken as it is where the home does not tell the modes.
    """
    words = _plain(str(said or ""))
    if not words:
        return None
    modes = entity.attributes.get("available_modes")
    if not isinstance(modes, list | tuple) or not modes:
        return words.replace(" ", "_")
    known = {_plain(str(mode)): str(mode) for mode in modes}
    if words in known:
        return known[words]
    close = difflib.get_close_matches(words, known, n=1, cutoff=_ALIKE)
    return known[close[0]] if close else None


def _plain(mode: str) -> str:
    """A mode as it is spoken: "Night_Mode" is "night"."""
    words = [word for word in mode.casefold().replace("_", " ").replace("-", " ").split() if word != "mode"]
    return " ".join(stem(word) for word in words)
