"""Lights of the demo house: plain, dimmable (a brightness in the plan), or coloured."""

from typing import Any

from homeassistant.components.light import (
    ATTR_BRIGHTNESS,
    ATTR_COLOR_TEMP_KELVIN,
    ATTR_HS_COLOR,
    ColorMode,
    LightEntity,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the lights of the plan."""
    async_add_entities(DemoLight(planned) for planned in entry.runtime_data.of("light"))


class DemoLight(DemoEntity, LightEntity):
    """A lamp that remembers its brightness and colour while it is off."""

    _attr_min_color_temp_kelvin = 2200
    _attr_max_color_temp_kelvin = 6500

    def __init__(self, planned: PlannedEntity) -> None:
        """Start as the plan says, by default off; its brightness is in percent."""
        super().__init__(planned)
        percent = planned.settings.get("brightness")
        if planned.settings.get("color", False):
            self._attr_supported_color_modes = {ColorMode.HS, ColorMode.COLOR_TEMP}
            self._attr_color_mode = ColorMode.COLOR_TEMP
            self._attr_color_temp_kelvin = 2700
        elif percent is not None:
            self._attr_supported_color_modes = {ColorMode.BRIGHTNESS}
            self._attr_color_mode = ColorMode.BRIGHTNESS
        else:
            self._attr_supported_color_modes = {ColorMode.ONOFF}
            self._attr_color_mode = ColorMode.ONOFF
        self._attr_brightness = None if percent is None else round(percent * 255 / 100)
        self._attr_is_on = planned.settings.get("on", False)

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn on, with a new brightness or colour where one is given."""
        self._attr_is_on = True
        if ATTR_BRIGHTNESS in kwargs:
            self._attr_brightness = kwargs[ATTR_BRIGHTNESS]
        if ATTR_HS_COLOR in kwargs:
            self._attr_color_mode = ColorMode.HS
            self._attr_hs_color = kwargs[ATTR_HS_COLOR]
        if ATTR_COLOR_TEMP_KELVIN in kwargs:
            self._attr_color_mode = ColorMode.COLOR_TEMP
            self._attr_color_temp_kelvin = kwargs[ATTR_COLOR_TEMP_KELVIN]
        self.async_write_ha_state()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        self._attr_is_on = False
        self.async_write_ha_state()
