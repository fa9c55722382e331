"""What known models cost: the defaults of the price table, which the options of an upstream win over."""

from collections.abc import Mapping
from dataclasses import dataclass

# The figures were published for these models at their start, the last of them on this day. Providers change
# their prices without asking anybody: compare with the bill, and set the upstream's own where they differ.
PRICES_AS_OF = "2025-08-07"
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens that are read and written."""

    read: float
    written: float

    def nanos(self, read: int, written: int) -> int:
        """What so many tokens cost, in billionths of a dollar; whole, so that sums are exact."""
        return round((read * self.read + written * self.written) * 1000)


FREE = Price(0, 0)
PRICES: Mapping[str, Price] = {
    "gpt-4o": Price(2.50, 10.00),
    "gpt-4o-mini": Price(0.15, 0.60),
    "gpt-4.1": Price(2.00, 8.00),
    "gpt-4.1-mini": Price(0.40, 1.60),
    "gpt-4.1-nano": Price(0.10, 0.40),
    "gpt-5": Price(1.25, 10.00),
    "gpt-5-mini": Price(0.25, 2.00),
    "gpt-5-nano": Price(0.05, 0.40),
}


def price_of(model: str) -> Price | None:
    """The default for a model, whichever shop sells it ("openai/gpt-5"); None for one that is not known."""
    return PRICES.get(model.rpartition("/")[2])
