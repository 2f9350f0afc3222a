"""Budgets: what turns may cost, reserved before the model is called and settled after."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from actrio.agents._estimate import count_tokens
from actrio.mailbox import ActrioError
from actrio.providers import ModelRequest, Usage

# What an answer is taken to have before it is there, in tokens, if the request does not bound it.
GUESSED_TOKENS: Final = 1_000

Bound: TypeAlias = Literal["tokens", "cost", "requests"]


def _above_zero(_: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name} of a budget must be above 0, or None for no bound, not {value!r}")


@frozen
class Budget:
    """A bound on what turns may cost together. None: no bound.

    It holds for all that is done on their behalf: what a tool asks of another agent, and what that asks in turn, counts
    too. Before a call its tokens are estimated, and reserved; after it, what it really cost is settled. So a call is
    not made if its estimate is more than what is left, and turns that run at once do not spend the same tokens twice.
    One call can cost more than its estimate; then the next is not made.

    Args:
        tokens: Read and written together.
        cost: In the unit of the prices, US dollars for those that come with the package.
        requests: Calls of models.
    """

    tokens: int | None = field(default=None, validator=_above_zero)
    cost: float | None = field(default=None, validator=_above_zero)
    requests: int | None = field(default=None, validator=_above_zero)


def _not_negative(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value is not None and not (isinstance(value, int | float) and value >= 0):
        raise ValueError(f"{attribute.name} of a price must be 0 or more, not {value!r}")


@frozen
class Price:
    """What a model costs, for a million tokens each."""

    input: float = field(validator=_not_negative)
    output: float = field(validator=_not_negative)
    cached: float | None = field(default=None, validator=_not_negative)  # as input, if it is not said

    def of(self, usage: Usage) -> float:
        """What this usage costs."""
        cached = self.input if self.cached is None else self.cached
        read = (usage.input_tokens - usage.cached_tokens) * self.input + usage.cached_tokens * cached
        return (read + usage.output_tokens * self.output) / 1_000_000


@frozen
class Spending:
    """An amount of each of the three."""

    tokens: int = 0
    cost: float = 0.0
    requests: int = 0

    def plus(self, other: "Spending") -> "Spending":
        """Both together."""
        return Spending(self.tokens + other.tokens, self.cost + other.cost, self.requests + other.requests)

    def minus(self, other: "Spending") -> "Spending":
        """Without the other."""
        return Spending(self.tokens - other.tokens, self.cost - other.cost, self.requests - other.requests)


class BudgetExceeded(ActrioError):
    """A call was not made, as there is not enough left of a budget.

    Attributes: ``owner`` (whose budget), ``bound`` ("tokens", "cost" or "requests"), ``limit``, ``spent``,
    ``reserved`` (for calls that are under way), ``wanted`` (the estimate of this call).
    """

    def __init__(self, owner: str, bound: Bound, *, limit: float, spent: float, reserved: float, wanted: float) -> None:
        self.owner = owner
        self.bound: Bound = bound
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.wanted = wanted
        super().__init__(
            f"the budget of {owner} has not enough {bound} left: {limit:g} in all, {spent:g} spent, {reserved:g} "
            f"reserved for calls under way, and this call is estimated at {wanted:g}. Raise the Budget, or bound the "
            f"answer with max_tokens"
        )


class PriceMissing(ActrioError):
    """A budget bounds the cost, but what a model costs is not known. Attributes: ``owner``, ``model``."""

    def __init__(self, owner: str, model: str) -> None:
        self.owner = owner
        self.model = model
        super().__init__(
            f"the budget of {owner} bounds the cost, but what the model {model!r} costs is not known. Say it: "
            f"Agent(price=Price(input=..., output=...)), or Price(0, 0) if it costs nothing"
        )


class Account:
    """A budget with what was spent of it. Invariant: ``reserved`` is the sum of the reservations that are open."""

    __slots__ = ("budget", "owner", "reserved", "spent")

    def __init__(self, owner: str, budget: Budget) -> None:
        self.owner: str = owner
        self.budget: Budget = budget
        self.spent: Spending = Spending()
        self.reserved: Spending = Spending()

    def check(self, wanted: Spending) -> None:
        """Raises: BudgetExceeded: there is not so much left."""
        bounds: tuple[Bound, ...] = ("tokens", "cost", "requests")
        for bound in bounds:
            limit = getattr(self.budget, bound)
            spent, reserved, more = (getattr(one, bound) for one in (self.spent, self.reserved, wanted))
            if limit is not None and spent + reserved + more > limit:
                raise BudgetExceeded(self.owner, bound, limit=limit, spent=spent, reserved=reserved, wanted=more)

    def __repr__(self) -> str:
        return f"<Account of {self.owner}: {self.spent} of {self.budget}, {self.reserved} reserved>"


# The accounts that what is done here and now is charged to. What an agent's tools ask of others inherits it.
charged: ContextVar[tuple[Account, ...]] = ContextVar("actrio_charged_accounts", default=())


@contextmanager
def charging(accounts: tuple[Account, ...]) -> Generator[None]:
    """Charge what is done inside to these accounts too."""
    if not accounts:
        yield
        return
    before = charged.get()
    token = charged.set((*before, *(one for one in accounts if one not in before)))
    try:
        yield
    finally:
        charged.reset(token)


def estimate(request: ModelRequest, price: Price | None) -> Spending:
    """What a call is taken to cost before it is made."""
    read = count_tokens(request.messages)
    written = request.max_tokens or GUESSED_TOKENS
    cost = 0.0 if price is None else price.of(Usage(read, written))
    return Spending(read + written, cost, 1)


class Reservation:
    """What a call may cost, held in the accounts until it is settled."""

    __slots__ = ("_accounts", "_price", "_wanted")

    def __init__(self, request: ModelRequest, price: Price | None, model: str) -> None:
        """Reserve it. Raises: BudgetExceeded, PriceMissing, and nothing is reserved anywhere."""
        self._accounts = charged.get()
        self._price = price
        self._wanted = estimate(request, price) if self._accounts else Spending()
        for account in self._accounts:
            if price is None and account.budget.cost is not None:
                raise PriceMissing(account.owner, model)
            account.check(self._wanted)
        for account in self._accounts:
            account.reserved = account.reserved.plus(self._wanted)

    def settle(self, usage: Usage) -> Spending:
        """Say what it cost, and get that. To be called once, however the call ended."""
        cost = 0.0 if self._price is None else self._price.of(usage)
        spent = Spending(usage.input_tokens + usage.output_tokens, cost, 1)
        for account in self._accounts:
            account.reserved = account.reserved.minus(self._wanted)
            account.spent = account.spent.plus(spent)
        return spent
