"""The calls of one step: places, approval, progress, order."""

import threading
from collections import Counter
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime, open_runtime
from actrio.agents import (
    Agent,
    AgentRef,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    ToolContext,
    TurnTooLong,
    tool,
)
from actrio.agents.tools._run import _thread_limiter
from actrio.providers import ToolResult
from actrio.testing import Say, ScriptedProvider, deterministic_schedule
from tests.agents.tools.calls import Bench, calling


async def test_calls_start_in_order_and_each_is_told_when_it_ends(runtime: Runtime, autojump_clock: MockClock) -> None:
    @tool
    async def wait(seconds: float) -> float:
        await trio.sleep(seconds)
        if seconds == 1:
            raise ValueError("one")
        return seconds

    model = ScriptedProvider(calling(*(("wait", f'{{"seconds": {s}}}') for s in (3, 1, 2)), ("none", "")), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[wait]))

    async with ref.run("Go.") as turn:
        reply = await turn.result()
    events = [event async for event in turn.events()]

    assert [e.call.id for e in events if isinstance(e, ToolCallStarted)] == ["c0", "c1", "c2", "c3"]
    assert [e.use.call.id for e in events if isinstance(e, ToolCallFinished)] == ["c3", "c1", "c2", "c0"]
    outcomes = ["done", "failed", "done", "unknown tool"]
    assert [use.outcome for use in reply.tool_uses] == outcomes
    results = [one for one in model.requests[1].messages if isinstance(one, ToolResult)]
    assert [(one.call_id, one.failed) for one in results] == [("c0", False), ("c1", True), ("c2", False), ("c3", True)]
    assert reply.duration == 3


class Peak:
    """How many are inside at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


async def test_max_concurrent_holds_over_all_agents_and_counts_as_waiting_time(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    peak = Peak()

    @tool(max_concurrent=2, timeout=2.5)
    async def scarce() -> str:
        with peak:
            await trio.sleep(1)
        return "had it"

    refs = [
        await runtime.spawn(Agent(name, ScriptedProvider(calling(*[("scarce", "")] * 3), "Done."), tools=[scarce]))
        for name in ("a", "b")
    ]
    replies: list[Any] = []
    async with trio.open_nursery() as nursery:

        async def ask(ref: AgentRef) -> None:
            replies.append(await ref.ask("Go."))

        for ref in refs:
            nursery.start_soon(ask, ref)

    assert peak.most == 2
    outcomes = Counter(use.outcome for reply in replies for use in reply.tool_uses)
    assert outcomes == {"done": 4, "timed out": 2}  # of six, two a second, the last would end at 3 s


async def test_max_concurrent_of_a_method_holds_however_it_is_bound(autojump_clock: MockClock) -> None:
    peak = Peak()

    class Shop:
        @tool(max_concurrent=1)
        async def order(self) -> None:
            with peak:
                await trio.sleep(1)

    shop = Shop()
    benches = [Bench(shop.order), Bench(shop.order), Bench(Shop().order)]
    async with trio.open_nursery() as nursery:
        for bench in benches:
            nursery.start_soon(bench.call, "order")

    assert peak.most == 1


async def test_calls_that_wait_for_approval_hold_no_place_and_no_thread(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    @tool(approval=True, max_concurrent=1)
    async def pay(amount: int) -> str:
        await trio.lowlevel.checkpoint()
        return f"paid {amount}"

    waiting, free = 30, 5
    model = ScriptedProvider(
        calling(*(("pay", f'{{"amount": {n}}}') for n in range(waiting))),
        calling(*(("pay", f'{{"amount": {n}}}') for n in range(free))),
        "Done.",
        "Done.",
    )
    ref = await runtime.spawn(Agent("a", model, tools=[pay]))

    async with ref.run("Go.") as first:
        await wait_all_tasks_blocked()
        assert len(first.waiting_for_approval) == waiting
        async with ref.run("Go.") as second:
            await wait_all_tasks_blocked()
            for call_id in second.waiting_for_approval:
                second.approve(call_id)
            assert [use.outcome for use in (await second.result()).tool_uses] == ["done"] * free
        order = [f"c{(7 * n) % waiting}" for n in range(waiting)]
        for n, call_id in enumerate(order):
            if n % 3:
                first.approve(call_id)
            else:
                first.deny(call_id, "No.")
        uses = (await first.result()).tool_uses

    assert [use.call.id for use in uses] == [f"c{n}" for n in range(waiting)]
    assert Counter(use.outcome for use in uses) == {"denied": waiting / 3, "done": 2 * waiting / 3}
    assert {use.text for use in uses if use.outcome == "denied"} == {"The user did not approve of this call. No."}


async def test_a_sync_tool_that_waits_for_approval_has_no_thread_yet(runtime: Runtime) -> None:
    @tool(approval=True)
    def pay() -> str:
        return threading.current_thread().name

    model = ScriptedProvider(calling(("pay", "")), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[pay]))

    async with ref.run("Go.") as turn:
        await wait_all_tasks_blocked()
        assert _thread_limiter().borrowed_tokens == 0
        turn.approve("c0")
        assert (await turn.result()).tool_uses[0].value != threading.current_thread().name


@pytest.mark.parametrize("calls", [1, 3])
async def test_a_turn_with_too_many_events_ends_as_such_whatever_its_tools_do(
    runtime: Runtime, autojump_clock: MockClock, calls: int
) -> None:
    @tool
    async def chat(ctx: ToolContext) -> None:
        for number in range(50):
            ctx.progress(number)
            await trio.sleep(1)

    model = ScriptedProvider(calling(*[("chat", "")] * calls), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[chat], max_events=20))

    with pytest.raises(TurnTooLong):
        await ref.ask("Go.", conversation="u1")

    assert ref.metrics().restarts == 0
    assert [type(one).__name__ for one in ref.history("u1")] == [
        "User",
        "Assistant",
        *["ToolResult"] * calls,
        "Assistant",
    ]


async def test_a_turn_that_has_too_many_events_when_it_is_cancelled_is_no_crash(runtime: Runtime) -> None:
    scope = trio.CancelScope()

    @tool
    async def end() -> None:
        scope.cancel()  # and be one event more

    @tool
    async def wait() -> None:
        await trio.sleep_forever()

    model = ScriptedProvider(calling(("end", ""), ("wait", "")), "Yes.")
    ref = await runtime.spawn(Agent("a", model, tools=[end, wait], max_events=4))

    with scope:
        await ref.ask("Go.", conversation="u1")

    assert scope.cancelled_caught
    assert (await ref.ask("Well?", conversation="u1")).text == "Yes."


async def test_progress_of_many_tools_is_told_as_it_comes(runtime: Runtime, autojump_clock: MockClock) -> None:
    @tool
    async def work(steps: int, ctx: ToolContext) -> None:
        for step in range(steps):
            await trio.sleep(steps)
            ctx.progress(step)

    model = ScriptedProvider(calling(("work", '{"steps": 3}'), ("work", '{"steps": 2}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[work]))
    seen: list[tuple[float, str, object]] = []

    async with ref.run("Go.") as turn:
        async for event in turn.events():
            if isinstance(event, ToolCallProgress):
                seen.append((trio.current_time(), event.call_id, event.value))  # noqa: PERF401 - with its time

    began = seen[0][0] - 2
    assert [(at - began, call, value) for at, call, value in seen] == [
        (2, "c1", 0),
        (3, "c0", 0),
        (4, "c1", 1),
        (6, "c0", 1),
        (9, "c0", 2),
    ]


async def test_three_agents_answer_at_once_and_one_conversation_in_order(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    def slow() -> ScriptedProvider:
        return ScriptedProvider(lambda request: Say(request.messages[-1].text, delay_s=2), cycle=True)

    refs = [await runtime.spawn(Agent(name, slow())) for name in "abc"]
    answers: list[str] = []

    async def ask(ref: AgentRef, text: str, conversation: str | None) -> None:
        answers.append((await ref.ask(text, conversation=conversation)).text)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for ref in refs:
            nursery.start_soon(ask, ref, "Well?", None)
    assert trio.current_time() - began == 2

    answers.clear()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for text in ("first", "second", "third"):
            nursery.start_soon(ask, refs[0], text, "u1")
            await wait_all_tasks_blocked()
    assert trio.current_time() - began == 6
    assert answers == ["first", "second", "third"]
    assert [one.text for one in refs[0].history("u1")] == ["first", "first", "second", "second", "third", "third"]


def event_log(seed: int) -> bytes:
    """What happens in three turns at once, each with three steps of three tools."""

    @tool(max_concurrent=2)
    async def work(seconds: float, ctx: ToolContext) -> str:
        ctx.progress("began")
        await trio.sleep(seconds)
        if seconds == 2:
            raise ValueError("two")
        return f"worked {seconds:g}"

    @tool(idempotent=True, timeout=1.5)
    async def flaky() -> None:
        await trio.sleep(0.5)
        raise ConnectionError("down")

    step = calling(("work", '{"seconds": 1}'), ("work", '{"seconds": 2}'), ("flaky", ""), ("work", '{"seconds": 1}'))
    log: list[str] = []

    async def follow(ref: AgentRef, key: str) -> None:
        async with ref.run("Go.", conversation=key) as turn:
            async for event in turn.events():
                log.append(f"{trio.current_time()} {key} {event}")  # noqa: PERF401 - one log for all

    async def main() -> None:
        model = ScriptedProvider(*[step] * 9, *["Done."] * 3)
        async with open_runtime(seed=seed) as runtime:
            ref = await runtime.spawn(Agent("a", model, tools=[work, flaky]))
            async with trio.open_nursery() as nursery:
                for key in ("u1", "u2", "u3"):
                    nursery.start_soon(follow, ref, key)
            log.append(str(ref.metrics()))

    with deterministic_schedule(seed):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    return "\n".join(log).encode()


def test_the_event_log_of_a_seeded_run_with_tools_is_the_same_to_the_byte() -> None:
    first, second = event_log(3), event_log(3)

    assert first == second
    assert first.count(b"ToolCallFinished") == 9 * 4
    assert len({event_log(seed) for seed in range(4)}) > 1
