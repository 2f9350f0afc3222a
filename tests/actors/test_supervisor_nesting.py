"""Supervisors under supervisors, and a supervisor as an actor that has a ref."""

from contextlib import suppress
from typing import Any

import pytest
import trio

from actrio.actors import NoHandler, RestartsExceeded, State, Supervisor, SupervisorRef, child, open_runtime
from actrio.mailbox import ActorStopped, ActrioError
from tests.actors.crew import Add, Boom, Counter, Get, Log, Nap, crash, settle
from tests.actors.desks import Flaky, three

# Nesting and escalation


def nested(log: Log, **settings: Any) -> Supervisor:
    """A supervisor "outer" of a counter "x" and a supervisor "inner" that never restarts its children "a" and "b"."""
    inner = Supervisor("inner", children=[child(Counter, log, name, name=name) for name in "ab"], intensity=0)
    return Supervisor("outer", children=[child(Counter, log, "x", name="x"), inner], **settings)


async def test_children_are_named_after_their_supervisors() -> None:
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(Log()))
        inner = outer.child("inner")
        assert isinstance(inner, SupervisorRef)
        assert inner.child("a").name == "outer/inner/a"
        assert runtime.find("outer/inner/a") is inner.child("a")


async def test_a_supervisor_that_gives_up_is_restarted_as_a_whole_by_its_own() -> None:
    log = Log()
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(log))
        log.take()
        await crash(runtime.find("outer/inner/b"))
        await settle()
        assert log.take() == ["b stopped", "a stopped", "a started", "b started"]
        assert outer.child("inner").metrics().restarts == 1
        assert "RestartsExceeded" in str(outer.child("inner").metrics().last_error)


async def test_refs_and_mail_of_the_children_survive_the_restart_of_their_supervisor() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(nested(Log()))
        a, b = runtime.find("outer/inner/a"), runtime.find("outer/inner/b")
        a.tell_nowait(Nap(1))
        a.tell_nowait(Add(3))
        await crash(b)
        assert await a.ask(Get()) == 3
        assert await b.ask(Get()) == 0


async def test_refs_survive_a_restart_of_their_supervisor_in_which_a_start_fails() -> None:
    async with open_runtime() as runtime:
        inner = Supervisor(
            "inner", intensity=0, children=[child(Counter, name="a"), child(Flaky, [False, True], name="b")]
        )
        await runtime.spawn(Supervisor("outer", children=[inner]))
        a, b = runtime.find("outer/inner/a"), runtime.find("outer/inner/b")
        await crash(b)
        a.tell_nowait(Add(3))
        assert await a.ask(Get()) == 3
        assert await b.ask(Get()) == 0


async def test_escalation_goes_up_to_the_root_and_out_of_the_runtime_with_its_causes() -> None:
    def causes(error: BaseException | None) -> list[str]:
        return [] if error is None else [type(error).__name__, *causes(error.__cause__)]

    with pytest.RaisesGroup(RestartsExceeded) as info:
        async with open_runtime(intensity=0) as runtime:
            await runtime.spawn(nested(Log(), intensity=0), restart="permanent")
            await runtime.find("outer/inner/a").tell(Boom("the first cause"))
            await trio.sleep_forever()
    (error,) = info.value.exceptions
    assert isinstance(error, RestartsExceeded)
    assert error.supervisor == "runtime"
    assert causes(error) == ["RestartsExceeded"] * 3 + ["ValueError"]


async def test_escalation_ends_everything_in_reverse_order_with_the_stopped_hooks() -> None:
    log = Log()
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            await runtime.spawn(nested(log, intensity=0))
            log.take()
            await runtime.find("outer/inner/a").tell(Boom())
            await trio.sleep_forever()
    assert log.take() == ["a stopped", "b stopped", "x stopped", "first stopped"]


async def test_a_watcher_of_a_temporary_supervisor_takes_its_escalation() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), intensity=0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(s.child("a").tell, Boom())
            down = await s.watch()
        assert isinstance(down.error, RestartsExceeded)
        assert not runtime.metrics().actors


async def test_one_crash_of_a_supervisor_resets_the_window_of_its_restarts() -> None:
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(Log(), intensity=2, backoff=0))
        for _ in range(2):
            await crash(runtime.find("outer/inner/a"))
            await settle()
        assert outer.child("inner").metrics().restarts == 2


async def test_a_supervisor_tells_why_it_gave_up() -> None:
    with pytest.RaisesGroup(RestartsExceeded) as info:
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), intensity=0, period=7))
            await crash(s.child("a"))
            await trio.sleep_forever()
    (error,) = info.value.exceptions
    assert isinstance(error, RestartsExceeded)
    assert (error.supervisor, error.child, error.intensity, error.period) == ("s", "s/a", 0, 7)
    assert "supervisor 's' gives up: 's/a' crashed, and that would be more than 0 restarts in 7 s" in str(error)


# The ref of a supervisor


async def test_a_supervisor_refuses_messages() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s"))
        with pytest.raises(NoHandler, match="actor 's' has no handler for Get"):
            s.ask(Get())
        with pytest.raises(NoHandler):
            s.tell(Add())
        with pytest.raises(NoHandler):
            s.tell_nowait(Add())
        assert s.metrics().mailbox.sent == 0


async def test_a_child_spawned_through_the_ref_lives_and_ends_under_the_supervisor() -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(log))
        extra = await s.spawn(Counter, log, "extra", restart="permanent", name="extra")
        assert extra.name == "s/extra"
        log.take()
        await crash(extra)
        await settle()
        await s.stop()
        assert log.take() == ["extra stopped", "extra started", "extra stopped", "c stopped", "b stopped", "a stopped"]


async def test_a_child_cannot_be_spawned_under_a_stopped_supervisor() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s"))
        await s.stop()
        with pytest.raises(ActrioError):
            await s.spawn(Counter)
        assert not runtime.metrics().actors


async def test_a_child_spawned_while_its_supervisor_is_down_does_not_spoil_its_restart() -> None:
    async with open_runtime(intensity=9) as runtime:
        s = await runtime.spawn(three(Log(), intensity=0), restart="permanent")
        for _ in range(2):  # the second time the supervisor waits before its restart
            await crash(s.child("a"))
            await settle()
        assert s.state is State.DOWN
        with suppress(ActorStopped):  # refused is well, too
            await s.spawn(Counter, name="extra")
        await trio.sleep(100)
        assert (s.state, s.metrics().restarts) == (State.RUNNING, 2)


async def test_stopping_a_supervisor_stops_its_children_in_reverse_each_with_its_grace() -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, log, name, name=name, grace=2) for name in "ab"]
        s = await runtime.spawn(Supervisor("s", children=children))
        for name in "ab":
            s.child(name).tell_nowait(Nap())
        await settle()
        log.take()
        start = trio.current_time()
        await s.stop()
        assert trio.current_time() - start == 4
        assert log.take() == ["b awake", "b stopped", "a awake", "a stopped"]


async def test_a_child_stopped_by_hand_comes_back_when_its_supervisor_is_restarted() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(nested(Log()))
        await runtime.find("outer/inner/a").stop()
        await crash(runtime.find("outer/inner/b"))
        await settle()
        assert await runtime.find("outer/inner/a").ask(Get()) == 0
        inner = runtime.tree().splitlines()
        assert [line.split()[0] for line in inner] == [
            "runtime",
            "outer",
            "outer/x",
            "outer/inner",
            "outer/inner/a",
            "outer/inner/b",
        ]


async def test_a_child_that_is_stopped_is_forgotten_by_its_supervisor() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), "one_for_all"))
        await s.child("a").stop()
        await crash(s.child("c"))
        await settle()
        assert sorted(runtime.metrics().actors) == ["s", "s/b", "s/c"]


async def test_a_child_stopped_while_its_supervisor_is_restarted_is_not_started_again() -> None:
    log = Log()

    class SlowEnd(Counter):
        async def stopped(self) -> None:
            await trio.sleep(1)
            await super().stopped()

    async with open_runtime() as runtime:
        children = [child(SlowEnd, log, "a", name="a"), child(Counter, log, "b", name="b")]
        await runtime.spawn(Supervisor("outer", children=[Supervisor("in", intensity=0, children=children)]))
        a, b = runtime.find("outer/in/a"), runtime.find("outer/in/b")
        await crash(b)
        await settle()
        assert a.state is State.STOPPING
        await a.stop()
        assert (a.state, b.state) == (State.STOPPED, State.RUNNING)
    assert log.lines.count("a started") == 1
