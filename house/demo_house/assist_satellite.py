"""The voice satellites of the demo house: they only remember what was announced on them."""

from homeassistant.components.assist_pipeline import PipelineEvent
from homeassistant.components.assist_satellite import (
    AssistSatelliteConfiguration,
    AssistSatelliteEntity,
    AssistSatelliteEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .const import DOMAIN
from .plan import Satellite


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the satellites of the plan."""
    async_add_entities(DemoVoice(satellite) for satellite in entry.runtime_data.satellites)


class DemoVoice(AssistSatelliteEntity):
    """A satellite without sound: an announcement becomes its attribute `heard`."""

    _attr_supported_features = AssistSatelliteEntityFeature.ANNOUNCE

    def __init__(self, satellite: Satellite) -> None:
        """Belong to the satellite's device."""
        self._attr_unique_id = f"{satellite.id}_voice"
        self._attr_name = f"{satellite.name} voice"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, satellite.id)})
        self.entity_id = f"assist_satellite.{satellite.id}"
        self._attr_extra_state_attributes = {"heard": None}

    def async_get_configuration(self) -> AssistSatelliteConfiguration:
        """No wake words."""
        return AssistSatelliteConfiguration(
            available_wake_words=[], active_wake_words=[], max_active_wake_words=0
        )

    async def async_set_configuration(self, config: AssistSatelliteConfiguration) -> None:
        """Nothing to set."""

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        """It never listens."""

    async def async_internal_announce(
        self,
        message: str | None = None,
        media_id: str | None = None,
        preannounce: bool = True,
        preannounce_media_id: str = "",
    ) -> None:
        """Remember the words; there is no speech synthesis here."""
        self._attr_extra_state_attributes = {"heard": message}
        self.async_write_ha_state()
