"""Constants of the Pico-Qwen integration."""

DOMAIN = "picoqwen"

CONF_MAX_HISTORY = "max_history"

DEFAULT_CONVERSATION_NAME = "Pico-Qwen"
DEFAULT_MAX_HISTORY = 20
SUBENTRY_CONVERSATION = "conversation"
