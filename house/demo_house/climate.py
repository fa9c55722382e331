"""Thermostats of the demo house."""

from typing import Any

from homeassistant.components.climate import ClimateEntity, ClimateEntityFeature, HVACAction, HVACMode
from homeassistant.const import ATTR_TEMPERATURE, UnitOfTemperature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the thermostats of the plan."""
    async_add_entities(DemoThermostat(planned) for planned in entry.runtime_data.of("climate"))


class DemoThermostat(DemoEntity, ClimateEntity):
    """A thermostat whose action follows from the target and the room's temperature."""

    _attr_native_temperature_unit = UnitOfTemperature.CELSIUS
    _attr_target_temperature_step = 0.5
    _attr_min_temp = 7
    _attr_max_temp = 30
    _attr_supported_features = (
        ClimateEntityFeature.TARGET_TEMPERATURE | ClimateEntityFeature.TURN_ON | ClimateEntityFeature.TURN_OFF
    )

    def __init__(self, planned: PlannedEntity) -> None:
        """Start heating towards the target of the plan."""
        super().__init__(planned)
        self._attr_hvac_modes = [HVACMode.OFF, *(HVACMode(mode) for mode in planned.settings["modes"])]
        self._attr_hvac_mode = HVACMode.HEAT
        self._attr_native_current_temperature = planned.settings["current"]
        self._attr_native_target_temperature = planned.settings["target"]

    @property
    def hvac_action(self) -> HVACAction:
        """What the thermostat does now."""
        assert self.native_target_temperature is not None
        assert self.native_current_temperature is not None
        if self.hvac_mode is HVACMode.OFF:
            return HVACAction.OFF
        if (
            self.hvac_mode is HVACMode.HEAT
            and self.native_target_temperature > self.native_current_temperature
        ):
            return HVACAction.HEATING
        if (
            self.hvac_mode is HVACMode.COOL
            and self.native_target_temperature < self.native_current_temperature
        ):
            return HVACAction.COOLING
        return HVACAction.IDLE

    async def async_set_temperature(self, **kwargs: Any) -> None:
        """Set a new target temperature."""
        self._attr_native_target_temperature = kwargs[ATTR_TEMPERATURE]
        self.async_write_ha_state()

    async def async_set_hvac_mode(self, hvac_mode: HVACMode) -> None:
        """Heat, cool or turn off."""
        self._attr_hvac_mode = hvac_mode
        self.async_write_ha_state()

    async def async_turn_on(self) -> None:
        """Heat."""
        await self.async_set_hvac_mode(HVACMode.HEAT)

    async def async_turn_off(self) -> None:
        """Turn off."""
        await self.async_set_hvac_mode(HVACMode.OFF)
