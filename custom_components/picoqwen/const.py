"""Constants of the Pico-Qwen integration."""

from datetime import timedelta

DOMAIN = "picoqwen"
MANUFACTURER = "Pico-Qwen"

CONF_ASK_ENTITIES = "ask_entities"
CONF_ASK_SECONDS = "ask_seconds"
CONF_ASK_SERVICES = "ask_services"
CONF_ENABLE_THINKING = "enable_thinking"
CONF_MAX_HISTORY = "max_history"
CONF_MAX_TOKENS = "max_tokens"
CONF_ROUTING = "routing"
CONF_SERVICES = "services"
CONF_TEMPERATURE = "temperature"

# The model that every server has. It decides what is to be done in a home, and writes no texts.
BUILT_IN_MODEL = "pico-home"

DEFAULT_ACTIONS_NAME = "Pico-Qwen actions"
DEFAULT_AI_TASK_NAME = "Pico-Qwen AI Task"
DEFAULT_ASK_SECONDS = 60
DEFAULT_CONVERSATION_NAME = "Pico-Qwen"
DEFAULT_MAX_HISTORY = 20
DEFAULT_PORT = 8080

# Where an answer may come from; what is not set is the server's choice.
ROUTINGS = ("local_only", "local_first", "cloud_first")

SUBENTRY_ACTIONS = "actions"
SUBENTRY_AI_TASK = "ai_task_data"
SUBENTRY_CONVERSATION = "conversation"

# What an integration of this version needs of a server.
MIN_SERVER_VERSION = "0.1.0"
UPDATE_INTERVAL = timedelta(seconds=30)
# While the server tells by itself what changes.
PUSHED_INTERVAL = timedelta(minutes=5)
