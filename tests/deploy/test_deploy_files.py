"""The example settings and the systemd unit say what the server understands."""

import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from picoqwen_core.__main__ import make_parser
from picoqwen_core.commands import service
from picoqwen_core.config import SECTIONS, Settings, load_settings
from picoqwen_core.errors import ConfigError

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNIT = (DEPLOY / "pico-qwen.service").read_text()


def unit_values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_the_example_settings_are_the_defaults() -> None:
    assert load_settings(config=DEPLOY / "config.toml", environment={}) == Settings()


def test_the_example_names_every_setting_in_its_section(tmp_path: Path) -> None:
    text = (DEPLOY / "config.toml").read_text()
    for section, keys in SECTIONS.items():
        _, _, rest = text.partition(f"[{section}]\n")
        named = re.findall(r"^(?:# )?(\w+) = ", rest.partition("\n[")[0], re.MULTILINE)
        assert named == list(keys)


def test_the_unit_starts_the_server_with_flags_that_it_knows() -> None:
    (start,) = unit_values("ExecStart")
    _, option, module, *arguments = shlex.split(start)
    parsed = make_parser().parse_args(arguments)

    assert (option, module, parsed.command) == ("-m", "picoqwen_core", "serve")
    assert parsed.config.name == "config.toml"


def test_the_units_environment_is_settings() -> None:
    names = {
        value.partition("=")[0].removeprefix("PICOQWEN_").lower() for value in unit_values("Environment")
    }
    assert names
    assert names <= {field.name for field in fields(Settings)}


def test_the_unit_comes_back_and_leaves_time_to_stop() -> None:
    assert (unit_values("Restart"), unit_values("RestartSec")) == (["always"], ["10"])
    assert int(unit_values("TimeoutStopSec")[0]) > 5


def test_the_unit_runs_without_rights() -> None:
    assert unit_values("DynamicUser") == ["yes"]
    assert unit_values("CapabilityBoundingSet") == [""]
    assert unit_values("ProtectSystem") == ["strict"]
    assert unit_values("NoNewPrivileges") == ["yes"]


def _systemd(unit: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("arguments", [("verify",), ("security", "--offline=true", "--threshold=30")])
def test_systemd_accepts_the_unit_where_there_is_one(tmp_path: Path, arguments) -> None:
    # verify asks for the program, which is only there once installed.
    unit = tmp_path / "pico-qwen.service"
    unit.write_text(UNIT.replace("/opt/picoqwen/bin/python", "/bin/true"))
    if shutil.which("systemd-analyze"):
        result = _systemd(unit, *arguments)
        assert result.returncode == 0, result.stderr or result.stdout
    else:
        # Without systemd, at least the shape: sections, and lines of key=value.
        lines = [line for line in UNIT.splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"\[\w+\]|\w+=.*", line) for line in lines)


def test_a_model_that_is_ended_for_want_of_memory_does_not_end_the_server() -> None:
    assert unit_values("OOMPolicy") == ["continue"]
    assert unit_values("MemoryMax") == ["80%"]


def test_the_service_is_installed_below_a_folder_and_keeps_the_settings(tmp_path: Path, capsys) -> None:
    arguments = ["service", "install", "--root", str(tmp_path), "--python", "/opt/mine/bin/python"]
    config = tmp_path / "etc/pico-qwen/config.toml"
    for _ in range(2):
        service.run(make_parser().parse_args(arguments))
        assert load_settings(config=config, environment={}).port in (8080, 9000)
        config.write_text("[server]\nport = 9000\n")

    unit = (tmp_path / "etc/systemd/system/pico-qwen.service").read_text()
    assert "ExecStart=/opt/mine/bin/python -m picoqwen_core serve" in unit
    assert config.read_text() == "[server]\nport = 9000\n"
    assert capsys.readouterr().out.count("wrote") == 3


def test_a_dry_run_writes_nothing_and_tells_the_unit(tmp_path: Path, capsys) -> None:
    arguments = ["service", "install", "--dry-run", "--root", str(tmp_path), "--python", "/bin/true"]
    service.run(make_parser().parse_args(arguments))

    printed = capsys.readouterr().out
    assert "ExecStart=/bin/true -m picoqwen_core serve" in printed
    assert "systemd-analyze" in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("python", ["python3", str(Path("/root", "python")), "/opt/my python"])
def test_a_python_that_the_service_could_not_run_is_refused(python: str) -> None:
    with pytest.raises(ConfigError, match="--python is"):
        service.unit_text(python)
