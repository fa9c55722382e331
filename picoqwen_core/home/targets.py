"""Which entities of a home a decision's target means."""

from picoqwen_core.home.decision import Target
from picoqwen_core.messages import HomeContext, HomeEntity

# Device classes that people do not tell apart: "blinds" are often registered as shades.
_WINDOW_COVERS = frozenset(("blind", "shade", "curtain", "shutter", "awning"))
# What "everything" means for on and off: never a lock, a door or a script.
SWITCHABLE = ("light", "switch", "fan", "media_player", "input_boolean", "humidifier")


def resolve(home: HomeContext, target: Target) -> tuple[HomeEntity, ...]:
    """The entities meant, in the home's order; empty when there are none."""
    if target.entities:
        wanted = {entity.id: entity for entity in home.entities}
        return tuple(wanted[entity_id] for entity_id in target.entities if entity_id in wanted)
    places = _areas(home, target)
    found = [
        entity
        for entity in home.entities
        if (places is None or entity.area in places)
        and (target.domain is None or entity.domain == target.domain)
    ]
    if target.device_class is None:
        return tuple(found)
    exact = [entity for entity in found if entity.device_class == target.device_class]
    if exact or target.device_class not in _WINDOW_COVERS:
        return tuple(exact or _of_no_class(found))
    return tuple(
        entity for entity in found if entity.device_class in _WINDOW_COVERS or not entity.device_class
    )


def _of_no_class(found: list[HomeEntity]) -> list[HomeEntity]:
    """Many devices have no class; "the TV" may well be the only media player that says nothing."""
    return [entity for entity in found if entity.device_class is None]


def _areas(home: HomeContext, target: Target) -> set[str] | None:
    """Ids of the areas of a target's place; None for the whole home."""
    if target.area is not None:
        return {target.area}
    if target.floor is not None:
        return {area.id for area in home.areas if area.floor == target.floor}
    return None
