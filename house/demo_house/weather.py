"""The weather of the demo house: always the same."""

from homeassistant.components.weather import WeatherEntity
from homeassistant.const import UnitOfTemperature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add those of the plan."""
    async_add_entities(DemoWeather(planned) for planned in entry.runtime_data.of("weather"))


class DemoWeather(DemoEntity, WeatherEntity):
    """The weather that the plan says."""

    _attr_native_temperature_unit = UnitOfTemperature.CELSIUS

    def __init__(self, planned: PlannedEntity) -> None:
        """Take condition, temperature and humidity from the plan."""
        super().__init__(planned)
        self._attr_condition = planned.settings["condition"]
        self._attr_native_temperature = planned.settings["temperature"]
        self._attr_humidity = planned.settings["humidity"]
