"""A small hand-written home that the tests of picoqwen_core.home share."""

from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, HomeFloor


def entity(
    entity_id: str,
    name: str,
    area: str | None = None,
    *,
    state: str = "off",
    device_class: str | None = None,
    aliases: tuple[str, ...] = (),
    unit: str | None = None,
    features: tuple[str, ...] | None = None,
    **attributes: object,
) -> HomeEntity:
    """An entity whose domain is that of its id."""
    return HomeEntity(
        id=entity_id,
        name=name,
        state=state,
        domain=entity_id.split(".", maxsplit=1)[0],
        aliases=aliases,
        area=area,
        device_class=device_class,
        unit=unit,
        attributes=attributes,
        features=features,
    )


AREAS = (
    HomeArea("kitchen", "Kitchen", (), "ground"),
    HomeArea("living", "Living Room", ("den",), "ground"),
    HomeArea("bedroom", "Bedroom", (), "upper"),
)
FLOORS = (HomeFloor("ground", "Ground Floor"), HomeFloor("upper", "First Floor"))
ENTITIES = (
    entity("light.kitchen", "Kitchen Lamp", "kitchen"),
    entity("light.left", "Left Bedside Lamp", "bedroom"),
    entity("light.right", "Right Bedside Lamp", "bedroom"),
    entity("cover.bedroom", "Blinds", "bedroom", state="closed", device_class="blind"),
    entity("cover.living", "Blinds", "living", state="open", device_class="blind"),
    entity("fan.bedroom", "Fan", "bedroom"),
    entity("lock.back", "Back Door", "kitchen", state="locked", aliases=("Garden door",)),
    entity("todo.shopping", "Shopping List", state="2"),
    entity("light.fairy", "Fairy Lights", "living"),
    entity("light.ceiling_3", "Ceiling light 3", "living", state="on", brightness=40),
    entity("scene.movie", "Movie Time", state="unknown"),
    entity("media_player.tv", "Samsung TV", "living", device_class="tv"),
)


def home(area: str | None = "living", *more: HomeEntity) -> HomeContext:
    """The home as heard by a speaker in `area`."""
    return HomeContext(entities=(*ENTITIES, *more), areas=AREAS, floors=FLOORS, area=area)
