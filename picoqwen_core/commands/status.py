"""picoqwen status: how a running server is, in a few lines."""

import argparse

HELP = "how a running server is"
_DEFAULT_URL = "http://127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server."""
    parser.add_argument("--url", default=_DEFAULT_URL, help=f"the server ({_DEFAULT_URL})")
    parser.add_argument("--api-key", help="the server's key")


def run(arguments: argparse.Namespace) -> None:
    """Health, memory, and each engine."""
    from picoqwen_core.terminal import Server  # noqa: PLC0415

    server = Server(arguments.url, arguments.api_key)
    health, status = server.get("/api/v1/health"), server.get("/api/v1/status")
    print(f"{health['status']}, version {health['version']}, up {health['uptime_s'] / 3600:.1f} h")
    memory = status["memory"]
    print(
        f"memory: {status['api_rss_mb']:.0f} MB here, {memory['available_mb']} of {memory['total_mb']} MB "
        "of the machine to be had"
    )
    print(f"answers: {status['answers']}, last at {status['tokens_per_second']:g} tokens/s")
    for engine in health["engines"]:
        memory_mb = f", {engine['rss_mb']:.0f} MB" if engine["rss_mb"] else ""
        trouble = f": {engine['error']}" if engine["error"] else ""
        print(f"  {engine['model']:<32} {engine['state']}{memory_mb}{trouble}")
