"""autogen-core: `RoutedAgent`s in a `SingleThreadedAgentRuntime`, its one in-process runtime.

The fast path: `publish_message` is how it tells without waiting for an answer, `send_message` how it asks. Messages are
dataclasses, for which it has serializers; tracing is off, with a provider that records nothing.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from autogen_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)
from opentelemetry.trace import NoOpTracerProvider
from program import measured_bytes

ACTORS = 1_000
restart = "it restarts no agent"


@dataclass
class Add:
    amount: int


@dataclass
class Double:
    number: int


@dataclass
class Hop:
    left: int


class Counter(RoutedAgent):
    totals: dict[str, int] = {}

    def __init__(self) -> None:
        super().__init__("counter")

    @message_handler
    async def add(self, message: Add, ctx: MessageContext) -> None:
        self.totals[self.id.key] = self.totals.get(self.id.key, 0) + message.amount


class Doubler(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("doubler")

    @message_handler
    async def double(self, message: Double, ctx: MessageContext) -> Double:
        return Double(2 * message.number)


class Member(RoutedAgent):
    visits = 0
    done = asyncio.Event()

    def __init__(self) -> None:
        super().__init__("member")

    @message_handler
    async def hop(self, message: Hop, ctx: MessageContext) -> None:
        Member.visits += 1
        if message.left:
            after = (int(self.id.key) + 1) % ACTORS
            await self.publish_message(Hop(message.left - 1), TopicId("ring", str(after)))
        else:
            Member.done.set()


async def _runtime(kind: type[RoutedAgent], topic: str) -> SingleThreadedAgentRuntime:
    Counter.totals = {}
    runtime = SingleThreadedAgentRuntime(tracer_provider=NoOpTracerProvider())
    await kind.register(runtime, "one", kind)
    await runtime.add_subscription(TypeSubscription(topic, "one"))
    runtime.start()
    return runtime


async def tell(bursts: int) -> float:
    runtime = await _runtime(Counter, "count")
    one, topic = Add(1), TopicId("count", "a")
    started = perf_counter()
    for burst in range(1, bursts + 1):
        for _ in range(1_000):
            await runtime.publish_message(one, topic)
        while Counter.totals.get("a", 0) < burst * 1_000:
            await asyncio.sleep(0)
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    assert Counter.totals == {"a": bursts * 1_000}
    return bursts * 1_000 / seconds


async def fan_in(bursts: int) -> float:
    runtime = await _runtime(Counter, "count")
    topic = TopicId("count", "a")

    async def sender() -> None:
        one = Add(1)
        for _ in range(bursts):
            for _ in range(10):
                await runtime.publish_message(one, topic)
            await asyncio.sleep(0)

    messages = 100 * bursts * 10
    started = perf_counter()
    await asyncio.gather(*(sender() for _ in range(100)))
    while Counter.totals.get("a", 0) < messages:
        await asyncio.sleep(0)
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    return messages / seconds


async def ask(asks: int) -> float:
    runtime = await _runtime(Doubler, "double")
    recipient, total = AgentId("one", "a"), 0
    started = perf_counter()
    for number in range(asks):
        total += (await runtime.send_message(Double(number), recipient)).number
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    assert total == asks * (asks - 1)
    return asks / seconds


async def asks_100(waves: int) -> float:
    runtime = await _runtime(Doubler, "double")
    agents, total = [AgentId("one", str(number)) for number in range(100)], 0
    started = perf_counter()
    for _ in range(waves):
        answers = await asyncio.gather(*(runtime.send_message(Double(n), agent) for n, agent in enumerate(agents)))
        total += sum(answer.number for answer in answers)
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    assert total == waves * 9_900
    return waves * 100 / seconds


async def spawn(actors: int) -> float:
    runtime = await _runtime(Counter, "count")
    started = perf_counter()
    for number in range(actors):
        await runtime.publish_message(Add(1), TopicId("count", str(number)))
    while len(Counter.totals) < actors:
        await asyncio.sleep(0)
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    return seconds / actors * 1e6


async def ring(hops: int) -> float:
    Member.visits, Member.done = 0, asyncio.Event()
    runtime = await _runtime(Member, "ring")
    for place in range(ACTORS):
        await runtime.get(AgentId("one", str(place)), lazy=False)
    started = perf_counter()
    await runtime.publish_message(Hop(hops - 1), TopicId("ring", "0"))
    await Member.done.wait()
    seconds = perf_counter() - started
    await runtime.stop_when_idle()
    assert Member.visits == hops
    return hops / seconds


async def idle_bytes(actors: int) -> float:
    runtime = await _runtime(Counter, "count")

    async def add(first: int, count: int) -> None:
        for number in range(first, first + count):
            await runtime.publish_message(Add(1), TopicId("count", str(number)))
        while len(Counter.totals) < first + count:
            await asyncio.sleep(0)

    with measured_bytes() as in_use:
        await add(0, 500)
        before = in_use()
        await add(500, actors)
        used = in_use() - before
    await runtime.stop_when_idle()
    return used / actors
