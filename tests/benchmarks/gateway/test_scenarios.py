"""Every scenario of the gateway suite streams what it should on all sides. Each checks that itself."""

import json
from collections import deque
from collections.abc import Callable, Sequence

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket

from actrio.actors import open_runtime
from actrio.agents import Agent, TextChunk, TurnEvent
from actrio.agents._readers import TextReader
from actrio.benchmarks._harness import Scenario, run_figures, together
from actrio.benchmarks._row import summarise
from actrio.benchmarks.gateway import SUITE, _bare, _paced
from actrio.benchmarks.gateway._bare import frames, one_each, with_bare
from actrio.benchmarks.gateway._beside import REACH, sides
from actrio.benchmarks.gateway._client import AGENT, with_gateway
from actrio.benchmarks.gateway._flow import Course, Flow
from actrio.benchmarks.gateway._model import Model
from actrio.benchmarks.gateway._sides import Server, measure
from actrio.gateway import Gateway, serve

GROUPS = [group for _, group in together(SUITE.scenarios, quick=False)]
Taken = list[tuple[str, float]]
Fault = Callable[[Taken], Taken]
SERVERS = [with_gateway, with_bare(one_each(Flow(tokens=3)))]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_a_tiny_round_does_the_work_right_on_all_sides(group: list[Scenario], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio, "sleep", no_wait)
    monkeypatch.setattr(trio, "sleep_until", no_wait)
    for side in (group[0].actrio, *(one.baseline for one in group)):
        figures = run_figures(side, 2)
        assert not isinstance(figures, float)
        assert all(figures[one.figure] > 0 for one in group)


async def no_wait(_: float) -> None:
    await trio.lowlevel.checkpoint()


def test_every_measurement_that_the_suite_promises_is_there() -> None:
    numbers = (1, 100, 1_000)
    assert {one.name: one.reach for one in SUITE.scenarios} == {
        **{f"{what}-{n}-each": REACH for what in ("rate", "token") for n in numbers},
        **{f"{what}-{n}-same": None for what in ("rate", "token") for n in numbers},
        **{f"first-{n}-p{p}": None for n in (1, 100) for p in (50, 99)},
        "first-1-alone": REACH,
        **{f"paced-{n}": REACH for n in numbers},
        **{f"late-{n}-p{p}": None for n in numbers for p in (50, 99)},
    }
    assert pytest.approx(1 / 1.5) == REACH


def test_names_fit_into_their_column_and_questions_state_their_unit() -> None:
    for scenario in SUITE.scenarios:
        assert len(scenario.name) <= 17
        assert scenario.question.count("?") == 1
        assert scenario.question.endswith(f"{scenario.unit}.")


def _lose(taken: Taken) -> Taken:
    return [taken[0], *taken[2:]]


def _double(taken: Taken) -> Taken:
    return [taken[0], *taken]


def _swap(taken: Taken) -> Taken:
    return [taken[1], taken[0], *taken[2:]]


@pytest.mark.parametrize("fault", [_lose, _double, _swap])
@pytest.mark.parametrize("server", SERVERS, ids=["gateway", "bare"])
async def test_a_token_that_is_missing_or_not_in_its_place_fails_the_run(
    server: Server, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Course.check

    def check_fault(course: Course) -> None:
        course.taken = fault(course.taken)
        check(course)

    monkeypatch.setattr(Course, "check", check_fault)
    with pytest.raises(AssertionError, match=r"for Flow\(tokens=3"):
        await measure(server, Flow(tokens=3, pace_ms=2), 1, 1)


async def test_a_frame_that_is_missing_fails_the_bare_run(monkeypatch: pytest.MonkeyPatch) -> None:
    send = WebSocketConnection.send_message

    async def forgetful(websocket: WebSocketConnection, message: str | bytes) -> None:
        if '"text":" 0001"' not in str(message):
            await send(websocket, message)

    monkeypatch.setattr(WebSocketConnection, "send_message", forgetful)
    with pytest.raises(AssertionError, match=r"6 frames for Flow\(tokens=3"):
        await measure(SERVERS[1], Flow(tokens=3), 1, 1)


async def test_a_piece_that_is_missing_fails_the_run_through_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    take = TextReader._take

    def forgetful(reader: TextReader, events: Sequence[TurnEvent], ready: deque[str]) -> None:
        take(reader, [one for one in events if not isinstance(one, TextChunk) or "0001" not in one.text], ready)

    monkeypatch.setattr(TextReader, "_take", forgetful)
    with pytest.raises(AssertionError, match=r"for Flow\(tokens=3"):
        await measure(with_gateway, Flow(tokens=3), 1, 1)


async def test_the_bare_server_sends_what_the_gateway_sends() -> None:
    """The same fields in the same order, and texts as long, but for numbers that are measured."""
    flow = Flow(tokens=5, pace_ms=2)
    course, question = flow.courses(1)[0], _bare.request_text(flow.courses(1)[0])
    got: list[str] = []
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        await runtime.spawn(Agent(AGENT, Model({course.question: course})))
        gateway: Gateway = await nursery.start(serve, runtime)
        async with open_websocket(gateway.host, gateway.port, "/ws", use_ssl=False) as websocket:
            await websocket.get_message()  # the status
            await websocket.send_message(question)
            while not got or '"type":"end"' not in got[-1]:
                got.append(str(await websocket.get_message()))
        gateway.stop()
    sizes = [frame.get("count", 1) for frame in map(json.loads, got) if frame["type"] == "text_chunk"]
    wanted = frames(flow, sizes)
    assert got[:-1] == wanted[:-1]
    assert list(json.loads(got[-1])) == list(json.loads(wanted[-1]))
    assert abs(len(got[-1]) - len(wanted[-1])) < 30


async def test_the_frames_of_same_are_those_that_the_gateway_sent() -> None:
    by = sides(Flow(tokens=50), 1)
    with pytest.raises(AssertionError, match="first"):
        await by.same(2)
    await by.gateway(2)
    await by.same(2)


@pytest.mark.parametrize("server", SERVERS, ids=["gateway", "bare"])
async def test_with_a_pace_a_token_is_neither_before_its_time_nor_joined_with_the_next(server: Server) -> None:
    flow = Flow(tokens=3, pace_ms=100)
    figures, (_, course) = await measure(server, flow, 1, 1)
    assert course.pieces() == [1, 1, 1]
    assert course.given[2] - course.asked > course.times[3] > 0.15
    assert 0 < figures["late-p50"] < figures["late-p99"] < 50_000
    assert figures["late-p50"] < figures["first-p50"]


def test_times_are_the_same_in_every_run_and_unlike_each_other() -> None:
    flow = Flow(tokens=3, pace_ms=10, spread_ms=100)
    assert [one.times for one in flow.courses(3)] == [one.times for one in flow.courses(3)]
    assert len({one.times for one in flow.courses(50)}) == 50
    assert all(0 <= one.times[0] <= 0.1 for one in flow.courses(50))


def test_what_is_added_to_a_tokens_way_is_said_of_the_rows_that_were_measured() -> None:
    rows = [
        summarise("paced-1", "µs", "cost", [(3.0, 2.0)]),
        summarise("late-1-p50", "µs", "cost", [(300.0, 100.0)]),
        summarise("late-1-p99", "µs", "cost", [(900.0, 1000.0)]),
    ]
    assert _paced.added(rows) == "Added to a token's way by the gateway: 1-p50 +200 µs, 1-p99 -100 µs."
    assert not _paced.added(rows[:1])
