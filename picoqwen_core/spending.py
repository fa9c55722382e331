"""Between answers and the budget: what one may cost, what it did cost. The books are kept in budget.py."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from picoqwen_core.counting import Counted
from picoqwen_core.errors import BudgetExceeded
from picoqwen_core.messages import ChatDelta, ChatRequest, Usage
from picoqwen_core.prices import CURRENCY, FREE, PRICES_AS_OF, Price
from picoqwen_core.upstreams import Upstream

if TYPE_CHECKING:
    from picoqwen_core.budget import Budget, Spent

_LOGGER = logging.getLogger(__name__)
_DOLLAR = 1_000_000_000


class Purse:
    """Pays for answers; without a budget everything is taken to be free."""

    def __init__(self, budget: "Budget | None") -> None:
        self._budget = budget
        self._spent: Spent | None = None
        self._warned = False
        # Two answers that end at once are booked one after the other, so that the last sum is kept.
        self._in_turn = asyncio.Lock()

    def price(self, upstream: Upstream | None) -> Price:
        """What it takes; nothing where it is this machine or nobody knows."""
        return (upstream.price if upstream is not None else None) or FREE

    def estimate(self, upstream: Upstream | None, provider: Any, request: ChatRequest) -> int:
        """Billionths of a dollar that an answer may cost at most, roughly."""
        price = self.price(upstream)
        if price == FREE:
            return 0
        usage: Usage = provider.estimate(request)
        return price.nanos(usage.prompt_tokens, usage.completion_tokens)

    async def open(self, upstream: Upstream | None, provider: Any, request: ChatRequest) -> "Account":
        """Reserve what an answer may cost. Raises BudgetExceeded, also where it cannot be booked."""
        price = self.price(upstream)
        if upstream is None or price == FREE or self._budget is None:
            return Account(self, None, FREE, 0)
        from sqlite3 import Error  # noqa: PLC0415 - loaded with the budget, and only then

        nanos = self.estimate(upstream, provider, request)
        try:
            number = await asyncio.to_thread(self._budget.reserve, upstream.name, upstream.model, nanos)
        except Error as err:
            raise BudgetExceeded(f"what is spent cannot be written down ({err}), so nothing is") from err
        except BudgetExceeded as err:
            if not self._warned:
                _LOGGER.warning("Nothing more is spent: %s", err)
            self._warned = True
            raise
        self._warned = False
        return Account(self, number, price, provider.estimate(request).prompt_tokens)

    async def settle(self, number: int, nanos: int, usage: Usage) -> None:
        """Book what an answer did cost."""
        from sqlite3 import Error  # noqa: PLC0415

        if self._budget is None:
            return
        try:
            async with self._in_turn:
                self._spent = await asyncio.to_thread(self._budget.settle, number, nanos, usage)
        except Error as err:
            _LOGGER.error("An answer stays booked at what it might have cost: %s", err)

    async def refresh(self) -> None:
        """Read what was spent before."""
        if self._budget is not None:
            self._spent = await asyncio.to_thread(self._budget.spent)

    async def close(self) -> None:
        """Close the budget's file."""
        if self._budget is not None:
            await asyncio.to_thread(self._budget.close)

    def as_json(self) -> dict[str, Any] | None:
        """Caps and what is spent; None where nothing costs anything."""
        if self._budget is None:
            return None
        return {
            "currency": CURRENCY,
            "default_prices_as_of": PRICES_AS_OF,
            "per_day": self._budget.per_day,
            "per_month": self._budget.per_month,
            "spent_today": round(self._spent.day, 6) if self._spent else None,
            "spent_this_month": round(self._spent.month, 6) if self._spent else None,
            "at_the_cap": self._warned,
        }


class Account:
    """What one answer costs."""

    def __init__(self, purse: Purse, number: int | None, price: Price, prompt_tokens: int) -> None:
        """number: the budget's, None for an answer that is free."""
        self._purse, self._number, self._price = purse, number, price
        self._prompt_tokens, self._written = prompt_tokens, Counted()
        # Whether it may have worked, and will be paid, though nothing came of it.
        self.uncertain = False
        self._seen = False
        self._usage: Usage | None = None
        self._cost: float | None = None

    def saw(self, delta: ChatDelta) -> None:
        """Count what came, for answers that end without a count."""
        self._seen = True
        self._written.add(delta.content + delta.reasoning)
        self._usage = delta.usage or self._usage

    async def close(self) -> float:
        """Book it, once; the cost in dollars. An answer of which nothing came is taken to cost nothing."""
        if self._cost is None:
            counted = Usage(self._prompt_tokens, self._written.tokens + 1)
            usage = self._usage or (counted if self._seen or self.uncertain else Usage())
            nanos = self._price.nanos(usage.prompt_tokens, usage.completion_tokens)
            self._cost = nanos / _DOLLAR
            if self._number is not None:
                # Booked to its end, though whoever asked may be leaving.
                await asyncio.shield(self._purse.settle(self._number, nanos, usage))
        return self._cost
