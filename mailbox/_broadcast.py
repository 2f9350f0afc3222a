"""One producer, any number of subscribers: a bounded log with a cursor for each subscriber."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar, get_args, overload

import trio
from attrs import frozen
from trio.lowlevel import Abort, RaiseCancelT, enable_ki_protection

from actrio.mailbox._bounds import InvalidBound, check_whole
from actrio.mailbox._errors import ActrioError
from actrio.mailbox._ring import Ring
from actrio.mailbox._subscription import Lagged, SubscriberPolicy, Subscription

T = TypeVar("T")

SubscriberStart = Literal["oldest", "now"]

DEFAULT_KEEP = 1_000  # items


class ReplayUnavailable(ActrioError):
    """A subscription cannot begin where it was asked to: before the oldest kept item, or past the newest.

    Attributes: ``broadcast``, ``after`` (as given), ``oldest`` (number of the oldest kept item), ``next_sequence``
    (number of the next item), ``missed`` (how many items are gone; 0 if ``after`` was never sent).
    """

    def __init__(self, broadcast: str, after: int, oldest: int, next_sequence: int) -> None:
        self.broadcast = broadcast
        self.after = after
        self.oldest = oldest
        self.next_sequence = next_sequence
        self.missed: int = max(0, oldest - after - 1)
        if self.missed:
            problem = f"items {after + 1} to {oldest - 1} are no longer kept"
            way_out = "Raise keep, subscribe with policy 'lag' to be told Lagged and go on, or leave out after"
        else:
            problem = f"the next item is {next_sequence}, so {after} was never sent"
            way_out = "Check that the number comes from this broadcast"
        super().__init__(f"cannot replay broadcast {broadcast!r} after {after}: {problem}. {way_out}")


@frozen
class BroadcastStatistics:
    """A snapshot of one broadcast. Totals count since it was made, and count a reader's loss when it is told."""

    keep: int
    kept: int  # never more than keep
    next_sequence: int  # the number of the next item, so also how many were sent
    subscribers: int
    waiting_senders: int
    waiting_receivers: int
    lagged_total: int  # how often Lagged was given
    disconnected_total: int  # how many subscribers were disconnected
    missed_total: int  # items that "lag" and "disconnect" subscribers did not get
    ended: bool


class Broadcast(Generic[T]):
    """A stream of numbered items from one producer to any number of subscribers.

    Items are numbered 0, 1, 2, … in the order sent. Every subscriber gets them in that order, none twice, and misses
    none without being told. There is exactly one end, `close` or `fail`; what is kept can still be read after it.

    An append costs the same for one subscriber or a thousand, but for waking those that are parked. Falling behind is
    found by the subscriber itself, when it next receives.

    Everything but `send` is synchronous, and only the waking of a parked task needs a running Trio. A broadcast belongs
    to one thread.

    Settings:
        name: What errors and logs call it.
        keep: How many items are kept, at least 1. It bounds the memory, says how far back a newcomer can replay, and
            how far a subscriber may fall behind before its policy applies. To keep a whole stream, give the most it
            may ever hold: memory is taken only as items arrive.
    """

    __slots__ = ("_ring",)

    def __init__(self, name: str = "broadcast", *, keep: int = DEFAULT_KEEP) -> None:
        check_whole(name, "keep", keep)
        self._ring: Ring[T] = Ring(name, keep)

    @property
    def name(self) -> str:
        """What errors and logs call it."""
        return self._ring.name

    @enable_ki_protection
    def send_nowait(self, value: T) -> int:
        """Append an item and return its sequence number. With no ``wait`` subscriber there is always room.

        Raises:
            trio.WouldBlock: a ``wait`` subscriber has not read the item that would be dropped. Nothing was sent.
            trio.ClosedResourceError: the broadcast has ended.
        """
        ring = self._ring
        if ring.ended:
            raise ring.refusal()
        if ring.next >= ring.limit and not ring.has_room():
            raise trio.WouldBlock
        return ring.append(value)

    @enable_ki_protection
    def send_many_nowait(self, values: Sequence[T]) -> int:
        """Append items, all or none, and return the number of the first: `send_nowait`, at a fraction of its cost.

        Raises: as `send_nowait`; trio.WouldBlock if there is not room for all of them.
        """
        ring = self._ring
        if ring.ended:
            raise ring.refusal()
        if not ring.has_room(len(values)):
            raise trio.WouldBlock
        return ring.extend(values)

    @enable_ki_protection
    async def send(self, value: T) -> int:
        """Append an item, when no ``wait`` subscriber needs its room any more, and return its sequence number.

        Always a checkpoint. If this is cancelled the item was not sent. Senders that wait are served in order.

        Raises:
            trio.ClosedResourceError: the broadcast has ended, or ended while this waited; the item was not sent.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        ring = self._ring
        if ring.ended:
            raise ring.refusal()
        if ring.has_room():
            number = ring.append(value)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return number
        senders = ring.senders
        task = trio.lowlevel.current_task()
        senders[task] = value

        def abort(_: RaiseCancelT) -> Abort:
            del senders[task]
            return Abort.SUCCEEDED

        sent: int = await trio.lowlevel.wait_task_rescheduled(abort)
        return sent

    def close(self) -> bool:
        """End the stream: every subscriber reads what is kept, then stops. Senders that wait get ClosedResourceError.

        The first end stands and a later one does nothing; returns whether this was the first. Never a checkpoint.
        """
        return self._ring.end(None)

    def fail(self, error: Exception) -> bool:
        """End the stream with an error: every subscriber reads what is kept, then has it raised. Else like `close`.

        All get this very object, so ``except`` and its attributes work as anywhere. Before each raise its traceback is
        put back to what it is now, so it shows the cause and one reader, however many read.
        """
        return self._ring.end(error)

    @overload
    def subscribe(
        self,
        policy: Literal["wait", "disconnect"] = "wait",
        *,
        from_: SubscriberStart = "oldest",
        after: int | None = None,
    ) -> Subscription[T]: ...
    @overload
    def subscribe(
        self, policy: SubscriberPolicy, *, from_: SubscriberStart = "oldest", after: int | None = None
    ) -> Subscription[T | Lagged]: ...
    @enable_ki_protection
    def subscribe(
        self, policy: SubscriberPolicy = "wait", *, from_: SubscriberStart = "oldest", after: int | None = None
    ) -> Subscription[Any]:
        """Open a subscription. It counts from this call on, so use it in a ``with`` block, whose end closes it.

        It may also be opened after the end: it reads what is kept and gets the end.

        Args:
            policy: What happens when it is more than ``keep`` items behind: ``wait``, the producer waits for it;
                ``lag``, it gets one :class:`Lagged` and goes on from the oldest kept item; ``disconnect``, it gets
                :class:`Disconnected` and nothing more.
            from_: ``oldest`` begins with all that is kept, ``now`` with the next item sent.
            after: Begin with item ``after + 1`` instead; -1 is the very beginning of the stream.

        Raises:
            ReplayUnavailable: item ``after + 1`` is no longer kept (under ``lag``, Lagged comes first instead), or item
                ``after`` has not been sent.
            InvalidBound: an unknown policy or start, or both ``after`` and ``from_="now"``.
        """
        ring = self._ring
        if policy not in get_args(SubscriberPolicy):
            raise InvalidBound(ring.name, "policy", policy, f"must be one of {', '.join(get_args(SubscriberPolicy))}")
        if from_ not in get_args(SubscriberStart):
            raise InvalidBound(ring.name, "from_", from_, f"must be one of {', '.join(get_args(SubscriberStart))}")
        subscription: Subscription[Any] = Subscription(ring, policy, self._first(policy, from_, after))
        ring.subscribers += 1
        if policy == "wait":
            ring.block(subscription)
        return subscription

    def _first(self, policy: SubscriberPolicy, from_: SubscriberStart, after: int | None) -> int:
        ring = self._ring
        if after is None:
            return ring.next if from_ == "now" else ring.oldest
        check_whole(ring.name, "after", after, least=-1)
        if from_ == "now":
            raise InvalidBound(ring.name, "after", after, "cannot be given together with from_='now'")
        if after >= ring.next or (after + 1 < ring.oldest and policy != "lag"):
            raise ReplayUnavailable(ring.name, after, ring.oldest, ring.next)
        return after + 1

    def statistics(self) -> BroadcastStatistics:
        """A frozen snapshot."""
        ring = self._ring
        return BroadcastStatistics(
            keep=ring.keep,
            kept=len(ring.items),
            next_sequence=ring.next,
            subscribers=ring.subscribers,
            waiting_senders=len(ring.senders),
            waiting_receivers=len(ring.parked),
            lagged_total=ring.lagged_total,
            disconnected_total=ring.disconnected_total,
            missed_total=ring.missed_total,
            ended=ring.ended,
        )

    def __repr__(self) -> str:
        ring = self._ring
        state = "open" if not ring.ended else "closed" if ring.error is None else f"failed: {ring.error!r}"
        return (
            f"<Broadcast {ring.name!r}: {len(ring.items)}/{ring.keep} kept, next {ring.next}, "
            f"{ring.subscribers} subscribers, {len(ring.senders)} senders waiting, {state}>"
        )
