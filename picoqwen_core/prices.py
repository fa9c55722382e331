"""What known models cost: the defaults of the price table, which the options of an upstream win over."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Providers change their prices without asking anybody: compare with the bill, and set the upstream's own
# where they differ. The oldest of the dates below. Some models cost more where a prompt has more than a
# hundred thousand tokens, which no home's has; that is not in the table.
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
_OPENAI, _GPT_5, _GPT_5_6, _ANTHROPIC = PRICES_AS_OF, "2026-09-05", "2026-10-03", "2026-10-24"
PRICES: Mapping[str, Price] = {
    "gpt-4o": Price(2.50, 10.00, _OPENAI),
    "gpt-4o-mini": Price(0.15, 0.60, _OPENAI),
    "gpt-4.1": Price(2.00, 8.00, _OPENAI),
    "gpt-4.1-mini": Price(0.40, 1.60, _OPENAI),
    "gpt-4.1-nano": Price(0.10, 0.40, _OPENAI),
    "gpt-5": Price(1.25, 10.00, _GPT_5),
    "gpt-5-mini": Price(0.25, 2.00, _GPT_5),
    "gpt-5-nano": Price(0.05, 0.40, _GPT_5),
    "gpt-5.1": Price(1.25, 10.00, _GPT_5),
    "gpt-5.2": Price(1.75, 14.00, _GPT_5),
    "gpt-5.4": Price(2.50, 15.00, _GPT_5),
    "gpt-5.4-mini": Price(0.75, 4.50, _GPT_5),
    "gpt-5.4-nano": Price(0.20, 1.25, _GPT_5),
    "gpt-5.5": Price(5.00, 30.00, _GPT_5),
    "gpt-5.6-sol": Price(4.00, 20.00, _GPT_5_6),
    "gpt-5.6-terra": Price(2.00, 12.00, _GPT_5_6),
    "gpt-5.6-luna": Price(0.20, 1.20, _GPT_5_6),
    "claude-haiku-4-5": Price(1.00, 5.00, _ANTHROPIC),
    "claude-sonnet-4-5": Price(3.00, 15.00, _ANTHROPIC),
    "claude-sonnet-4-6": Price(3.00, 15.00, _ANTHROPIC),
    "claude-opus-4-5": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-4-6": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-4-7": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-4-8": Price(5.00, 25.00, _ANTHROPIC),
    "claude-haiku-5-5": Price(0.10, 0.50, _ANTHROPIC),
    "claude-sonnet-5": Price(2.00, 10.00, _ANTHROPIC),
    "claude-sonnet-5-5": Price(2.00, 10.00, _ANTHROPIC),
    "claude-opus-5": Price(5.00, 25.00, _ANTHROPIC),
    "claude-opus-5-5": Price(4.00, 20.00, _ANTHROPIC),
}
_DATE = re.compile(r"-20\d\d-?\d\d-?\d\d\Z")


def price_of(model: str) -> Price | None:
    """The default for a model, whoever sells it ("openai/gpt-5"), of whatever day; None if not known."""
    name = _DATE.sub("", model.rpartition("/")[2])
    return PRICES.get(name) or PRICES.get(name.replace(".", "-"))
