"""The server's events as they happen: a WebSocket that is opened again when it breaks, slower each time.

While it is open, the coordinator looks by itself only seldom; while it is not, it looks every half minute, as
with a server that has no events.
"""

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant

from .const import PUSHED_INTERVAL, UPDATE_INTERVAL
from .errors import PicoQwenError, PicoQwenUnsupportedError

if TYPE_CHECKING:
    from .coordinator import PicoQwenCoordinator

_LOGGER = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
# What tells that a look at the server would show something else than before; tokens do not.
_NEWS = ("status", "answer")


async def listen(hass: HomeAssistant, coordinator: "PicoQwenCoordinator") -> None:
    """Until it is cancelled, or the server turns out to have no events."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(coordinator.client.events()) as events:
                async for event in events:
                    pause = FIRST_PAUSE
                    coordinator.update_interval = PUSHED_INTERVAL
                    if event.get("type") in _NEWS:
                        await coordinator.async_request_refresh()
        except PicoQwenUnsupportedError:
            _LOGGER.debug("%s has no events", coordinator.name)
            return
        except PicoQwenError as err:
            _LOGGER.debug("The events of %s broke off: %s", coordinator.name, err)
        finally:
            coordinator.update_interval = UPDATE_INTERVAL
        await coordinator.async_request_refresh()
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
