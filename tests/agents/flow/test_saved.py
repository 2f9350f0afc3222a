"""A run that waits for the outside, is saved, and goes on in another process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.agents.flow import Flow, FlowDiverged, FlowRun, InvalidFlow, NotWaiting, all_of, collect
from actrio.mailbox import CodecError


@frozen
class Order:
    item: str
    count: int


@frozen
class Approval:
    by: str


@frozen
class Shipped:
    item: str


def make_flow() -> Flow:
    """A flow that has two people approve, as one does in a program."""
    flow = Flow("order")

    @flow.on(Order)
    async def approve(order: Order, run: FlowRun) -> Shipped:
        run.state["asked"] = run.state.get("asked", 0) + 1
        await run.put(f"asking for {order.item}")
        first = await run.pause_for(Approval, key=f"{order.item} 1")
        run.state["first"] = first.by
        await run.emit(first.by)
        second = await run.pause_for(Approval, key=f"{order.item} 2")
        run.state["second"] = second.by
        return Shipped(order.item)

    @flow.on(str)
    async def note(name: str, run: FlowRun) -> None:
        await trio.lowlevel.checkpoint()
        run.state["notes"] = [*run.state.get("notes", []), name]

    @flow.on(Shipped)
    async def ship(shipped: Shipped, run: FlowRun) -> None:
        await run.put(f"shipped {shipped.item}")

    return flow


async def test_answers_may_come_in_any_order_for_many_at_once() -> None:
    flow = Flow("f")

    @flow.on(int)
    async def ask(number: int, run: FlowRun) -> None:
        answer = await run.pause_for(Approval, key=str(number))
        await run.put((number, answer.by))

    async with flow.open() as run:
        for number in range(5):
            run.emit_nowait(number)
        await run.settled()
        assert set(run.waiting) == {("Approval", str(number)) for number in range(5)}
        for number in (3, 0, 4, 1, 2):
            run.resume(Approval(f"by {number}"), key=str(number))
        got = sorted([item async for item in run.items()])
    assert got == [(number, f"by {number}") for number in range(5)]


async def test_an_answer_that_nobody_waits_for_is_refused() -> None:
    async with make_flow().open(Order("tea", 1)) as run:
        await run.settled()
        with pytest.raises(NotWaiting, match=r"waits for Approval for 'milk'; waited for is: Approval for 'tea 1'"):
            run.resume(Approval("me"), key="milk")
        with pytest.raises(NotWaiting, match="waits for Order"):
            run.resume(Order("tea", 1), key="tea 1")


async def test_start_gives_a_snapshot_to_go_on_from_where_handlers_wait() -> None:
    flow = make_flow()
    snapshot = await flow.start(Order("tea", 1))
    assert (snapshot.paused, snapshot.waiting) == (True, (("Approval", "tea 1"),))
    async with flow.restore(snapshot) as run:
        run.resume(Approval("Ann"), key="tea 1")  # before the handler has come to its place again
        await run.settled()
        run.resume(Approval("Bob"), key="tea 2")
        await run.settled()
        assert dict(run.state) == {"asked": 1, "first": "Ann", "notes": ["Ann"], "second": "Bob"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_wherever_it_is_saved_and_restored_it_ends_the_same_with_nothing_done_twice(saves: list[bool]) -> None:
    async def main() -> None:
        data: Any = None
        items: list[object] = []
        answers = [("tea 1", "Ann"), ("tea 2", "Bob")]
        restart = [*saves]
        state: dict[str, Any] = {}
        while True:
            flow = make_flow()  # as in a new process
            async with flow.open(Order("tea", 1)) if data is None else flow.restore(data) as run:
                with run.subscribe() as stream:
                    await run.settled()
                    while answers and not (restart and restart.pop(0)):
                        key, by = answers.pop(0)
                        run.resume(Approval(by), key=key)
                        await run.settled()
                    data = json.loads(json.dumps(run.save()))
                    items += stream.receive_batch_nowait() if stream.statistics().unread else []
                    state = dict(run.state)
            if not answers:
                break
        assert items == ["asking for tea", "shipped tea"]
        assert state == {"asked": 1, "first": "Ann", "notes": ["Ann"], "second": "Bob"}

    trio.run(main)


async def test_signals_that_wait_at_a_join_are_saved(autojump_clock: MockClock) -> None:
    def joining() -> tuple[Flow, list[object]]:
        flow, seen = Flow("f"), list[object]()

        @flow.on(all_of(Order, Shipped))
        async def both(pair: tuple[Order, Shipped], run: FlowRun) -> None:
            await trio.lowlevel.checkpoint()
            seen.append(pair)

        @flow.on(collect(Shipped, 2))
        async def two(pair: tuple[Shipped, ...], run: FlowRun) -> None:
            await trio.lowlevel.checkpoint()
            seen.append(pair)

        return flow, seen

    flow, _ = joining()
    async with flow.open(Shipped("tea")) as run:
        data = run.save()
    flow, seen = joining()
    async with flow.restore(data) as run:
        run.emit_nowait(Order("tea", 1))
        run.emit_nowait(Shipped("milk"))
    assert sorted(map(str, seen)) == sorted(
        map(str, [(Order("tea", 1), Shipped("tea")), (Shipped("tea"), Shipped("milk"))])
    )


async def test_who_emitted_and_waits_goes_on_waiting_for_handlers_that_were_restored(autojump_clock: MockClock) -> None:
    def nested() -> Flow:
        flow = Flow("f")

        @flow.on(Order, concurrency=1)
        async def outer(order: Order, run: FlowRun) -> None:
            await run.emit(Shipped(order.item))
            run.state["order"] = ["inner", "outer"] if "inner" in run.state else ["outer"]

        @flow.on(Shipped)
        async def inner(shipped: Shipped, run: FlowRun) -> None:
            run.state["inner"] = (await run.pause_for(Approval)).by

        return flow

    snapshot = await nested().start(Order("tea", 1))
    async with nested().restore(snapshot) as run:
        await run.settled()
        run.resume(Approval("Ann"))
        await run.settled()
        assert dict(run.state) == {"inner": "Ann", "order": ["inner", "outer"]}
        assert repr(run) == "<FlowRun of 'f', open: 2 signals, 0 handlers at work, 0 waiting>"


async def test_a_pause_with_a_time_out_can_be_given_up(autojump_clock: MockClock) -> None:
    flow = Flow("f")

    @flow.on(int)
    async def ask(number: int, run: FlowRun) -> None:
        with trio.move_on_after(5):
            await run.pause_for(Approval)
        await run.put("nobody came")

    async with flow.open(1) as run:
        await trio.sleep(6)
        assert [item async for item in run.items()] == ["nobody came"]
        with pytest.raises(NotWaiting):
            run.resume(Approval("late"))


async def test_a_handler_that_does_something_else_than_before_is_found_out() -> None:
    def flow_that(emits: bool) -> Flow:
        flow = Flow("f")

        @flow.on(int)
        async def ask(number: int, run: FlowRun) -> None:
            await (run.emit("x") if emits else run.put("x"))
            await run.pause_for(Approval)

        return flow

    snapshot = await flow_that(True).start(1)
    with pytest.raises(FlowDiverged, match=r"handler 'ask' of flow 'f' had emitted at this point .* now puts"):
        async with flow_that(False).restore(snapshot):
            await wait_all_tasks_blocked()


async def test_a_snapshot_of_another_flow_or_of_none_is_refused() -> None:
    snapshot = await make_flow().start(Order("tea", 1))
    for wrong, said in ((None, "no snapshot"), ({"reactions": []}, "of flow None")):
        with pytest.raises(InvalidFlow, match=said):
            async with make_flow().restore(wrong):
                pass
    with pytest.raises(InvalidFlow, match="handlers that the flow has not: approve, note, ship"):
        async with Flow("order").restore(snapshot):
            pass


async def test_a_signal_that_has_no_plain_form_cannot_be_saved() -> None:
    class Odd:
        pass

    flow = Flow("f")

    @flow.on(Odd)
    async def ask(odd: Odd, run: FlowRun) -> None:
        await run.pause_for(Approval)

    async with flow.open(Odd()) as run:
        with pytest.raises(CodecError, match="expected JSON data, got Odd"):
            run.save()


async def test_only_the_task_of_a_handler_may_pause() -> None:
    async with make_flow().open() as run:
        with pytest.raises(RuntimeError, match="for the task of a handler"):
            await run.pause_for(Approval)


PROGRAM = """
import json, sys, trio
from tests_flow import Approval, Order, make_flow

async def first():
    print(json.dumps((await make_flow().start(Order("tea", 1))).saved))

async def later():
    async with make_flow().restore(json.load(sys.stdin)) as run:
        (waiting,) = run.waiting
        run.resume(Approval("Ann"), key=waiting[1])
        await run.settled()
        print(json.dumps(run.save()))

trio.run(first if sys.argv[1] == "first" else later)
"""


def test_it_goes_on_in_a_new_process(tmp_path: Path) -> None:
    (tmp_path / "tests_flow.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    program = f"import sys; sys.path.append({str(tmp_path)!r})\n{PROGRAM}"
    data = ""
    for step in ("first", "second", "third"):
        done = subprocess.run(
            [sys.executable, "-c", program, step], input=data, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stderr == ""
        data = done.stdout
    saved = json.loads(data)
    assert saved["reactions"] == []
    assert saved["state"] == {"asked": 1, "first": "Ann", "notes": ["Ann"], "second": "Ann"}


@pytest.mark.parametrize("now", [collect(Order, 2), Order, collect(Shipped, 9)])
async def test_signals_that_a_handler_does_not_wait_for_any_more_are_refused_and_not_lost(now: Any) -> None:
    async def take(orders: object, run: FlowRun) -> None: ...

    flow = Flow("order")
    flow.on(collect(Order, 5))(take)
    async with flow.open() as run:
        for count in range(4):
            await run.emit(Order("tea", count))
        saved = run.save()

    other = Flow("order")
    other.on(now)(take)
    other.codec.register(Order) if Order not in other.codec.tags else None
    with pytest.raises(InvalidFlow, match="the snapshot has signals for 'take' that it does not wait for"):
        async with other.restore(saved):
            pass
