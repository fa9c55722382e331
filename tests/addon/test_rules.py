"""The app as the Supervisor judges it: its config.yaml, its security rating, its pictures and its profile."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.addon.supervisor_rules import faults, rating

ADDON = Path(__file__).resolve().parents[2] / "addon"
CONFIG = yaml.safe_load((ADDON / "config.yaml").read_text())


def test_the_supervisor_finds_no_fault_with_the_config() -> None:
    assert faults(CONFIG) == []


@pytest.mark.parametrize(
    ("spoiled", "fault"),
    [
        ({"arch": ["armv7"]}, "arch cannot be ['armv7']"),
        ({"advanced": True}, "advanced is not known"),
        ({"map": ["app_configs:rw"]}, "map cannot be ['app_configs:rw']"),
        ({"schema": {"a": "integer"}}, "schema cannot be {'a': 'integer'}"),
        ({"schema": {"a": {"b": {"c": {"d": "str"}}}}}, "schema cannot be"),
        ({"timeout": 5}, "timeout cannot be 5"),
        ({"watchdog": "http://localhost"}, "watchdog cannot be"),
    ],
)
def test_the_check_of_the_config_notices(spoiled, fault) -> None:
    (found,) = faults({**CONFIG, **spoiled})
    assert found.startswith(fault)


def test_the_security_rating_is_the_best_that_there_is() -> None:
    assert rating(CONFIG, has_profile=(ADDON / "apparmor.txt").exists()) == 8


@pytest.mark.parametrize(
    ("change", "points"),
    [
        ({"apparmor": False}, 6),
        ({"host_network": True}, 7),
        ({"hassio_role": "admin"}, 6),
        ({"full_access": True}, 1),
        ({"ingress": False, "ports": {"8080/tcp": 8080}}, 6),
    ],
)
def test_the_rating_falls_with_every_right_that_is_asked_for(change, points) -> None:
    assert rating({**CONFIG, **change}, has_profile=True) == points


@pytest.mark.parametrize(("name", "sizes"), [("icon", {(128, 128), (256, 256)}), ("logo", {(500, 200)})])
def test_the_pictures_have_the_sizes_that_the_store_shows(name: str, sizes) -> None:
    png = (ADDON / f"{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) in sizes
    assert len(png) < 50_000


@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="apparmor_parser is not installed")
def test_the_apparmor_profile_compiles() -> None:
    command = [
        "apparmor_parser",
        "--skip-kernel-load",
        "--skip-cache",
        "--debug",
        str(ADDON / "apparmor.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_image_is_pinned_runs_as_its_own_user_and_says_how_it_is() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    final = dockerfile.rpartition("\nFROM ")[2]
    run = (ADDON / "rootfs/etc/s6-overlay/s6-rc.d/picoqwen/run").read_text()

    assert "ARG BASE_TAG=trixie-20" in dockerfile
    assert "pip" not in final
    assert "HEALTHCHECK" in final
    assert not (ADDON / "build.yaml").exists()
    assert "exec s6-setuidgid picoqwen" in run
