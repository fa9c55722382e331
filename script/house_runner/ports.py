"""TCP ports on this machine: is one free, which one is."""

import socket

from .errors import HouseError

HOST = "127.0.0.1"


def require_free(port: int, option: str) -> None:
    """Raise HouseError, naming the option that chooses another port, where `port` is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as err:
            raise HouseError(
                f"port {port} cannot be used ({err.strerror}); choose another one with {option}"
            ) from err


def find_free() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
