"""Other servers that may answer: what the settings say of each; how one is talked to stands in providers/."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from picoqwen_core.named_list import parse_list, require_known, require_type, who, wrong
from picoqwen_core.prices import FREE, Price, price_of

STRATEGIES = ("local_first", "cloud_first", "cheapest", "fastest", "by_rung")
# When a second one is asked beside a slow one: where that is degraded only, for any, or never (hedge.py).
HEDGES = ("degraded", "always", "off")
KINDS = ("openai", "anthropic")
PRIVACY = ("nothing", "no_home", "pseudonyms", "everything")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
# Every failure is followed by another try, all of which shall fit into the 5 seconds that somebody listens.
_TIMEOUT = 4.0
_OPTION = "upstreams"
# Types of fields that are no texts.
_TYPES: Mapping[str, type] = {
    "timeout": float,
    "input_price": float,
    "output_price": float,
    "trusted": bool,
    "continues": bool,
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that speaks OpenAI's format, or Anthropic's.

    kind: which of them; base_url: up to and with /v1; timeout: seconds without a sign of life after which it
    is given up; trusted: whether it is one of the household's own, to which privacy and prices do not apply;
    input_price, output_price: dollars for a million tokens, None for the default of the model; continues:
    whether it goes on with an answer of which it is given the beginning, None where it is not known.
    """

    name: str
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = _TIMEOUT
    trusted: bool = False
    input_price: float | None = None
    output_price: float | None = None
    kind: str = "openai"
    continues: bool | None = None

    def __post_init__(self) -> None:
        self._require(bool(_NAME.match(self.name)), "name", "1 to 32 of a-z, 0-9, _ and -, a letter first")
        self._require(self.name != "local", "name", 'another one; "local" is this machine')
        web = self.base_url.startswith(("http://", "https://"))
        self._require(web, "base_url", "http://HOST:PORT/v1 or https://HOST/v1")
        self._require(bool(self.model.strip()), "model", "the model's name at the upstream")
        self._require(0 < self.timeout < math.inf, "timeout", "more than 0 seconds")
        self._require(self.kind in KINDS, "kind", ", ".join(KINDS))
        for name in ("input_price", "output_price"):
            price = getattr(self, name)
            self._require(price is None or 0 <= price < math.inf, name, "0 or more")

    @property
    def model_id(self) -> str:
        """What a request names to be answered by it."""
        return f"{self.name}/{self.model}"

    @property
    def can_continue(self) -> bool:
        """Whether it is asked to go on with an answer that broke off.

        llama.cpp's server, vLLM and ours do; services refuse it, or begin anew.
        """
        return (self.trusted and self.kind == "openai") if self.continues is None else self.continues

    @property
    def price(self) -> Price | None:
        """What a million tokens cost; None where nobody knows."""
        known = FREE if self.trusted else price_of(self.model)
        read, written = self.input_price, self.output_price
        if read is not None and written is not None:
            return Price(read, written)
        if known is None or (read is None and written is None):
            return known
        return Price(known.read if read is None else read, known.written if written is None else written)

    def _require(self, allowed: bool, name: str, range_: str) -> None:
        if not allowed:
            raise wrong(_OPTION, self.name, f"{name} is {getattr(self, name)!r}; allowed: {range_}")


def parse_upstreams(value: Any) -> tuple[Upstream, ...]:
    """A list of objects, or that as JSON text. Raises ConfigError, or ValueError for what is no list."""
    return parse_list(_OPTION, value, _upstream)


def _upstream(given: Mapping[str, Any]) -> Upstream:
    require_known(_OPTION, given, (each.name for each in fields(Upstream)))
    for key in given:
        require_type(_OPTION, given, key, _TYPES.get(key, str))
    missing = [key for key in ("name", "base_url", "model") if key not in given]
    if missing:
        raise wrong(_OPTION, who(given), f"{missing[0]} is missing")
    return Upstream(**given)
