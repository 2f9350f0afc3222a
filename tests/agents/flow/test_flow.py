"""Event-driven flows: signals, joins, life."""

from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents.flow import Flow, FlowNeverSettles, FlowRun, FlowSealed, InvalidFlow, all_of, any_of, collect
from tests.agents.flow.drafts import Fact, Topic


@frozen
class Draft:
    text: str


def noting(flow: Flow, *kinds: Any, **options: Any) -> list[Any]:
    """Have the flow note what a handler of these signals is given."""
    seen: list[Any] = []

    async def note(signal: Any, run: FlowRun) -> None:
        seen.append(signal)
        await trio.sleep(1)

    flow.on(*kinds, **options)(note)
    return seen


async def test_a_signal_sets_off_its_handlers_and_what_they_return_is_emitted(autojump_clock: MockClock) -> None:
    flow = Flow("report")

    @flow.on(Topic)
    async def research(topic: Topic, run: FlowRun) -> Fact:
        await trio.sleep(2)
        run.state["topic"] = topic.name
        return Fact(f"{topic.name} is wet")

    @flow.on(Fact)
    async def write(fact: Fact, run: FlowRun) -> None:
        await trio.sleep(3)
        run.state["text"] = fact.text.upper()

    snapshot = await flow.start(Topic("rain"))

    assert snapshot.state == {"topic": "rain", "text": "RAIN IS WET"}
    assert (snapshot.signals, snapshot.paused, snapshot.saved) == (2, False, None)
    assert trio.current_time() == 5


async def test_three_emits_give_three_reactions_and_emit_waits_for_its_own(autojump_clock: MockClock) -> None:
    flow = Flow("f")
    seen = noting(flow, Topic)
    async with flow.open() as run:
        for at, name in enumerate("abc"):
            await run.emit(Topic(name))
            assert trio.current_time() == at + 1
        run.emit_nowait(Topic("d"))
        assert (len(seen), trio.current_time()) == (3, 3)
    assert (len(seen), trio.current_time()) == (4, 4)
    assert repr(run) == "<FlowRun of 'f', closed: 4 signals, 0 handlers at work, 0 waiting>"


async def test_any_of_reacts_to_each_all_of_to_pairs_and_collect_to_so_many(autojump_clock: MockClock) -> None:
    any_flow, all_flow, some_flow = Flow("any"), Flow("all"), Flow("some")
    anyone = noting(any_flow, any_of(Topic, Fact))
    pairs = noting(all_flow, all_of(Topic, Fact), concurrency=1)  # so that they begin in order
    threes = noting(some_flow, collect(Fact, 3))
    for flow in (any_flow, all_flow, some_flow):
        async with flow.open() as run:
            for signal in (Fact("1"), Fact("2"), Topic("a"), Draft("-"), Fact("3"), Fact("4"), Topic("b")):
                run.emit_nowait(signal)
    assert len(anyone) == 6
    assert pairs == [(Topic("a"), Fact("1")), (Topic("b"), Fact("2"))]
    assert threes == [(Fact("1"), Fact("2"), Fact("3"))]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_handler_is_called_at_most_so_often_at_once_in_order(limit: int, autojump_clock: MockClock) -> None:
    flow = Flow("f")
    now = most = 0

    async def work(number: int, run: FlowRun) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1
        await run.put(number)

    flow.on(int, concurrency=limit)(work)
    async with flow.open() as run:
        for number in range(6):
            run.emit_nowait(number)
        items = [item async for item in run.items()]
    assert [number // limit for number in items] == [number // limit for number in range(6)]
    assert (most, trio.current_time()) == (limit, 6 / limit)


async def test_handlers_that_emit_to_each_other_cannot_lock_each_other_out(autojump_clock: MockClock) -> None:
    flow = Flow("f")

    @flow.on(int, concurrency=1)
    async def down(number: int, run: FlowRun) -> None:
        await trio.sleep(1)
        if number:
            await run.emit(str(number - 1))

    @flow.on(str, concurrency=1)
    async def back(text: str, run: FlowRun) -> None:
        await run.emit(int(text))

    with trio.fail_after(100):
        snapshot = await flow.start(5)
    assert (snapshot.signals, trio.current_time()) == (11, 6)


async def test_the_stream_has_any_number_of_readers_and_ends_with_the_run(autojump_clock: MockClock) -> None:
    flow = Flow("f")

    @flow.on(int)
    async def count(number: int, run: FlowRun) -> None:
        for at in range(number):
            await trio.sleep(1)
            await run.put(at)

    async def read(run: FlowRun, seen: list[Any]) -> None:
        with run.subscribe() as items:
            seen.extend([item async for item in items])

    first, second = list[Any](), list[Any]()
    async with trio.open_nursery() as nursery, flow.open(3) as run:
        nursery.start_soon(read, run, first)  # noqa: ASYNC111 - it ends with the run
        nursery.start_soon(read, run, second)  # noqa: ASYNC111
        items = run.items()
        assert [item async for item in items] == [0, 1, 2]
        await run.emit(2)
        assert [item async for item in items] == [0, 1]
    assert first == second == [0, 1, 2, 0, 1]


async def test_a_reader_that_stops_reading_does_not_hold_up_the_end(autojump_clock: MockClock) -> None:
    flow = Flow("f", keep=2)

    @flow.on(int)
    async def count(number: int, run: FlowRun) -> None:
        for at in range(number):
            await run.put(at)

    with trio.fail_after(10):
        async with flow.open(50) as run:
            items = run.items()
            assert await anext(items) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_a_sealed_run_takes_signals_from_its_handlers_alone_and_a_closed_one_none(
    autojump_clock: MockClock,
) -> None:
    flow = Flow("f")

    @flow.on(int)
    async def down(number: int, run: FlowRun) -> int | None:
        await trio.sleep(1)
        return number - 1 if number else None

    async with flow.open(3) as run:
        assert run.life == "open"
        run.seal()
        with pytest.raises(FlowSealed, match="sealed"):
            await run.emit(1)
    assert (run.life, trio.current_time()) == ("closed", 4)
    with pytest.raises(FlowSealed, match="closed"):
        run.emit_nowait(1)


async def test_a_cycle_that_never_settles_is_stopped_and_named() -> None:
    flow = Flow("f", max_signals=50)

    @flow.on(int)
    async def ping(number: int, run: FlowRun) -> str:
        await trio.lowlevel.checkpoint()
        return "pong"

    @flow.on(str)
    async def pong(text: str, run: FlowRun) -> None:
        await run.emit(1)

    with pytest.raises(FlowNeverSettles, match=r"max_signals=50: the loop (ping -> pong -> ping|pong -> ping -> pong)"):
        await flow.start(1)


async def test_a_handler_of_a_base_reacts_to_what_derives_from_it() -> None:
    flow = Flow("f")
    seen: list[object] = []

    @flow.on(Exception)
    async def any_error(error: Exception, run: FlowRun) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(error)

    await flow.start(error := KeyError())
    assert seen == [error]


async def test_a_spawned_flow_is_an_actor_whose_runs_end_with_their_asker(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    flow = Flow("f")
    cancelled: list[int] = []

    @flow.on(int)
    async def work(number: int, run: FlowRun) -> None:
        if not number:
            raise LookupError
        try:
            await trio.sleep(number)
        except trio.Cancelled:
            cancelled.append(number)
            raise
        run.state["number"] = number

    ref = await runtime.spawn(flow)
    assert (await ref.start(2)).state == {"number": 2}
    with trio.move_on_after(1):
        await ref.start(9)
    assert cancelled == [9]
    with pytest.raises(LookupError):
        await ref.start(0)
    assert (await ref.start(1)).state == {"number": 1}


def test_the_diagram_shows_signals_handlers_and_joins() -> None:
    flow = Flow("report")

    @flow.on(Topic, emits=[Draft])
    async def research(topic: Topic, run: FlowRun) -> Fact | None: ...

    @flow.on(all_of(Draft, Fact))
    async def write(both: tuple[Draft, Fact], run: FlowRun) -> None: ...

    @flow.on(collect(Fact, 3))
    async def check(facts: tuple[Fact, ...], run: FlowRun) -> None: ...

    assert flow.diagram() == (
        "flowchart LR\n"
        "    s0([Topic])\n    s1([Draft])\n    s2([Fact])\n"
        "    h0[research]\n    s0 --> h0\n    h0 --> s1\n    h0 --> s2\n"
        "    h1[write]\n    j1((all))\n    j1 --> h1\n    s1 --> j1\n    s2 --> j1\n"
        "    h2[check]\n    s2 -- 3 of --> h2\n"
    )


def test_what_cannot_be_a_flow_is_refused() -> None:
    with pytest.raises(InvalidFlow, match="not empty"):
        Flow("")
    flow = Flow("f")
    noting(flow, int)
    with pytest.raises(InvalidFlow, match="handler 'note' already"):
        noting(flow, str)
    with pytest.raises(TypeError, match="signals are types"):
        noting(flow, any_of("x"))  # type: ignore[call-overload]  # wrong on purpose
    with pytest.raises(ValueError, match="at least 1 signal"):
        collect(int, 0)


def test_a_handler_that_is_not_async_and_a_signal_that_is_none_are_refused() -> None:
    flow: Any = Flow("f")

    def plain(topic: Topic, run: FlowRun) -> None: ...

    with pytest.raises(InvalidFlow, match=r"plain must be `async def`: async def plain\(signal, run\)"):
        flow.on(Topic)(plain)
    with pytest.raises(InvalidFlow, match="3 is no type of signals"):
        flow.on(3)
