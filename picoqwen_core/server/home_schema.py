"""The structured home that comes beside a conversation: what it must look like, and what is made of it."""

from typing import Any

import voluptuous as vol

from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, HomeFloor
from picoqwen_core.server.fields import mapping, modes, open_object, optional, string

MAX_ENTITIES = 5000
_PLACE: dict[Any, Any] = {
    vol.Required("id"): string,
    vol.Required("name"): string,
    vol.Optional("aliases", default=list): [string],
}
_ENTITY = open_object(
    {
        **_PLACE,
        vol.Required("state"): string,
        vol.Required("domain"): string,
        **optional("area", string),
        **optional("device_class", string),
        **optional("unit", string),
        vol.Optional("attributes", default=dict): mapping,
        **optional("features", [string]),
        vol.Optional("modes", default=dict): modes,
    }
)
HOME = open_object(
    {
        vol.Optional("entities", default=list): vol.All([_ENTITY], vol.Length(max=MAX_ENTITIES)),
        vol.Optional("areas", default=list): [open_object({**_PLACE, **optional("floor", string)})],
        vol.Optional("floors", default=list): [open_object(_PLACE)],
        **optional("area", string),
        vol.Optional("language", default="en"): string,
        **optional("now", string),
    }
)


def home_of(data: dict[str, Any]) -> HomeContext:
    """The home of a checked request."""

    def aliases(item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "aliases": tuple(item["aliases"])}

    def entity(item: dict[str, Any]) -> HomeEntity:
        features = item["features"]
        return HomeEntity(**aliases(item) | {"features": None if features is None else tuple(features)})

    return HomeContext(
        entities=tuple(entity(each) for each in data["entities"]),
        areas=tuple(HomeArea(**aliases(area)) for area in data["areas"]),
        floors=tuple(HomeFloor(**aliases(floor)) for floor in data["floors"]),
        area=data["area"],
        language=data["language"],
        now=data["now"],
    )
