"""Home Assistant with the integration, a lamp that can be exposed, and a server to talk to."""

# Found here first: the test plugin's own custom_components would hide the repository's.
import custom_components  # noqa: F401

# isort: split
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fake_server import FakeServer
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.light import DATA_COMPONENT, ColorMode, LightEntity
from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component

# A house whose doors may be moved by allowed actions.
pytest_plugins = ("allowed",)

LAMP = "light.kitchen_lamp"


class Lamp(LightEntity):
    """A dimmable lamp."""

    _attr_supported_color_modes = {ColorMode.BRIGHTNESS}  # noqa: RUF012
    _attr_color_mode = ColorMode.BRIGHTNESS
    _attr_brightness = 128
    _attr_should_poll = False

    def __init__(self, name: str, *, is_on: bool = False) -> None:
        self._attr_name = self._attr_unique_id = name
        self._attr_is_on = is_on

    async def async_turn_on(self, **kwargs: Any) -> None:
        self._attr_is_on = True
        self.async_write_ha_state()

    async def async_turn_off(self, **kwargs: Any) -> None:
        self._attr_is_on = False
        self.async_write_ha_state()


async def connect(hass: HomeAssistant, url: str, **more: str) -> dict[str, Any]:
    """Fill in the form that connects to a server; the next step."""
    return await hass.config_entries.flow.async_init(
        "picoqwen", context={"source": SOURCE_USER}, data={"url": url, **more}
    )


@pytest.fixture(autouse=True)
async def parts(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    """What the conversation integration needs of Home Assistant."""
    for name in ("homeassistant", "conversation", "light"):
        assert await async_setup_component(hass, name, {})


@pytest.fixture
async def server(hass: HomeAssistant, socket_enabled: None) -> AsyncIterator[FakeServer]:
    """A server that listens."""
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def other_server(hass: HomeAssistant, socket_enabled: None) -> AsyncIterator[FakeServer]:
    """Another server, for what moves."""
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def lamps(hass: HomeAssistant) -> None:
    """A lamp in the kitchen, and one nowhere that is not exposed."""
    await hass.data[DATA_COMPONENT].async_add_entities([Lamp("Kitchen lamp"), Lamp("Secret lamp")])
    kitchen = ar.async_get(hass).async_create("Kitchen")
    registry = er.async_get(hass)
    registry.async_update_entity(LAMP, area_id=kitchen.id)
    async_expose_entity(hass, "conversation", LAMP, True)
    async_expose_entity(hass, "conversation", "light.secret_lamp", False)
    await hass.async_block_till_done()


@pytest.fixture
async def entry(hass: HomeAssistant, server: FakeServer) -> ConfigEntry:
    """The integration, set up as a user does it."""
    result = await connect(hass, server.url)
    await hass.async_block_till_done()
    return result["result"]
