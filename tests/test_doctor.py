"""picoqwen doctor: each thing that can be wrong is found, told in plain words, and has an advice."""

import asyncio
import json
import socket
import sys
from types import SimpleNamespace

import pytest

from picoqwen_core.__main__ import main, make_parser
from picoqwen_core.commands.doctor import look
from picoqwen_core.config import Settings
from picoqwen_core.doctor.access import check_access
from picoqwen_core.doctor.files import check_files
from picoqwen_core.doctor.machine import check_machine
from picoqwen_core.doctor.running import ask_health, check_running
from picoqwen_core.errors import BusyError
from tests.server.conftest import END, FakeProvider, serving
from tests.tiny import write_tiny

NOW = 1_795_000_000.0
ROOM = 5_000_000_000


@pytest.fixture(autouse=True)
def on_a_disk_with_room(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=ROOM))


@pytest.fixture
def settings(tmp_path):
    def make(**more) -> Settings:
        folders = {"models_dir": tmp_path / "models", "cache_dir": tmp_path / "cache"}
        return Settings(**{"port": 0} | folders | more)

    return make


@pytest.fixture
def machine(tmp_path):
    """A machine with this much memory, whose control group allows what `limit` says."""

    def make(total_mb=8000, available_mb=4000, limit_mb=None, kills=0, stalled=0.0, flags="avx2 fma f16c"):
        root = tmp_path / "machine"
        group = root / "sys/fs/cgroup"
        group.mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text("0::/\n")
        told = {"MemTotal": total_mb, "MemAvailable": available_mb}
        lines = (f"{name}: {mb * 1000 * 1000 // 1024} kB\n" for name, mb in told.items())
        (root / "proc/meminfo").write_text("".join(lines))
        (root / "proc/cpuinfo").write_text(
            f"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Box\nflags\t\t: {flags}\n"
        )
        if limit_mb is not None:
            (group / "memory.max").write_text(str(limit_mb * 1_000_000))
        (group / "memory.current").write_text("0")
        (group / "memory.events").write_text(f"oom_kill {kills}\n")
        (group / "memory.pressure").write_text(f"full avg10={stalled:.2f} avg60=0.00 avg300=0.00 total=0\n")
        return root

    return make


def wrong(found):
    """What is not well, by check."""
    bad = {each.check: each for each in found if each.state != "ok"}
    assert all(each.told and each.advice for each in bad.values())
    return bad


def test_nothing_is_wrong_with_a_sound_set_up(settings, machine, monkeypatch, capsys, tmp_path):
    root = machine()
    for check in (check_files(settings()), check_machine(settings(), root, lambda: NOW)):
        assert not wrong(check)
    assert not wrong(check_access(settings(), served=False))

    for name, value in (("PORT", "0"), ("MODELS_DIR", str(tmp_path)), ("CACHE_DIR", str(tmp_path / "c"))):
        monkeypatch.setenv(f"PICOQWEN_{name}", value)
    monkeypatch.setattr(sys, "argv", ["picoqwen", "doctor"])
    main()
    assert "ok    models folder: " in capsys.readouterr().out


def test_wrong_settings_are_named_and_the_rest_is_looked_at_all_the_same(monkeypatch, capsys, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[server]\nprot = 8080\n")
    monkeypatch.setattr(sys, "argv", ["picoqwen", "doctor", "--config", str(config), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()

    told = json.loads(capsys.readouterr().out)
    first = told["checks"][0]
    assert (ended.value.code, told["ok"], first["state"]) == (1, False, "fail")
    assert "prot" in first["told"]
    assert {"model", "memory", "clock"} <= {each["check"] for each in told["checks"]}


def test_models_that_are_missing_damaged_or_unfinished_are_told(settings, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "broken.gguf").write_bytes(b"GGUF but not really")
    (models / "half.gguf.part").write_bytes(b"half")
    write_tiny(models / "sound.gguf")
    found = list(check_files(settings(model=tmp_path / "none.gguf")))

    states = [(each.state, each.told) for each in found if each.check in ("model", "download")]
    assert [state for state, _ in states] == ["fail", "ok", "fail", "ok", "warn"]
    for word, (_, told) in zip(("none", "pico-home", "broken", "sound", "half"), states, strict=True):
        assert word in told


def test_folders_that_cannot_be_written_or_are_full_are_told(settings, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    bad = wrong(check_files(settings(models_dir=tmp_path / "file" / "models")))
    assert (bad["models folder"].state, "set models_dir" in bad["models folder"].advice) == ("fail", True)

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=300_000_000))
    bad = wrong(check_files(settings()))
    assert {name: each.state for name, each in bad.items()} == {
        "models folder": "warn",
        "cache folder": "warn",
    }
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    assert wrong(check_files(settings()))["cache folder"].state == "fail"


@pytest.mark.parametrize(
    ("how", "check", "state", "word"),
    [
        ({"limit_mb": 200}, "memory", "fail", "a control group allows 200 MB"),
        ({"total_mb": 200, "available_mb": 150}, "memory", "fail", "the machine has 200 MB"),
        ({"available_mb": 100}, "memory", "warn", "100 MB can be had"),
        ({"stalled": 40.0}, "memory pressure", "warn", "40%"),
        ({"kills": 3}, "memory kills", "warn", "3 processes"),
        ({"flags": "sse2"}, "processor", "warn", "generic"),
    ],
)
def test_a_machine_that_is_too_small_is_told(settings, machine, how, check, state, word):
    bad = wrong(check_machine(settings(), machine(**how), lambda: NOW))
    assert bad[check].state == state
    assert word in bad[check].told


@pytest.mark.parametrize(
    ("wish", "check"),
    [
        ({"threads": 64}, "threads"),
        ({"cpu_target": "raspberry_pi_5"}, "processor"),
        ({"max_memory_mb": 256}, "max_memory_mb"),
    ],
)
def test_wishes_that_the_machine_cannot_meet_are_told(settings, machine, wish, check):
    assert check in wrong(check_machine(settings(**wish), machine(), lambda: NOW))


@pytest.mark.parametrize("now", [0.0, 1e10])
def test_a_clock_that_cannot_be_right_is_told(settings, machine, now):
    assert wrong(check_machine(settings(), machine(), lambda: now))["clock"].state == "fail"


def test_an_address_that_is_taken_and_keys_that_are_none_are_told(settings, tmp_path):
    key_file = tmp_path / "key"
    key_file.touch(mode=0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bad = wrong(check_access(settings(port=port), served=False))
        assert bad["address"].state == "fail"
        assert not wrong(check_access(settings(port=port), served=True))

    bad = wrong(check_access(settings(host="0.0.0.0", allowed_origins=("*",)), served=False))
    assert {name: each.state for name, each in bad.items()} == {"key": "fail", "origins": "fail"}
    keys = {
        "api_key": "short",
        "api_keys": ("panel:" + "0" * 64, "panel:" + "1" * 64),
        "api_key_file": key_file,
    }
    bad = wrong(check_access(settings(**keys), served=False))
    assert set(bad) == {"key length", "key names", "key file"}


async def asked(url, key=None, *, named=True):
    health = await asyncio.to_thread(ask_health, url)
    return wrong(await asyncio.to_thread(lambda: list(check_running(url, key, health, named=named))))


async def test_a_server_that_is_well_takes_its_key_and_no_other():
    async with serving(FakeProvider(END), api_key="secret") as url:
        assert not await asked(url, "secret")
        assert (await asked(url, "wrong"))["server's key"].state == "fail"


@pytest.mark.parametrize(("named", "state"), [(True, "fail"), (False, "warn")])
async def test_a_server_that_does_not_run_is_told(named, state):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert (await asked(f"http://127.0.0.1:{port}", named=named))["server"].state == state


def test_what_a_server_says_of_itself_is_told():
    engine = {"model": "big", "state": "ready", "error": None, "restarts": 0}
    health = {
        "status": "degraded",
        "version": "0.0.1",
        "memory_level": 2,
        "memory_step": "shorter contexts",
        "engines": [
            {**engine, "state": "failed", "error": "no such file"},
            {**engine, "restarts": 4},
        ],
        "hybrid": {"providers": [{"name": "cloud", "condition": "unavailable"}]},
    }
    url = "http://127.0.0.1:1"
    found = list(check_running(url, None, health, named=True))
    told = " ".join(each.told for each in found if each.state != "ok")
    for word in ("version 0.0.1 runs", "no such file", "started again 4 times", "shorter contexts", "cloud"):
        assert word in told
    (busy,) = check_running(url, None, BusyError("full"), named=True)
    assert busy.state == "fail"


def test_another_program_at_the_address_is_told():
    arguments = make_parser().parse_args(["doctor", "--url", "ftp://nowhere"])
    found = {each.check: each for each in look(arguments)}
    assert found["server"].state == "fail"
    assert "ftp://nowhere" in found["server"].told
