"""What every provider promises, asked of each of them. A new provider joins by a case in `case`."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
import trio
from attrs import frozen

from actrio.providers import (
    Assistant,
    Connection,
    Finished,
    LocalProvider,
    ModelEvent,
    ModelRequest,
    ModelStream,
    Provider,
    Say,
    ScriptedProvider,
    System,
    TextDelta,
    Usage,
    UsageReported,
    User,
)

SHORT = ModelRequest([System("Be brief."), User("Say hello.")], max_tokens=4)
LONG = ModelRequest([User("Tell a very long story about the sea.")], max_tokens=400)


@frozen
class Case:
    provider: Provider
    # How many answers the model works on, seen from its side.
    at_work: Callable[[Connection], Awaitable[int]]

    async def settle(self, connection: Connection) -> None:
        """Wait until the model works on nothing."""
        with trio.fail_after(5):
            while await self.at_work(connection):  # noqa: ASYNC110 - a server tells only who asks
                await trio.sleep(0.01)


def scripted_case() -> Case:
    def line(request: ModelRequest) -> Say:
        return Say(" ".join(["word"] * (request.max_tokens or 1)), finish="length")

    provider = ScriptedProvider(line, cycle=True)

    async def at_work(connection: Connection) -> int:
        await trio.lowlevel.checkpoint()
        return provider.statistics().streams_open

    return Case(provider, at_work)


def local_case(provider: LocalProvider) -> Case:
    async def at_work(connection: Connection) -> int:
        # The model's own view is not part of a connection; its server tells of it under another path.
        client: httpx2.AsyncClient = vars(connection)["_client"]
        slots = (await client.get(client.base_url.join("/slots"))).json()
        return sum(slot["is_processing"] for slot in slots)

    return Case(provider, at_work)


@pytest.fixture(params=["scripted", "local"])
def case(request: pytest.FixtureRequest) -> Case:
    return scripted_case() if request.param == "scripted" else local_case(request.getfixturevalue("local_provider"))


def reason_of(event: ModelEvent) -> str:
    assert isinstance(event, Finished)
    return event.reason


async def events_of(stream: ModelStream) -> list[ModelEvent]:
    return [event async for event in stream]


def test_it_is_a_provider_with_a_name(case: Case) -> None:
    assert isinstance(case.provider, Provider)
    assert case.provider.name


async def test_an_answer_is_its_text_its_usage_and_one_finish_and_then_it_stops(case: Case) -> None:
    async with case.provider.open() as connection, connection.stream(SHORT) as stream:
        *text, usage, end = await events_of(stream)

        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    assert text
    assert all(isinstance(event, TextDelta) and event.text for event in text)
    assert isinstance(usage, UsageReported)
    assert usage.usage.output_tokens == 4
    assert usage.usage.input_tokens > 0
    assert isinstance(end, Finished)
    assert end.reason == "length"


async def test_a_conversation_goes_on_after_an_answer_that_was_interrupted(case: Case) -> None:
    history = [
        *SHORT.messages,
        Assistant("He", interrupted="cancelled"),
        Assistant("", interrupted="failed"),
        User("Go on."),
    ]
    async with case.provider.open() as connection, connection.stream(ModelRequest(history, max_tokens=2)) as stream:
        assert isinstance((await events_of(stream))[-1], Finished)


async def test_leaving_early_ends_the_models_work(case: Case) -> None:
    async with case.provider.open() as connection:
        async with connection.stream(LONG) as stream:
            await anext(stream)
            assert await case.at_work(connection) == 1
        await case.settle(connection)


async def test_a_stream_that_was_left_is_closed(case: Case) -> None:
    async with case.provider.open() as connection:
        async with connection.stream(LONG) as stream:
            await anext(stream)
        with pytest.raises(trio.ClosedResourceError):
            await anext(stream)


async def test_an_error_of_the_body_passes_through_as_it_is_and_ends_the_models_work(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(KeyError, match="mine"):  # noqa: PT012 - where it is raised is the point
            async with connection.stream(LONG) as stream:
                await anext(stream)
                raise KeyError("mine")
        await case.settle(connection)


async def test_cancelling_while_it_waits_ends_the_models_work_and_the_next_stream_works(case: Case) -> None:
    async with case.provider.open() as connection:
        with trio.CancelScope() as scope:
            async with connection.stream(LONG) as stream:
                async for _ in stream:
                    scope.cancel()
        assert scope.cancelled_caught
        await case.settle(connection)
        async with connection.stream(SHORT) as stream:
            assert reason_of((await events_of(stream))[-1]) == "length"


async def test_cancelling_streams_some_of_which_wait_for_room_leaves_room_for_the_next(case: Case) -> None:
    begun = trio.Event()

    async def run(connection: Connection) -> None:
        async with connection.stream(LONG) as stream:
            async for _ in stream:
                begun.set()

    async with case.provider.open() as connection:
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(run, connection)
            await begun.wait()
            nursery.cancel_scope.cancel()
        await case.settle(connection)
        async with connection.stream(SHORT) as stream:
            assert reason_of((await events_of(stream))[-1]) == "length"


async def test_a_cancelled_wait_ends_the_stream(case: Case) -> None:
    async with case.provider.open() as connection, connection.stream(LONG) as stream:
        with trio.CancelScope() as scope:
            async for _ in stream:
                scope.cancel()

        assert scope.cancelled_caught
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_more_streams_at_once_than_the_model_has_room_for_all_come_to_their_end(case: Case) -> None:
    ends: list[str] = []

    async def run(connection: Connection) -> None:
        async with connection.stream(SHORT) as stream:
            ends.append(reason_of((await events_of(stream))[-1]))

    async with case.provider.open() as connection, trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(run, connection)

    assert ends == ["length"] * 6


async def test_it_can_be_open_twice_at_once_and_again_after_that(case: Case) -> None:
    usages: list[Usage] = []
    for _ in range(2):
        async with case.provider.open() as one, case.provider.open() as other:
            for connection in (one, other):
                async with connection.stream(SHORT) as stream:
                    usages += [event.usage for event in await events_of(stream) if isinstance(event, UsageReported)]

    assert len(usages) == 4


async def test_a_connection_whose_block_was_left_is_closed(case: Case) -> None:
    async with case.provider.open() as connection:
        pass

    with pytest.raises(trio.ClosedResourceError, match="not open any more"):
        async with connection.stream(SHORT):
            pytest.fail("the stream opened")


async def test_what_the_body_of_an_open_provider_raises_passes_through_as_it_is(case: Case) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with case.provider.open():
            raise KeyError("mine")
