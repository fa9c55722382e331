"""The server that runs: whether it answers, takes our key, and what it says of itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from picoqwen_core import __version__
from picoqwen_core.doctor.finding import Finding
from picoqwen_core.errors import EngineUnavailable, PicoQwenError, RequestError
from picoqwen_core.terminal import Server

# A server that is well answers in milliseconds.
_PATIENCE_SECONDS = 5.0


def ask_health(url: str) -> Mapping[str, Any] | PicoQwenError:
    """The server's health, or why there is none."""
    try:
        health = Server(url, patience=_PATIENCE_SECONDS).get("/api/v1/health")
    except PicoQwenError as err:
        return err
    except ValueError:
        return RequestError(f"{url} answers, but not as a server of picoqwen")
    if not isinstance(health, dict) or "engines" not in health:
        return RequestError(f"{url} answers, but not as a server of picoqwen")
    return health


def check_running(
    url: str, api_key: str | None, health: Mapping[str, Any] | PicoQwenError, *, named: bool
) -> Iterator[Finding]:
    """health: of ask_health; named: whether somebody asked for this server, which then must be there."""
    if isinstance(health, EngineUnavailable):
        advice = "start it: `picoqwen serve`, or `systemctl start pico-qwen`"
        yield Finding("server", "fail" if named else "warn", f"no server runs at {url}", advice)
        return
    if isinstance(health, PicoQwenError):
        yield Finding("server", "fail", str(health), "name the server's own address with --url")
        return
    yield Finding("server", "ok", f"{url} answers: {health['status']}, version {health['version']}")
    if health["version"] != __version__:
        told = f"version {health['version']} runs, and {__version__} is installed here"
        yield Finding("version", "warn", told, "restart the server")
    yield _key(url, api_key)
    yield from _engines(health)
    if health.get("memory_level"):
        told = f"memory is short, so that the server has taken a step: {health['memory_step']}"
        yield Finding("server's memory", "warn", told, "end something else, or take a smaller model")
    yield from _others(health)


def _key(url: str, api_key: str | None) -> Finding:
    try:
        Server(url, api_key, patience=_PATIENCE_SECONDS).get("/api/v1/status")
    except PicoQwenError as err:
        return Finding("server's key", "fail", str(err), "give the server's key with --api-key")
    return Finding(
        "server's key", "ok", "the server takes the key" if api_key else "the server asks for no key"
    )


def _engines(health: Mapping[str, Any]) -> Iterator[Finding]:
    for engine in health["engines"]:
        name, state, error = engine["model"], engine["state"], engine["error"]
        if state == "failed":
            told = f"model {name} cannot be loaded: {error}"
            yield Finding("server's model", "fail", told, "the server's log says more")
        elif engine["restarts"]:
            told = f"the process of model {name} was started again {engine['restarts']} times"
            yield Finding(
                "server's model", "warn", told, "memory may be too small; the server's log says more"
            )


def _others(health: Mapping[str, Any]) -> Iterator[Finding]:
    for other in (health.get("hybrid") or {}).get("providers", ()):
        if other["condition"] == "unavailable":
            told = f"{other['name']} does not answer"
            yield Finding("other servers", "warn", told, "its address and key stand under upstreams")
