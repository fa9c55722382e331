"""The vocabulary that the API, the providers and the engine share; plain data, no behaviour.

Everything here crosses the process boundary as JSON, so fields are strings, numbers, tuples and
dataclasses of these. Untrusted input is validated where it enters (server/), not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
# Who is served first: someone who has spoken and listens, someone who reads, nobody in particular.
Priority = Literal["voice", "chat", "background"]
# Why a request is left to a larger model although it does not control the home.
NOT_ABOUT_HOME, NO_HOME_SENT = "it is not about the home", "no home was sent with it"
FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool; `arguments` is the decoded JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation; `tool_call_id` and `name` belong to role `tool`."""

    role: Role
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool of the caller: `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is drawn from the logits; temperature 0 takes the most likely token."""

    temperature: float = 0.7
    top_k: int = 20
    top_p: float = 0.8
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class HomeArea:
    """A room or zone of the home; `floor` is the id of a HomeFloor."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    floor: str | None = None


@dataclass(frozen=True, slots=True)
class HomeFloor:
    """A floor of the home."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HomeEntity:
    """An exposed entity as it is now; `area` is the id of a HomeArea, `id` the entity_id."""

    id: str
    name: str
    state: str
    domain: str
    aliases: tuple[str, ...] = ()
    area: str | None = None
    device_class: str | None = None
    unit: str | None = None
    # brightness (0-100), temperature, current_temperature, percentage, current_position,
    # volume_level (0-100), and the like: only what a question or a relative change needs.
    attributes: Mapping[str, Any] = field(default_factory=dict)
    # What it can be asked for: brightness, color, color_temperature, position, speed, stop; None if unknown.
    features: tuple[str, ...] | None = None
    # The names of its modes, by what they are modes of: fan, hvac, mode, preset.
    modes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HomeContext:
    """The home as one conversation sees it: exposed entities only, and where the speaker is."""

    entities: tuple[HomeEntity, ...] = ()
    areas: tuple[HomeArea, ...] = ()
    floors: tuple[HomeFloor, ...] = ()
    area: str | None = None
    language: str = "en"
    # Local time of the home, ISO 8601, for "what time is it".
    now: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What an answer must be, from its first character to its last."""

    type: Literal["json", "regex", "grammar", "choice"]
    # The field of the request that asks for it, for messages.
    source: str = "response_format"
    # For json; an empty schema allows any value.
    schema: Mapping[str, Any] = field(default_factory=dict)
    # For regex (Rust's syntax, without look-around) and grammar (Lark).
    text: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued; `thinking` None leaves the choice to the model's template."""

    messages: tuple[Message, ...]
    model: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    thinking: bool | None = None
    home: HomeContext | None = None
    # auto, none, required, or the name of the tool that must be called.
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    response_format: ResponseFormat | None = None
    # Whether names, areas and floors in calls of Home Assistant's tools must be those of `home`.
    home_names_only: bool = True
    priority: Priority = "chat"
    # How to choose who answers (upstreams.STRATEGIES); None leaves it to the settings.
    routing: str | None = None
    # Whether the last message is the assistant's, to be gone on with from its last character.
    continues: bool = False
    # Tokens after which a thought is ended; None lets it go on.
    thinking_budget: int | None = None
    # How many alternatives to tell with each token's probability; None tells neither.
    logprobs: int | None = None
    # Whether it is a GenerateRequest: one message of plain text, to be gone on with (raw_text.py).
    raw: bool = False


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Raw text to be continued, with no chat template."""

    prompt: str
    model: str | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None
    priority: Priority = "chat"
    # As in ChatRequest.
    logprobs: int | None = None
    routing: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """How likely is each of these answers to a conversation, by the model's own probabilities?"""

    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Truncated:
    """What of a conversation was left out because the context has no room: whole turns, the oldest first."""

    messages: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request; cached tokens are the part of the prompt that was not read again."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    truncated: Truncated | None = None


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token as text and bytes, and the natural logarithm of its probability."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of an answer, and the likeliest in its place, itself among them or not."""

    chosen: TokenChoice
    top: tuple[TokenChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class Primed:
    """What came of reading a prompt ahead: "skipped" where the model has no use for it."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    state: Literal["ready", "cancelled", "skipped"] = "ready"


type Rung = Literal["rules", "built_in", "local", "cloud"]
RUNGS: tuple[Rung, ...] = ("rules", "built_in", "local", "cloud")


@dataclass(frozen=True, slots=True)
class Served:
    """Who answered and what it cost, in dollars; `notes` say why it was not the one that was meant."""

    provider: str
    model: str
    cost: float = 0.0
    notes: tuple[str, ...] = ()
    # Which rung of the ladder answered, and why that one; empty where nobody was chosen.
    rung: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of an answer. The last one carries `finish_reason` and `usage`, the first `truncated`.

    logprobs belong to the content; mean_logprob is that of a call's drawn tokens.
    """

    content: str = ""
    reasoning: str = ""
    tool_call: ToolCall | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    served: Served | None = None
    truncated: Truncated | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    mean_logprob: float | None = None
    # Why the built-in model leaves the request to a larger one; comes before anything that is said.
    escalation: str = ""
    # Why rules answered and no model was asked; on the last delta.
    rule: str = ""
    # What an agent of the server does meanwhile.
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model: `parameters` counts weights, `quantization` names the most common block format."""

    id: str
    path: str
    architecture: str
    parameters: int
    size_bytes: int
    quantization: str
    context_length: int
    built_in: bool


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that can be asked for; `info` is known once it has been loaded."""

    id: str
    size_bytes: int
    loaded: bool
    info: ModelInfo | None = None


@dataclass(frozen=True, slots=True)
class TokenizeRequest:
    """What to count: raw text, or a conversation as the model's template writes it."""

    text: str = ""
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids, and the text that each stands for; a piece may be half a character."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DetokenizeRequest:
    """Token ids to be written as text."""

    tokens: tuple[int, ...]
    model: str | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine has done since it started, in tokens, and what is waiting for it now.

    context_limit: tokens that a new request may take; memory_step: providers/shortage.py.
    """

    active: bool
    queued: int
    prefilled_tokens: int
    decoded_tokens: int
    cached_tokens: int
    rss_bytes: int
    guessed_tokens: int = 0
    right_guesses: int = 0
    context_limit: int = 0
    memory_step: int = 0
