"""What is measured of a side: its tokens a second, its processor time a token, and how long tokens take.

Server, model and clients are in one process and one Trio run, on either side. So processor time is that of both ends
(`time.process_time`, all threads), and tokens a second are what one processor does with all of it. Connections are open
before, and one answer was streamed, which makes what only a program's first one makes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter, process_time

import trio

from actrio.benchmarks.gateway._flow import Course, Flow
from actrio.benchmarks.providers._sides import percentile

# Asks for one answer and reads it to its end.
Ask = Callable[[Course], Awaitable[None]]

# Opens one connection, for the length of a block.
Open = Callable[[], AbstractAsyncContextManager[Ask]]

# One side: a server that answers so, {question: its course}, and how to connect to it.
Server = Callable[[Mapping[str, Course]], AbstractAsyncContextManager[Open]]

PERCENTS = (50, 99)


async def measure(server: Server, flow: Flow, connections: int, size: int) -> tuple[dict[str, float], list[Course]]:
    """Stream so many answers, each connection one after the other, and check them all.

    Returns:
        The figures: ``rate`` in tokens a second; ``cost`` in µs of processor time a token, the questions and all else
        included; ``first-p50``, ``first-p99``, from question to first token, and ``late-p50``, ``late-p99``, of a token
        from the model into the client's hand, in µs on the clock. And the answers; the first is not in the figures.
    """
    courses = flow.courses(size + 1)
    warm, *asked = courses
    shares = [asked[place :: min(connections, size)] for place in range(min(connections, size))]
    async with server({course.question: course for course in courses}) as opened, trio.open_nursery() as nursery:
        asks: list[Ask] = [await nursery.start(_hold, opened) for _ in shares]
        await asks[0](warm)
        began, used = perf_counter(), process_time()
        async with trio.open_nursery() as asking:
            for ask, share in zip(asks, shares, strict=True):
                asking.start_soon(_ask_all, ask, share)
        seconds, processor = perf_counter() - began, process_time() - used
        nursery.cancel_scope.cancel()
    for course in courses:
        course.check()
    tokens = size * flow.tokens
    firsts = [course.first_s() for course in asked]
    lates = [late for course in asked for late in course.late_s()]
    return {
        "rate": tokens / seconds,
        "cost": processor / tokens * 1e6,
        **{f"first-p{percent}": percentile(firsts, percent) * 1e6 for percent in PERCENTS},
        **{f"late-p{percent}": percentile(lates, percent) * 1e6 for percent in PERCENTS},
    }, courses


async def _hold(  # noqa: ASYNC114
    opened: Open, task_status: trio.TaskStatus[Ask] = trio.TASK_STATUS_IGNORED
) -> None:
    async with opened() as ask:
        task_status.started(ask)
        await trio.sleep_forever()


async def _ask_all(ask: Ask, courses: Sequence[Course]) -> None:
    for course in courses:
        await course.ask()
        await ask(course)
