"""What is measured of a library of agents: the same for all of them, with asyncio, as in the suites of actrio's own.

An adapter has `opened(work)`, an async context manager that gives a function ``await ask(first)``. It has one turn
answered as the library's users do it, each turn a conversation of its own; calls ``first()`` when the first piece of
the answer's text is there; and returns how many pieces came, and the tokens that went in and out by the usage that the
server told, of all requests: it counts messages as input tokens, so that what arrived there can be checked.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, process_time

from program import CannotDo, answer_and_end

# Of a tool that is at work when its turn is cancelled, in seconds.
TOOL_S = 1.0

# How long a connection may stay open after the cancel until it counts as left open, in seconds.
PATIENCE_S = 5.0

STATUS = Path("/proc/self/status")


@dataclass
class Work:
    """What an adapter is told.

    Attributes:
        base_url, key, model: Of the server, which speaks OpenAI's Chat Completions.
        instructions, question: What a turn sends: a system message and a user message.
        tools: Async functions with types and a docstring; none, or `add`, which the model calls once.
        at_once: How many turns run at a time.
    """

    base_url: str
    key: str
    model: str
    instructions: str
    question: str
    tools: tuple = ()
    at_once: int = 1


def _work(setup: dict, *tools) -> Work:
    (_, instructions), (_, question) = setup["messages"]
    where = (setup["base_url"], setup["key"], setup["model"])
    return Work(*where, instructions, question, tools, setup["at_once"])


def _nothing() -> None:
    pass


@asynccontextmanager
async def _plain(opened, setup: dict):
    """Turns with text alone, each checked; they return the seconds to the first piece."""
    tokens = setup["tokens"]

    async with opened(_work(setup)) as ask:

        async def checked() -> float:
            times = []
            started = perf_counter()
            got = await ask(lambda: times.append(perf_counter()))
            assert got == (tokens, 2, tokens), f"{got}, not {(tokens, 2, tokens)}"
            return times[0] - started

        yield checked


async def _drive(ask, size: int, at_once: int) -> list:
    """Ask so many times, so many at once: as many tasks, each of which asks again as soon as it has its answer."""
    results, left = [], size

    async def asker() -> None:
        nonlocal left
        while left:
            left -= 1
            results.append(await ask())

    await asyncio.gather(*(asker() for _ in range(min(size, at_once))))
    assert len(results) == size
    return results


async def token(opened, setup: dict, size: int) -> float:
    async with _plain(opened, setup) as ask:
        await ask()
        started = process_time()
        await _drive(ask, size, setup["at_once"])
        return (process_time() - started) / (size * setup["tokens"]) * 1e6


async def first_token(opened, setup: dict, size: int) -> float:
    async with _plain(opened, setup) as ask:
        await ask()
        waits = sorted(await _drive(ask, size, setup["at_once"]))
        return waits[(len(waits) + 1) // 2 - 1] * 1e6


async def tool_turn(opened, setup: dict, size: int) -> float:
    tokens, sums = setup["tokens"], []

    async def add(one: int, other: int) -> int:
        """Add two numbers.

        Args:
            one: The one.
            other: The other.
        """
        sums.append(one + other)
        return one + other

    async with opened(_work(setup, add)) as ask:

        async def checked() -> None:
            got = await ask(_nothing)
            wanted = (tokens, 2 + 4, 3 + tokens)
            assert got == wanted, f"{got}, not {wanted}"

        at_once = setup["at_once"]
        await _drive(checked, min(size, at_once), at_once)
        sums.clear()
        started = process_time()
        await _drive(checked, size, at_once)
        seconds = process_time() - started
    assert sums == [42] * size, f"the tool gave {sums[:3]}… for {size} turns"
    return seconds / size * 1e6


async def cancel(opened, setup: dict, size: int) -> float:
    waits = []
    async with opened(_work(setup)) as ask:
        for _ in range(1 + size):
            reader, writer = await asyncio.open_connection("127.0.0.1", setup["watch"])
            await reader.readline()
            begun = asyncio.Event()
            turn = asyncio.create_task(ask(begun.set))
            await _either(begun, turn)
            cancelled = monotonic()
            turn.cancel()
            await asyncio.wait([turn], timeout=PATIENCE_S)
            try:
                closed = float(await asyncio.wait_for(reader.readline(), PATIENCE_S))
            except TimeoutError:
                raise CannotDo(f"the connection was still open {PATIENCE_S:g} s after the cancel") from None
            waits.append(closed - cancelled)
            writer.close()
    waits = sorted(waits[1:])
    return max(waits[len(waits) // 2], 1e-6) * 1e6


async def tool_stop(opened, setup: dict, size: int) -> float:
    waits = []
    begun = ended = asyncio.Event()
    times = []

    async def add(one: int, other: int) -> int:
        """Add two numbers.

        Args:
            one: The one.
            other: The other.
        """
        begun.set()
        try:
            await asyncio.sleep(TOOL_S)
        finally:
            times.append(monotonic())
            ended.set()
        return one + other

    async with opened(_work(setup, add)) as ask:
        for _ in range(size):
            begun, ended = asyncio.Event(), asyncio.Event()
            turn = asyncio.create_task(ask(_nothing))
            await _either(begun, turn)
            cancelled = monotonic()
            turn.cancel()
            await asyncio.wait([turn], timeout=PATIENCE_S)
            await asyncio.wait_for(ended.wait(), PATIENCE_S)
            waits.append(times[-1] - cancelled)
    waits.sort()
    return max(waits[len(waits) // 2], 1e-6) * 1e6


async def _either(event, turn) -> None:
    """Until the event; if the turn ends before it, what it ended with is raised."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([waiting, turn], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not event.is_set():
        raise AssertionError(f"the turn ended before it began: {await turn}")


async def first_turn(opened, setup: dict, size: int) -> float:
    """The first turn of this process, all that it still has to import included: seconds of the process so far."""
    async with _plain(opened, setup) as ask:
        for _ in range(size):
            await ask()
        return process_time()


async def memory(opened, setup: dict, size: int) -> float:
    """The most memory that this process had resident, in MB, when so many answers have begun; none of them ends."""
    if not STATUS.exists():
        raise CannotDo("this system does not tell of one process what it took at most")
    begun, all_begun = 0, asyncio.Event()

    def first() -> None:
        nonlocal begun
        begun += 1
        if begun == size:
            all_begun.set()

    async with opened(_work(setup)) as ask:
        turns = [asyncio.create_task(ask(first)) for _ in range(size)]
        waiting = asyncio.create_task(all_begun.wait())
        await asyncio.wait([waiting, *turns], return_when=asyncio.FIRST_COMPLETED)
        assert begun == size, f"only {begun} of {size} streams began"
        peak_kb = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]
        answer_and_end(int(peak_kb) / 1024)
