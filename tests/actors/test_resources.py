"""What actors share: opened once, closed after them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
import trio

from actrio.actors import Runtime, RuntimeClosed, open_runtime
from tests.actors.crew import Counter, Do, Log, Nap, settle


class Opener:
    """Opens a resource after a second; fails as often as it is told to."""

    def __init__(self, log: Log, fails: int = 0) -> None:
        self.log = log
        self.fails = fails

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[object]:
        self.log("opening")
        await trio.sleep(1)
        if self.fails:
            self.fails -= 1
            raise OSError("cannot open")
        yield self
        self.log("closed")


async def test_a_resource_is_opened_once_for_all_who_share_it() -> None:
    log = Log()
    got = list[object]()
    opener = Opener(log)
    async with open_runtime() as runtime:

        async def share() -> None:
            got.append(await runtime.share("key", opener))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(share)
        await share()
    assert got == [opener] * 4
    assert log.lines.count("opening") == 1


async def test_resources_of_different_keys_are_different() -> None:
    async with open_runtime() as runtime:
        one, other = Opener(Log()), Opener(Log())
        assert await runtime.share("one", one) is one
        assert await runtime.share("other", other) is other


class Closing:
    """A resource that notes when it is closed."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log("closed")


class SharesInHook(Counter):
    """Needs the resource until its very end."""

    async def stopped(self) -> None:
        await trio.sleep(1)
        await super().stopped()


@pytest.mark.parametrize("how", ["return", "error", "cancel", "crash"])
async def test_a_resource_is_closed_after_the_actors_however_the_runtime_ends(how: str) -> None:
    log = Log()

    async def fail(_: Any) -> None:
        raise KeyError

    async def run() -> None:
        async with open_runtime() as runtime:
            await runtime.share("key", lambda: Closing(log))
            await runtime.spawn(SharesInHook, log)
            await end(runtime)

    async def end(runtime: Runtime) -> None:
        match how:
            case "error":
                raise KeyError
            case "crash":
                await runtime.spawn(fail)
                await trio.sleep_forever()
            case "cancel":
                await trio.sleep_forever()
            case _:
                pass

    with trio.move_on_after(1):
        try:
            await run()
        except* KeyError:
            pass
    assert log.lines == ["counter started", "counter stopped", "closed"]


async def test_a_resource_is_left_as_soon_as_the_runtime_ends_and_not_cancelled() -> None:
    log = Log()
    async with open_runtime() as runtime:
        await runtime.share("key", Opener(log))
        at = trio.current_time()
    assert trio.current_time() == at
    assert log.lines == ["opening", "closed"]


async def test_opening_that_fails_gives_every_waiter_the_error_and_is_tried_again() -> None:
    log = Log()
    opener = Opener(log, fails=1)
    errors = list[Exception]()
    async with open_runtime() as runtime:

        async def share() -> None:
            with pytest.raises(OSError, match="cannot open") as info:
                await runtime.share("key", opener)
            errors.append(info.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(share)
            nursery.start_soon(share)
        assert len(errors) == 2
        assert await runtime.share("key", opener) is opener
    assert log.lines.count("opening") == 2


async def test_cancelling_one_who_waits_leaves_the_opening_to_the_others() -> None:
    log = Log()
    opener = Opener(log)
    async with open_runtime() as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.share, "key", opener)
            with trio.move_on_after(0.5):
                await runtime.share("key", opener)
        assert await runtime.share("key", opener) is opener
    assert log.lines.count("opening") == 1


async def test_an_error_of_an_open_resource_leaves_the_runtime() -> None:
    @asynccontextmanager
    async def breaks() -> AsyncGenerator[None]:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                await trio.sleep(5)
                raise OSError("the server died")

            yield

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="the server died"), flatten_subgroups=True):
        async with open_runtime() as runtime:
            await runtime.share("key", breaks)
            await trio.sleep_forever()


async def test_one_who_waits_from_outside_learns_that_the_runtime_closes() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(RuntimeClosed):
                await runtime.share("key", Opener(Log()))

        await settle()


async def test_an_actor_may_share_while_it_starts_and_its_cancelled_start_leaves_the_resource() -> None:
    log = Log()
    opener = Opener(log)

    class Shares(Counter):
        async def started(self) -> None:
            assert await self.ctx.runtime.share("key", opener) is opener

    async with open_runtime() as runtime:
        with trio.move_on_after(0.5):
            await runtime.spawn(Shares)
        ref = await runtime.spawn(Shares)
        assert await ref.ask(Nap(1)) == "rested"
    assert log.lines.count("opening") == 1


async def test_what_a_resource_sends_is_not_sent_on_behalf_of_the_actor_that_opened_it() -> None:
    senders = list[object]()

    @asynccontextmanager
    async def tells() -> AsyncGenerator[None]:
        async def note(actor: Counter) -> None:
            senders.append(actor.ctx.sender)

        await far.tell(Do(note))
        yield

    class Shares(Counter):
        async def started(self) -> None:
            await self.ctx.runtime.share("key", tells)

    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter)
        await runtime.spawn(Shares)
        await settle()
    assert senders == [None]
