"""The ways to have the runtime called: natively, through each host, and through anyio's portal.

Each is a program that starts a runtime of its own with one actor in it, and makes calls one after the other, either
``ask`` of that actor or the function `double`, which does next to nothing. All give twice the number they were given.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Literal

from outcome import Outcome

from actrio.actors import open_runtime
from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.hosts._measure import PATIENCE_S, Costs, Program, awaited_calls, calls, costs, in_thread
from actrio.benchmarks.kernel._work import Double, Doubler
from actrio.hosts import AsyncioHost, GuestHost, Host

Called = Literal["ask", "noop"]

# At least so many times cheaper than the portal.
PORTAL_REACH: Final = 1.8


async def double(number: int) -> int:
    """A function of the runtime's that does next to nothing."""
    return 2 * number


async def natively(size: int) -> Costs:
    """``await ref.ask``, in Trio."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Doubler)
        return await awaited_calls(size, lambda number: ref.ask(Double(number)))


def through_host(called: Called) -> Program:
    """``ref.ask`` and ``host.call``, in a thread."""

    def program(size: int) -> Costs:
        with Host() as host:
            ref = host.spawn(Doubler)
            if called == "ask":
                return calls(size, lambda number: ref.ask(Double(number)))
            return calls(size, lambda number: host.call(double, number))

    return program


def through_asyncio(called: Called, mode: Literal["thread", "guest"]) -> Program:
    """``await ref.ask`` and ``await host.call``, in asyncio."""

    async def main(size: int) -> Costs:
        async with AsyncioHost(mode=mode) as host:
            ref = await host.spawn(Doubler)
            if called == "ask":
                return await awaited_calls(size, lambda number: ref.ask(Double(number)))
            return await awaited_calls(size, lambda number: host.call(double, number))

    return lambda size: asyncio.run(main(size))


def through_loop(called: Called) -> Program:
    """``host.soon``, in a loop that does nothing but call the next function."""

    def program(size: int) -> Costs:
        loop = SimpleQueue[Callable[[], object]]()
        ended: list[Outcome[Any]] = []

        def until(told: list[Outcome[Any]]) -> Any:
            while not told:
                loop.get(timeout=PATIENCE_S)()
            return told.pop().unwrap()

        def call(function: Callable[..., Any], *args: object) -> Any:
            told: list[Outcome[Any]] = []
            host.soon(function, *args, then=told.append)
            return until(told)

        begun: list[Outcome[Any]] = []
        host = GuestHost(run_sync_soon=loop.put).start(begun.append, ended=ended.append)
        until(begun)
        try:
            ref = call(host.runtime.spawn, Doubler)
            if called == "ask":
                return calls(size, lambda number: call(ref.ask, Double(number)))
            return calls(size, partial(call, double))
        finally:
            host.stop()
            until(ended)

    return program


def through_portal(called: Called) -> Program:
    """``portal.call``, in a thread: anyio's way from a thread into Trio, one portal for all calls."""

    def program(size: int) -> Costs:
        from anyio.from_thread import start_blocking_portal

        with start_blocking_portal("trio") as portal, portal.wrap_async_context_manager(open_runtime()) as runtime:
            ref: Any = portal.call(runtime.spawn, Doubler)
            if called == "ask":
                return calls(size, lambda number: portal.call(ref.ask, Double(number)))
            return calls(size, lambda number: portal.call(double, number))

    return program


def ways(called: Called) -> dict[str, Side]:
    """The sides of the hosts, by the names that rows have for them."""
    return {
        "blocking": in_thread(through_host(called)),
        "asyncio": in_thread(through_asyncio(called, "thread")),
        "guest": in_thread(through_asyncio(called, "guest")),
        "loop": in_thread(through_loop(called)),
    }


def beside_portal(called: Called, question: str) -> tuple[Scenario, ...]:
    """The scenarios of all hosts, each beside the portal."""
    portal = in_thread(through_portal(called))

    def beside(way: str, side: Side, reach: float | None) -> tuple[Scenario, Scenario]:
        name = f"{called}-{way}"
        return costs(name, f"{question}, {way}?", side, portal, full=1_500, quick=300, reach=reach)

    rows = [row for way, side in ways(called).items() for row in beside(way, side, PORTAL_REACH)]
    # Where nothing crosses, processor and clock say the same.
    return (beside("native", natively, None)[0], *rows) if called == "ask" else tuple(rows)
