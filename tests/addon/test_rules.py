"""The app as the Supervisor judges it: its config.yaml, its security rating, its pictures and its profile."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.addon.supervisor_rules import faults, rating, validated

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
        ({"ingress": False}, 6),
        ({"ingress": False, "auth_api": True}, 7),
        ({"kernel_modules": True}, 7),
        ({"privileged": ["SYS_ADMIN"], "host_uts": True}, 6),
    ],
)
def test_the_rating_falls_with_every_right_that_is_asked_for(change, points) -> None:
    assert rating({**CONFIG, **change}, has_profile=True) == points


def test_the_app_starts_with_the_options_that_nobody_has_touched() -> None:
    assert validated(CONFIG["options"], CONFIG["schema"]) == CONFIG["options"]


@pytest.mark.parametrize(
    ("options", "schema", "fault"),
    [
        ({}, {"tools": ["list(a|b)"]}, "missing option 'tools'"),
        ({}, {"group": {"a": "int?"}}, "missing option 'group'"),
        ({"group": {}}, {"group": {"a": "int"}}, "missing option 'a'"),
        ({"a": 9}, {"a": "int(1,8)?"}, "'a' is 9"),
        ({"a": ["c"]}, {"a": ["list(a|b)?"]}, "'a' is 'c'"),
        ({"a": "/etc/x"}, {"a": "match(^/(config|share)/.+$)?"}, "'a' is '/etc/x'"),
    ],
)
def test_the_check_of_the_options_notices(options, schema, fault) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        validated(options, schema)


@pytest.mark.parametrize(("name", "sizes"), [("icon", {(128, 128), (256, 256)}), ("logo", {(500, 200)})])
def test_the_pictures_have_the_sizes_that_the_store_shows(name: str, sizes) -> None:
    png = (ADDON / f"{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) in sizes
    assert len(png) < 50_000


@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="apparmor_parser is not installed")
def test_the_apparmor_profile_compiles() -> None:
    # Without --debug, which only parses: what contradicts itself is found where the rules are put together.
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", str(ADDON / "apparmor.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_profile_changes_to_the_servers_at_a_program_that_there_is_and_by_its_real_path() -> None:
    profile = (ADDON / "apparmor.txt").read_text()
    paths = re.findall(r"^ +(\S+) cx -> service,$", profile, re.MULTILINE)

    # A pattern would contradict `file,`; a link, as in an environment, is never what is seen.
    assert paths == ["/usr/bin/python3.13"]
    assert "ARG BASE_TAG=trixie-" in (ADDON / "Dockerfile").read_text()
    assert f"    {paths[0]} mrix,\n" in profile


def test_the_profile_knows_itself_by_the_name_that_the_supervisor_gives_it() -> None:
    peers = re.findall(r"peer=(\S+),", (ADDON / "apparmor.txt").read_text())
    assert set(peers) == {f"*{CONFIG['slug']}", f"*{CONFIG['slug']}//service"}


def test_the_image_is_pinned_runs_as_its_own_user_and_says_how_it_is() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    final = dockerfile.rpartition("\nFROM ")[2]
    run = (ADDON / "rootfs/etc/s6-overlay/s6-rc.d/picoqwen/run").read_text()

    assert "ARG BASE_TAG=trixie-20" in dockerfile
    assert not re.search(r"pip (install|download)", final)
    assert "HEALTHCHECK" in final
    assert not (ADDON / "build.yaml").exists()
    assert "exec s6-setuidgid picoqwen" in run
