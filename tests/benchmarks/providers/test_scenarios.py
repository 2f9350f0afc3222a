"""Every scenario of the providers suite does its work right on both sides. Each checks that itself."""

from functools import partial

import pytest
import trio

from actrio.benchmarks._harness import Scenario, run_side, together
from actrio.benchmarks.providers import SUITE
from actrio.benchmarks.providers._actrio import with_actrio
from actrio.benchmarks.providers._bare import bare, bare_over_actrio
from actrio.benchmarks.providers._exchange import Client, Exchange
from actrio.benchmarks.providers._sdk import with_sdk
from actrio.benchmarks.providers._server import address

# The SDK stops reading at "[DONE]" and leaves its generators, and those of httpx2 under them, to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2)\\.:ResourceWarning")

CLIENTS = [with_actrio, bare, bare_over_actrio, with_sdk]
GROUPS = [group for _, group in together(SUITE.scenarios, quick=False)]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_a_tiny_round_does_the_work_right_on_all_sides(group: list[Scenario], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "base_url", property(lambda exchange: address(exchange.tokens)))  # without a pace
    for side in (group[0].actrio, *(one.baseline for one in group)):
        assert run_side(side, 2) > 0


def test_every_measurement_that_the_suite_promises_is_there() -> None:
    tokens, paced = ("token-1", "token-100", "token-1000"), ("paced-50",)
    history = ("history-2", "history-100", "history-400")
    first_tokens = ("ttft-1-p50", "ttft-1-p99", "ttft-100-p50", "ttft-100-p99")
    assert {one.name: one.reach for one in SUITE.scenarios if not one.name.startswith("wire-")} == {
        **{f"{name}-bare": pytest.approx(0.769, abs=0.001) for name in (*tokens, *paced, *history)},
        **{f"{name}-sdk": 8.0 for name in tokens},
        **{f"{name}-sdk": None for name in (*paced, *history)},
        **{f"{name}-{beside}": None for name in first_tokens for beside in ("bare", "sdk")},
        "history-flat": pytest.approx(0.667, abs=0.001),
    }
    assert {one.name: one.at_most for one in SUITE.scenarios if one.name.startswith("wire-")} == {
        "wire-token-1": 4,
        "wire-token-1000": 12,
        "wire-request-1": 600,
        "wire-request-100": 600,
        "wire-request-1000": 600,
    }


def test_names_fit_into_their_column() -> None:
    assert max(len(one.name) for one in SUITE.scenarios) <= 17


def test_the_question_of_a_scenario_states_its_unit() -> None:
    for scenario in SUITE.scenarios:
        assert scenario.question.count("?") == 1
        assert scenario.question.endswith(f"{scenario.unit}.")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_tells_the_time_of_the_first_token_and_not_of_the_last(client: Client) -> None:
    async def ask_once() -> tuple[float, float]:
        async with client(Exchange(tokens=2, pace_ms=200)) as ask:
            started = trio.current_time()
            return await ask(), trio.current_time() - started

    first, whole = trio.run(ask_once)
    assert 0 < first < whole - 0.1


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("answered", [Exchange(tokens=5), Exchange(messages=3)], ids=["a token too few", "a message"])
def test_a_wrong_answer_fails_every_client(client: Client, answered: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers something else than what the client checks for."""
    expected = Exchange(tokens=6)
    monkeypatch.setattr(Exchange, "base_url", property(lambda _: address(answered.tokens)))
    conversation = answered.conversation()
    monkeypatch.setattr(Exchange, "conversation", lambda _: conversation)

    async def ask(size: int) -> float:
        async with client(expected) as ask:
            return await ask()

    with pytest.raises(AssertionError, match="for Exchange"):
        run_side(partial(ask), 1)
