"""What known models cost: the defaults of the price table, which the options of an upstream win over."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Providers change their prices without asking anybody: compare with the bill, and set the upstream's own
# where they differ. The oldest of the dates below.
PRICES_AS_OF = "2025-08-07"
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens that are read and written."""

    read: float
    written: float
    # The day on which it was known; empty for one's own.
    as_of: str = ""

    def nanos(self, read: int, written: int) -> int:
        """What so many tokens cost, in billionths of a dollar; whole, so that sums are exact."""
        return round((read * self.read + written * self.written) * 1000)


FREE = Price(0, 0)
# When the figures were published, or last seen to be so.
_OPENAI, _ANTHROPIC = PRICES_AS_OF, "2026-04-30"
PRICES: Mapping[str, Price] = {
    "gpt-4o": Price(2.50, 10.00, _OPENAI),
    "gpt-4o-mini": Price(0.15, 0.60, _OPENAI),
    "gpt-4.1": Price(2.00, 8.00, _OPENAI),
    "gpt-4.1-mini": Price(0.40, 1.60, _OPENAI),
    "gpt-4.1-nano": Price(0.10, 0.40, _OPENAI),
    "gpt-5": Price(1.25, 10.00, _OPENAI),
    "gpt-5-mini": Price(0.25, 2.00, _OPENAI),
    "gpt-5-nano": Price(0.05, 0.40, _OPENAI),
    "claude-haiku-4-5": Price(1.00, 5.00, _ANTHROPIC),
    "claude-sonnet-4-5": Price(3.00, 15.00, _ANTHROPIC),
    "claude-sonnet-4-6": Price(3.00, 15.00, _ANTHROPIC),
    "claude-opus-4-5": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-4-6": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-4-7": Price(5.00, 25.00, _ANTHROPIC),
}
_DATE = re.compile(r"-20\d\d-?\d\d-?\d\d\Z")


def price_of(model: str) -> Price | None:
    """The default for a model, whoever sells it ("openai/gpt-5"), of whatever day; None if not known."""
    name = _DATE.sub("", model.rpartition("/")[2])
    return PRICES.get(name) or PRICES.get(name.replace(".", "-"))
