"""Constants of the Pico-Qwen integration."""

from datetime import timedelta

DOMAIN = "picoqwen"
MANUFACTURER = "Pico-Qwen"

CONF_ENABLE_THINKING = "enable_thinking"
CONF_MAX_HISTORY = "max_history"
CONF_MAX_TOKENS = "max_tokens"
CONF_TEMPERATURE = "temperature"

# The model that every server has. It decides what is to be done in a home, and writes no texts.
BUILT_IN_MODEL = "pico-home"

DEFAULT_AI_TASK_NAME = "Pico-Qwen AI Task"
DEFAULT_CONVERSATION_NAME = "Pico-Qwen"
DEFAULT_MAX_HISTORY = 20
DEFAULT_PORT = 8080

SUBENTRY_AI_TASK = "ai_task_data"
SUBENTRY_CONVERSATION = "conversation"

# What an integration of this version needs of a server.
MIN_SERVER_VERSION = "0.1.0"
UPDATE_INTERVAL = timedelta(seconds=30)
