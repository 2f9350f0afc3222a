"""A stream of a host ends for all who have to do with it: who reads, who closes, in whatever order they come."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
import trio

import actrio
from actrio.hosts import AsyncioHost, Host, WrongHost
from actrio.hosts._call import Call
from actrio.hosts.blocking import Reader, _crossing
from actrio.testing import Stall
from tests.hosts.desk import chatty, run_asyncio, soon, until

PATIENCE: Final = 5  # seconds


async def endless(call: Call) -> None:
    """A source that always has more."""
    while True:
        call.put(0)
        await call.room()


async def ten(call: Call) -> None:
    for number in range(10):
        call.put(number)


async def one(call: Call) -> None:
    """A source that has one, and then waits."""
    call.put(0)
    await trio.sleep_forever()


async def late(call: Call) -> None:
    """A source that has one more when it is closed, and then takes its time."""
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.02)
            call.put("last")
            await trio.sleep(0.05)


def test_a_reader_that_another_task_closes_ends_for_both() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            writer = await host.spawn(actrio.Agent("writer", model=actrio.ScriptedProvider(Stall(after=1))))
            pieces = host.run(writer, "Go.").text()
            assert await anext(pieces) == "word"
            reading = asyncio.ensure_future(anext(pieces, "closed"))
            await asyncio.sleep(0)
            await pieces.aclose()
            assert await asyncio.wait_for(reading, PATIENCE) == "closed"

    run_asyncio(main)


def test_what_was_not_read_is_lost_when_a_reader_is_closed() -> None:
    with Host() as host:
        for source in (ten, endless):
            reader: Reader[int] = host._crossing.read(source)
            next(reader)
            reader.close()
            assert list(reader) == []


def test_what_was_not_read_in_asyncio_is_lost_too() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            for source in (ten, endless):
                reader: Any = host._crossing.read(source)
                await anext(reader)
                await reader.aclose()
                assert [item async for item in reader] == []

    run_asyncio(main)


def test_who_closes_is_woken_though_a_reader_got_the_last_item() -> None:
    with Host() as host:
        reader: Reader[str] = host._crossing.read(late)
        reading = threading.Thread(target=next, args=(reader, None))
        reading.start()
        soon(lambda: reader._call and reader._call.waiting)
        closing = threading.Thread(target=reader.close, daemon=True)
        closing.start()
        closing.join(PATIENCE)
        reading.join(PATIENCE)
        assert not closing.is_alive()


def test_a_reader_that_is_closed_while_it_takes_an_item_ends() -> None:
    class Closed(deque[int]):
        def popleft(self) -> int:
            reader.close()
            return super().popleft()

    with Host() as host:
        reader: Reader[int] = host._crossing.read(one)
        next(reader)
        assert reader._call is not None
        reader._call.items = Closed([1])
        assert list(reader) == []


def test_a_reader_that_is_closed_while_it_opens_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(_crossing.BlockingCall):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            reader.close()

    with Host() as host:
        reader: Reader[int] = host._crossing.read(endless)
        with monkeypatch.context() as patch:
            patch.setattr(_crossing, "BlockingCall", Closed)
            assert list(reader) == []
        soon(lambda: not host._crossing.bridge.open)


def test_a_reader_where_it_would_block_a_loop_opens_nothing() -> None:
    model = chatty()
    with Host() as host:
        writer = host.spawn(actrio.Agent("writer", model=model))

        async def main() -> None:
            with pytest.raises(WrongHost):
                next(writer.run("Go.").text())

        run_asyncio(main)
        assert not model.requests


def test_a_reader_stays_open_when_it_is_read_in_another_loop_and_ends_when_it_is_closed_there() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            reader: Any = host._crossing.read(one)
            await anext(reader)

            async def elsewhere(use: Callable[[], Awaitable[object]]) -> None:
                with pytest.raises(WrongHost, match="another event loop"):
                    await use()

            await asyncio.to_thread(lambda: asyncio.run(elsewhere(reader.__anext__)))
            await host.call(trio.sleep, 0)
            assert host._crossing.bridge.open
            await asyncio.to_thread(lambda: asyncio.run(elsewhere(reader.aclose)))
            assert [item async for item in reader] == []
            await until(lambda: not host._crossing.bridge.open)

    run_asyncio(main)


def test_a_reader_that_is_closed_where_that_would_block_a_loop_ends() -> None:
    with Host() as host:
        reader: Reader[int] = host._crossing.read(endless)
        next(reader)

        async def main() -> None:
            with pytest.raises(WrongHost):
                reader.close()

        run_asyncio(main)
        soon(lambda: not host._crossing.bridge.open)
