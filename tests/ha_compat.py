"""Early pytest plugin: makes the test plugin written for Home Assistant 2026.10 fit 2026.11 too.

Loaded with `-p tests.ha_compat`, before pytest finds plugins by itself. On 2026.10 it only makes it patient.
"""

# Home Assistant aliases httpx and voluptuous to their successors; nothing may have imported them before.
import homeassistant  # noqa: F401

# isort: split
# These replace functions that other modules of Home Assistant bind when they are imported.
from pytest_homeassistant_custom_component import patch_json, patch_recorder  # noqa: F401

# isort: split
from homeassistant.components import logger
from homeassistant.util import executor

if not hasattr(logger, "_clear_logger_overwrites"):
    # 2026.11 moved this function, which the plugin calls after each test.
    from homeassistant.components.logger import helpers

    logger._clear_logger_overwrites = helpers._clear_logger_overwrites

# By default an idle thread has half a second to end, else it is interrupted and the next waits for ever: too
# little on a busy machine.
executor.EXECUTOR_SHUTDOWN_TIMEOUT = 120
