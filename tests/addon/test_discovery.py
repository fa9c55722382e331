"""What the app tells Home Assistant, with a Supervisor's shell library of ours in place of the real one."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon"
SERVICES = ADDON / "rootfs" / "etc" / "s6-overlay" / "s6-rc.d"
LIBRARY = ADDON / "rootfs" / "usr" / "lib" / "picoqwen"
# The calls that the scripts make, as far as they need an answer. What is told goes to a file.
BASHIO = """
bashio::config.has_value() { [ -n "$OPTION" ]; }
bashio::config() { echo "$OPTION"; }
bashio::net.wait_for() { [ -z "$DEAF" ]; }
bashio::log.info() { echo "info: $*" >&2; }
bashio::log.warning() { echo "warning: $*" >&2; }
bashio::var.json() {
  python3 -c 'import json, sys; a = sys.argv[1:]
print(json.dumps({k: int(v[1:]) if v[0] == "^" else v for k, v in zip(a[::2], a[1::2])}))' "$@"
}
bashio::discovery() { [ -z "$REFUSED" ] && echo "$1 $2" > "$TOLD" && echo uuid; }
"""


@pytest.fixture
def told(tmp_path: Path):
    """Run the discovery; what Home Assistant is told, and what is logged."""
    library = tmp_path / "bashio.sh"
    library.write_text(BASHIO)

    def run(**environment: str) -> tuple[dict[str, object] | None, str]:
        file = tmp_path / "told"
        file.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", "-c", f"source {library}; source {SERVICES / 'discovery' / 'run'}"],
            env={
                "PATH": os.environ["PATH"],
                "LIBRARY": str(LIBRARY),
                "KEY_FILE": str(tmp_path / "api_key"),
                "TOLD": str(file),
                **{name: environment.get(name, "") for name in ("OPTION", "DEAF", "REFUSED")},
            },
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        if not file.exists():
            return None, done.stderr
        service, _, config = file.read_text().partition(" ")
        assert service == "picoqwen"
        return json.loads(config), done.stderr

    return run


def test_home_assistant_is_told_where_the_server_is_and_a_key_that_stays(told, tmp_path: Path) -> None:
    config, log = told()

    assert config is not None
    assert set(config) == {"host", "port", "api_key"}
    assert (config["port"], len(str(config["api_key"]))) == (8080, 32)
    assert str(config["api_key"]) not in log
    assert told()[0] == config
    assert stat.S_IMODE((tmp_path / "api_key").stat().st_mode) == 0o600


def test_the_key_of_the_options_is_told_where_there_is_one(told, tmp_path: Path) -> None:
    config, _ = told(OPTION="mine")

    assert config is not None
    assert config["api_key"] == "mine"
    assert not (tmp_path / "api_key").exists()


@pytest.mark.parametrize("trouble", ["DEAF", "REFUSED"])
def test_a_discovery_that_fails_is_a_warning_and_nothing_more(told, trouble: str) -> None:
    config, log = told(**{trouble: "yes"})

    assert config is None
    assert log.startswith("warning: ")


def test_the_discovery_is_allowed_and_runs_after_the_server_has_started() -> None:
    assert yaml.safe_load((ADDON / "config.yaml").read_text())["discovery"] == ["picoqwen"]
    assert (SERVICES / "discovery" / "type").read_text() == "oneshot\n"
    assert (SERVICES / "discovery" / "up").read_text() == "/etc/s6-overlay/s6-rc.d/discovery/run\n"
    assert (SERVICES / "discovery" / "dependencies.d" / "picoqwen").exists()
    assert (SERVICES / "user" / "contents.d" / "discovery").exists()
    assert (SERVICES / "discovery" / "run").stat().st_mode & 0o111
