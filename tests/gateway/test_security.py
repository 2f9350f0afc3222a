"""Who guesses learns nothing; who fails tells nothing; who waits is dropped."""

import hmac
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, tool
from actrio.gateway import Gateway, GatewayLimits, Identity
from actrio.mailbox import Codec, Request
from actrio.providers import ToolCall
from actrio.testing import Fail, Line, Say, ScriptedProvider, Stall
from tests.gateway.kit import served
from tests.gateway.wire import Wire, wired

SECRET = "hunter2"


def who(token: str) -> Identity | None:
    names = {"ann's token": Identity("ann"), "bob's token": Identity("bob", agents=["shared"], topics=[])}
    return names.get(token)


@frozen
class Look(Request[int]):
    number: int


class Desk(Actor):
    @handles
    async def look(self, message: Look) -> int:
        raise ValueError(f"{SECRET} {message.number}")


def codec() -> Codec:
    codec = Codec()
    codec.register(Look)
    return codec


@tool(approval=True)
async def send() -> str:
    """Send it."""
    return "sent"


async def answer_to(wire: Wire, type_: str, **fields: Any) -> str:
    """What comes next on a connection, as text."""
    await wire.say(type_, **fields)
    return str(await wire.socket.receive())


ACTS: list[tuple[str, dict[str, Any]]] = [
    ("resume", {"after": -1}),
    ("resume", {"after": 3}),
    ("cancel", {}),
    ("steer", {"text": "Do as I say."}),
    ("approve", {"call_id": "c0"}),
    ("deny", {"call_id": "c0", "reason": "no"}),
]


async def test_another_s_request_that_waits_or_is_over_answers_as_one_that_never_was(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    call = Say("Well.", tool_calls=(ToolCall("c0", "send", "{}"),))
    clerk = await runtime.spawn(Agent("shared", ScriptedProvider("Over.", call), tools=[send]))
    async with (
        served(runtime, authenticate=who) as gateway,
        wired(gateway, token="ann's token") as ann,
        wired(gateway, token="bob's token") as bob,
    ):
        await ann.hear()
        await bob.hear()
        await ann.ask("over", "shared")
        await ann.hear_end("over")
        await ann.ask("waits", "shared")
        await ann.hear_until("approval_requested")
        for type_, fields in ACTS:
            told = {
                guess: (await answer_to(bob, type_, request_id=guess, **fields)).replace(guess, "ID")
                for guess in ("over", "waits", "never")
            }
            assert told["over"] == told["waits"] == told["never"]
        assert clerk.turns, "and none of it did anything"
        await ann.say("approve", request_id="waits", call_id="c0")
        await ann.hear_until("tool_call_finished")


async def test_another_s_session_answers_as_one_that_never_was(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    async with served(runtime, authenticate=who) as gateway, wired(gateway, token="ann's token") as ann:
        theirs = (await ann.hear())["session"]
        told: list[str] = []
        for session in (theirs, "never", ""):
            async with wired(gateway) as bob:
                await bob.hear()
                await bob.say("hello", version=1, token="bob's token", session=session)
                answer = await bob.hear()
                assert answer["session"] != theirs
                told.append(str(answer).replace(answer["session"], "OWN"))
        assert told[0] == told[1] == told[2]
        await ann.say("cancel", request_id="never")
        assert (await ann.hear())["code"] == "unknown_request", "she is still connected"


async def test_an_agent_or_topic_that_is_hidden_answers_as_one_that_never_was(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    await runtime.spawn(Agent("shared", ScriptedProvider("Yes.")))
    await runtime.spawn(Agent("secret", ScriptedProvider("No.")))
    await runtime.spawn(Desk, name="desk")
    topic = runtime.topic("secret", Look)
    asks: list[tuple[str, dict[str, Any]]] = [
        ("user_message", {"request_id": "r", "text": "?"}),
        ("ask", {"request_id": "r", "message": {"type": "Look", "number": 1}}),
        ("tell", {"request_id": "r", "message": {"type": "Look", "number": 1}}),
        ("ask", {"request_id": "r", "message": {"type": "never"}}),
    ]
    async with (
        served(runtime, authenticate=who, codec=codec(), topics=[topic]) as gateway,
        wired(gateway, token="bob's token") as bob,
    ):
        status = await bob.hear()
        assert "secret" not in str(status)
        for type_, fields in asks:
            told = [await answer_to(bob, type_, agent=name, **fields) for name in ("secret", "desk", "never")]
            assert told[0] == told[1] == told[2]
        for what in ("topic", "agent"):
            told = [(await answer_to(bob, "subscribe", **{what: one})).replace(one, "T") for one in ("secret", "never")]
            assert told[0] == told[1]


class Leaky:
    """Something whose every form tells the secret."""

    def __repr__(self) -> str:
        return SECRET


@tool
async def leak() -> str:
    """Leak."""
    raise RuntimeError(SECRET, Leaky())


async def everything(gateway: Gateway, *asks: tuple[str, dict[str, Any]]) -> str:
    """All frames that some requests come to, as text."""
    heard: list[str] = []
    async with wired(gateway) as wire:
        await wire.hear()
        for type_, fields in asks:
            await wire.say(type_, request_id="r", **fields)
            heard += map(str, await wire.hear_end("r"))
    return "\n".join(heard)


FAILING: dict[str, list[Line]] = {
    "fails": [Fail(RuntimeError(SECRET)), Fail(KeyError(SECRET), after=2)],
    "calls": [Say(tool_calls=(ToolCall("c", "leak", "{}"),)), Fail(ValueError(Leaky()))],
}


@pytest.mark.parametrize("name", ["fails", "calls"])
async def test_no_frame_has_a_word_of_what_failed_nor_of_the_code_it_failed_in(
    autojump_clock: trio.testing.MockClock, runtime: Runtime, name: str
) -> None:
    model = ScriptedProvider(*FAILING[name], cycle=True)
    await runtime.spawn(Agent("writer", model, tools=[leak]), restart="permanent")
    await runtime.spawn(Desk, name="desk", restart="permanent")
    async with served(runtime, codec=codec(), expose=["writer", "desk"]) as gateway:
        told = ""
        for _ in range(2):
            told += await everything(gateway, ("user_message", {"agent": "writer", "text": "?"}))
        told += await everything(gateway, ("ask", {"agent": "desk", "message": {"type": "Look", "number": 1}}))
        told += await everything(gateway, ("ask", {"agent": "desk", "message": {"type": "Look", "number": SECRET}}))
    assert told.count("'error'") >= 3
    for word in (SECRET, "Traceback", "RuntimeError", "ValueError", "KeyError", ".py", "/"):
        assert word not in told, word


async def test_tokens_are_compared_in_constant_time_whatever_they_are(
    autojump_clock: trio.testing.MockClock, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    tokens = ["", "c", "correct", "correct horse ", "CORRECT HORSE", "x" * 10_000, "caf\u00e9", "\u0000", "\ud800"]
    async with served(runtime, authenticate="correct horse") as gateway:
        for token in tokens:
            async with wired(gateway) as wire:
                await wire.hear()
                await wire.say("hello", version=1, token=token)
                assert (await wire.hear_close()).code == 1008
    assert len(compared) >= len(tokens) - 1
    assert {other for _, other in compared} == {b"correct horse"}


async def stay(wire: Wire) -> None:
    while True:
        await trio.sleep(0.3)
        await wire.socket.send("{")


async def test_who_is_busy_but_not_authenticated_is_dropped_all_the_same(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    limits = GatewayLimits(handshake_s=2.0, max_malformed=1_000)
    async with served(runtime, authenticate="correct horse", limits=limits) as gateway, wired(gateway) as wire:
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stay, wire)
            assert (await wire.hear_close()).code == 1008
            nursery.cancel_scope.cancel()
        assert trio.current_time() - start < 2.5


async def never(_: str) -> Identity | None:
    await trio.sleep_forever()


async def test_a_function_that_takes_for_ever_to_know_a_token_holds_up_no_one_else(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    async def known(token: str) -> Identity | None:
        return Identity("ann") if token == "ann's token" else await never(token)

    limits = GatewayLimits(handshake_s=2.0)
    async with served(runtime, authenticate=known, limits=limits) as gateway, wired(gateway) as wire:
        await wire.hear()
        await wire.say("hello", version=1, token="whose")
        async with wired(gateway, token="ann's token") as ann:
            assert (await ann.hear())["authenticated"]
            start = trio.current_time()
            await wire.hear_close()
            assert trio.current_time() - start < 2.5


async def test_nothing_is_done_for_who_has_not_said_hello(
    autojump_clock: trio.testing.MockClock, runtime: Runtime
) -> None:
    model = ScriptedProvider(Stall(1))
    await runtime.spawn(Agent("writer", model))
    async with served(runtime, authenticate="correct horse") as gateway:
        for type_, fields in [("user_message", {"agent": "writer", "text": "?"}), *ACTS]:
            async with wired(gateway) as wire:
                await wire.hear()
                await wire.say(type_, request_id="r", **fields)
                assert await wire.hear() == {
                    "type": "error", "code": "unauthorized", "message": "say hello with a token first",
                }  # fmt: skip
                assert (await wire.hear_close()).code == 1008
    assert not model.requests
