"""Telling systemd that the server is ready, alive, reading its settings again, or stopping.

The protocol is a datagram of KEY=value lines: https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

import asyncio
import logging
import socket
import time

from picoqwen_core.config import watchdog_address

_LOGGER = logging.getLogger(__name__)


def notify(*lines: str) -> None:
    """Send a state; nothing happens where systemd does not listen."""
    address, _ = watchdog_address()
    if address is None:
        return
    # A name that begins with @ lies in the abstract namespace.
    place = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto("\n".join(lines).encode(), place)
    except OSError as err:
        _LOGGER.warning("systemd cannot be told: %s", err)


def reloading() -> None:
    """Say that settings are being read; READY=1 follows."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


async def watchdog() -> None:
    """Say that the event loop turns, twice in the time that systemd allows; for ever."""
    _, seconds = watchdog_address()
    while seconds is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(seconds / 2)
