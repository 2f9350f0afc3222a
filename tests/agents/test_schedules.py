"""Turns that are asked for, read and given up at any time leave nothing behind."""

import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef
from actrio.providers import Assistant, ConnectionLost, User
from actrio.testing import Fail, Say, ScriptedProvider, Stall, deterministic_schedule


@frozen
class Plan:
    """One turn: when it is asked, for how long it is wanted, in which conversation, and whether it is read live."""

    start: int
    patience: int
    conversation: str
    live: bool


LINES = (Say("one two", token_s=1), Fail(ConnectionLost("m", "gone", ""), after=1), Stall(after=1), Fail(LookupError))
plans = st.builds(Plan, st.integers(0, 4), st.integers(0, 6), st.sampled_from(["u1", "u2"]), st.booleans())


async def carry_out(plan: Plan, ref: AgentRef) -> None:
    await trio.sleep(plan.start)
    try:
        with trio.move_on_after(plan.patience):
            if not plan.live:
                await ref.ask("?", conversation=plan.conversation)
                return
            async with ref.run("?", conversation=plan.conversation) as turn:
                async for _ in turn.text():
                    pass
    except Exception:  # noqa: BLE001 - what a turn's end is told is tested elsewhere; here, that all of them end
        pass


async def all_of(the_plans: list[Plan], concurrency: int) -> None:
    model = ScriptedProvider(*LINES, cycle=True)
    async with open_runtime(seed=0, intensity=99) as runtime:
        ref = await runtime.spawn(Agent("a", model, concurrency=concurrency), restart="permanent", grace=0)
        async with trio.open_nursery() as nursery:
            for plan in the_plans:
                nursery.start_soon(carry_out, plan, ref)
        await carry_out(Plan(0, 9, "u1", live=False), ref)
        assert model.statistics().streams_open == 0
        for key in ("u1", "u2"):
            history = ref.history(key)
            assert [type(message) for message in history] == [User, Assistant] * (len(history) // 2)
        totals = runtime.metrics().totals
        assert (totals.queued, totals.in_hand, totals.balanced) == (0, 0, True)
    assert model.statistics().connections_open == 0


@given(st.lists(plans, max_size=6), st.integers(1, 3), st.integers(0, 99))
def test_turns_given_up_at_any_time_leave_no_stream_and_valid_conversations(
    the_plans: list[Plan], concurrency: int, seed: int
) -> None:
    with deterministic_schedule(seed):
        trio.run(all_of, the_plans, concurrency, clock=MockClock(autojump_threshold=0))
