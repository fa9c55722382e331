"""house.yaml as plain data: floors, areas, entities and voice satellites. Knows nothing of Home Assistant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

COMMON_KEYS = {"name", "aliases"}


@dataclass(frozen=True, slots=True)
class PlannedFloor:
    """A floor of the house."""

    name: str
    level: int
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedArea:
    """A room or zone; `floor` is the name of a PlannedFloor."""

    name: str
    floor: str | None
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedEntity:
    """An entity; `area` is the name of a PlannedArea, `settings` what its platform reads."""

    entity_id: str
    name: str
    aliases: tuple[str, ...]
    area: str | None
    settings: Mapping[str, Any]

    @property
    def domain(self) -> str:
        """What stands before the dot of the entity id."""
        return self.entity_id.split(".", 1)[0]

    @property
    def object_id(self) -> str:
        """What stands behind the dot of the entity id."""
        return self.entity_id.split(".", 1)[1]


@dataclass(frozen=True, slots=True)
class Satellite:
    """A device that hears sentences in an area."""

    id: str
    name: str
    area: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole house."""

    floors: tuple[PlannedFloor, ...]
    areas: tuple[PlannedArea, ...]
    entities: tuple[PlannedEntity, ...]
    satellites: tuple[Satellite, ...]
    # Whether the satellites keep timers and announce what is broadcast.
    voice: bool = False

    def of(self, domain: str) -> Iterator[PlannedEntity]:
        """All entities of one domain."""
        return (entity for entity in self.entities if entity.domain == domain)


def read_plan(path: Path) -> Plan:
    """Read house.yaml. Raises KeyError where a required key is missing, as the file is our own."""
    house = yaml.safe_load(path.read_text(encoding="utf-8"))
    entities = list(_entities(house["everywhere"], None))
    for area in house["areas"]:
        entities.extend(_entities(area["entities"], area["name"]))
    return Plan(
        floors=tuple(
            PlannedFloor(f["name"], f["level"], tuple(f.get("aliases", ()))) for f in house["floors"]
        ),
        areas=tuple(
            PlannedArea(a["name"], a.get("floor"), tuple(a.get("aliases", ()))) for a in house["areas"]
        ),
        entities=tuple(entities),
        satellites=tuple(Satellite(id_, s["name"], s["area"]) for id_, s in house["satellites"].items()),
        voice=house.get("voice", False),
    )


def with_settings(plan: Plan, changed: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The same house with some entities in another first state: entity id -> settings."""
    entities = tuple(
        replace(each, settings={**each.settings, **changed.get(each.entity_id, {})}) for each in plan.entities
    )
    return replace(plan, entities=entities)


def _entities(rows: Mapping[str, Mapping[str, Any]], area: str | None) -> Iterable[PlannedEntity]:
    for entity_id, row in rows.items():
        settings = {key: value for key, value in row.items() if key not in COMMON_KEYS}
        yield PlannedEntity(entity_id, row["name"], tuple(row.get("aliases", ())), area, settings)
