"""When the scope of an ask has been left, all that worked for it has ended: model, tools, and whom they asked."""

import os
import sys
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, AgentRef, tool
from actrio.providers import Assistant, Message, ModelRequest, ToolCall, ToolResult, User
from actrio.testing import Fail, Say, ScriptedProvider, Stall, deterministic_schedule
from tests.agents.tools.calls import PATIENCE, until


def check_valid(messages: Sequence[Message]) -> None:
    """Every call has its one result, right after the answer and in order; whoever asks is answered."""
    expected: list[str] = []
    for before, message in zip([None, *messages], messages, strict=False):
        if isinstance(message, ToolResult):
            assert message.call_id == expected.pop(0)
            continue
        assert expected == []
        assert not isinstance(before, User) or isinstance(message, Assistant)
        if isinstance(message, Assistant):
            expected = [call.id for call in message.tool_calls]
    assert expected == []


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope after the n-th step of any task, so that every await of all tasks together is met by some n."""

    def __init__(self, step: int) -> None:
        self.scope = trio.CancelScope()
        self.left = step

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


class Crew:
    """Three tools: an async one that asks another agent, one in a thread, and one that steps."""

    def __init__(self) -> None:
        self.stepping = 0
        self.leave = threading.Event()
        self.in_thread = 0
        self.model = ScriptedProvider(self.first(), "All done.", "Yes.", "Yes.")
        self.theirs = ScriptedProvider("one two three", cycle=True)

    @staticmethod
    def first() -> Say:
        names = ("expert", "block", "step")
        raw = {"expert": '{"request": "?"}'}
        return Say("Wait.", tool_calls=tuple(ToolCall(name, name, raw.get(name, "{}")) for name in names))

    @tool
    def block(self) -> str:
        """Hold a thread until it is let go."""
        self.in_thread += 1
        assert self.leave.wait(PATIENCE)
        self.in_thread -= 1
        return "blocked"

    @tool
    async def step(self) -> str:
        """Step, and let the thread go."""
        self.stepping += 1
        try:
            for _ in range(12):
                await trio.lowlevel.checkpoint()
            return "stepped"
        finally:
            self.leave.set()  # so that no thread outlives the test; it is abandoned if it has not ended by itself
            self.stepping -= 1


async def test_a_turn_with_tools_cancelled_after_any_step_leaves_nothing_at_work() -> None:
    step = 1
    while await is_reached(step):
        step += 1
    assert step > 40  # it would be a poor proof if the turn had been over at once


async def is_reached(step: int) -> bool:
    """Cancel one turn after this step; whether it had so many."""
    crew = Crew()
    async with open_runtime(seed=0) as runtime:
        expert = await runtime.spawn(Agent("expert", crew.theirs))
        ref = await runtime.spawn(Agent("a", crew.model, tools=[expert.as_tool(), crew.block, crew.step]))
        canceller = CancelAtStep(step)
        trio.lowlevel.add_instrument(canceller)
        with canceller.scope:
            await ref.ask("Go.", conversation="u1")
        trio.lowlevel.remove_instrument(canceller)

        assert crew.stepping == 0
        for model in (crew.model, crew.theirs):
            assert model.statistics().streams_open == 0
        totals = runtime.metrics().totals
        assert (totals.queued, totals.in_hand) == (0, 0)
        assert ref.metrics().restarts == expert.metrics().restarts == 0
        check_valid(ref.history("u1"))
        crew.leave.set()
        give_up = time.monotonic() + PATIENCE
        while ref.metrics().abandoned:
            assert time.monotonic() < give_up
            await trio.lowlevel.checkpoint()
        await ref.ask("And now?", conversation="u1")
        check_valid([*crew.model.requests[-1].messages, Assistant("Yes.")])
    return canceller.left <= 0


# The same with a process, at the moments that differ for it: each costs a new process.

MODULE = """
    import os, time
    from pathlib import Path

    from actrio.agents import tool

    @tool(run_in="process")
    def hang(note: str) -> None:
        Path(note + ".new").write_text(str(os.getpid()))
        Path(note + ".new").rename(note)
        while True:
            time.sleep(1000)
"""


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """A tool that runs for ever in a process, in a module of a user's."""
    name = "a_module_with_a_tool_that_hangs"
    (tmp_path / f"{name}.py").write_text(dedent(MODULE))
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__(name).hang
    del sys.modules[name]


@pytest.mark.parametrize("moment", ["the process starts", "all tools are at work"])
async def test_a_turn_with_a_task_a_thread_and_a_process_leaves_none_of_them(
    runtime: Runtime, hanging: Any, tmp_path: Path, moment: str
) -> None:
    note, entered, leave = tmp_path / "pid", threading.Event(), threading.Event()
    waiting: list[int] = []

    @tool
    async def wait() -> None:
        waiting.append(1)
        try:
            await trio.sleep_forever()
        finally:
            waiting.clear()

    @tool
    def block() -> None:
        entered.set()
        assert leave.wait(PATIENCE)

    calls = (
        ToolCall("w", "wait", ""),
        ToolCall("b", "block", ""),
        ToolCall("h", "hang", f'{{"note": "{note}"}}'),
    )
    model = ScriptedProvider(Say("Wait.", tool_calls=calls), "Yes.")
    ref = await runtime.spawn(Agent("a", model, tools=[wait, block, hanging]))
    pid = 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, ref, "u1")
        await until(lambda: bool(waiting) and entered.is_set())
        if moment == "all tools are at work":
            await until(note.exists)
            pid = int(note.read_text())
            os.kill(pid, 0)
        nursery.cancel_scope.cancel()

    assert waiting == []
    assert model.statistics().streams_open == 0
    assert ref.metrics().abandoned == {"block": 1}
    if pid:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    else:
        assert not note.exists()
    history = ref.history("u1")
    check_valid(history)
    assert [one.failed for one in history if isinstance(one, ToolResult)] == [True] * 3
    leave.set()
    await until(lambda: ref.metrics().abandoned == {})
    assert (await ref.ask("And now?", conversation="u1")).text == "Yes."


async def ask(ref: AgentRef, conversation: str) -> None:
    await ref.ask("Go.", conversation=conversation)


# Any tools, ending at any time, given up at any time


@frozen
class Call:
    """One call: what its tool does, and when that ends."""

    kind: Literal["wait", "fail", "linger", "approve", "expert", "absent", "broken"]
    seconds: int


@frozen
class Plan:
    """A turn: its calls of each step, when it is asked, and for how long it is wanted."""

    steps: tuple[tuple[Call, ...], ...]
    start: int
    patience: int
    conversation: str


kinds = st.sampled_from(["wait", "fail", "linger", "approve", "expert", "absent", "broken"])
calls = st.builds(Call, kinds, st.integers(0, 4))
steps = st.lists(st.lists(calls, min_size=1, max_size=3).map(tuple), max_size=2).map(tuple)
plans = st.builds(Plan, steps, st.integers(0, 3), st.integers(0, 8), st.sampled_from(["u1", "u2"]))


def as_line(step: tuple[Call, ...]) -> Say:
    made = []
    for n, call in enumerate(step):
        raw = "{" if call.kind == "broken" else f'{{"seconds": {call.seconds}}}'
        name = "wait" if call.kind == "broken" else call.kind
        made.append(ToolCall(f"c{n}", name, f'{{"request": "{call.seconds}"}}' if name == "expert" else raw))
    return Say("Wait.", tool_calls=tuple(made), token_s=0.5)


class Tools:
    """Tools that count who is at work."""

    def __init__(self) -> None:
        self.at_work = 0

    @tool
    async def wait(self, seconds: int) -> str:
        self.at_work += 1
        try:
            await trio.sleep(seconds)
        finally:
            self.at_work -= 1
        return "waited"

    @tool(idempotent=True, timeout=3)
    async def fail(self, seconds: int) -> None:
        await self.wait.function(seconds)
        raise ConnectionError("down")

    @tool
    async def linger(self, seconds: int) -> None:
        """Take a second to end, and fail at that."""
        self.at_work += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, seconds)
                await trio.sleep(seconds)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            self.at_work -= 1
            raise ValueError("cannot end")

    @tool(approval=True, max_concurrent=1)
    async def approve(self, seconds: int) -> None:
        await self.wait.function(seconds)


async def approve_all(ref: AgentRef) -> None:
    while True:
        await trio.sleep(1.5)
        for turn in ref.turns:
            for call_id in turn.waiting_for_approval:
                turn.approve(call_id)


async def carry_out(plan: Plan, number: int, ref: AgentRef) -> None:
    await trio.sleep(plan.start)
    with trio.move_on_after(plan.patience):
        await ref.ask(str(number), conversation=plan.conversation)


async def all_of(the_plans: list[Plan]) -> None:
    tools = Tools()

    def next_line(request: ModelRequest) -> Say | str:
        asked = max(n for n, one in enumerate(request.messages) if isinstance(one, User))
        plan = the_plans[int(request.messages[asked].text)]
        done = sum(isinstance(one, Assistant) for one in request.messages[asked:])
        return as_line(plan.steps[done]) if done < len(plan.steps) else "All done."

    expert_model = ScriptedProvider(Say("one two", token_s=1), Stall(after=1), Fail(TimeoutError, after=1), cycle=True)
    model = ScriptedProvider(next_line, cycle=True)
    async with open_runtime(seed=0, intensity=999) as runtime, trio.open_nursery() as background:
        expert = await runtime.spawn(Agent("expert", expert_model), restart="permanent")
        mine = [expert.as_tool(timeout=3), tools.wait, tools.fail, tools.linger, tools.approve]
        ref = await runtime.spawn(Agent("a", model, tools=mine), grace=5)
        background.start_soon(approve_all, ref)
        async with trio.open_nursery() as nursery:
            for number, plan in enumerate(the_plans):
                nursery.start_soon(carry_out, plan, number, ref)
        assert tools.at_work == 0
        assert model.statistics().streams_open == expert_model.statistics().streams_open == 0
        assert ref.turns == expert.turns == ()
        assert ref.metrics().restarts == 0
        for key in ("u1", "u2"):
            check_valid(ref.history(key))
        totals = runtime.metrics().totals
        assert (totals.queued, totals.in_hand, totals.balanced) == (0, 0, True)
        background.cancel_scope.cancel()


@given(st.lists(plans, max_size=4), st.integers(0, 99))
def test_turns_with_any_tools_given_up_at_any_time_leave_nothing_at_work(the_plans: list[Plan], seed: int) -> None:
    with deterministic_schedule(seed):
        trio.run(all_of, the_plans, clock=MockClock(autojump_threshold=0))
