"""Commands for whoever runs the server: settings with their sources, keys, status."""

import hashlib
import sys

import pytest

from picoqwen_core.__main__ import main


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
