"""Many clients at once: each gets all of its own, and who reads slowly costs the others neither time nor memory."""

import gc
import resource
import tracemalloc
from contextlib import AsyncExitStack
from statistics import median
from typing import Any, Final

import pytest
import trio
import trio.lowlevel
from attrs import frozen

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef
from actrio.gateway import Gateway, GatewayLimits, connect, serve
from actrio.mailbox import Codec
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served, until
from tests.gateway.wire import wired

CROWD: Final = 1_000
PATIENCE_S: Final = 120.0  # seconds; it takes about 7 of the processor's
DESCRIPTORS: Final = 2 * CROWD + 200  # both ends of each connection are in this process


def answer_of(text: str, words: int, token_s: float) -> Say:
    return Say(" ".join(f"{text}.{n}" for n in range(words)), token_s=token_s)


@pytest.fixture
def many_descriptors() -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"{DESCRIPTORS} descriptors are needed, and {hard} allowed")
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
async def test_a_thousand_connections_stream_at_once_and_each_gets_its_whole_text(runtime: Runtime) -> None:
    model = ScriptedProvider(lambda request: answer_of(request.messages[-1].text, 5, 0.05), cycle=True)
    writer: AgentRef[str] = await runtime.spawn(Agent("writer", model, concurrency=CROWD))
    got: dict[int, str] = {}
    together, connecting = trio.Event(), trio.CapacityLimiter(100)

    async def one(gateway: Gateway, number: int) -> None:
        async with AsyncExitStack() as stack:
            async with connecting:
                client = await stack.enter_async_context(connect(gateway.url, connect_s=PATIENCE_S))
            if gateway.connections == CROWD:
                together.set()
            await together.wait()
            async with client.run("writer", str(number)) as turn:
                got[number] = "".join([piece async for piece in turn.text()])
                assert (await turn.result()).text == got[number]

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as serving:
            gateway: Gateway = await serving.start(serve, runtime)
            async with trio.open_nursery() as nursery:
                for number in range(CROWD):
                    nursery.start_soon(one, gateway, number)
            await until(lambda: not gateway.connections and not writer.turns)
            gateway.stop()
    assert got == {number: answer_of(str(number), 5, 0).text for number in range(CROWD)}


async def arrivals(gateway: Gateway, request_id: str, found: list[tuple[float, str]]) -> None:
    """What a fast reader gets, and when."""
    async with wired(gateway) as wire:
        await wire.hear()
        await wire.ask(request_id, "writer", request_id)
        while (frame := await wire.hear())["type"] != "end":
            found.append((trio.current_time(), frame.get("text", "")))


async def read_slowly(gateway: Gateway, number: int) -> None:
    """A reader that takes a frame a second, of a connection that holds nothing."""
    async with wired(gateway, lockstep=True) as wire:
        await wire.hear()
        await wire.ask(f"slow{number}", "writer", f"slow{number}")
        while True:
            await trio.sleep(1)
            await wire.hear()


def line(text: str) -> Say:
    return answer_of(text, 60 if text.startswith("slow") else 10, 0.001)


async def test_words_reach_a_hundred_fast_readers_at_the_same_instants_beside_a_hundred_slow_ones(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    """On the clock of the test work takes no time, and waiting for others would."""
    model = ScriptedProvider(lambda request: line(request.messages[-1].text), cycle=True)
    await runtime.spawn(Agent("writer", model, concurrency=1_000))
    runs: list[list[list[tuple[float, str]]]] = []
    async with served(runtime, limits=GatewayLimits(heartbeat_s=100.0)) as gateway:
        for slow in (0, 100):
            async with trio.open_nursery() as slowly:
                for number in range(slow):
                    slowly.start_soon(read_slowly, gateway, number)
                await trio.sleep(0.5)
                start = trio.current_time()
                found: list[list[tuple[float, str]]] = [[] for _ in range(100)]
                async with trio.open_nursery() as nursery:
                    for number in range(100):
                        nursery.start_soon(arrivals, gateway, f"fast{number}", found[number])
                runs.append([[(round(at - start, 6), text) for at, text in one] for one in found])
                slowly.cancel_scope.cancel()
    assert runs[0] == runs[1]
    assert runs[0][0][-1][0] == pytest.approx(0.009)


async def latency(gateway: Gateway) -> float:
    """The median of what a client waits for a short answer."""
    waits: list[float] = []
    async with connect(gateway.url) as client:
        for _ in range(40):
            start = trio.current_time()
            assert (await client.agent("short").ask("?")).text == "Yes."
            waits.append(trio.current_time() - start)
    return median(waits)


async def hold_up(gateway: Gateway, number: int, begun: set[int]) -> None:
    """Ask for much over a connection that holds nothing, and take some of it now and then."""
    async with wired(gateway, lockstep=True) as wire:
        await wire.hear()
        await wire.ask(f"{number}", "long")
        await wire.hear_until("text_chunk")
        begun.add(number)
        while True:
            await trio.sleep(1)
            assert (await wire.hear())["type"] != "end", "it is not slow"


async def test_an_answer_takes_at_most_twice_as_long_beside_a_hundred_slow_readers(runtime: Runtime) -> None:
    await runtime.spawn(Agent("short", ScriptedProvider(lambda _: "Yes.", cycle=True), concurrency=100))
    long = Say(tokens=("x" * 2_000,) * 100)
    writer: AgentRef[str] = await runtime.spawn(
        Agent("long", ScriptedProvider(lambda _: long, cycle=True), concurrency=200)
    )
    ratios: list[float] = []
    async with served(runtime) as gateway:
        while len(ratios) < 5 and min(ratios, default=9.0) > 2:
            alone = await latency(gateway)
            async with trio.open_nursery() as nursery:
                begun: set[int] = set()
                for number in range(100):
                    nursery.start_soon(hold_up, gateway, number, begun)
                await until(lambda: len(begun) == 100 and not writer.turns)  # noqa: B023 - it is called here only
                ratios.append(await latency(gateway) / alone)
                nursery.cancel_scope.cancel()
            await until(lambda: not gateway.connections)
    assert min(ratios) <= 2, ratios


@frozen
class Headline:
    text: str


def codec() -> Codec:
    codec = Codec()
    codec.register(Headline)
    return codec


async def follow(gateway: Gateway, ready: trio.Event) -> None:
    async with wired(gateway, lockstep=True) as wire:
        await wire.hear()
        await wire.say("subscribe", topic="news")
        await wire.hear()
        ready.set()
        await trio.sleep_forever()


async def test_readers_that_do_not_read_a_topic_keep_no_more_of_it_than_the_backlog(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    topic = runtime.topic("news", Headline)
    limits = GatewayLimits(topic_backlog=20, heartbeat_s=1_000.0)
    async with (
        served(runtime, codec=codec(), topics=[topic], limits=limits) as gateway,
        trio.open_nursery() as nursery,
    ):
        for _ in range(30):
            ready = trio.Event()
            nursery.start_soon(follow, gateway, ready)
            await ready.wait()
        tracemalloc.start()
        try:
            for n in range(2_000):
                await topic.publish(Headline(f"{n}" * 1_000))
            await trio.testing.wait_all_tasks_blocked()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        nursery.cancel_scope.cancel()
    assert kept < 2_000_000, "of 7 MB that were published"


async def kept_for(runtime: Runtime, writer: AgentRef[str], *, stays: bool) -> int:
    """The memory that a turn takes when it is over, whose reader stays and reads nothing, or has gone."""
    async with served(runtime, limits=GatewayLimits(heartbeat_s=1_000.0)) as gateway, AsyncExitStack() as stack:
        tracemalloc.start()
        try:
            wire = await stack.enter_async_context(wired(gateway, lockstep=True))
            await wire.ask("r", "writer", on_disconnect="continue")
            await wire.hear_until("text_chunk")
            if not stays:
                await stack.aclose()
            await until(lambda: not writer.turns)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()


async def test_a_reader_that_does_not_read_costs_the_memory_of_a_frame_however_much_there_is(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    text = " ".join("x" * 100 for _ in range(5_000))
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: text, cycle=True)))
    await kept_for(runtime, writer, stays=False)  # what is made once
    gone, there = [await kept_for(runtime, writer, stays=stays) for stays in (False, True)]
    assert there - gone < 200_000, "of 500 kB, of which a frame has 16 at most"
