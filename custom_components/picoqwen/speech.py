"""The sentences in which an agent admits that it could not answer, in the speaker's language."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
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


async def async_apology(hass: HomeAssistant, language: str | None, error: Exception, *, acted: bool) -> str:
    """What went wrong, and whether something may have been done all the same."""
    reason = _KEYS.get(type(error), _OTHERWISE)
    consequence = "spoken_maybe_done" if acted else "spoken_nothing_done"
    texts = await _texts(hass, language or hass.config.language)
    return " ".join(texts[f"component.{DOMAIN}.exceptions.{key}.message"] for key in (reason, consequence))


async def _texts(hass: HomeAssistant, language: str) -> dict[str, str]:
    """The sentences in a language as Home Assistant names it ("de", "de-CH"); else in English."""
    texts = await async_get_translations(hass, language, "exceptions", [DOMAIN])
    base = language.split("-", maxsplit=1)[0].lower()
    if base != language:
        ours = await async_get_translations(hass, base, "exceptions", [DOMAIN])
        english = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
        # What a language lacks, Home Assistant fills with English.
        texts = ours if texts == english else texts
    return texts
