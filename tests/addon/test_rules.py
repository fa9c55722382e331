"""The app as the Supervisor judges it: its config.yaml, its security rating, its pictures and its profile."""

import re
import shutil
import struct
import subprocess
from pathlib import Path, PurePath

import pytest
import yaml

from picoqwen_core.server.supervisor import MCP_SERVICE, SERVICE
from tests.addon.supervisor_rules import faults, form, is_in_backup, rating, validated

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
        ({"a": None}, {"a": "match(^.+$)?"}, "'a' is None"),
        ({"a": "perhaps"}, {"a": "bool?"}, "'a' is 'perhaps'"),
        ({"a": "0,5"}, {"a": "float(0,)?"}, "'a' is '0,5'"),
        ({"a": "somewhere"}, {"a": "url?"}, "'a' is 'somewhere'"),
        ({"a": 5}, {"a": "password?"}, "'a' is 5"),
        ({"a": "abc"}, {"a": "str(1,2)?"}, "'a' is 'abc'"),
    ],
)
def test_the_check_of_the_options_notices(options, schema, fault) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        validated(options, schema)


@pytest.mark.parametrize(
    ("given", "element", "written"),
    [
        ("3", "int(1,64)?", 3),
        (2.7, "int(1,64)?", 2),
        ("0.5", "float(0,)?", 0.5),
        ("yes", "bool?", True),
        (0, "bool?", False),
        (8, "list(8|16)?", "8"),
        ("ftp://a", "url?", "ftp://a"),
        ("", "password?", ""),
    ],
)
def test_what_is_given_is_written_in_the_type_of_its_option(given, element, written) -> None:
    found = validated({"a": given}, {"a": element})["a"]
    assert (found, type(found)) == (written, type(written))


def test_the_page_of_options_knows_what_a_number_may_be() -> None:
    resources = next(field for field in form(CONFIG["schema"]) if field["name"] == "resources")
    threads = resources["schema"][0]

    assert (resources["type"], resources["multiple"]) == ("schema", False)
    assert threads == {
        "name": "threads",
        "optional": True,
        "type": "integer",
        "lengthMin": 1.0,
        "lengthMax": 64.0,
    }


@pytest.mark.parametrize("slug", ["local_picoqwen", "1a2b3c4d_picoqwen"])
def test_a_backup_holds_what_cannot_be_had_again_and_nothing_else(slug: str) -> None:
    kept = {
        f"/data/apps/data/{slug}": ["api_key", "options.json", "budget.db"],
        f"/data/app_configs/{slug}": [
            *("agents/notes.db", "agents/flows/mine.yaml", "agents/flows/models/mine.yaml"),
        ],
    }
    left_out = {
        f"/data/apps/data/{slug}": ["cache/avx2-1/code.nbi", "cache/pico-home.prompts"],
        f"/data/app_configs/{slug}": [
            *("models/a.gguf", "models/.a.gguf.part", "models/qwen/model.safetensors"),
        ],
    }

    def held(paths: dict[str, list[str]]) -> list[bool]:
        every = [PurePath(folder) / name for folder, names in paths.items() for name in names]
        return [is_in_backup(path, CONFIG["backup_exclude"]) for path in every]

    assert all(held(kept))
    assert not any(held(left_out))


def test_the_folders_left_out_of_backups_are_those_of_the_image() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    left_out = {pattern.split("/")[1] for pattern in CONFIG["backup_exclude"]}

    assert "PICOQWEN_MODELS_DIR=/config/models " in dockerfile
    assert "PICOQWEN_CACHE_DIR=/data/cache " in dockerfile
    assert left_out == {"models", "cache"}
    assert CONFIG["backup"] == "hot"


def test_the_app_is_as_it_is_described() -> None:
    assert set(CONFIG["arch"]) == {"aarch64", "amd64"}
    assert (CONFIG["ingress"], bool(CONFIG["panel_icon"]), CONFIG["panel_title"]) == (True, True, "Pico-Qwen")
    assert set(CONFIG["discovery"]) == {SERVICE, MCP_SERVICE}
    assert CONFIG["watchdog"].endswith(":[PORT:8080]/api/v1/health")
    assert CONFIG["init"] is False
    assert CONFIG["ports"] == {"8080/tcp": None}
    assert CONFIG["map"] == ["app_config:rw", "share:ro"]
    # Longer than the server takes to stop at worst (server/run.py), and than the Supervisor's own 10 seconds.
    assert CONFIG["timeout"] > 10


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


@pytest.mark.parametrize(
    "program",
    [
        "/init",
        "/command/with-contenv",
        "/package/admin/s6-overlay-3.2.3.0/libexec/preinit",
        "/package/admin/execline-2.9.7.0/command/execlineb",
        "/run/s6/basedir/scripts/rc.init",
        "/run/s6/basedir/bin/halt",
        "/run/s6-rc:s6-rc-init:aBcDeF/servicedirs/picoqwen/run",
        "/run/service/s6-linux-init-shutdownd/run",
        "/etc/s6-overlay/s6-rc.d/picoqwen/run",
        "/usr/bin/bash",
    ],
)
def test_the_profile_lets_run_what_the_published_base_starts_the_service_with(program: str) -> None:
    # Where s6-overlay 3 has it: https://github.com/just-containers/s6-overlay, layout/rootfs-overlay
    assert any("ix" in rights for rights in _rights("", program))


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/run/service/picoqwen/", "r"),
        ("/run/s6-rc:s6-rc-init:aBcDeF/servicedirs/picoqwen/", "r"),
        ("/data/options.json", "r"),
        ("/data/cache/avx2-1/code.nbi", "w"),
        ("/config/models/.a.gguf.part", "w"),
        ("/config/agents/flows/mine.yaml", "w"),
        ("/share/models/a.gguf", "r"),
        ("/opt/picoqwen/lib/python3.13/site-packages/numpy/_core/_multiarray_umath.so", "m"),
        ("/dev/shm/picoqwen-numba-a/code.nbi", "w"),
        ("/sys/devices/cpu_core/cpus", "r"),
    ],
)
def test_the_profile_of_the_server_lets_it_have_what_it_needs(path: str, right: str) -> None:
    assert any(right in rights for rights in _rights("profile service ", path))


def _rights(begin: str, path: str) -> list[str]:
    """The rights of all rules of a profile for files that match the path; "" begins at the outer profile."""
    text = (ADDON / "apparmor.txt").read_text()
    _, _, profile = text.partition(begin) if begin else ("", "", text.partition("profile service ")[0])
    rules = re.findall(r"^\s+(/\S+) ([a-z]+),$", profile, re.MULTILINE)
    return [rights for pattern, rights in rules if re.fullmatch(_as_expression(pattern), path)]


def _as_expression(pattern: str) -> str:
    """What a pattern of AppArmor's matches."""
    parts = {"**": ".*", "*": "[^/]*", "{": "(", "}": ")", ",": "|"}
    found = re.findall(r"\*\*|\*|[{},]|[^*{},]+", pattern)
    return "".join(parts.get(each, re.escape(each)) for each in found)


def test_what_the_server_may_write_it_may_not_run() -> None:
    service = (ADDON / "apparmor.txt").read_text().partition("profile service ")[2]
    rules = re.findall(r"^\s+(?:owner )?(/\S+|@\S+) ([a-z]+),$", service, re.MULTILINE)

    assert ("/data/**", "rwk") in rules
    for path, rights in rules:
        assert not ("w" in rights and set(rights) & set("mxi")), path
    assert [path for path, rights in rules if "x" in rights] == ["/usr/bin/python3.13"]


def test_the_image_is_pinned_runs_as_its_own_user_and_says_how_it_is() -> None:
    dockerfile = (ADDON / "Dockerfile").read_text()
    final = dockerfile.rpartition("\nFROM ")[2]
    run = (ADDON / "rootfs/etc/s6-overlay/s6-rc.d/picoqwen/run").read_text()

    assert "ARG BASE_TAG=trixie-20" in dockerfile
    assert not re.search(r"pip (install|download)", final)
    assert "HEALTHCHECK" in final
    assert not (ADDON / "build.yaml").exists()
    assert "exec s6-setuidgid picoqwen" in run
