"""Names that several files of the demo house use."""

from homeassistant.const import Platform

DOMAIN = "demo_house"
PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.CLIMATE,
    Platform.COVER,
    Platform.FAN,
    Platform.LIGHT,
    Platform.LOCK,
    Platform.MEDIA_PLAYER,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TODO,
    Platform.VACUUM,
    Platform.VALVE,
]
# Set up only in a house that has such a thing.
RARE_PLATFORMS = [Platform.CALENDAR, Platform.HUMIDIFIER, Platform.LAWN_MOWER, Platform.WEATHER]
# Seconds that a motor takes: short enough for a demonstration, long enough to see "opening".
TRAVEL_SECONDS = 1.0
