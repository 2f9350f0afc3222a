"""A topic, used in asyncio."""

from functools import partial
from typing import Any, Generic, Literal, Self, TypeVar, cast, overload

from actrio import actors
from actrio.actors import TopicStatistics
from actrio.actors._topics import DEFAULT_BOUND
from actrio.hosts._streams import BEGUN, pump_block
from actrio.hosts.asyncio._crossing import Crossing, Reader
from actrio.hosts.asyncio._refs import ActorRef, unwrap
from actrio.mailbox import Lagged, SubscriberPolicy

T = TypeVar("T")


class Listener(Reader[T]):
    """What is published from when its block is entered, or it is first read: ``async with ... as news``."""

    __slots__ = ()

    async def __anext__(self) -> T:
        item = await super().__anext__()
        return await super().__anext__() if item is BEGUN else item

    async def __aenter__(self) -> Self:
        if self._call is None:
            await super().__anext__()  # says that it is subscribed
        return self


class Topic(Generic[T]):
    """Messages of one type to whoever subscribed: see :class:`actrio.Topic`, whose methods these are."""

    __slots__ = ("_crossing", "_native")

    def __init__(self, crossing: Crossing, topic: actors.Topic[T]) -> None:
        self._crossing = crossing
        self._native = topic

    @property
    def name(self) -> str:
        """Unique among the topics of the runtime."""
        return self._native.name

    @property
    def message_type(self) -> type[T]:
        """What it carries."""
        return self._native.message_type

    async def subscribe(self, ref: ActorRef[Any]) -> None:
        """Deliver to an actor until it stops or is unsubscribed. Harmless twice."""
        await self._crossing.do(self._native.subscribe, unwrap(ref))

    async def unsubscribe(self, ref: ActorRef[Any]) -> None:
        """Deliver to that actor no more. Harmless twice."""
        await self._crossing.do(self._native.unsubscribe, unwrap(ref))

    @overload
    def listen(self, policy: Literal["wait", "disconnect"] = "wait", *, bound: int = DEFAULT_BOUND) -> Listener[T]: ...
    @overload
    def listen(self, policy: SubscriberPolicy, *, bound: int = DEFAULT_BOUND) -> Listener[T | Lagged]: ...
    def listen(self, policy: SubscriberPolicy = "wait", *, bound: int = DEFAULT_BOUND) -> Listener[Any]:
        """Follow what is published from when its block is entered: ``async with topic.listen() as news``.

        As :meth:`actrio.Topic.listen`. What waits on this side is not counted in its ``bound``.
        """
        listen = cast("Any", self._native.listen)
        return Listener[Any](self._crossing, pump_block, (partial(listen, policy, bound=bound),))

    async def publish(self, message: T) -> int:
        """Deliver to every subscriber, waiting for those that chose ``wait``. As :meth:`actrio.Topic.publish`."""
        return await self._crossing.call(self._native.publish, message)

    async def publish_nowait(self, message: T) -> int:
        """Deliver to every subscriber that has room. As :meth:`actrio.Topic.publish_nowait`."""
        return await self._crossing.do(self._native.publish_nowait, message)

    async def statistics(self) -> TopicStatistics:
        """A frozen snapshot."""
        return await self._crossing.do(self._native.statistics)

    def __repr__(self) -> str:
        return f"<Topic {self.name!r} of {self.message_type.__name__}>"
