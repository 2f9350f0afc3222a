"""A thread for the program that is measured, and its costs: on the clock, and of the processor.

A program that uses a host is no part of a Trio run. So it gets a thread of its own, and the harness's own run, which
waits for that thread, does nothing meanwhile: it makes no figure better or worse.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Final

import trio

from actrio.benchmarks._harness import Scenario, Side

CLOCK: Final = "clock"
PROCESSOR: Final = "processor"

# How long a program may take before the suite gives up: a call that nobody answers must not hang it.
PATIENCE_S: Final = 120.0

_WARM_UP: Final = 20  # calls that are not counted: the first makes what the others use

Costs = dict[str, float]
Program = Callable[[int], Costs]


def in_thread(program: Program) -> Side:
    """A side that runs a program in a thread of its own, and gives what it measured."""

    async def side(size: int) -> Costs:
        with trio.fail_after(PATIENCE_S):
            return await trio.to_thread.run_sync(program, size, abandon_on_cancel=True)

    return side


def costs(
    name: str,
    question: str,
    actrio: Side,
    baseline: Side,
    *,
    full: int,
    quick: int,
    reach: float | None = None,
    at_most: float | None = None,
) -> tuple[Scenario, Scenario]:
    """The two scenarios of one measurement: ``name`` is time on the clock, ``name-cpu`` that of the processor.

    Args:
        name: Of what is measured.
        question: What is asked, without the unit.
        actrio: Measures that.
        baseline: Measures what it is compared with.
        full: The size of a round.
        quick: The same with `--quick`.
        reach: The ratio that both should have.
        at_most: The µs that neither should be above.
    """

    def scenario(suffix: str, what: str, figure: str) -> Scenario:
        return Scenario(
            name=name + suffix,
            question=f"{question} {what}, µs.",
            unit="µs",
            kind="cost",
            actrio=actrio,
            baseline=baseline,
            full=full,
            quick=quick,
            reach=reach,
            at_most=at_most,
            figure=figure,
        )

    return scenario("", "On the clock", CLOCK), scenario("-cpu", "Processor time", PROCESSOR)


@contextmanager
def measured(count: int) -> Generator[Costs]:
    """What the block costs, in µs, divided by so many: it is there when the block is over."""
    found: Costs = {}
    clock, processor = perf_counter(), process_time()
    yield found
    processor, clock = process_time() - processor, perf_counter() - clock
    found |= {CLOCK: clock / count * 1e6, PROCESSOR: processor / count * 1e6}


def calls(size: int, double: Callable[[int], int]) -> Costs:
    """What a call costs that gives twice its number, made so many times, one after the other."""
    for number in range(_WARM_UP):
        double(number)
    total = 0
    with measured(size) as found:
        for number in range(size):
            total += double(number)
    _check_total(total, size)
    return found


async def awaited_calls(size: int, double: Callable[[int], Awaitable[int]]) -> Costs:
    """The same of one that is awaited, in whatever loop."""
    for number in range(_WARM_UP):
        await double(number)
    total = 0
    with measured(size) as found:
        for number in range(size):
            total += await double(number)
    _check_total(total, size)
    return found


def _check_total(total: int, size: int) -> None:
    assert total == size * (size - 1), f"{size} answers add up to {total}, not to {size * (size - 1)}"


def items(stream: Iterable[object], expected: Sequence[object]) -> Costs:
    """What an item costs of a stream of these items, from the first read to the end of the stream."""
    got: list[object] = []
    with measured(len(expected)) as found:
        for item in stream:
            got.append(item)  # noqa: PERF402 - the loop is what is measured
    _check_items(got, expected)
    return found


async def awaited_items(stream: AsyncIterable[object], expected: Sequence[object]) -> Costs:
    """The same of one that is read with ``async for``, in whatever loop."""
    got: list[object] = []
    with measured(len(expected)) as found:
        async for item in stream:
            got.append(item)  # noqa: PERF401 - as the one above
    _check_items(got, expected)
    return found


def _check_items(got: Sequence[object], expected: Sequence[object]) -> None:
    assert list(got) == list(expected), f"{len(got)} items came, of {len(expected)}, or others than these"
