"""Random schedules of sending, subscribing, receiving, leaving and ending, against a model of a broadcast."""

from typing import get_args

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actrio.mailbox._broadcast import Broadcast, ReplayUnavailable
from actrio.mailbox._subscription import Disconnected, Lagged, SubscriberPolicy, Subscription


class Followed:
    """A subscription, and what by the documented rules it has to give next."""

    def __init__(self, subscription: Subscription[int | Lagged], policy: SubscriberPolicy, start: int) -> None:
        self.subscription = subscription
        self.policy = policy
        self.due = start

    def check(self, batch: list[int | Lagged], oldest: int) -> None:
        if isinstance(batch[0], Lagged):
            assert self.policy == "lag"
            assert batch[0].missed == oldest - self.due > 0
            self.due = oldest
            batch = batch[1:]
        assert batch == list(range(self.due, self.due + len(batch)))
        self.due += len(batch)
        assert self.subscription.position == self.due


class BroadcastModel(RuleBasedStateMachine):
    """Every subscriber gets each item from its start to the end once, in order, or is told how many it missed."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = 1
        self.broadcast: Broadcast[int] = Broadcast(keep=1)
        self.sent = 0
        self.ended = False
        self.readers: list[Followed] = []

    @property
    def oldest(self) -> int:
        return max(0, self.sent - self.keep)

    @precondition(lambda self: not self.sent and not self.readers)
    @rule(keep=st.integers(1, 7))
    def bound(self, keep: int) -> None:
        self.keep = keep
        self.broadcast = Broadcast(keep=keep)
        self.ended = False

    @rule(count=st.integers(1, 9))
    def send(self, count: int) -> None:
        for _ in range(count):
            held = any(reader.policy == "wait" and reader.due <= self.sent - self.keep for reader in self.readers)
            expected = trio.ClosedResourceError if self.ended else trio.WouldBlock if held else None
            if expected is None:
                assert self.broadcast.send_nowait(self.sent) == self.sent
                self.sent += 1
            else:
                with pytest.raises(expected):
                    self.broadcast.send_nowait(self.sent)

    @rule(policy=st.sampled_from(get_args(SubscriberPolicy)), back=st.none() | st.integers(0, 12))
    def subscribe(self, policy: SubscriberPolicy, back: int | None) -> None:
        start = self.oldest if back is None else max(0, self.sent - back)
        if start < self.oldest and policy != "lag":
            with pytest.raises(ReplayUnavailable):
                self.broadcast.subscribe(policy, after=start - 1)
            return
        after = None if back is None else start - 1
        self.readers.append(Followed(self.broadcast.subscribe(policy, after=after), policy, start))

    @precondition(lambda self: self.readers)
    @rule(index=st.integers(0, 99), limit=st.integers(1, 9))
    def receive(self, index: int, limit: int) -> None:
        reader = self.readers[index % len(self.readers)]
        if reader.due < self.oldest and reader.policy == "disconnect":
            with pytest.raises(Disconnected):
                reader.subscription.receive_nowait()
        elif reader.due == self.sent:
            with pytest.raises(trio.EndOfChannel if self.ended else trio.WouldBlock):
                reader.subscription.receive_batch_nowait(limit)
        else:
            lags = reader.due < self.oldest
            there = self.sent - max(reader.due, self.oldest) + lags
            batch = reader.subscription.receive_batch_nowait(limit)
            assert len(batch) == min(limit, there)
            assert isinstance(batch[0], Lagged) == lags
            reader.check(batch, self.oldest)

    @precondition(lambda self: self.readers)
    @rule(index=st.integers(0, 99))
    def leave(self, index: int) -> None:
        reader = self.readers.pop(index % len(self.readers))
        reader.subscription.close()
        with pytest.raises(trio.ClosedResourceError):
            reader.subscription.receive_nowait()

    @precondition(lambda self: self.sent > 10)
    @rule()
    def end(self) -> None:
        assert self.broadcast.close() is not self.ended
        self.ended = True

    @invariant()
    def memory_is_bounded(self) -> None:
        statistics = self.broadcast.statistics()
        assert statistics.kept == min(self.sent, self.keep)
        assert statistics.subscribers == len(self.readers)

    def teardown(self) -> None:
        self.broadcast.close()
        for reader in self.readers:
            if reader.policy == "disconnect" and reader.due < self.oldest:
                continue
            if reader.due < self.sent:
                reader.check(reader.subscription.receive_batch_nowait(), self.oldest)
            assert reader.due == self.sent
            with pytest.raises(trio.EndOfChannel):
                reader.subscription.receive_nowait()


TestBroadcastModel = BroadcastModel.TestCase
