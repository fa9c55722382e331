"""What a user is shown of a server, and what diagnostics tell, as a whole: changes have to be meant.

`pytest ... --snapshot-update` takes them anew. Only what both supported versions of Home Assistant have alike
is kept.
"""

from typing import Any

import pytest
from conftest import connect
from fake_server import LARGE, PICO, FakeServer
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.picoqwen.diagnostics import async_get_config_entry_diagnostics

SHOWN = ("device_class", "event_types", "friendly_name", "options", "state_class", "unit_of_measurement")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """In Home Assistant's form, whichever plugin was loaded first."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
async def entry(hass: HomeAssistant, server: FakeServer) -> ConfigEntry:
    """A server with a model that writes texts."""
    server.models_body = {"data": [PICO, LARGE]}
    result = await connect(hass, server.url)
    await hass.async_block_till_done()
    return result["result"]


async def test_the_entities(hass: HomeAssistant, entry: ConfigEntry, snapshot: SnapshotAssertion) -> None:
    shown: dict[str, Any] = {}
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        state = hass.states.get(entity.entity_id)
        shown[entity.entity_id] = {
            "unique_id": entity.unique_id.replace(entry.entry_id, "ENTRY").replace(
                entity.config_subentry_id or "-", "AGENT"
            ),
            "category": entity.entity_category and str(entity.entity_category),
            "translation_key": entity.translation_key,
            "disabled_by": entity.disabled_by and str(entity.disabled_by),
            "state": state and state.state,
            "attributes": {key: state.attributes[key] for key in SHOWN if key in state.attributes}
            if state
            else None,
        }
    assert dict(sorted(shown.items())) == snapshot


async def test_the_diagnostics(hass: HomeAssistant, entry: ConfigEntry, snapshot: SnapshotAssertion) -> None:
    assert await async_get_config_entry_diagnostics(hass, entry) == snapshot
