"""Every scenario of the agents suite does its work right on all sides. Each checks that itself."""

from collections.abc import Generator

import pytest

from actrio.benchmarks._harness import Scenario, run_side, together
from actrio.benchmarks.agents import SUITE
from actrio.benchmarks.agents import _tool_clients as tool_clients
from actrio.benchmarks.providers import Client, Exchange, serving

# The SDK stops reading at "[DONE]" and leaves its generators, and those of httpx2 under them, to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2)\\.:ResourceWarning")

GROUPS = [group for _, group in together(SUITE.scenarios, quick=False)]


@pytest.fixture
def server() -> Generator[None]:
    with serving():
        yield


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_a_tiny_round_does_the_work_right_on_all_sides(group: list[Scenario]) -> None:
    for side in (group[0].actrio, *(one.baseline for one in group)):
        assert run_side(side, 2) > 0


def test_every_measurement_that_the_suite_promises_is_there() -> None:
    costs = ("token-1", "token-100", "token-1000", "tool-turn-1", "tool-turn-200")
    first_tokens = ("ttft-1-p50", "ttft-1-p99", "ttft-100-p50", "ttft-100-p99")
    reach = pytest.approx(0.667, abs=0.001)
    assert {one.name: one.reach for one in SUITE.scenarios} == {
        **{f"{name}-bare": reach for name in costs},
        **{f"{name}-bare": None for name in first_tokens},
        **{f"{name}-sdk": None for name in (*costs, *first_tokens)},
        "history-flat": reach,
        "peak-1000-bare": reach,
    }
    assert {one.name: one.at_most for one in SUITE.scenarios if one.at_most} == {"peak-1000-bare": 130}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "client",
    [tool_clients.agents_with_a_tool(1), tool_clients.bare_with_a_tool],
    ids=["agents", "bare"],
)
async def test_an_answer_of_another_length_fails_the_client(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = tool_clients.EXCHANGE
    monkeypatch.setattr(tool_clients, "EXCHANGE", Exchange(tokens=exchange.tokens + 1))
    async with client(exchange) as ask:
        with pytest.raises(AssertionError, match=r"\('42', 16, 6\), not \('42', 17, 6\)"):
            await ask()
