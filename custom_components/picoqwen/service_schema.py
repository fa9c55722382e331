"""The description of an action of Home Assistant as the parameters of a tool.

What an action works on becomes a choice of the exposed entities, by name. Fields that reach past that choice
(areas, devices, templates, lists of other actions) are left out, and so are a form's folded sections.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import probatio as vol
from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import selector
from homeassistant.helpers.service import async_get_all_descriptions
from homeassistant.helpers.translation import async_get_translations

from .reach import names_of_reachable

TARGET = "target"
_REACHING = {
    *(
        "action",
        "area",
        "assist_pipeline",
        "condition",
        "config_entry",
        "conversation_agent",
        "device",
        "floor",
    ),
    *("label", "target", "template", "trigger"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """An action that is offered: how it is called, what it takes, and which of that are names of entities."""

    domain: str
    service: str
    title: str
    description: str
    parameters: vol.Schema
    response: SupportsResponse
    # For each argument that chooses entities: their ids by name. TARGET is what the action works on.
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """As in automations."""
        return f"{self.domain}.{self.service}"


async def async_actions(hass: HomeAssistant, assistant: str | None, services: Sequence[str]) -> list[Action]:
    """Those of the services that exist and have something to work on, in the order of their names."""
    descriptions = await async_get_all_descriptions(hass)
    domains = {each.partition(".")[0] for each in services}
    texts = await async_get_translations(hass, "en", "services", domains)
    found = []
    for each in sorted(services):
        domain, _, service = each.partition(".")
        description = descriptions.get(domain, {}).get(service)
        if description is not None:
            action = _action(hass, assistant, each, description, texts)
            found += [action] if action is not None else []
    return found


def _action(
    hass: HomeAssistant,
    assistant: str | None,
    full_name: str,
    description: Mapping[str, Any],
    texts: Mapping[str, str],
) -> Action | None:
    """None where it cannot be used: nothing to work on is exposed, or a field that it needs reaches
    too far.
    """
    domain, _, service = full_name.partition(".")
    prefix = f"component.{domain}.services.{service}"
    schema: dict[vol.Marker, Any] = {}
    choices: dict[str, dict[str, str]] = {}
    if description.get("target") is not None:
        names = names_of_reachable(hass, assistant, _filters(description["target"]))
        if not names:
            return None
        choices[TARGET] = names
        schema[vol.Required(TARGET, description="What to do it with, by name.")] = _choice(names, many=True)
    for name, config in _fields(description.get("fields", {})):
        kind, options = _selector_of(config)
        if kind in _REACHING:
            if config.get("required"):
                return None
            continue
        about = config.get("description") or texts.get(f"{prefix}.fields.{name}.description")
        marker = (vol.Required if config.get("required") else vol.Optional)(name, description=about)
        if kind == "entity":
            names = names_of_reachable(hass, assistant, _filters(options))
            if not names and config.get("required"):
                return None
            if names:
                choices[name] = names
                schema[marker] = _choice(names, many=bool(options.get("multiple")))
        else:
            schema[marker] = selector.selector(config["selector"]) if kind else cv.string
    title = description.get("name") or texts.get(f"{prefix}.name") or full_name
    return Action(
        domain=domain,
        service=service,
        title=title,
        description=description.get("description") or texts.get(f"{prefix}.description") or title,
        parameters=vol.Schema(schema),
        response=hass.services.supports_response(domain, service),
        choices=choices,
    )


def _fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields, those of open sections too."""
    for name, config in fields.items():
        if "fields" not in config:
            yield name, config
        elif not config.get("collapsed"):
            yield from _fields(config["fields"])


def _selector_of(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Its kind and its options; a field without one is a text."""
    made = config.get("selector")
    if not made:
        return "", {}
    kind = next(iter(made))
    return kind, made[kind] or {}


def _filters(options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The filters of a target, or of a selector of entities, which may have them at its top."""
    filters = options.get("entity", options.get("filter"))
    if filters is None:
        top = {key: options[key] for key in ("domain", "device_class", "integration") if key in options}
        filters = [top] if top else []
    return [filters] if isinstance(filters, Mapping) else [each for each in filters if each]


def _choice(names: Mapping[str, str], *, many: bool) -> selector.SelectSelector:
    return selector.SelectSelector(selector.SelectSelectorConfig(options=list(names), multiple=many))
