"""Commands for whoever runs the server: settings with their sources, keys, status."""

import hashlib
import socket
import sys
from types import SimpleNamespace

import pytest

from picoqwen_core.__main__ import main
from picoqwen_core.commands.doctor import look
from picoqwen_core.config import Settings


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["picoqwen", *arguments])
        main()
        return capsys.readouterr().out

    return run


def test_every_setting_is_printed_with_what_set_it(command, monkeypatch, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[server]\nhost = "::1"\napi_key = "hush"\n')
    monkeypatch.setenv("PICOQWEN_PORT", "9000")

    lines = command("config", "--config", str(config)).splitlines()
    values = {line.split()[0]: line.split()[1:] for line in lines}

    assert values["host"] == ["::1", str(config)]
    assert values["port"] == ["9000", "the", "environment"]
    assert values["idle_timeout"] == ["60.0", "default"]
    assert values["api_key"] == ["(hidden)", str(config)]
    assert "hush" not in str(lines)


def test_a_key_comes_with_the_hash_that_lets_it_in(command):
    key, line = (each.split()[1] for each in command("key", "panel").splitlines())
    assert line == f"panel:{hashlib.sha256(key.encode()).hexdigest()}"
    assert len(key) > 40


def test_a_key_needs_a_plain_name(command):
    with pytest.raises(SystemExit, match="name is 'a b'; allowed"):
        command("key", "a b")


def test_the_doctor_finds_nothing_wrong_with_a_sound_set_up(command, monkeypatch, tmp_path):
    monkeypatch.setenv("PICOQWEN_PORT", "0")
    monkeypatch.setenv("PICOQWEN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5_000_000_000))

    told = command("doctor")

    assert all(line.startswith("ok") for line in told.splitlines())
    assert "has 5.0 GB free for models" in told


def test_the_doctor_says_what_is_wrong_and_what_to_do(monkeypatch, tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    (tmp_path / "file").touch()
    settings = Settings(
        host="0.0.0.0",
        port=taken.getsockname()[1],
        model=tmp_path / "none.gguf",
        models_dir=tmp_path / "file" / "models",
    )
    with taken:
        found = [f"{told}; {advice}" for told, advice in look(settings) if advice]

    assert len(found) == 4
    assert "set model to a file that exists" in found[0]
    assert "set models_dir to a folder" in found[1]
    assert "another server may run there" in found[2]
    assert "without a key; set api_key" in found[3]
