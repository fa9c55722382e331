"""Telling the network that a server is here (DNS-SD over multicast DNS), so that Home Assistant finds it.

An app is announced by its Supervisor instead (supervisor.py), and a server that listens to this machine alone
not at all. The package `zeroconf` does the work; without it a server is entered by hand.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from picoqwen_core import __version__
from picoqwen_core.config import Settings, supervisor_token

if TYPE_CHECKING:
    from zeroconf import ServiceInfo

_LOGGER = logging.getLogger(__name__)
SERVICE_TYPE = "_picoqwen._tcp.local."
# Reserved for documentation (RFC 5737): the way there is the way out, and finding it sends nothing.
_ELSEWHERE = ("192.0.2.1", 9)


async def announce_server(settings: Settings, port: int, *, interfaces: Sequence[str] | None = None) -> None:
    """Announce until cancelled, and take it back then. interfaces: where to speak; None is everywhere."""
    if not settings.announce or supervisor_token() is not None or not addresses_of(settings.host):
        return
    try:
        from zeroconf import Error, InterfaceChoice  # noqa: PLC0415 - optional
        from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415 - optional
    except ImportError:
        _LOGGER.info(
            "The network is not told of this server: install picoqwen[announce], or set announce = false"
        )
        return
    try:
        zeroconf = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
    except OSError as err:
        _LOGGER.warning("The network cannot be told of this server: %s", err)
        return
    try:
        told = addresses_of(settings.host)
        info = service_info(settings, port, told)
        await (await zeroconf.async_register_service(info, allow_name_change=True))
        _LOGGER.info("Announced as %s at %s", info.name, ", ".join(told))
        # A task that is cancelled takes it back; an address that changes is told at the next start.
        await asyncio.Event().wait()
    except Error as err:
        _LOGGER.warning("The network could not be told of this server: %s", err)
    finally:
        # Says good-bye, too.
        await zeroconf.async_close()


def service_info(settings: Settings, port: int, addresses: Sequence[str]) -> "ServiceInfo":
    """What is announced: where the server is, its version, and whether it asks for a key."""
    from zeroconf import ServiceInfo  # noqa: PLC0415 - optional

    host = socket.gethostname().partition(".")[0] or "picoqwen"
    asks = settings.api_key is not None or bool(settings.api_keys)
    return ServiceInfo(
        SERVICE_TYPE,
        # A label of DNS holds 63 bytes.
        f"{f'Pico-Qwen on {host}'[:63]}.{SERVICE_TYPE}",
        parsed_addresses=list(addresses),
        port=port,
        properties={"version": __version__, "key": "yes" if asks else "no"},
        server=f"{host[:63]}.local.",
    )


def addresses_of(host: str) -> list[str]:
    """Where others reach a server that listens on the address; none where only this machine does."""
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        # A name: "localhost", or one that its owner can tell others.
        return []
    if given.is_loopback:
        return []
    return _own_addresses() if given.is_unspecified else [str(given)]


def _own_addresses() -> list[str]:
    """The address of the way out; where there is none, every IPv4 address that others may know."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(_ELSEWHERE)
            return [str(out.getsockname()[0])]
    except OSError:
        pass
    found = [
        each.address
        for of_interface in psutil.net_if_addrs().values()
        for each in of_interface
        if each.family is socket.AF_INET
    ]
    return sorted(each for each in found if not ipaddress.ip_address(each).is_loopback)
