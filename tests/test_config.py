"""Settings from files, the environment and flags; and what is refused."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from picoqwen_core.config import (
    BUILT_IN_MODEL,
    SECTIONS,
    Settings,
    Source,
    load_settings,
    load_with_sources,
    model_files,
    models_folder,
)
from picoqwen_core.errors import ConfigError
from picoqwen_core.mcp_servers import McpServer
from picoqwen_core.upstreams import Upstream


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_serve_the_built_in_model_on_loopback_without_a_key():
    settings = load_settings(environment={})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.api_key) == ("127.0.0.1", 8080, None)
    assert model_files(settings.model) == [BUILT_IN_MODEL]


def test_flags_win_over_environment_over_file(tmp_path: Path):
    config = write(tmp_path / "config.toml", '[server]\nport = 1000\nhost = "0.0.0.0"\nlog_level = "debug"\n')
    settings = load_settings(
        config=config, environment={"PICOQWEN_PORT": "2000", "PICOQWEN_HOST": "::1"}, flags={"port": "3000"}
    )
    assert (settings.port, settings.host, settings.log_level) == (3000, "::1", "debug")


def test_a_flag_that_was_not_given_changes_nothing():
    assert load_settings(environment={"PICOQWEN_PORT": "2000"}, flags={"port": None}).port == 2000


def test_an_apps_options_may_be_empty_or_null(tmp_path: Path):
    text = '{"api_key": "", "model": null, "agent_tools": [], "log_level": "warning"}'
    options = write(tmp_path / "options.json", text)
    assert load_settings(options=options, environment={}) == Settings(log_level="warning")


def test_an_apps_options_may_stand_in_groups(tmp_path: Path):
    text = '{"resources": {"threads": 2, "nice": ""}, "agents": {"agents": true, "mcp": true}, "hybrid": {}}'
    options = write(tmp_path / "options.json", text)
    assert load_settings(options=options, environment={}) == Settings(threads=2, agents=True, mcp=True)


def test_an_option_in_the_wrong_group_is_named(tmp_path: Path):
    options = write(tmp_path / "options.json", '{"hybrid": {"threads": 2}}')
    with pytest.raises(ConfigError, match=r"unknown option 'threads' in \[hybrid\]"):
        load_settings(options=options, environment={})


def test_an_empty_variable_is_none():
    assert load_settings(environment={"PICOQWEN_API_KEY": ""}).api_key is None


def test_variables_of_others_are_left_alone():
    assert load_settings(environment={"PICOQWEN_ISA": "avx2", "PATH": "/bin"}) == Settings()


def test_every_setting_can_stand_in_a_file_and_in_the_environment(tmp_path: Path):
    given = {
        "host": "::1",
        "port": 1,
        "api_key": "k",
        "api_keys": ["panel:" + "0" * 64],
        "api_key_file": "key",
        "ingress_address": "172.30.32.2",
        "announce": False,
        "allowed_origins": ["https://a.example", "http://b.example:81"],
        "max_connections": 7,
        "rate_limit": 60,
        "first_token_timeout": 1.5,
        "idle_timeout": 2,
        "max_body_bytes": 5000,
        "log_level": "error",
        "log_format": "json",
        "model": "m.gguf",
        "models_dir": "models",
        "built_in": False,
        "max_loaded_models": 4,
        "default_quantization": "Q4_K_M",
        "keep_alive": 600,
        "pinned_models": ["a", "b"],
        "hub_url": "http://127.0.0.1:9",
        "hub_token": "t",
        "max_memory_mb": 3000,
        "threads": 3,
        "cpu_target": "generic",
        "nice": 7,
        "kv_cache": "f16",
        "parallel_requests": 2,
        "cache_memory_mb": 300,
        "cache_file_mb": 100,
        "speculation": False,
        "draft_model": "d.gguf",
        "max_context_length": 100,
        "cache_dir": "c",
        "routing": "fastest",
        "privacy": "everything",
        "budget_per_day": 0.5,
        "budget_per_month": 5,
        "budget_file": "b.db",
        "health_check_interval": 30,
        "hedge": "always",
        "mcp": True,
        "agents": True,
        "agent_tools": ["calculator", "notes"],
        "web_search_engine": "searxng",
        "searxng_url": "http://127.0.0.1:9",
        "allowed_hosts": ["wiki.lan:80"],
        "agents_dir": "a",
        "flows_dir": "f",
    }
    upstream = {"name": "shed", "base_url": "http://shed:8000/v1", "model": "m", "trusted": True}
    as_toml = ", ".join(f"{key} = {json.dumps(value)}" for key, value in upstream.items())
    tools = {"name": "house", "url": "http://house/mcp", "timeout": 9.0}
    tools_toml = ", ".join(f"{key} = {json.dumps(value)}" for key, value in tools.items())
    given_as_toml = {"upstreams": f"[{{{as_toml}}}]", "mcp_servers": f"[{{{tools_toml}}}]"}
    lines = [
        f"[{section}]\n"
        + "".join(f"{key} = {given_as_toml.get(key) or json.dumps(given[key])}\n" for key in keys)
        for section, keys in SECTIONS.items()
    ]
    config = write(tmp_path / "config.toml", "".join(lines))
    environment = {
        f"PICOQWEN_{key.upper()}": ",".join(value) if isinstance(value, list) else str(value)
        for key, value in given.items()
    } | {"PICOQWEN_UPSTREAMS": json.dumps([upstream]), "PICOQWEN_MCP_SERVERS": json.dumps([tools])}

    from_file = load_settings(config=config, environment={})

    assert from_file == load_settings(environment=environment)
    assert {*given, *given_as_toml} == {field.name for field in fields(Settings)}
    assert from_file.upstreams == (Upstream(**upstream),)
    assert from_file.mcp_servers == (McpServer(**tools),)
    assert (from_file.model, from_file.cache_dir) == (Path("m.gguf"), Path("c"))


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PICOQWEN_PORT": "many"}, "the environment: port is 'many'; allowed: a whole number"),
        ({"PICOQWEN_PORT": "70000"}, "port is 70000; allowed: 0 to 65535"),
        ({"PICOQWEN_THREADS": "0"}, "threads is 0; allowed: 1 or more"),
        ({"PICOQWEN_THREADS": "1.5"}, "threads is '1.5'; allowed: a whole number"),
        ({"PICOQWEN_MAX_CONTEXT_LENGTH": "8"}, "max_context_length is 8; allowed: 64 or more"),
        ({"PICOQWEN_NICE": "20"}, "nice is 20; allowed: 0 to 19"),
        ({"PICOQWEN_CPU_TARGET": "z80"}, "cpu_target is 'z80'; allowed: auto, intel_n100, raspberry_pi_4"),
        ({"PICOQWEN_KV_CACHE": "q4"}, "kv_cache is 'q4'; allowed: auto, k8v4, int8, f16, f32"),
        ({"PICOQWEN_PARALLEL_REQUESTS": "9"}, "parallel_requests is 9; allowed: 1 to 8"),
        ({"PICOQWEN_CACHE_MEMORY_MB": "0"}, "cache_memory_mb is 0; allowed: 1 or more"),
        ({"PICOQWEN_CACHE_FILE_MB": "-1"}, "cache_file_mb is -1; allowed: 0 or more"),
        ({"PICOQWEN_IDLE_TIMEOUT": "nan"}, "idle_timeout is nan; allowed: more than 0 seconds"),
        ({"PICOQWEN_FIRST_TOKEN_TIMEOUT": "-1"}, "first_token_timeout is -1.0"),
        ({"PICOQWEN_MAX_BODY_BYTES": "10"}, "max_body_bytes is 10; allowed: 1024 or more"),
        ({"PICOQWEN_LOG_LEVEL": "loud"}, "log_level is 'loud'; allowed: debug, info, warning, error"),
        ({"PICOQWEN_HOST": " "}, "host is ' '; allowed: text that is not empty"),
        ({"PICOQWEN_BUILT_IN": "maybe"}, "built_in is 'maybe'; allowed: true or false"),
        (
            {"PICOQWEN_ALLOWED_ORIGINS": "evil.example"},
            "allowed_origins is 'evil.example'; allowed: https://",
        ),
        ({"PICOQWEN_API_KEYS": "panel:secret"}, "api_keys is (hidden); allowed: a list of NAME:SHA256"),
        ({"PICOQWEN_KEEP_ALIVE": "-1"}, "keep_alive is -1.0; allowed: 0 seconds or more"),
        ({"PICOQWEN_HUB_URL": "ftp://x"}, "hub_url is 'ftp://x'; allowed: http://... or https://..."),
        ({"PICOQWEN_MAX_MEMORY_MB": "1"}, "max_memory_mb is 1; allowed: 64 or more"),
        ({"PICOQWEN_COLOUR": "red"}, "unknown option 'colour'; known: host, port"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(environment, told):
    with pytest.raises(ConfigError) as raised:
        load_settings(environment=environment)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = ", "cannot be read"),
        ("port = 80\n", "unknown section or key 'port'; known sections: [server], [models], [resources]"),
        ("[sever]\nport = 80\n", "unknown section or key 'sever'"),
        ("[server]\nprot = 80\n", "unknown option 'prot' in [server]; known: host, port"),
        ("[server]\nthreads = 8\n", "unknown option 'threads' in [server]"),
        ("[server]\nport = true\n", "port is True; allowed: a whole number"),
        ("[server]\nport = 80.5\n", "port is 80.5; allowed: a whole number"),
        ("[server]\nhost = 80\n", "host is 80; allowed: text that is not empty"),
        ("[server]\nidle_timeout = []\n", "idle_timeout is []; allowed: a number of seconds"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text, told):
    config = write(tmp_path / "config.toml", text)
    with pytest.raises(ConfigError) as raised:
        load_settings(config=config, environment={})
    assert str(raised.value).startswith(str(config))
    assert told in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"colour": 1}'])
def test_bad_options_are_named(tmp_path: Path, text):
    options = write(tmp_path / "options.json", text)
    with pytest.raises(ConfigError, match=r"options\.json"):
        load_settings(options=options, environment={})


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot be read"):
        load_settings(config=tmp_path / "nothing.toml", environment={})


def test_the_key_is_never_shown(tmp_path: Path):
    config = write(tmp_path / "config.toml", "[server]\napi_key = 12345\n")
    with pytest.raises(ConfigError) as raised:
        load_settings(config=config, environment={})
    assert "12345" not in str(raised.value)
    assert "s3cret" not in repr(Settings(api_key="s3cret"))


def test_a_folder_of_models_is_read_by_name(tmp_path: Path):
    for name in ("b.gguf", "a.gguf", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.gguf").mkdir()
    assert [path.name for path in model_files(tmp_path)] == ["a.gguf", "b.gguf"]


def test_a_model_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"model is .*; allowed: .* a folder with at least one"):
        model_files(tmp_path)
    with pytest.raises(ConfigError, match=r"model is '.*nothing\.gguf'; allowed: a model that exists"):
        model_files(tmp_path / "nothing.gguf")


def test_a_file_may_use_the_words_of_other_servers(tmp_path: Path):
    text = '[server]\nbind_address = "[::1]:9000"\nrequest_timeout = 30\n[models]\ndirectory = "/models"\n'
    settings = load_settings(config=write(tmp_path / "config.toml", text), environment={})
    assert (settings.host, settings.port, settings.idle_timeout) == ("::1", 9000, 30)
    assert settings.models_dir == Path("/models")


def test_an_address_without_a_port_is_named(tmp_path: Path):
    config = write(tmp_path / "config.toml", '[server]\nbind_address = "here"\n')
    with pytest.raises(ConfigError, match="bind_address is 'here'; allowed: HOST:PORT"):
        load_settings(config=config, environment={})


def test_each_setting_remembers_what_set_it(tmp_path: Path):
    config = write(tmp_path / "config.toml", '[server]\nport = 1000\nhost = "::1"\n')
    environment = {"PICOQWEN_PORT": "2000"}
    _, sources = load_with_sources(Source(config, flags={"log_level": "debug"}), environment)
    assert sources == {"port": "the environment", "host": str(config), "log_level": "flags"}


def test_models_are_installed_in_the_users_data_folder_unless_told():
    assert models_folder(Settings(), {"XDG_DATA_HOME": "/data"}) == Path("/data/picoqwen/models")
    assert models_folder(Settings(models_dir=Path("/m")), {}) == Path("/m")
