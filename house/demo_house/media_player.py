"""Media players of the demo house."""

from typing import Any

from homeassistant.components.media_player import (
    BrowseMedia,
    MediaClass,
    MediaPlayerDeviceClass,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
    SearchMedia,
    SearchMediaQuery,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the players of the plan."""
    async_add_entities(DemoPlayer(planned) for planned in entry.runtime_data.of("media_player"))


class DemoPlayer(DemoEntity, MediaPlayerEntity):
    """A player with a volume and, where the plan names some, tracks to play."""

    _attr_media_content_type = MediaType.MUSIC
    _attr_volume_step = 0.1
    _attr_supported_features = (
        MediaPlayerEntityFeature.TURN_ON
        | MediaPlayerEntityFeature.TURN_OFF
        | MediaPlayerEntityFeature.VOLUME_SET
        | MediaPlayerEntityFeature.VOLUME_STEP
        | MediaPlayerEntityFeature.VOLUME_MUTE
    )

    def __init__(self, planned: PlannedEntity) -> None:
        """Start playing the first track, or turned off where there is none."""
        super().__init__(planned)
        self._attr_device_class = MediaPlayerDeviceClass(planned.settings["device_class"])
        self._attr_volume_level = planned.settings["volume"] / 100
        self._attr_is_volume_muted = False
        self._tracks: list[str] = planned.settings.get("playing", [])
        self._attr_state = MediaPlayerState.OFF
        if self._tracks:
            self._attr_state = MediaPlayerState.PLAYING
            self._attr_media_title = self._tracks[0]
            self._attr_supported_features |= (
                MediaPlayerEntityFeature.PLAY
                | MediaPlayerEntityFeature.PAUSE
                | MediaPlayerEntityFeature.STOP
                | MediaPlayerEntityFeature.NEXT_TRACK
                | MediaPlayerEntityFeature.PREVIOUS_TRACK
            )
        self._library = [_item(each) for each in planned.settings.get("library", [])]
        if self._library:
            self._attr_supported_features |= (
                MediaPlayerEntityFeature.SEARCH_MEDIA | MediaPlayerEntityFeature.PLAY_MEDIA
            )
        if "state" in planned.settings:
            self._attr_state = MediaPlayerState(planned.settings["state"])

    async def async_turn_on(self) -> None:
        """Turn on: ready, not playing."""
        if self._attr_state is MediaPlayerState.OFF:
            self._become(MediaPlayerState.IDLE)

    async def async_turn_off(self) -> None:
        """Turn off."""
        self._become(MediaPlayerState.OFF)

    async def async_media_play(self) -> None:
        """Play."""
        self._become(MediaPlayerState.PLAYING)

    async def async_media_pause(self) -> None:
        """Pause."""
        self._become(MediaPlayerState.PAUSED)

    async def async_media_stop(self) -> None:
        """Stop."""
        self._become(MediaPlayerState.IDLE)

    async def async_media_next_track(self) -> None:
        """Play the next track."""
        self._skip(1)

    async def async_media_previous_track(self) -> None:
        """Play the track before."""
        self._skip(-1)

    async def async_search_media(self, query: SearchMediaQuery) -> SearchMedia:
        """What the library has whose name or artist holds a word that was searched."""
        words = set(query.search_query.casefold().split())
        found = [each for each in self._library if words & set(each["words"].casefold().split())]
        return SearchMedia(
            result=[
                BrowseMedia(
                    media_class=each["class"],
                    media_content_id=each["id"],
                    media_content_type=each["class"],
                    title=each["title"],
                    can_play=True,
                    can_expand=False,
                )
                for each in found
            ]
        )

    async def async_play_media(self, media_type: str, media_id: str, **kwargs: Any) -> None:
        """Play something of the library."""
        item = next((each for each in self._library if each["id"] == media_id), None)
        if item is None or item["broken"]:
            raise HomeAssistantError(f"{media_id} cannot be played")
        self._attr_media_title = item["title"]
        self._attr_media_content_id = media_id
        self._become(MediaPlayerState.PLAYING)

    async def async_set_volume_level(self, volume: float) -> None:
        """Set the volume, 0 to 1."""
        self._attr_volume_level = volume
        self.async_write_ha_state()

    async def async_mute_volume(self, mute: bool) -> None:
        """Mute or unmute."""
        self._attr_is_volume_muted = mute
        self.async_write_ha_state()

    def _skip(self, steps: int) -> None:
        now = self._tracks.index(self._attr_media_title) if self._attr_media_title else 0
        self._attr_media_title = self._tracks[(now + steps) % len(self._tracks)]
        self._become(MediaPlayerState.PLAYING)

    def _become(self, state: MediaPlayerState) -> None:
        self._attr_state = state
        self.async_write_ha_state()


def _item(planned: str | dict[str, Any]) -> dict[str, Any]:
    """Something to play: music, or of the class, by the artist and broken where the plan says so."""
    each = {"title": planned} if isinstance(planned, str) else planned
    kind = each.get("class", MediaClass.MUSIC)
    words = f"{each['title']} {each.get('by', '')}"
    name = f"{kind}/{each['title']}"
    return {
        "title": each["title"],
        "class": kind,
        "id": name,
        "words": words,
        "broken": each.get("broken", False),
    }
