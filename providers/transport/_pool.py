"""Which connection a request gets. Nothing here waits: each call is O(1), spread over the calls before it.

A place is what a connection takes up, from before it is opened until it is closed. Invariants, between two calls:

- `busy + idle <= max_connections`.
- While a request waits, nothing is idle and no place is free. So whoever comes later cannot overtake it.
- A connection is in exactly one of: busy, idle, closed.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from attrs import frozen


@frozen
class PoolStatistics:
    """A pool at one instant. `open` is `idle` and `busy` together."""

    open: int
    """Connections, those being opened included."""
    idle: int
    """Connections kept for a request to come."""
    busy: int
    """Connections with a request on them, or being opened for one."""
    waiting: int
    """Requests that wait for a connection, because `max_connections` are busy."""
    opened: int
    """How many connections were begun so far."""
    reused: int
    """How many requests so far got a connection that had served another one."""


class Poolable(Protocol):
    """What the pool needs to know of a connection."""

    idle_since: float

    def is_fresh(self) -> bool:
        """Whether it may be given out again."""
        ...

    def close(self) -> None:
        """Close it at once."""
        ...


C = TypeVar("C", bound=Poolable)
O = TypeVar("O", bound=Hashable)  # noqa: E741 - an origin: what a connection can be used for
W = TypeVar("W", bound=Hashable)


class Pool(Generic[O, C, W]):
    """Connections by origin, and the requests that wait for one in the order they came.

    Args:
        new: Makes a connection to an origin, not opened yet.
        max_connections: How many places there are; None is no bound.
        max_idle: The most idle connections, of all origins; None is no bound.
        idle_s: How long a connection may be idle, in seconds; None is for ever. Nothing runs when that time is over:
            such a connection is closed when the pool is next used.
    """

    def __init__(
        self, new: Callable[[O], C], max_connections: int | None, max_idle: int | None, idle_s: float | None
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise ValueError(f"max_connections is {max_connections}: give at least 1, or None for no bound")
        self._new = new
        self._max_connections = max_connections
        self._max_idle = max_idle
        self._idle_s = idle_s
        self._busy: dict[C, O] = {}
        # The same connections twice: the youngest of an origin is given out first, the oldest of all are closed first.
        self._idle: dict[O, dict[C, None]] = {}  # no empty ones inside
        self._oldest: OrderedDict[C, O] = OrderedDict()
        self._waiting: OrderedDict[W, O] = OrderedDict()
        self._opened = 0
        self._reused = 0

    def statistics(self) -> PoolStatistics:
        """How it stands."""
        idle, busy = len(self._oldest), len(self._busy)
        return PoolStatistics(idle + busy, idle, busy, len(self._waiting), self._opened, self._reused)

    def take(self, origin: O, now: float) -> C | None:
        """A connection for a request: an idle one of the origin, else a new one; None if the request must wait.

        To make place, the oldest idle connection of another origin is closed.
        """
        self._expire(now)
        while siblings := self._idle.get(origin):
            # Not by `del`, which leaves a gap at the end of the dict that the next look at its end has to skip.
            connection, _ = siblings.popitem()
            self._forget_idle(connection)
            if connection.is_fresh():
                self._reused += 1
                self._busy[connection] = origin
                return connection
            connection.close()
        if self._is_full():
            if not self._oldest:
                return None
            self._close_oldest()
        return self._begin(origin)

    def wait(self, waiter: W, origin: O) -> None:
        """Put a request in the queue, after `take` had nothing for it."""
        self._waiting[waiter] = origin

    def leave(self, waiter: W) -> None:
        """Take a request out of the queue. It was given nothing."""
        del self._waiting[waiter]

    def give_back(self, connection: C, now: float) -> tuple[W, C] | None:
        """Take a connection back that may carry another request.

        Returns:
            The request that waited longest and what it gets, if one waits.
        """
        origin = self._busy.pop(connection)
        if self._waiting:
            waiter, wanted = self._waiting.popitem(last=False)
            if wanted == origin and connection.is_fresh():
                self._reused += 1
                self._busy[connection] = origin
                return waiter, connection
            connection.close()
            return waiter, self._begin(wanted)
        if self._max_idle == 0 or self._idle_s == 0:
            connection.close()
            return None
        self._expire(now)
        if self._max_idle is not None and len(self._oldest) >= self._max_idle:
            self._close_oldest()
        connection.idle_since = now
        self._idle.setdefault(origin, {})[connection] = None
        self._oldest[connection] = origin
        return None

    def discard(self, connection: C) -> tuple[W, C] | None:
        """Close a busy connection and free its place.

        Returns:
            The request that waited longest and what it gets, if one waits.
        """
        del self._busy[connection]
        connection.close()
        if not self._waiting:
            return None
        waiter, wanted = self._waiting.popitem(last=False)
        return waiter, self._begin(wanted)

    def has(self, connection: C) -> bool:
        """Whether the connection is busy here, so that it must come back by `give_back` or `discard`."""
        return connection in self._busy

    def close(self) -> list[W]:
        """Close all connections, busy ones too, and empty the queue.

        Returns:
            The requests that waited.
        """
        for connection in (*self._busy, *self._oldest):
            connection.close()
        waiters = list(self._waiting)
        for kept in (self._busy, self._idle, self._oldest, self._waiting):
            kept.clear()
        return waiters

    def _begin(self, origin: O) -> C:
        connection = self._new(origin)
        self._opened += 1
        self._busy[connection] = origin
        return connection

    def _is_full(self) -> bool:
        return self._max_connections is not None and len(self._busy) + len(self._oldest) >= self._max_connections

    def _expire(self, now: float) -> None:
        if self._idle_s is None:
            return
        before = now - self._idle_s
        while self._oldest and next(iter(self._oldest)).idle_since < before:
            self._close_oldest()

    def _close_oldest(self) -> None:
        connection = next(iter(self._oldest))
        self._forget_idle(connection)
        connection.close()

    def _forget_idle(self, connection: C) -> None:
        origin = self._oldest.pop(connection)
        siblings = self._idle[origin]
        siblings.pop(connection, None)
        if not siblings:
            del self._idle[origin]
