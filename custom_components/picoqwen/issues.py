"""What the owner of a server should know and can mend, as repairs that come and go with their cause."""

import re

from awesomeversion import AwesomeVersion, AwesomeVersionException
from homeassistant.const import CONF_MODEL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, MIN_SERVER_VERSION
from .coordinator import PicoQwenConfigEntry, ServerState

_KEYS = ("server_too_old", "model_missing", "model_failed", "memory_too_small", "cloud_key_rejected")
# The server says what another one answered; with these, asking again will not help.
_KEY_REFUSED = re.compile(r"\bHTTP 40[13]\b")


@callback
def async_check(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> None:
    """Raise the issues that the last look at the server shows, and take back those that are over."""
    coordinator = entry.runtime_data
    if not coordinator.last_update_success:
        return
    state = coordinator.data
    _show(
        hass,
        entry,
        "server_too_old",
        is_wrong=_older(state.version, MIN_SERVER_VERSION),
        version=state.version,
        needed=MIN_SERVER_VERSION,
    )
    missing = _missing(entry, state)
    _show(hass, entry, "model_missing", is_wrong=bool(missing), models=", ".join(missing))
    failed = [engine for engine in state.engines if engine.get("state") == "failed"]
    _show(
        hass,
        entry,
        "model_failed",
        is_wrong=bool(failed),
        models=", ".join(str(engine.get("model")) for engine in failed),
        error="; ".join(str(engine.get("error")) for engine in failed),
    )
    _show(hass, entry, "memory_too_small", is_wrong=bool(state.health.get("memory_level")))
    refused = [each for each in state.upstreams if _KEY_REFUSED.search(str(each.get("error")))]
    _show(
        hass,
        entry,
        "cloud_key_rejected",
        is_wrong=bool(refused),
        upstreams=", ".join(str(each.get("name")) for each in refused),
        error="; ".join(str(each.get("error")) for each in refused),
    )


@callback
def async_clear(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> None:
    """A server that is no longer used has no issues."""
    for key in _KEYS:
        ir.async_delete_issue(hass, DOMAIN, f"{key}_{entry.entry_id}")


def _show(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, key: str, *, is_wrong: bool, **placeholders: str
) -> None:
    issue_id = f"{key}_{entry.entry_id}"
    if not is_wrong:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders={"server": entry.title, **placeholders},
    )


def _older(version: str, needed: str) -> bool:
    """A version that says nothing is not held against a server."""
    try:
        return bool(AwesomeVersion(version) < AwesomeVersion(needed))
    except AwesomeVersionException:
        return False


def _missing(entry: PicoQwenConfigEntry, state: ServerState) -> list[str]:
    """The models that agents are set to and the server does not have."""
    wanted = {subentry.data.get(CONF_MODEL) or "" for subentry in entry.subentries.values()}
    return sorted(wanted - {"", *(model.id for model in state.models)})
