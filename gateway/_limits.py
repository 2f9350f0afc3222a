"""How much a gateway takes from its clients, and keeps for them."""

from math import isfinite
from typing import Any

import attrs
from attrs import Attribute, field, frozen

from actrio.gateway._codec import MAX_BYTES, MAX_DEPTH
from actrio.mailbox import InvalidBound


def _positive(_: object, attribute: "Attribute[Any]", value: float) -> None:
    if isinstance(value, bool) or not isfinite(value) or value <= 0:
        raise InvalidBound("gateway", attribute.name, value, "must be a finite number above 0")


@frozen(kw_only=True)
class GatewayLimits:
    """The bounds of a gateway. Seconds are Trio's.

    Attributes:
        max_connections: Connections at once, all together; one more is answered 503.
        max_handshakes: Of those, how many may be without authentication yet.
        handshake_s: How long a client may take to ask for a WebSocket and to authenticate.
        max_frame_bytes, max_depth: The size and the nesting of one frame.
        max_requests: Requests of one session that are under way at once.
        frames_per_s, burst: What one connection is read at, after a burst of so many frames. What comes faster waits.
        max_malformed: Frames of one connection that are none; one more closes it.
        max_subscriptions: Topics and agents that one connection follows.
        topic_backlog: Messages of a topic, or events of an agent, that wait for a slow reader, before it is told that
            it missed some.
        heartbeat_s: How often a client is pinged, and how long it may take to answer.
        linger_s: How long a request that ends with its connection, and a session without one, waits for the client to
            come back.
        kept_requests, kept_bytes, kept_s: What is kept of requests that are over, for clients that resume: at most so
            many, of about so many bytes in all, each so long. Beyond the number and the time first their events go,
            and a client that resumes is told of the gap; of four times as many, for twice as long, the end is kept.
            Beyond the bytes the oldest go as a whole.
        max_sessions: Sessions remembered; the longest away is forgotten first.
    """

    max_connections: int = field(default=10_000, validator=_positive)
    max_handshakes: int = field(default=1_000, validator=_positive)
    handshake_s: float = field(default=10.0, validator=_positive)
    max_frame_bytes: int = field(default=MAX_BYTES, validator=_positive)
    max_depth: int = field(default=MAX_DEPTH, validator=_positive)
    max_requests: int = field(default=64, validator=_positive)
    frames_per_s: float = field(default=200.0, validator=_positive)
    burst: int = field(default=1_000, validator=_positive)
    max_malformed: int = field(default=10, validator=_positive)
    max_subscriptions: int = field(default=100, validator=_positive)
    topic_backlog: int = field(default=1_000, validator=_positive)
    heartbeat_s: float = field(default=20.0, validator=_positive)
    linger_s: float = field(default=10.0, validator=_positive)
    kept_requests: int = field(default=1_000, validator=_positive)
    kept_bytes: int = field(default=64 << 20, validator=_positive)
    kept_s: float = field(default=300.0, validator=_positive)
    max_sessions: int = field(default=10_000, validator=_positive)


@attrs.define
class Bucket:
    """A token bucket: pure, the time is given. Invariant: ``0 <= level <= burst`` after each call that took one."""

    rate: float  # a second
    burst: float
    level: float
    at: float

    def delay(self, now: float) -> float:
        """Take one; how long to wait before using it, in seconds. Never more than ``1 / rate`` for each taken."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        self.level -= 1.0
        return 0.0 if self.level >= 0 else -self.level / self.rate
