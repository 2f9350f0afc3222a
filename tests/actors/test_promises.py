"""The design's promises that actors keep, each by one test; their details are in the tests of the modules."""

import threading
from typing import Any

import pytest
import trio

from actrio.actors import (
    Actor,
    ActorRef,
    Down,
    LifeEvent,
    RestartsExceeded,
    State,
    Supervisor,
    child,
    handles,
    open_runtime,
)
from actrio.mailbox import ActorStopped, AskCycleError, Lagged, MailboxFull, TellCycleError
from tests.actors.crew import (
    Add,
    Boom,
    Counter,
    Do,
    Echo,
    Get,
    Log,
    Nap,
    Unknown,
    Watcher,
    counter,
    crash,
    order_tasks_by,
    settle,
)


async def test_promise_1_ownership() -> None:
    """When `open_runtime` has exited no task of it is left, whatever was going on."""
    tasks = trio.lowlevel.current_statistics().tasks_living
    threads = threading.active_count()
    with trio.move_on_after(10):
        async with open_runtime() as runtime:
            actors = [child(Counter, name="a", grace=1), child(counter, name="b", grace=1)]
            s = await runtime.spawn(Supervisor("s", "one_for_all", children=actors))

            async def own(actor: Counter) -> None:
                await actor.ctx.spawn(Counter, name="kid")
                actor.ctx.nursery.start_soon(trio.sleep_forever)
                await trio.sleep_forever()

            for ref in (s.child("a"), s.child("b")):
                await ref.tell(Do(own) if ref.name == "s/a" else Nap())
            await settle()
            assert trio.lowlevel.current_statistics().tasks_living > tasks
            await trio.sleep_forever()
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert threading.active_count() == threads


async def test_promise_2_ordering() -> None:
    """FIFO for each sender and receiver, through back-pressure, sleeps and a restart; stop overtakes messages."""
    got = list[tuple[str, int]]()

    class Keeper(Actor):
        @handles
        async def keep(self, message: Echo) -> Any:
            sender, number = message.value
            if number % 5 == 0:
                await trio.sleep(1)
            if number == 7:
                raise ValueError
            got.append((sender, number))

    async def send(name: str) -> None:
        for number in range(20):
            await ref.tell(Echo((name, number)))

    async with open_runtime(intensity=9) as runtime:
        ref = await runtime.spawn(Keeper, capacity=3, restart="permanent", grace=0)
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(send, name)
        await trio.sleep(100)
        for name in "abc":
            assert [number for sender, number in got if sender == name] == [n for n in range(20) if n != 7]
        got.clear()
        for number in range(3):
            await ref.tell(Echo(("late", number)))
        await ref.stop()
        assert got == []


async def test_promise_3_delivery() -> None:
    """At most once, and every message has one end; the law holds at every instant."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=2, overflow="drop_oldest", restart="permanent", grace=0)

        def check() -> tuple[int, ...]:
            mailbox = ref.metrics().mailbox
            assert mailbox.balanced
            assert runtime.metrics().totals.balanced
            return (mailbox.handled, mailbox.failed, mailbox.dead, mailbox.abandoned, mailbox.queued, mailbox.in_hand)

        await ref.ask(Get())
        assert check() == (1, 0, 0, 0, 0, 0)
        await crash(ref)
        assert check() == (1, 1, 0, 0, 0, 0)
        await ref.tell(Unknown())
        await settle()
        assert check() == (1, 1, 1, 0, 0, 0)
        with trio.move_on_after(1):
            await ref.ask(Nap())
        assert check() == (1, 1, 1, 1, 0, 0)
        await ref.tell(Nap())
        await settle()
        for _ in range(3):
            ref.tell_nowait(Add())
        assert check() == (1, 1, 2, 1, 2, 1)
        await ref.stop()
        assert check() == (1, 2, 4, 1, 0, 0)


async def test_promise_4_processing() -> None:
    """One message at a time; with concurrency, never two of one conversation."""
    inside = list[str]()

    class Serves(Actor):
        def conversation(self, message: Any) -> str:
            return str(message.value)

        @handles
        async def serve(self, message: Echo) -> int:
            assert message.value not in inside
            inside.append(message.value)
            at_once = len(inside)
            await trio.sleep(1)
            inside.remove(message.value)
            return at_once

    async def at_once(concurrency: int) -> int:
        seen = list[int]()

        async def ask(ref: ActorRef[Any], conversation: str) -> None:
            seen.append(await ref.ask(Echo(conversation)))

        ref = await runtime.spawn(Serves, concurrency=concurrency)
        async with trio.open_nursery() as nursery:
            for conversation in "abcabcabc":
                nursery.start_soon(ask, ref, conversation)
        return max(seen)

    async with open_runtime() as runtime:
        assert await at_once(1) == 1
        assert await at_once(2) == 2
        assert await at_once(9) == 3


async def test_promise_5_ask() -> None:
    """Ends exactly once; a late reply reaches no later ask; a cycle raises and names itself."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent", grace=0)
        assert await ref.ask(Echo("reply")) == "reply"
        with pytest.raises(ValueError, match="the handler's own"):
            await ref.ask(Boom("the handler's own"))
        with trio.move_on_after(1) as scope:
            await ref.ask(Nap(5), detached=True)
        assert scope.cancelled_caught
        assert await ref.ask(Echo("mine")) == "mine"

        async def ask_myself(actor: Counter) -> None:
            await actor.ctx.ref.ask(Get())

        with pytest.raises(AskCycleError, match="counter -> counter"):
            await ref.ask(Do(ask_myself))
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped):
                    await ref.ask(Nap())

            await settle()
            await ref.stop()


async def test_promise_6_cancellation_crosses_actors() -> None:
    """Three actors deep: the innermost `finally`, shielded await and all, has run before the asker's scope exits."""
    log = Log()

    def chain(*refs: ActorRef[Any]) -> Do:
        async def work(_: Counter) -> None:
            try:
                if refs:
                    await refs[0].ask(chain(*refs[1:]))
                else:
                    await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)
                log(f"{len(refs)} ended")

        return Do(work)

    async with open_runtime() as runtime:
        a, b, c = [await runtime.spawn(Counter) for _ in range(3)]
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(a.ask, chain(b, c))
                await settle()
                scope.cancel()
        log("scope left")
        assert log.lines == ["0 ended", "1 ended", "2 ended", "scope left"]
        assert [await ref.ask(Get()) for ref in (a, b, c)] == [0, 0, 0]
        assert runtime.metrics().totals.abandoned == 3


async def test_promise_6_detached_work_outlives_its_asker_but_not_the_runtime() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log, grace=1)
        with trio.move_on_after(1):
            await ref.ask(Nap(), detached=True)
        await trio.sleep(100)
        assert "counter awake" not in log.lines
    assert log.lines[-2:] == ["counter awake", "counter stopped"]


async def test_promise_7_deadlines_are_trios() -> None:
    """`fail_after` around an ask ends it exactly then, three actors deep, and every one of them could read it."""
    deadlines = list[float]()

    def chain(*refs: ActorRef[Any]) -> Do:
        async def work(actor: Counter) -> None:
            deadlines.append(actor.ctx.deadline)
            if refs:
                await refs[0].ask(chain(*refs[1:]))
            await trio.sleep_forever()

        return Do(work)

    async with open_runtime() as runtime:
        a, b, c = [await runtime.spawn(Counter) for _ in range(3)]
        start = trio.current_time()
        with pytest.raises(trio.TooSlowError), trio.fail_after(30) as scope:
            await a.ask(chain(b, c))
        assert trio.current_time() - start == 30
        assert deadlines == [scope.deadline] * 3


async def test_promise_8_backpressure() -> None:
    """Every mailbox has a bound and a policy for when it is full; waits that would never end raise."""
    async with open_runtime() as runtime:
        refs = {
            "wait": await runtime.spawn(Counter, capacity=1, overflow="wait"),
            "reject": await runtime.spawn(Counter, capacity=1, overflow="reject"),
            "drop_oldest": await runtime.spawn(Counter, capacity=1, overflow="drop_oldest"),
            "drop_newest": await runtime.spawn(Counter, capacity=1, overflow="drop_newest"),
        }
        for ref in refs.values():
            await ref.tell(Nap(1))
        await settle()
        start = trio.current_time()
        for policy, ref in refs.items():
            await ref.tell(Add(1))
            if policy == "reject":
                with pytest.raises(MailboxFull):
                    await ref.tell(Add(10))
            elif policy != "wait":
                await ref.tell(Add(10))
        assert trio.current_time() == start
        await refs["wait"].tell(Add(10))
        assert trio.current_time() - start == 1
        assert [await ref.ask(Get()) for ref in refs.values()] == [11, 1, 10, 1]

        async def tell_myself(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add())
            await actor.ctx.ref.tell(Add())

        with pytest.raises(TellCycleError):
            await refs["wait"].ask(Do(tell_myself))


async def test_promise_9_supervision() -> None:
    """Ref and mailbox survive a restart, the message in hand fails to its asker; then restarts are exceeded."""
    log = Log()
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            children = [child(Counter, log, name, name=name) for name in "ab"]
            s = await runtime.spawn(Supervisor("s", "one_for_all", intensity=1, period=10, children=children))
            a = s.child("a")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(crash, a)
                nursery.start_soon(a.tell, Add(3))
            await trio.sleep(11)
            assert s.child("a") is a
            assert await a.ask(Get()) in (0, 3)  # what was told before the crash is gone with the state
            assert log.take() == ["a started", "b started", "b stopped", "a stopped", "a started", "b started"]
            with trio.move_on_after(1):
                await a.ask(Nap())
            assert a.metrics().restarts == 1, "cancellation is no crash"
            for _ in range(2):
                await a.tell(Boom())
            await trio.sleep_forever()
    assert log.lines.count("a stopped") == log.lines.count("a started") + 1


async def test_promise_9_no_error_is_ever_swallowed() -> None:
    """Taken by an asker, a watcher or a supervisor; else it leaves the runtime."""
    async with open_runtime() as runtime:
        await crash(await runtime.spawn(Counter))
        await (await runtime.spawn(Counter, restart="permanent")).tell(Boom())
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, list[Down]())

        async def watch(actor: Watcher) -> None:
            actor.ctx.watch(watched)

        await watcher.ask(Do(watch))
        await watched.tell(Boom())
        await trio.sleep(1)
        assert watched.state is State.STOPPED
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="nobody took it")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(Counter)).tell(Boom("nobody took it"))
            await trio.sleep(1)


def run_story(seed: int) -> list[tuple[float, str, str]]:
    """The life events of a run full of crashes, as told."""

    async def main() -> list[tuple[float, str, str]]:
        async with open_runtime(seed=seed) as runtime:
            children = [child(Counter, name=name) for name in "abc"]
            s = await runtime.spawn(Supervisor("s", "rest_for_one", intensity=20, period=60, children=children))
            for number in range(9):
                await crash(s.child("abc"[number % 3]))
                await s.child("c").ask(Nap(0.125))
        with runtime.events() as events:
            told: list[LifeEvent | Lagged] = [event async for event in events]
        return [(event.at, event.actor, event.state) for event in told if isinstance(event, LifeEvent)]

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_promise_14_determinism() -> None:
    """On a mock clock, with a seed, the event log of a run is the same each time."""
    logs = list[list[tuple[float, str, str]]]()
    for seed in (1, 1, 2):
        order_tasks_by(0)
        story = run_story(seed)
        logs.append([(at - story[0][0], actor, state) for at, actor, state in story])
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]
    assert len(logs[0]) > 50
