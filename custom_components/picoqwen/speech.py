"""The sentences that an agent says of its own accord, in the speaker's language, and those of its
failures.
"""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .effects import Reason
from .errors import (
    PicoQwenAuthError,
    PicoQwenBudgetError,
    PicoQwenBusyError,
    PicoQwenConnectionError,
    PicoQwenUnavailableError,
)

_KEYS: dict[type[Exception], str] = {
    PicoQwenAuthError: "spoken_refused",
    PicoQwenBudgetError: "spoken_over_budget",
    PicoQwenBusyError: "spoken_busy",
    PicoQwenConnectionError: "spoken_unreachable",
    PicoQwenUnavailableError: "spoken_not_ready",
}
_OTHERWISE = "spoken_failed"
# Why nothing was done to something.
WHY = {
    Reason.UNAVAILABLE: "spoken_unavailable",
    Reason.UNABLE: "spoken_unable",
    Reason.NO_REACTION: "spoken_no_reaction",
    Reason.OTHERWISE: "spoken_otherwise",
}


async def async_apology(hass: HomeAssistant, language: str | None, error: Exception, *, acted: bool) -> str:
    """What went wrong, and whether something may have been done all the same."""
    reason = _KEYS.get(type(error), _OTHERWISE)
    consequence = "spoken_maybe_done" if acted else "spoken_nothing_done"
    texts = await async_sentences(hass, language)
    return " ".join(texts[key] for key in (reason, consequence))


async def async_sentences(hass: HomeAssistant, language: str | None) -> dict[str, str]:
    """All sentences by their key, in the speaker's language; Home Assistant's where none is known."""
    texts = await _texts_of(hass, language or hass.config.language)
    prefix, suffix = f"component.{DOMAIN}.exceptions.", ".message"
    return {
        key.removeprefix(prefix).removesuffix(suffix): text
        for key, text in texts.items()
        if key.startswith(prefix)
    }


async def _texts_of(hass: HomeAssistant, language: str) -> dict[str, str]:
    """The sentences in a language as Home Assistant names it ("de", "de-CH"); else in English."""
    texts = await async_get_translations(hass, language, "exceptions", [DOMAIN])
    base = language.split("-", maxsplit=1)[0].lower()
    if base != language:
        ours = await async_get_translations(hass, base, "exceptions", [DOMAIN])
        english = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
        # What a language lacks, Home Assistant fills with English.
        texts = ours if texts == english else texts
    return texts
