"""The law of requests, over thousands of them, through a network and gateways that fail at random.

For every request there is exactly one end: its reply, an error, or that the connection was lost. Its events come in
order, with no gap that is not told, and are its own. The server carries none out twice, and all that it answered once.
"""

import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, AgentRef, TextChunk, Turn, TurnCancelled, TurnCompleted, TurnFailed, TurnInterrupted
from actrio.gateway import Client, ConnectionLost, EventsMissing, Gateway, GatewayLimits, RemoteError, connect, serve
from actrio.mailbox import Codec, Request
from actrio.providers import ModelRequest, ProviderUnreachable
from actrio.testing import Fail, Line, Say, ScriptedProvider, Stall
from tests.gateway.kit import until
from tests.gateway.network import Network, network

_log = logging.getLogger(__name__)  # with --log-cli-level=INFO it tells what happened

REQUESTS: Final = int(os.environ.get("ACTRIO_LAW_REQUESTS", "1000"))
CLIENTS: Final = 5
AT_ONCE: Final = 20  # requests of a client
LIMITS: Final = GatewayLimits(
    linger_s=2.0, heartbeat_s=0.5, max_requests=1_000, frames_per_s=1e6, burst=10**6, kept_requests=2_000
)


@frozen
class Echo(Request[int]):
    number: int


@frozen
class Jot:
    number: int


class Desk(Actor):
    def __init__(self, done: Counter[int]) -> None:
        self.done = done

    @handles(raises=(ValueError,))
    async def echo(self, message: Echo) -> int:
        self.done[message.number] += 1
        if message.number % 7 == 0:
            raise ValueError("a secret")
        await trio.sleep(message.number % 5 / 1000)
        return message.number

    @handles
    async def jot(self, message: Jot) -> None:
        self.done[message.number] += 1


def codec() -> Codec:
    codec = Codec()
    codec.register(Echo)
    codec.register(Jot)
    return codec


def answer_of(number: int) -> str:
    return " ".join(f"{number}.{n}" for n in range(3 + number % 40))


class Storm:
    """The requests, and what becomes of them. Attributes: ``done``: how often the server carried each out."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.numbers = count()
        self.done: Counter[int] = Counter()
        self.ends: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[Client, int], Awaitable[str]]] = {
            "read": self.read, "cancel": self.cancel, "leave": self.leave, "fail": self.read, "stall": self.cancel,
            "ask": self.ask, "give up": self.give_up, "tell": self.tell,
        }  # fmt: skip

    # The server's side

    def line(self, request: ModelRequest) -> Line:
        kind, _, text = request.messages[-1].text.partition(" ")
        number = int(text)
        self.done[number] += 1
        if kind == "stall":
            return Stall(1 + number % 3, of=answer_of(number))
        if kind == "fail":
            return Fail(ProviderUnreachable("scripted", "a secret"), after=number % 3, of=answer_of(number))
        return Say(answer_of(number), token_s=number % 2 / 2000)

    # The clients' side

    async def work(self, client: Client) -> None:
        for number in self.numbers:
            if number >= REQUESTS:
                return
            kind = self.random.choice(list(self.kinds))
            try:
                end = await self.kinds[kind](client, number)
            except RemoteError as error:
                end = error.code
            except (ConnectionLost, EventsMissing) as error:
                end = type(error).__name__
            self.ends[end] += 1
            if end == "closing":
                await trio.sleep(0.05)
            assert self.done[number] <= 1, f"{kind} {number} was carried out twice"
            assert end != "end" or self.done[number] == 1

    async def follow(self, client: Client, kind: str, number: int, act: Callable[[Turn[Any]], bool]) -> str:
        async with client.run("writer", f"{kind} {number}") as turn:
            async for _ in turn.text():
                if act(turn):
                    break
        return await check(turn, number)

    async def read(self, client: Client, number: int) -> str:
        kind = self.random.choice(["read", "fail"])
        try:
            return await self.follow(client, kind, number, lambda _: False)
        except TurnInterrupted:
            return "cancelled by a server that stopped"

    async def cancel(self, client: Client, number: int) -> str:
        kind = self.random.choice(["read", "stall"])
        async with client.run("writer", f"{kind} {number}") as turn:
            if self.random.random() < 0.5:
                turn.cancel()
            try:
                async for _ in turn.text():
                    turn.cancel()
                await turn.result()
            except TurnInterrupted:
                pass
        return await check(turn, number)

    async def leave(self, client: Client, number: int) -> str:
        kind = self.random.choice(["read", "stall"])
        patience = 0 if kind == "stall" else self.random.randrange(4)

        def act(_: Turn[Any]) -> bool:
            nonlocal patience
            patience -= 1
            return patience < 0

        try:
            return await self.follow(client, kind, number, act)
        except TurnInterrupted:
            return "left"

    async def ask(self, client: Client, number: int) -> str:
        assert await client.ask("desk", Echo(number), int) == number
        return "end"

    async def give_up(self, client: Client, number: int) -> str:
        with trio.move_on_after(self.random.random() / 200):
            assert await client.ask("desk", Echo(number), int) == number
            return "end"
        return "given up"

    async def tell(self, client: Client, number: int) -> str:
        await client.tell("desk", Jot(number))
        await until(lambda: self.done[number])
        return "end"


async def check(turn: Turn[Any], number: int) -> str:
    """Whether a turn that is over was as the law has it; how it ended."""
    events = [event async for event in turn.events()]
    assert [event.sequence for event in events] == list(range(len(events)))
    *before, last = events
    assert not any(isinstance(event, TurnCompleted | TurnFailed | TurnCancelled) for event in before)
    said = "".join(event.text for event in before if isinstance(event, TextChunk))
    assert answer_of(number).startswith(said)
    if isinstance(last, TurnCompleted):
        assert said == last.reply.text == answer_of(number)
        return "end"
    if isinstance(last, TurnFailed):
        raise last.error
    assert isinstance(last, TurnCancelled)
    return "cancelled"


class Gateways:
    """A gateway that is another one from time to time."""

    def __init__(self, runtime: Runtime, nursery: trio.Nursery, between: Network) -> None:
        self.started: list[Gateway] = []
        self.runtime = runtime
        self.nursery = nursery
        self.between = between

    async def restart(self) -> None:
        run = partial(serve, self.runtime, codec=codec(), expose=["desk", "writer"], limits=LIMITS, drain_s=0.1)
        gateway = await self.nursery.start(run)
        self.between.target = gateway.port
        for other in self.started:
            other.stop()
        self.started.append(gateway)


async def disturb(between: Network, gateways: Gateways, random: Random, told: Counter[str]) -> None:
    """What networks do, over and over."""
    while True:
        await trio.sleep(random.uniform(0.02, 0.12))
        kind = random.choice(["cut one", "cut one", "cut all", "lose", "stall", "silence", "plan", "away", "restart"])
        told[kind] += 1
        if kind == "cut one" and between.links:
            random.choice(between.links).cut()
        elif kind == "cut all":
            between.cut()
        elif kind == "lose":
            between.deaf = True
            await trio.sleep(0.005)
            between.deaf = False
            between.cut()
        elif kind == "stall":
            between.go = trio.Event()
            await trio.sleep(random.uniform(0, 0.1))
            between.go.set()
        elif kind == "silence" and between.links:
            random.choice(between.links).silent = True
        elif kind == "plan" and between.links:
            between.plan = random.choice(["up", "down"]), random.randrange(1, 40), random.random() < 0.5
            random.choice(between.links).cut()
        elif kind == "away":
            target, between.target = between.target, 1
            between.cut()
            await trio.sleep(random.uniform(0, 0.1))
            between.target = target
        elif kind == "restart" and random.random() < 0.2:
            await gateways.restart()


async def test_every_request_has_exactly_one_end_whatever_happens_to_the_network_and_the_gateway(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "actrio")  # what fails on purpose is not to fill the log
    random = Random(11)
    storm, told = Storm(random), Counter[str]()
    await runtime.spawn(Desk, storm.done, name="desk")
    model = ScriptedProvider(storm.line, cycle=True)
    writer: AgentRef[str] = await runtime.spawn(Agent("writer", model, concurrency=1_000))
    async with trio.open_nursery() as serving, network(1) as between:
        gateways = Gateways(runtime, serving, between)
        await gateways.restart()
        with trio.fail_after(30 + REQUESTS / 20):
            async with trio.open_nursery() as disturbing:
                disturbing.start_soon(disturb, between, gateways, random, told)
                async with trio.open_nursery() as working:
                    for _ in range(CLIENTS):
                        working.start_soon(one_client, between, storm)
                disturbing.cancel_scope.cancel()
        await until(lambda: not writer.turns)
        serving.cancel_scope.cancel()
    _log.info("%s; %s; %s connections, %s gateways", storm.ends, told, between.accepted, len(gateways.started))
    assert storm.ends.total() == REQUESTS
    assert storm.ends["end"] > REQUESTS // 4
    assert between.accepted > CLIENTS + REQUESTS // 50
    assert storm.ends["EventsMissing"] == 0, "all is kept"
    assert storm.ends["ConnectionLost"] <= (len(gateways.started) - 1) * CLIENTS * AT_ONCE, (
        "only what a gateway took along"
    )


async def one_client(between: Network, storm: Storm) -> None:
    async with connect(between.url, codec=codec(), heartbeat_s=0.2) as client, trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(storm.work, client)
