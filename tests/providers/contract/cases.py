"""The providers that the contract is asked of, each with what a test has to know of its model."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trio
from attrs import frozen

from actrio.providers import (
    Assistant,
    Connection,
    FinishReason,
    JsonFormat,
    LocalProvider,
    ModelRequest,
    Provider,
    RecordedProvider,
    Say,
    ScriptedProvider,
    System,
    ToolCall,
    ToolDefinition,
    ToolResult,
    User,
)
from actrio.providers.local._keeper import Keeper
from tests.providers.contract.relay import Relay, relay_to

# What the fixtures of aimock, and the script below, have an answer for.
SHORT: Final = ModelRequest([System("Be brief."), User("Say hello.")], max_tokens=4)
LONG: Final = ModelRequest([User("Tell a very long story about the sea.")], max_tokens=400)
THOUGHT: Final = ModelRequest([User("What is two and two?")], max_tokens=4000)
JSON: Final = ModelRequest(
    [User("A city and its country, as JSON.")],
    max_tokens=50,
    response_format=JsonFormat(
        {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Rome"]}, "country": {"enum": ["Norway", "Italy"]}},
            "required": ["city", "country"],
            "additionalProperties": False,
        }
    ),
)
TOO_OFTEN: Final = ModelRequest([User("Ask too often.")], max_tokens=4)
BROKEN: Final = ModelRequest([User("Break down.")], max_tokens=4)
SLOW: Final = ModelRequest([User("Speak slowly.")], max_tokens=4)

WEATHER: Final = ToolDefinition(
    "weather",
    "The temperature in a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
)
WARMER: Final = ModelRequest([User("Is it warmer in Rome than in Oslo?")], tools=[WEATHER], max_tokens=100)
OSLO: Final = ToolCall("call_oslo", "weather", '{"city":"Oslo","unit":"celsius"}')
ROME: Final = ToolCall("call_rome", "weather", '{"city":"Rome","unit":"celsius"}')
INTERRUPTED: Final = ModelRequest(
    [
        *SHORT.messages,
        Assistant("He", interrupted="cancelled"),
        Assistant("", interrupted="failed"),
        User("Go on."),
    ],
    max_tokens=2,
)


def with_results(calls: Sequence[ToolCall]) -> ModelRequest:
    """WARMER after its calls: 4 degrees and 21."""
    results = [ToolResult(call.id, degrees) for call, degrees in zip(calls, ("4", "21"), strict=True)]
    history = [*WARMER.messages, Assistant(tool_calls=tuple(calls)), *results]
    return ModelRequest(history, tools=WARMER.tools, max_tokens=100)


@frozen
class Case:
    """A provider under test.

    Attributes:
        provider: It.
        at_work: How many answers its model works on, seen from the model's side. None where there is no model.
        end: Why the answer to `SHORT` ends.
        tokens: How many tokens that answer has; None where the server does not say.
        step: Of a test that is done at every checkpoint, each how many-th.
    """

    provider: Provider
    at_work: Callable[[Connection], Awaitable[int]] | None
    end: FinishReason
    tokens: int | None = 4
    step: int = 1

    async def settle(self, connection: Connection) -> None:
        """Wait until the model works on nothing."""
        if self.at_work is None:
            return
        with trio.fail_after(5):
            while await self.at_work(connection):  # noqa: ASYNC110 - a server tells only who asks
                await trio.sleep(0.005)


def answer_as_aimock(request: ModelRequest) -> Say:
    """What the fixtures of aimock say, as a line of a script."""
    if request.tools:
        if isinstance(request.messages[-1], ToolResult):
            return Say("Yes, by 17 degrees.")
        return Say(tool_calls=(OSLO, ROME))
    if request.messages[-1] == JSON.messages[-1]:
        return Say('{"city":"Oslo","country":"Norway"}')
    return Say(" ".join(["word"] * (request.max_tokens or 1)), finish="length")


def scripted_case(wrap: Callable[[Provider], Provider] = lambda provider: provider) -> Case:
    """A scripted provider, or one that another is wrapped around."""
    provider = ScriptedProvider(answer_as_aimock, cycle=True)

    async def at_work(connection: Connection) -> int:
        await trio.lowlevel.checkpoint()
        return provider.statistics().streams_open

    return Case(wrap(provider), at_work, "length")


def local_case(provider: LocalProvider) -> Case:
    """The model on this machine. It is too small for tools."""

    async def at_work(connection: Connection) -> int:
        # The model's own view is not part of a connection; its server tells of it under another path.
        keeper: Keeper = vars(connection)["_keeper"]
        async with keeper.use() as model:
            slots = (await model.client.get(model.client.base_url.join("/slots"))).json()
        return sum(slot["is_processing"] for slot in slots)

    return Case(provider, at_work, "length", step=5)


def relayed_case(provider: Provider, relay: Relay, tokens: int | None) -> Case:
    """A provider whose server is behind a relay."""

    async def at_work(connection: Connection) -> int:
        await trio.lowlevel.checkpoint()
        return relay.at_work

    return Case(provider, at_work, "stop", tokens)


@frozen
class Kind:
    """A way to make a case.

    Attributes:
        can: What its model can do of what not every one can: call "tools", with "ids" of its own; show its "reasoning";
            answer with "errors" if asked to; be "slow" if asked to.
        needs: The fixture that `case` is given.
        case: Makes the case.
    """

    can: frozenset[str]
    needs: str | None
    case: Callable[[Any], AbstractAsyncContextManager[Case]]


def over_nothing(wrap: Callable[[Provider], Provider] = lambda provider: provider) -> Kind:
    """A scripted provider, or what `wrap` makes of it."""

    @asynccontextmanager
    async def case(_: None) -> AsyncGenerator[Case]:
        yield scripted_case(wrap)

    return Kind(frozenset({"tools", "ids"}), None, case)


def replayed() -> Kind:
    """What a scripted provider said, from a cassette."""

    @asynccontextmanager
    async def case(folder: Path) -> AsyncGenerator[Case]:
        cassette = folder / "cassette.jsonl"
        async with RecordedProvider(cassette, scripted_case().provider, "record").open() as connection:
            for request in (SHORT, LONG, JSON, WARMER, with_results((OSLO, ROME)), INTERRUPTED):
                async with connection.stream(request) as stream:
                    async for _ in stream:
                        pass
        yield Case(RecordedProvider(cassette, mode="replay"), None, "length")

    return Kind(frozenset({"tools", "ids"}), "tmp_path", case)


def recording() -> Kind:
    """A scripted provider that is being recorded."""

    @asynccontextmanager
    async def case(folder: Path) -> AsyncGenerator[Case]:
        yield scripted_case(lambda provider: RecordedProvider(folder / "cassette.jsonl", provider, "record"))

    return Kind(frozenset({"tools", "ids"}), "tmp_path", case)


def over_http(make: Callable[[str], Provider], *can: str, tokens: int | None = 4) -> Kind:
    """The provider that `make` gives for the address of a server, which is that of aimock."""

    @asynccontextmanager
    async def case(aimock: str) -> AsyncGenerator[Case]:
        async with relay_to(aimock) as relay:
            yield relayed_case(make(relay.url), relay, tokens)

    return Kind(frozenset({"tools", "errors", "slow", *can}), "aimock", case)


def over_a_process() -> Kind:
    """The model on this machine."""

    @asynccontextmanager
    async def case(provider: LocalProvider) -> AsyncGenerator[Case]:
        yield local_case(provider)

    return Kind(frozenset(), "local_provider", case)
