"""Promise 13: a budget holds for the whole tree of agents under it."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef, Budget, BudgetExceeded, Price, PriceMissing, Spending, tool
from actrio.agents._budget import Account, Reservation, charging
from actrio.providers import Image, ModelRequest, ToolCall, Usage, User
from actrio.testing import Say, ScriptedProvider

# 40 characters are taken for 10 tokens.
QUESTION = "x" * 40


def asking(agent: AgentRef) -> object:
    @tool
    async def colleague(text: str) -> str:
        return (await agent.ask(text)).text

    return colleague


def model_of(*lines: Say | str, usage: Usage) -> ScriptedProvider:
    return ScriptedProvider(*(Say(line, usage=usage) if isinstance(line, str) else line for line in lines), cycle=True)


async def test_calls_are_made_until_the_budget_of_an_agent_is_spent(runtime: Runtime) -> None:
    model = model_of("Yes.", usage=Usage(10, 20))
    ref = await runtime.spawn(Agent("a", model, max_tokens=20, budget=Budget(tokens=100)))

    for _ in range(3):
        await ref.ask(QUESTION)
    with pytest.raises(BudgetExceeded) as caught:
        await ref.ask(QUESTION)

    assert str(caught.value) == (
        "the budget of agent 'a' has not enough tokens left: 100 in all, 90 spent, 0 reserved for calls under way, and "
        "this call is estimated at 30. Raise the Budget, or bound the answer with max_tokens"
    )
    assert len(model.requests) == 3


async def test_turns_at_once_do_not_spend_the_same_tokens_twice(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Say("Yes.", delay_s=1, usage=Usage(10, 20)), cycle=True)
    ref = await runtime.spawn(Agent("a", model, max_tokens=20, budget=Budget(tokens=100)))
    refused = 0

    async def ask() -> None:
        nonlocal refused
        try:
            await ref.ask(QUESTION)
        except BudgetExceeded as error:
            refused += error.spent + error.reserved + error.wanted > error.limit

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)

    assert (len(model.requests), refused) == (3, 2)


async def test_what_a_tool_asks_of_another_agent_counts_too(runtime: Runtime) -> None:
    other = await runtime.spawn(Agent("b", model_of("Hm.", usage=Usage(30, 30)), max_tokens=1))
    calling = Say("", tool_calls=(ToolCall("c", "colleague", '{"text": "?"}'),), usage=Usage(20, 20))
    model = ScriptedProvider(calling, "Done.")
    ref = await runtime.spawn(Agent("a", model, max_tokens=1, tools=[asking(other)]))  # type: ignore[list-item]

    with pytest.raises(BudgetExceeded, match=r"a turn of agent 'a'.* 100 spent"):
        await ref.ask("Go.", budget=Budget(tokens=100))

    await other.ask("And without?")


async def test_a_bound_on_requests_holds_over_the_steps_of_a_turn(runtime: Runtime) -> None:
    @tool
    async def again() -> None: ...

    model = ScriptedProvider(Say("", tool_calls=(ToolCall("c", "again", ""),)), cycle=True)
    ref = await runtime.spawn(Agent("a", model, tools=[again]))

    with pytest.raises(BudgetExceeded, match="not enough requests left: 3 in all, 3 spent"):
        await ref.ask("Go.", budget=Budget(requests=3), conversation="u1")

    assert len(model.requests) == 3


async def test_cost_is_counted_by_the_price_and_bounded(runtime: Runtime) -> None:
    model = model_of("Yes.", usage=Usage(1_000_000, 500_000, cached_tokens=400_000))
    ref = await runtime.spawn(Agent("a", model, max_tokens=1, price=Price(1.0, 4.0, 0.5), budget=Budget(cost=5)))

    reply = await ref.ask("?")
    assert reply.cost == pytest.approx(0.6 + 0.2 + 2.0)
    await ref.ask("?")
    with pytest.raises(BudgetExceeded, match=r"not enough cost left: 5 in all, 5.6 spent"):
        await ref.ask("?")
    assert ref.metrics().cost == pytest.approx(5.6)


async def test_a_bound_on_cost_needs_a_price(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes."), budget=Budget(cost=1)))

    with pytest.raises(PriceMissing, match=r"'scripted' costs is not known. Say it: Agent\(price="):
        await ref.ask("?")


async def test_a_cancelled_call_gives_back_what_it_reserved(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Say("Yes.", delay_s=60), "Yes.")
    ref = await runtime.spawn(Agent("a", model, max_tokens=20, budget=Budget(tokens=40)))

    with trio.move_on_after(1):
        await ref.ask(QUESTION)

    assert ref.account is not None
    assert ref.account.reserved == Spending()
    assert (await ref.ask(QUESTION)).text == "Yes."


@pytest.mark.parametrize("bound", ["tokens", "cost", "requests"])
def test_a_bound_of_nothing_is_refused(bound: str) -> None:
    with pytest.raises(ValueError, match=f"{bound} of a budget must be above 0"):
        Budget(**{bound: 0})


@pytest.mark.parametrize(("field", "value"), [("input", -1), ("output", "2"), ("cached", float("nan"))])
def test_a_price_below_nothing_is_refused(field: str, value: object) -> None:
    prices: dict[str, Any] = {"input": 1, "output": 2, field: value}
    with pytest.raises(ValueError, match=f"{field} of a price must be 0 or more"):
        Price(**prices)


def test_pictures_are_reserved_for() -> None:
    account = Account("me", Budget(tokens=10_000))
    with charging((account,)):
        Reservation(ModelRequest([User(["?" * 8, Image(b"GIF89a")])], max_tokens=10), None, "m")

    assert account.reserved.tokens == 2 + 1_000 + 10


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40), st.booleans()), max_size=30))
def test_what_is_reserved_and_spent_never_passes_the_limit_by_more_than_one_call_at_a_time(
    calls: list[tuple[int, int, bool]],
) -> None:
    """Calls begin and end in any order; each costs what it was estimated at, or less."""
    account, open_ones = Account("me", Budget(tokens=100, requests=9)), list[Reservation]()
    with charging((account,)):
        for tokens, written, begins in calls:
            if begins:
                try:
                    request = ModelRequest([User("x" * 4 * tokens)], max_tokens=written)
                    open_ones.append(Reservation(request, None, "m"))
                except BudgetExceeded:
                    continue
            elif open_ones:
                open_ones.pop(tokens % len(open_ones)).settle(Usage(0, 1))
            total = account.spent.plus(account.reserved)
            assert total.tokens <= 100
            assert total.requests <= 9
        for one in open_ones:
            one.settle(Usage(0, 1))
    assert account.reserved == Spending()
