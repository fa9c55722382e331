"""Which entities of a home a decision's target means."""

from dataclasses import replace

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
    if target.here:
        return _only_one(home, target)
    if target.excluding is not None:
        return _without(home, target)
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


def _only_one(home: HomeContext, target: Target) -> tuple[HomeEntity, ...]:
    """What is meant where no room was said: what the speaker's room has, else the only one of the home."""
    if home.area is not None and (found := resolve(home, replace(target, here=False, area=home.area))):
        return found
    anywhere = resolve(home, replace(target, here=False, everywhere=True))
    return anywhere if len(anywhere) == 1 else ()


def settled(home: HomeContext, target: Target) -> Target:
    """A target with "here" replaced by what it comes to; unchanged when that is not clear."""
    if not target.here:
        return target
    found = resolve(home, target)
    if home.area is not None and (not target.domain or any(entity.area == home.area for entity in found)):
        return replace(target, here=False, area=home.area)
    return Target(entities=(found[0].id,)) if found and target.domain else target


def _without(home: HomeContext, target: Target) -> tuple[HomeEntity, ...]:
    """A group less what is excluded from it."""
    assert target.excluding is not None
    excluded = {entity.id for entity in resolve(home, target.excluding)}
    group = resolve(home, replace(target, excluding=None))
    return tuple(entity for entity in group if entity.id not in excluded)


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
