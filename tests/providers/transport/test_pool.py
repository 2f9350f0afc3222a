"""The pool's decisions, with connections that are only names and a clock that is only a number."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actrio.providers.transport._pool import Pool, PoolStatistics


class Wireless:
    """A connection to nowhere."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.fresh = True
        self.closed = False

    def is_fresh(self) -> bool:
        assert not self.closed
        return self.fresh

    def close(self) -> None:
        assert not self.closed
        self.closed = True


def pool_of(
    max_connections: int | None = None, max_idle: int | None = None, idle_s: float | None = None
) -> Pool[str, Wireless, str]:
    return Pool(Wireless, max_connections, max_idle, idle_s)


def take(pool: Pool[str, Wireless, str], origin: str = "a", now: float = 0) -> Wireless:
    connection = pool.take(origin, now)
    assert connection is not None
    return connection


def test_the_connection_that_was_used_last_is_used_next() -> None:
    pool = pool_of()
    first, second = take(pool), take(pool)
    pool.give_back(second, 0)
    pool.give_back(first, 0)
    assert take(pool) is first
    assert take(pool) is second
    assert pool.statistics() == PoolStatistics(open=2, idle=0, busy=2, waiting=0, opened=2, reused=2)


def test_a_connection_serves_one_origin() -> None:
    pool = pool_of()
    kept = take(pool, "a")
    pool.give_back(kept, 0)
    assert take(pool, "b") is not kept
    assert take(pool, "a") is kept


def test_a_connection_that_is_not_fresh_is_closed_and_the_one_below_it_is_used() -> None:
    pool = pool_of()
    good, stale = take(pool), take(pool)
    pool.give_back(good, 0)
    pool.give_back(stale, 0)
    stale.fresh = False
    assert take(pool) is good
    assert stale.closed


def test_idle_connections_are_closed_when_their_time_is_over() -> None:
    pool = pool_of(idle_s=5)
    old, young = take(pool, "a"), take(pool, "a")
    pool.give_back(old, 0)
    pool.give_back(young, 1)
    take(pool, "b", now=5.5)
    assert (old.closed, young.closed) == (True, False)


def test_the_oldest_idle_connection_makes_place_for_another_idle_one() -> None:
    pool = pool_of(max_idle=1)
    first, second = take(pool, "a"), take(pool, "b")
    pool.give_back(first, 0)
    pool.give_back(second, 0)
    assert (first.closed, second.closed) == (True, False)


@pytest.mark.parametrize(("max_idle", "idle_s"), [(0, None), (None, 0)])
def test_without_keep_alive_a_connection_is_used_once(max_idle: int | None, idle_s: float | None) -> None:
    pool = pool_of(max_idle=max_idle, idle_s=idle_s)
    connection = take(pool)
    assert pool.give_back(connection, 0) is None
    assert connection.closed


def test_the_oldest_idle_connection_makes_place_for_a_request_to_another_origin() -> None:
    pool = pool_of(max_connections=2)
    old, young = take(pool, "a"), take(pool, "b")
    pool.give_back(old, 0)
    pool.give_back(young, 0)
    take(pool, "c")
    assert (old.closed, young.closed) == (True, False)


def test_who_waits_longest_gets_the_connection_as_it_is() -> None:
    pool = pool_of(max_connections=1)
    connection = take(pool)
    for waiter in ("first", "second"):
        assert pool.take("a", 0) is None
        pool.wait(waiter, "a")
    assert pool.give_back(connection, 0) == ("first", connection)


def test_who_waits_for_another_origin_gets_the_place() -> None:
    pool = pool_of(max_connections=1)
    connection = take(pool, "a")
    pool.wait("waiter", "b")
    granted = pool.give_back(connection, 0)
    assert granted is not None
    assert connection.closed
    assert granted[1].origin == "b"


def test_who_waits_gets_the_place_of_a_connection_that_broke() -> None:
    pool = pool_of(max_connections=1)
    connection = take(pool)
    pool.wait("waiter", "a")
    granted = pool.discard(connection)
    assert granted is not None
    assert granted[0] == "waiter"
    assert connection.closed


def test_who_leaves_the_queue_is_given_nothing() -> None:
    pool = pool_of(max_connections=1)
    connection = take(pool)
    pool.wait("first", "a")
    pool.wait("second", "a")
    pool.leave("first")
    assert pool.give_back(connection, 0) == ("second", connection)


def test_closing_closes_all_and_names_who_waited() -> None:
    pool = pool_of(max_connections=2)
    busy, idle = take(pool), take(pool)
    pool.wait("waiter", "a")
    pool.leave("waiter")
    pool.give_back(idle, 0)
    busier = take(pool, "b")
    pool.wait("waiter", "a")
    assert pool.close() == ["waiter"]
    assert busy.closed
    assert idle.closed
    assert busier.closed
    assert pool.statistics().open == pool.statistics().waiting == 0


def test_no_place_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="max_connections is 0: give at least 1"):
        pool_of(max_connections=0)


ORIGINS = st.sampled_from("abc")


class PoolMachine(RuleBasedStateMachine):
    """Any order of requests, ends, breaks, closes by the server and time: no place is lost or given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.made: list[Wireless] = []
        self.busy: list[Wireless] = []
        self.queue: list[tuple[int, str]] = []
        self.waiters = 0
        self.pool: Pool[str, Wireless, int] = Pool(self.new, max_connections=3, max_idle=2, idle_s=5)

    def new(self, origin: str) -> Wireless:
        self.made.append(Wireless(origin))
        return self.made[-1]

    def granted(self, granted: tuple[int, Wireless] | None) -> None:
        if not self.queue:
            assert granted is None
            return
        assert granted is not None
        waiter, origin = self.queue.pop(0)
        assert granted[0] == waiter
        self.got(granted[1], origin)

    def got(self, connection: Wireless, origin: str) -> None:
        assert connection not in self.busy
        assert connection.origin == origin
        assert connection.fresh
        self.busy.append(connection)

    @rule(origin=ORIGINS)
    def request(self, origin: str) -> None:
        connection = self.pool.take(origin, self.now)
        if connection is not None:
            assert not self.queue
            self.got(connection, origin)
            return
        self.waiters += 1
        self.pool.wait(self.waiters, origin)
        self.queue.append((self.waiters, origin))

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), keep=st.booleans())
    def end(self, data: st.DataObject, keep: bool) -> None:
        connection = data.draw(st.sampled_from(self.busy))
        self.busy.remove(connection)
        self.granted(self.pool.give_back(connection, self.now) if keep else self.pool.discard(connection))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiting = data.draw(st.sampled_from(self.queue))
        self.queue.remove(waiting)
        self.pool.leave(waiting[0])

    @rule(data=st.data())
    def server_closes(self, data: st.DataObject) -> None:
        idle = [made for made in self.made if not made.closed and made not in self.busy]
        if idle:
            data.draw(st.sampled_from(idle)).fresh = False

    @rule(seconds=st.sampled_from([0.5, 3.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def every_place_is_accounted_for(self) -> None:
        now = self.pool.statistics()
        alive = sum(not made.closed for made in self.made)
        assert (now.open, now.busy, now.waiting) == (alive, len(self.busy), len(self.queue))
        assert now.open == now.idle + now.busy <= 3
        assert now.idle <= 2
        assert not any(connection.closed for connection in self.busy)
        assert not self.queue or now.busy == 3


PoolMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
test_no_place_is_lost_or_given_twice = PoolMachine.TestCase
