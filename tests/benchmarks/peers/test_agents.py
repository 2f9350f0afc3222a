"""Libraries of agents as peers: here this interpreter plays that of one, with a library made for the test."""

import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from actrio.benchmarks._harness import Scenario, Unavailable, run_side, together
from actrio.benchmarks._row import summarise
from actrio.benchmarks.peers import SUITE, _process
from actrio.benchmarks.peers._agents import AGENT_SCENARIOS, AGENT_WORK, AHEAD, TOKEN, TOOL_TURN
from actrio.benchmarks.peers._peer import AGENTS, PROGRAM, Peer
from actrio.benchmarks.peers._process import Measuring
from actrio.benchmarks.peers._scenarios import best_of_peers
from actrio.benchmarks.peers._stopping import CALLING, ENDLESS
from actrio.benchmarks.peers._watch import closings, relay, relaying
from actrio.benchmarks.providers import MODEL, Exchange, serving

# An adapter of a library that there is not: all that it does is written out. Its models are what can be wrong with one.
LIBRARY = """
import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from program import CannotDo


class Library:
    def __init__(self, work):
        self.url = urlsplit(work.base_url)
        self.work = work

    @asynccontextmanager
    async def request(self, messages):
        body = {"model": self.work.model, "messages": messages}
        if self.work.tools:
            body["tools"] = [{"name": "add"}]
        data = json.dumps(body).encode()
        head = f"POST {self.url.path}/chat/completions HTTP/1.1\\r\\nContent-Length: {len(data)}\\r\\n\\r\\n"
        reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
        try:
            writer.write(head.encode() + data)
            yield self.chunks(reader)
        finally:
            writer.close()

    async def chunks(self, reader):
        while (line := await reader.readline()) and line != b"data: [DONE]\\n":
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    async def answer(self, messages, first):
        pieces = sent = received = 0
        arguments = ""
        async with self.request(messages) as chunks:
            async for chunk in chunks:
                if chunk["usage"]:
                    sent, received = chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"]
                for choice in chunk["choices"]:
                    if choice["delta"].get("content"):
                        pieces += 1
                        if pieces == 1:
                            first()
                    for call in choice["delta"].get("tool_calls", ()):
                        arguments += call["function"]["arguments"]
        return pieces, sent, received, arguments

    async def turn(self, first):
        messages = [
            {"role": "system", "content": self.work.instructions},
            {"role": "user", "content": self.work.question},
        ]
        pieces, sent, received, arguments = await self.answer(messages, first)
        if arguments:
            result = await self.work.tools[0](**json.loads(arguments))
            messages += [{"role": "assistant", "content": None}, {"role": "tool", "content": str(result)}]
            pieces, sent_again, received_again, _ = await self.answer(messages, first)
            sent, received = sent + sent_again, received + received_again
        return pieces, sent, received


@asynccontextmanager
async def opened(work):
    library = Library(work)

    async def ask(first):
        if work.model == "cannot":
            raise CannotDo("it has no such model")
        if work.model == "loses-a-piece":
            pieces, sent, received = await library.turn(first)
            return pieces - 1, sent, received
        if work.model == "asks-twice":
            await library.turn(first)
            pieces, sent, received = await library.turn(first)
            return pieces, 2 * sent, 2 * received
        if work.model == "goes-on":
            return await asyncio.shield(asyncio.create_task(library.turn(first)))
        return await library.turn(first)

    yield ask
"""

GROUPS = [group for _, group in together(AGENT_SCENARIOS, quick=False)]

SHORT = Exchange(tokens=3)
HELD = Exchange(tokens=2, pace_ms=60_000)
CALLS = Exchange(tokens=16)


@pytest.fixture
def server() -> Generator[None]:
    with serving(), relaying():
        yield


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    path = tmp_path / "made_up.py"
    path.write_text(LIBRARY)
    return path


@pytest.fixture
def library(adapter: Path) -> Generator[Measuring]:
    measuring = Measuring(Path(sys.executable), adapter, patience_s=20)
    yield measuring
    measuring.close()


def setup(exchange: Exchange, at_once: int = 1, model: str = MODEL, *, watched: bool = False) -> Mapping[str, Any]:
    return {
        "base_url": relay().base_url(exchange) if watched else exchange.base_url,
        "watch": relay().watch_port,
        "key": "",
        "model": model,
        "messages": exchange.conversation(),
        "tokens": exchange.tokens,
        "at_once": at_once,
    }


@pytest.mark.usefixtures("server")
def test_a_library_is_measured_at_everything(library: Measuring) -> None:
    assert library.measure("token", 4, setup(SHORT, at_once=2)) > 0
    assert library.measure("first_token", 3, setup(SHORT)) > 0
    assert library.measure("tool_turn", 2, setup(CALLS)) > 0
    assert library.measure("first_turn", 1, setup(SHORT)) > library.imported_s > 0
    assert library.measure("memory", 5, setup(HELD, at_once=5)) > 1


@pytest.mark.usefixtures("server")
def test_what_a_cancelled_turn_leaves_is_seen(library: Measuring) -> None:
    assert 0 < library.measure("cancel", 2, setup(ENDLESS, watched=True)) < 2e6
    assert 0 < library.measure("tool_stop", 1, setup(CALLING)) < 0.5e6


@pytest.mark.usefixtures("server")
def test_a_tool_that_goes_on_is_seen_to_go_on_to_its_end(library: Measuring) -> None:
    assert library.measure("tool_stop", 1, setup(CALLING, model="goes-on")) > 0.9e6


@pytest.mark.usefixtures("server")
def test_a_connection_that_stays_open_is_said(library: Measuring) -> None:
    with pytest.raises(Unavailable, match="still open 5 s after the cancel"):
        library.measure("cancel", 1, setup(ENDLESS, model="goes-on", watched=True))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("what", "exchange", "model", "said"),
    [
        ("token", SHORT, "loses-a-piece", r"it failed: AssertionError: \(2, 2, 3\), not \(3, 2, 3\)"),
        ("first_token", SHORT, "asks-twice", r"\(3, 4, 6\), not \(3, 2, 3\)"),
        ("tool_turn", CALLS, "asks-twice", r"\(16, 12, 38\), not \(16, 6, 19\)"),
        ("token", SHORT, "cannot", "it has no such model"),
    ],
)
def test_other_work_than_that_of_the_others_is_no_figure(
    library: Measuring, what: str, exchange: Exchange, model: str, said: str
) -> None:
    with pytest.raises(Unavailable, match=said):
        library.measure(what, 1, setup(exchange, model=model))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_a_tiny_round_of_actrio_and_of_a_library_does_the_work_right(
    group: list[Scenario], adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Peer, "installed", property(lambda _: True))
    monkeypatch.setattr(Peer, "interpreter", property(lambda _: Path(sys.executable)))
    monkeypatch.setattr(Peer, "adapter", property(lambda _: adapter))
    with _process.at_work():
        for side in (group[0].actrio, group[0].baseline):
            assert run_side(side, 2, group[0].figure) > 0


@pytest.mark.usefixtures("server")
async def test_the_relay_tells_of_each_closing_from_then_on_and_of_no_other() -> None:
    async def connect_and_close() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", relay().port):
            pass

    await connect_and_close()
    async with closings() as watched:
        await connect_and_close()
        first = await watched.next()
        await connect_and_close()
        assert await watched.next() >= first


def test_a_relay_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("actrio.benchmarks.peers._watch._PROGRAM", tmp_path / "none.py")
    with pytest.raises(RuntimeError, match="did not start"), serving(), relaying():
        pass


def test_each_library_has_a_row_for_each_measurement_and_an_adapter_that_says_its_fast_path() -> None:
    assert len(AGENT_SCENARIOS) == len(AGENT_WORK) * len(AGENTS)
    turns = PROGRAM.with_name("turns.py").read_text(encoding="utf-8")
    assert all(f"async def {work.function}(opened, setup: dict, size: int)" in turns for work in AGENT_WORK)
    for peer in AGENTS:
        text = peer.adapter.read_text(encoding="utf-8")
        assert "The fast path: " in text
        assert "async def opened(work):" in text


def test_what_is_asked_of_the_rows() -> None:
    wanted = {work.name: work.reach for work in AGENT_WORK}
    assert {wanted[f"token-{number}"] for number in (1, 100, 1000)} == {TOKEN}
    assert wanted["tool-turn"] == TOOL_TURN
    assert {wanted[name] for name in ("first-token", "memory-1000", "import", "first-turn", "cancel")} == {AHEAD}


def test_the_question_of_a_row_states_the_peer_and_the_unit() -> None:
    for scenario in AGENT_SCENARIOS:
        assert scenario.question.count("?") == 1
        assert scenario.question.endswith(f", {scenario.unit}.")


def test_quick_is_a_few_rows_of_the_peers_that_do_not_take_long() -> None:
    quick = {one.name for one in SUITE.scenarios if one.quick is not None}
    assert {"tell-casty", "token-1-langgraph", "tool-turn-openai"} <= quick
    assert not {name for name in quick if name.endswith(("-ray", "-agently")) or name.startswith("memory")}


def test_the_best_library_is_named_and_beside_it_what_is_written_by_hand() -> None:
    rows = [
        summarise("token-1-openai", "µs", "cost", [(10.0, 90.0)]),
        summarise("token-1-langgraph", "µs", "cost", [(10.0, 300.0)]),
        summarise("token-1-agentchat", "µs", "cost", [(10.0, 120.0)]),
    ]
    assert "token-1      12.00 times the best of 2, agentchat;   9.00 times openai by hand" in best_of_peers(rows)
    assert best_of_peers(rows[:1]).splitlines()[1] == "  token-1       9.00 times openai by hand"
