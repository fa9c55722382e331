"""Settings from files, the environment and flags; and what is refused."""

from pathlib import Path

import pytest

from picoqwen_core.config import Settings, load_settings
from picoqwen_core.errors import ConfigError


def test_defaults_serve_the_built_in_model_on_loopback() -> None:
    settings = load_settings(environment={})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.model.name == "pico-home.gguf"


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[server]\nport = 1000\nhost = "0.0.0.0"\nlog_level = "debug"\n')
    settings = load_settings(
        config=config, environment={"PICOQWEN_PORT": "2000", "PICOQWEN_HOST": "::1"}, flags={"port": "3000"}
    )
    assert (settings.port, settings.host, settings.log_level) == (3000, "::1", "debug")


def test_an_apps_options_may_be_empty_or_null(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"api_key": "", "log_level": "warning"}')
    settings = load_settings(options=options, environment={})
    assert settings == Settings(log_level="warning")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PICOQWEN_PORT": "many"}, "port is 'many'"),
        ({"PICOQWEN_PORT": "70000"}, "0 to 65535"),
        ({"PICOQWEN_THREADS": "0"}, "threads"),
        ({"PICOQWEN_LOG_LEVEL": "loud"}, "debug, info"),
        ({"PICOQWEN_COLOUR": "red"}, "unknown option 'colour'"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(environment: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(environment=environment)


@pytest.mark.parametrize("text", ["port = ", "[server]\nprot = 80\n", "[server]\nport = true\n"])
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        load_settings(config=config, environment={})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        load_settings(config=tmp_path / "nothing.toml", environment={})
