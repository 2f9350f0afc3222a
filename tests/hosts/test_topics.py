"""Topics, published and followed from threads and from asyncio."""

import asyncio
import threading

import pytest

import actrio
from actrio.actors import TopicStatistics
from actrio.hosts import AsyncioHost, Host
from actrio.hosts._call import WINDOW
from tests.hosts.desk import run_asyncio


class Kept(actrio.Request[list[int]]):
    """Asked: what was kept."""


class Keeper(actrio.Actor):
    def __init__(self) -> None:
        self.kept: list[int] = []

    @actrio.handles
    async def keep(self, message: int) -> None:
        self.kept.append(message)

    @actrio.handles
    async def tell(self, message: Kept) -> list[int]:
        return self.kept


def test_actors_and_threads_follow_what_a_thread_publishes() -> None:
    with Host() as host:
        topic, keeper = host.topic("numbers", int), host.spawn(Keeper)
        topic.subscribe(keeper)
        with topic.listen() as numbers:
            assert [topic.publish(number) for number in (1, 2)] == [2, 2]
            topic.unsubscribe(keeper)
            assert topic.publish_nowait(3) == 1
            assert [next(numbers) for _ in range(3)] == [1, 2, 3]
        assert keeper.ask(Kept()) == [1, 2]
        assert topic.statistics() == TopicStatistics(published=3, delivered=5, refused=0, actors=0, streams=0)
        assert (topic.name, topic.message_type, repr(topic)) == ("numbers", int, "<Topic 'numbers' of int>")


def test_a_topic_carries_one_type() -> None:
    with Host() as host:
        topic = host.topic("numbers", int)
        with pytest.raises(actrio.actors.WrongTopicType, match="carries int, not str"):
            topic.publish("one")  # type: ignore[arg-type]
        with pytest.raises(actrio.actors.WrongTopicType):
            host.topic("numbers", str)


def test_asyncio_follows_what_is_published_from_when_the_block_is_entered() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            topic = await host.topic("numbers", int)
            await topic.publish(0)
            async with topic.listen() as numbers:
                await topic.publish(1)
                assert await anext(numbers) == 1
            assert (await topic.statistics()).streams == 0

    run_asyncio(main)


def test_one_that_is_not_entered_follows_from_when_it_is_first_read() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            topic = await host.topic("numbers", int)
            waiting = asyncio.ensure_future(anext(topic.listen()))
            while not (await topic.statistics()).streams:  # noqa: ASYNC110 - it begins in another task
                await asyncio.sleep(0)
            await topic.publish(1)
            assert await waiting == 1

    run_asyncio(main)


def test_a_slow_listener_lags_by_its_bound() -> None:
    with Host() as host:
        topic = host.topic("numbers", int)
        with topic.listen("lag", bound=8) as slow:
            assert topic.publish(0) == 1
            for number in range(1, 4 * WINDOW):
                topic.publish(number)
            got = [next(slow) for _ in range(WINDOW)]
            while got[-1] != 4 * WINDOW - 1:
                got.append(next(slow))
        missed = [one.missed for one in got if isinstance(one, actrio.Lagged)]
        assert sum(missed) + len(got) - len(missed) == 4 * WINDOW
        assert len(got) - len(missed) <= WINDOW + 2 * 8


def test_a_slow_listener_that_wants_all_holds_the_publisher_up() -> None:
    with Host() as host:
        topic = host.topic("numbers", int)
        with topic.listen("wait", bound=8) as slow:
            publisher = threading.Thread(target=lambda: [topic.publish(number) for number in range(2 * WINDOW)])
            publisher.start()
            publisher.join(0.2)
            assert publisher.is_alive()
            assert topic.statistics().published <= WINDOW + 2 * 8
            assert [next(slow) for _ in range(2 * WINDOW)] == list(range(2 * WINDOW))
            publisher.join()


def test_a_listener_in_a_thread_ends_with_the_host() -> None:
    ended = threading.Event()

    def follow(numbers: "actrio.hosts.blocking.Listener[int]") -> None:
        with pytest.raises(actrio.RuntimeStopped):
            next(numbers)
        ended.set()

    with Host() as host:
        numbers = host.topic("numbers", int).listen().__enter__()
        thread = threading.Thread(target=follow, args=(numbers,))
        thread.start()
    thread.join(5)
    assert ended.is_set()
