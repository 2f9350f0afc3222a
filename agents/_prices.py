"""What well-known models cost. Data: an agent's own ``price`` goes before it.

US dollars for a million tokens, as their makers published them in October 2025; prices change, and one that matters is
better given with the agent.
"""

from typing import Final

from actrio.agents._budget import Price
from actrio.providers import LocalProvider, Provider

PRICES: Final[dict[str, Price]] = {
    "claude-haiku-4-5": Price(1.0, 5.0, 0.1),
    "claude-opus-4-1": Price(15.0, 75.0, 1.5),
    "claude-sonnet-4-5": Price(3.0, 15.0, 0.3),
    "gpt-4.1": Price(2.0, 8.0, 0.5),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
    "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
    "gpt-4o": Price(2.5, 10.0, 1.25),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075),
    "gpt-5": Price(1.25, 10.0, 0.125),
    "gpt-5-mini": Price(0.25, 2.0, 0.025),
    "gpt-5-nano": Price(0.05, 0.4, 0.005),
}

FREE: Final = Price(0.0, 0.0)


def known_price(model: Provider) -> Price | None:
    """The price of a model that is known here; None of another. One that runs on this machine is free."""
    if isinstance(model, LocalProvider):
        return FREE
    return PRICES.get(getattr(model, "model", ""))
