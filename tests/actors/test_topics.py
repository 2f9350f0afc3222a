"""Topics: who gets what, in which order, and who waits for whom."""

from typing import Any

import pytest
import trio

from actrio.actors import ActorRef, State, Topic, TopicStatistics, WrongTopicType, open_runtime
from actrio.mailbox import Disconnected, Lagged, Overflow, TellCycleError
from tests.actors.crew import Add, Boom, Counter, Do, Get, Nap, settle


async def busy(runtime: Any, overflow: Overflow = "wait", seconds: float = 1) -> ActorRef[Any]:
    """An actor that naps and has no room left."""
    ref: ActorRef[Any] = await runtime.spawn(Counter, capacity=1, overflow=overflow, restart="permanent")
    await ref.tell(Nap(seconds))
    await settle()
    await ref.tell(Add(0))
    return ref


async def test_every_subscribed_actor_gets_what_is_published() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        refs = [await runtime.spawn(Counter) for _ in range(3)]
        for ref in refs[:2]:
            topic.subscribe(ref)
            topic.subscribe(ref)
        assert await topic.publish(Add(5)) == 2
        assert topic.publish_nowait(Add(1)) == 2
        assert [await ref.ask(Get()) for ref in refs] == [6, 6, 0]


async def test_publishing_with_no_subscriber_is_no_error_and_a_checkpoint() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        with trio.testing.assert_checkpoints():
            assert await topic.publish(Add()) == 0
        assert topic.publish_nowait(Add()) == 0


async def test_an_unsubscribed_actor_gets_no_more() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref = await runtime.spawn(Counter)
        topic.subscribe(ref)
        await topic.publish(Add(1))
        topic.unsubscribe(ref)
        topic.unsubscribe(ref)
        await topic.publish(Add(10))
        assert await ref.ask(Get()) == 1


async def test_a_stopped_actor_is_unsubscribed_and_hinders_nobody() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        refs = [await runtime.spawn(Counter) for _ in range(2)]
        for ref in refs:
            topic.subscribe(ref)
        await refs[0].stop()
        assert await topic.publish(Add()) == 1
        assert topic.statistics().actors == 1


async def test_a_subscription_survives_the_actors_restart() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref = await runtime.spawn(Counter, restart="permanent")
        topic.subscribe(ref)
        await ref.tell(Boom())
        await trio.sleep(1)
        await topic.publish(Add(2))
        assert await ref.ask(Get()) == 2


async def test_a_topic_is_made_once_and_carries_one_type() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        assert runtime.topic("numbers", Add) is topic
        with pytest.raises(WrongTopicType, match="topic 'numbers' carries Add, not Get") as info:
            runtime.topic("numbers", Get)
        assert (info.value.topic, info.value.expected, info.value.got) == ("numbers", "Add", "Get")
        with pytest.raises(WrongTopicType):
            await topic.publish(Get())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(WrongTopicType):
            topic.publish_nowait(Get())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert topic.statistics().published == 0


# Listening


async def test_a_listener_follows_what_is_published_from_then_on() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        await topic.publish(Add(0))
        with topic.listen() as numbers:
            for number in (1, 2):
                assert await topic.publish(Add(number)) == 1
            assert numbers.receive_batch_nowait() == [Add(1), Add(2)]
        assert topic.statistics().streams == 0
        assert await topic.publish(Add(3)) == 0


async def test_a_listener_that_lags_is_told_how_much_it_missed_and_holds_up_nobody() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        with topic.listen("lag", bound=2) as slow, topic.listen() as other:
            for number in range(5):
                await topic.publish(Add(number))
            assert slow.receive_batch_nowait() == [Lagged(3), Add(3), Add(4)]
            assert len(other.receive_batch_nowait()) == 5


async def test_a_listener_that_disconnects_is_told_so() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        with topic.listen("disconnect", bound=1) as slow:
            for number in range(2):
                await topic.publish(Add(number))
            with pytest.raises(Disconnected):
                slow.receive_nowait()


async def test_a_listener_that_waits_holds_up_the_publisher_until_it_reads_or_leaves() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        async with trio.open_nursery() as nursery:
            with topic.listen("wait", bound=1) as slow:
                nursery.start_soon(publish_all, topic, 3)
                await settle()
                assert topic.statistics().published == 2
                assert slow.receive_nowait() == Add(0)
                await settle()
                assert topic.statistics().published == 3
        assert topic.statistics().published == 3


async def publish_all(topic: Topic[Add], count: int) -> None:
    for number in range(count):
        await topic.publish(Add(number))


# Full subscribers


async def test_publish_waits_for_a_full_mailbox_that_waits() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref = await busy(runtime, seconds=3)
        topic.subscribe(ref)
        start = trio.current_time()
        assert await topic.publish(Add(7)) == 1
        assert trio.current_time() - start == 3
        assert await ref.ask(Get()) == 7


async def test_publishing_says_how_many_got_it_at_once_and_after_waiting() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        for ref in (await runtime.spawn(Counter), await busy(runtime), await busy(runtime)):
            topic.subscribe(ref)
        assert await topic.publish(Add(1)) == 3
        assert topic.statistics().delivered == 3


async def test_a_slow_subscriber_does_not_hold_up_the_delivery_to_others() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        stuck, quick = await busy(runtime, seconds=1_000), await busy(runtime, seconds=1)
        idle = await runtime.spawn(Counter)
        for ref in (stuck, quick, idle):
            topic.subscribe(ref)
        with trio.move_on_after(5):
            await topic.publish(Add(7))
        assert await idle.ask(Get()) == 7
        assert await quick.ask(Get()) == 7
        with trio.move_on_after(5):
            await stuck.stop()


async def test_publish_nowait_skips_those_that_have_no_room() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        full, idle = await busy(runtime), await runtime.spawn(Counter)
        topic.subscribe(full)
        topic.subscribe(idle)
        assert topic.publish_nowait(Add(7)) == 1
        assert await full.ask(Get()) == 0
        assert topic.statistics() == TopicStatistics(published=1, delivered=1, refused=1, actors=2, streams=0)


@pytest.mark.parametrize(("overflow", "count"), [("reject", 0), ("drop_newest", 0), ("drop_oldest", 7)])
async def test_a_full_mailbox_with_a_policy_of_its_own_holds_up_nobody(overflow: Overflow, count: int) -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref = await busy(runtime, overflow, seconds=3)
        topic.subscribe(ref)
        start = trio.current_time()
        await topic.publish(Add(7))
        assert trio.current_time() == start
        await trio.sleep(5)
        assert await ref.ask(Get()) == count


async def test_a_subscriber_that_stops_while_the_publisher_waits_for_it_is_left_out() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref = await busy(runtime, seconds=1_000)
        topic.subscribe(ref)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                assert await topic.publish(Add(7)) == 0

            await settle()
            await ref.stop()
        assert ref.state is State.STOPPED


async def test_each_subscriber_gets_one_publishers_messages_in_order() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        async with trio.open_nursery() as nursery:
            with topic.listen("wait", bound=1) as slow, topic.listen("wait", bound=50) as other:
                nursery.start_soon(publish_all, topic, 20)
                got = [await slow.receive() for _ in range(20)]
                assert got == [Add(number) for number in range(20)]
                assert other.receive_batch_nowait() == got


async def test_a_handler_that_publishes_to_a_topic_of_its_own_gets_it_afterwards() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)

        class Loops(Counter):
            async def started(self) -> None:
                topic.subscribe(self.ctx.ref)
                await topic.publish(Add(3))

        ref = await runtime.spawn(Loops)
        assert await ref.ask(Get()) == 3


async def test_a_cycle_with_one_subscriber_raises_and_keeps_the_message_from_no_other() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        ref, idle = await runtime.spawn(Counter, capacity=1), await runtime.spawn(Counter)
        quick = await busy(runtime, seconds=1)
        for one in (ref, idle, quick):
            topic.subscribe(one)

        async def publish(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add(0))
            with pytest.raises(TellCycleError):
                await topic.publish(Add(7))

        await ref.ask(Do(publish))
        assert [await one.ask(Get()) for one in (idle, quick)] == [7, 7]
        assert (topic.statistics().delivered, topic.statistics().refused) == (2, 1)


async def test_the_repr_of_a_topic_is_a_status_line() -> None:
    async with open_runtime() as runtime:
        topic = runtime.topic("numbers", Add)
        topic.subscribe(await runtime.spawn(Counter))
        assert repr(topic) == "<Topic 'numbers' of Add: 1 actors, 0 streams>"
