"""What is measured of a client: its processor time a token or a request, or how long the first token takes.

Processor time is that of this process with all its threads (`time.process_time`), so not the server's, and not what
was waited for. All of it counts from the first request to the end of the last answer; one request before that makes
what only a program's first request makes.
"""

from collections.abc import Sequence
from math import ceil
from time import process_time

import trio

from actrio.benchmarks._harness import Side
from actrio.benchmarks.providers._exchange import Ask, Client, Exchange


def token_cost(client: Client, exchange: Exchange, at_once: int) -> Side:
    """Processor time a token, in µs: that of all the streams, divided by their tokens.

    So opening connections and sending requests are part of it. The size is the number of streams.
    """

    async def side(size: int) -> float:
        async with client(exchange) as ask:
            await ask()
            started = process_time()
            await drive(ask, size, at_once)
            return (process_time() - started) / (size * exchange.tokens) * 1e6

    return side


def request_cost(client: Client, exchange: Exchange, at_once: int) -> Side:
    """Processor time a request, in µs, over connections that are open already. The size is the number of requests."""

    async def side(size: int) -> float:
        async with client(exchange) as ask:
            await drive(ask, min(size, at_once), at_once)
            started = process_time()
            await drive(ask, size, at_once)
            return (process_time() - started) / size * 1e6

    return side


def first_token(client: Client, exchange: Exchange, at_once: int, percent: float) -> Side:
    """How long it takes from the call that sends a request until the first token of its answer is in hand, in µs.

    It is time on the clock, in which other streams are served, too. The answer is the percentile of all requests, over
    connections that are open already. The size is the number of requests.
    """

    async def side(size: int) -> float:
        async with client(exchange) as ask:
            await drive(ask, min(size, at_once), at_once)
            return percentile(await drive(ask, size, at_once), percent) * 1e6

    return side


async def drive(ask: Ask, size: int, at_once: int) -> list[float]:
    """Ask `size` times, `at_once` at a time: as many tasks, each of which asks again as soon as it has its answer."""
    waits: list[float] = []
    left = size

    async def asker() -> None:
        nonlocal left
        while left:
            left -= 1
            waits.append(await ask())

    async with trio.open_nursery() as nursery:
        for _ in range(min(size, at_once)):
            nursery.start_soon(asker)
    assert len(waits) == size
    return waits


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that so many percent of them are not above: the nearest-rank method."""
    return sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]
