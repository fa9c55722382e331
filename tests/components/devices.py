"""Devices that cannot do everything, are away, say nothing, or take their time; all exposed."""

import asyncio
from typing import Any

import pytest
from homeassistant.components.climate import ClimateEntity, ClimateEntityFeature, HVACMode
from homeassistant.components.cover import CoverEntity, CoverEntityFeature
from homeassistant.components.fan import FanEntity, FanEntityFeature
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.light import ColorMode, LightEntity
from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
)
from homeassistant.components.scene import Scene
from homeassistant.components.vacuum import StateVacuumEntity, VacuumActivity, VacuumEntityFeature
from homeassistant.const import UnitOfTemperature
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component


class Light(LightEntity):
    """Does what it is asked for, after a while; one that is silent does nothing."""

    _attr_should_poll = False
    _attr_is_on = False

    def __init__(self, name: str, mode: ColorMode, *, after: float = 0, silent: bool = False) -> None:
        self._attr_name = self._attr_unique_id = name
        self._attr_supported_color_modes, self._attr_color_mode = {mode}, mode
        self._after, self._silent = after, silent

    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._become(
            is_on=True, brightness=kwargs.get("brightness", 255), hs_color=kwargs.get("hs_color", (0, 0))
        )

    async def async_turn_off(self, **kwargs: Any) -> None:
        await self._become(is_on=False)

    async def _become(self, **attributes: Any) -> None:
        await asyncio.sleep(self._after)
        if not self._silent:
            for key, value in attributes.items():
                setattr(self, f"_attr_{key}", value)
            self.async_write_ha_state()


class Bright(Light):
    """Knows how to be dimmed, and is always as bright as can be."""

    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._become(is_on=True, brightness=255)


class Fan(FanEntity):
    """Runs at one speed."""

    _attr_should_poll = False
    _attr_name = _attr_unique_id = "Ceiling fan"
    _attr_is_on = False
    _attr_supported_features = FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF

    @property
    def is_on(self) -> bool:
        return self._attr_is_on

    async def async_turn_on(self, *args: Any, **kwargs: Any) -> None:
        self._attr_is_on = True
        self.async_write_ha_state()


class Cover(CoverEntity):
    """Opens and closes, and knows nothing between."""

    _attr_should_poll = False
    _attr_name = _attr_unique_id = "Blind"
    _attr_is_closed = True
    _attr_supported_features = CoverEntityFeature.OPEN | CoverEntityFeature.CLOSE

    async def async_open_cover(self, **kwargs: Any) -> None:
        self._attr_is_opening = True
        self.async_write_ha_state()


class Player(MediaPlayerEntity):
    """Has nothing to play, and its volume cannot be changed while it is off."""

    _attr_should_poll = False
    _attr_name = _attr_unique_id = "Radio"
    _attr_state = MediaPlayerState.IDLE
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY | MediaPlayerEntityFeature.VOLUME_SET | MediaPlayerEntityFeature.PAUSE
    )

    async def async_media_play(self) -> None:
        """Nothing."""

    async def async_set_volume_level(self, volume: float) -> None:
        """Nothing either."""


class Stereo(Player):
    """Plays, and does what it is told."""

    _attr_name = _attr_unique_id = "Stereo"
    _attr_state = MediaPlayerState.PLAYING
    _attr_volume_level = 0.3

    async def async_set_volume_level(self, volume: float) -> None:
        self._attr_volume_level = volume
        self.async_write_ha_state()

    async def async_media_pause(self) -> None:
        self._attr_state = MediaPlayerState.PAUSED
        self.async_write_ha_state()


class Thermostat(ClimateEntity):
    """Takes temperatures, which HA checks the range of."""

    _attr_should_poll = False
    _attr_name = _attr_unique_id = "Heating"
    _attr_hvac_mode, _attr_hvac_modes = HVACMode.HEAT, [HVACMode.HEAT]
    _attr_temperature_unit = UnitOfTemperature.CELSIUS
    _attr_supported_features = ClimateEntityFeature.TARGET_TEMPERATURE
    _attr_target_temperature = 20.0

    async def async_set_temperature(self, **kwargs: Any) -> None:
        self._attr_target_temperature = kwargs["temperature"]
        self.async_write_ha_state()


class Vacuum(StateVacuumEntity):
    """Stands in its dock."""

    _attr_should_poll = False
    _attr_name = _attr_unique_id = "Rusty"
    _attr_activity = VacuumActivity.DOCKED
    _attr_supported_features = VacuumEntityFeature.RETURN_HOME | VacuumEntityFeature.START

    async def async_return_to_base(self, **kwargs: Any) -> None:
        """It is there."""

    async def async_start(self) -> None:
        self._attr_activity = VacuumActivity.CLEANING
        self.async_write_ha_state()


class Mood(Scene):
    """A scene of nothing."""

    _attr_name = _attr_unique_id = "Movie time"

    async def async_activate(self, **kwargs: Any) -> None:
        """That it was is all that is seen."""


@pytest.fixture
async def devices(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them; the lamps are in the hall."""
    monkeypatch.setattr("custom_components.picoqwen.witness.SETTLE_SECONDS", 1)
    away = [Light("Garden lamp", ColorMode.HS), Mood()]
    away[0]._attr_available = False
    lamps: list[Entity] = [
        Light("Plain lamp", ColorMode.ONOFF),
        Light("Dim lamp", ColorMode.BRIGHTNESS),
        Light("Color lamp", ColorMode.HS),
        Light("Deaf lamp", ColorMode.HS, silent=True),
        Light("Slow lamp", ColorMode.HS, after=0.5),
        Bright("Bright lamp", ColorMode.BRIGHTNESS),
        away[0],
    ]
    made = {
        "light": lamps,
        "climate": [Thermostat()],
        "cover": [Cover()],
        "fan": [Fan()],
        "media_player": [Player(), Stereo()],
        "scene": [away[1]],
        "vacuum": [Vacuum()],
    }
    hall = ar.async_get(hass).async_create("Hall")
    for domain, entities in made.items():
        assert await async_setup_component(hass, domain, {})
        await hass.data[domain].async_add_entities(entities)
        for each in entities:
            async_expose_entity(hass, "conversation", each.entity_id, True)
    for each in lamps:
        er.async_get(hass).async_update_entity(each.entity_id, area_id=hall.id)
    assert await async_setup_component(hass, "intent", {})
    await hass.async_block_till_done()
