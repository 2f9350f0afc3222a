"""Topics: typed publish and subscribe, each subscriber with its own bound."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import trio
from attrs import frozen

from actrio.mailbox import (
    ActorStopped,
    ActrioError,
    Broadcast,
    Lagged,
    MailboxFull,
    SubscriberPolicy,
    Subscription,
    TellCycleError,
)

if TYPE_CHECKING:
    from actrio.actors._ref import ActorRef

T = TypeVar("T")

DEFAULT_BOUND = 1_000  # messages a stream subscriber may be behind


class WrongTopicType(ActrioError, TypeError):
    """A topic was used with another message type than its own. Attributes: ``topic``, ``expected``, ``got`` (names)."""

    def __init__(self, topic: str, expected: str, got: str) -> None:
        self.topic = topic
        self.expected = expected
        self.got = got
        super().__init__(f"topic {topic!r} carries {expected}, not {got}; publish {got} on a topic of its own")


@frozen
class TopicStatistics:
    """A snapshot. ``refused``: deliveries that a full mailbox with the policy ``reject`` did not take."""

    published: int
    delivered: int
    refused: int
    actors: int
    streams: int


class Topic(Generic[T]):
    """Messages of one type to whoever subscribed. Publishing with no subscriber is no error.

    Actors get them in their mailboxes, under their own capacity and overflow policy; anybody else follows a stream with
    a bound and policy of its own. A slow subscriber never holds up another one's delivery; it holds up the publisher
    only if it chose ``wait``. Each subscriber gets one publisher's messages in order.
    """

    __slots__ = ("_actors", "_delivered", "_published", "_refused", "_streams", "message_type", "name")

    def __init__(self, name: str, message_type: type[T]) -> None:
        self.name: str = name
        self.message_type: type[T] = message_type
        self._actors: dict[ActorRef[Any], None] = {}  # in order of subscription, as a set
        self._streams: dict[Broadcast[T], None] = {}
        self._published = self._delivered = self._refused = 0

    def subscribe(self, ref: "ActorRef[Any]") -> None:
        """Deliver to an actor until it stops or is unsubscribed. Harmless twice."""
        self._actors[ref] = None

    def unsubscribe(self, ref: "ActorRef[Any]") -> None:
        """Deliver to that actor no more. Harmless twice."""
        self._actors.pop(ref, None)

    @overload
    def listen(
        self, policy: Literal["wait", "disconnect"] = "wait", *, bound: int = DEFAULT_BOUND
    ) -> AbstractContextManager[Subscription[T]]: ...
    @overload
    def listen(
        self, policy: SubscriberPolicy, *, bound: int = DEFAULT_BOUND
    ) -> AbstractContextManager[Subscription[T | Lagged]]: ...
    @contextmanager
    def listen(self, policy: SubscriberPolicy = "wait", *, bound: int = DEFAULT_BOUND) -> Generator[Subscription[Any]]:
        """Follow what is published from now on: ``with topic.listen("lag", bound=100) as news: async for ...``."""
        stream: Broadcast[T] = Broadcast(f"topic {self.name}", keep=bound)
        with stream.subscribe(policy) as subscription:
            self._streams[stream] = None
            try:
                yield subscription
            finally:
                self._streams.pop(stream, None)
                stream.close()

    async def publish(self, message: T) -> int:
        """Deliver to every subscriber, waiting for those that chose ``wait``; how many got it. Always a checkpoint.

        Cancelled while it waits, it has reached the others and none twice.

        Raises:
            WrongTopicType: the message is not of the topic's type.
            TellCycleError: a subscriber waits for the actor that publishes; the others have the message.
        """
        await trio.lowlevel.checkpoint()
        delivered, full = self._deliver(message)
        if full:
            before, errors = self._delivered, list[Exception]()
            async with trio.open_nursery() as nursery:  # all at once: none waits for another's room
                for subscriber in full:
                    nursery.start_soon(self._deliver_to, subscriber, message, errors)
            delivered += self._delivered - before
            if errors:
                raise errors[0]
        return delivered

    async def _deliver_to(
        self, subscriber: "Broadcast[T] | ActorRef[Any]", message: T, errors: list[Exception]
    ) -> None:
        try:
            if isinstance(subscriber, Broadcast):
                await subscriber.send(message)
            else:
                await subscriber.tell(message)
        except (ActorStopped, trio.ClosedResourceError):
            return  # it left while this waited
        except TellCycleError as error:
            self._refused += 1
            errors.append(error)  # raised when the others have it
        else:
            self._delivered += 1

    def publish_nowait(self, message: T) -> int:
        """Deliver to every subscriber that has room; how many got it. Those that chose ``wait`` and have none miss it.

        Raises: WrongTopicType.
        """
        delivered, full = self._deliver(message)
        self._refused += len(full)
        return delivered

    def _deliver(self, message: T) -> "tuple[int, list[Broadcast[T] | ActorRef[Any]]]":
        """Deliver without waiting; how many got it, and who has no room."""
        if not isinstance(message, self.message_type):
            raise WrongTopicType(self.name, self.message_type.__name__, type(message).__name__)
        self._published += 1
        delivered = 0
        full: list[Broadcast[T] | ActorRef[Any]] = []
        for ref in tuple(self._actors):
            try:
                ref.tell_nowait(message)
                delivered += 1
            except ActorStopped:
                self.unsubscribe(ref)
            except MailboxFull as error:
                if error.overflow == "wait":
                    full.append(ref)
                else:
                    self._refused += 1
        for stream in tuple(self._streams):
            try:
                stream.send_nowait(message)
                delivered += 1
            except trio.WouldBlock:
                full.append(stream)
        self._delivered += delivered
        return delivered, full

    def statistics(self) -> TopicStatistics:
        """A frozen snapshot."""
        return TopicStatistics(self._published, self._delivered, self._refused, len(self._actors), len(self._streams))

    def __repr__(self) -> str:
        subscribers = f"{len(self._actors)} actors, {len(self._streams)} streams"
        return f"<Topic {self.name!r} of {self.message_type.__name__}: {subscribers}>"
