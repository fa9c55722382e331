"""Home Assistant's configuration folder for the demo house: what is copied, what is seeded."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from .errors import HouseError
from .paths import HOUSE, INTEGRATION
from .ports import HOST


def write_configuration(
    folder: Path, port: int, house: Path = HOUSE / "house.yaml", components: Sequence[str] = ()
) -> None:
    """Make or refresh `folder`; whatever Home Assistant stored there before is kept.

    house: the file of the house; one that has `scripts` and `scenes` brings its own. components: what it
    shall start beside those of the demo house.
    """
    if not (INTEGRATION / "manifest.json").is_file():
        raise HouseError(f"the integration is missing: {INTEGRATION} has no manifest.json")
    custom = folder / "custom_components"
    shutil.rmtree(custom, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INTEGRATION, custom / INTEGRATION.name, ignore=skip)
    shutil.copytree(HOUSE / "demo_house", custom / "demo_house", ignore=skip)
    shutil.copytree(HOUSE / "config", folder, dirs_exist_ok=True)
    with (folder / "configuration.yaml").open("a", encoding="utf-8") as configuration:
        configuration.writelines(f"{each}:\n" for each in components)
    shutil.copy(house, folder / "house.yaml")
    own = yaml.safe_load(house.read_text(encoding="utf-8"))
    for kind in ("scripts", "scenes"):
        if kind in own:
            (folder / f"{kind}.yaml").write_text(yaml.safe_dump(own[kind]), encoding="utf-8")
    _write_http(folder, port)
    onboarding = _storage(folder, "onboarding")
    if not onboarding.exists():
        # The other steps would fetch weather and radio integrations from the internet.
        _write_storage(onboarding, 4, {"done": ["core_config", "analytics", "integration"]})


def _write_http(folder: Path, port: int) -> None:
    # Home Assistant takes `http:` in YAML as a trial that ends after five minutes; this is its stored form.
    _write_storage(
        _storage(folder, "http"),
        3,
        {
            "stable": {
                "server_port": port,
                "server_host": [HOST],
                "cors_allowed_origins": ["https://cast.home-assistant.io"],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": True,
                "ssl_profile": "intermediate_v6",
                "use_x_frame_options": True,
                "created_at": "2026-11-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    )


def _storage(folder: Path, key: str) -> Path:
    return folder / ".storage" / key


def _write_storage(path: Path, version: int, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"version": version, "minor_version": 1, "key": path.name, "data": data}
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
