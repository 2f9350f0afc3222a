"""How long a provider may take. Numbers only; who enforces which is said at each."""

from math import isfinite
from typing import Any

from attrs import Attribute, field, frozen


def _duration(_: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not (isfinite(value) and value > 0):
        raise ValueError(f"{attribute.name} is a number of seconds above 0, or None for no bound, not {value!r}")


@frozen(kw_only=True)
class Timeouts:
    """How long each part of a call may take, in seconds; None for no bound. Running out raises `ProviderTimeout`.

    They say what is wrong with a provider; `trio.fail_after` around the call says how long its caller has, and wins
    where both have passed.

    Args:
        connect_s: To reach the server: looking up its address, the connection, TLS. The HTTP client holds to it.
        first_event_s: From when a request is sent until the first event of its answer, reaching the server included
            and waiting for a limit of our own not. Models that think before they say anything need minutes.
        between_events_s: From one event to the next, while somebody waits for it. An answer that stalls is an error
            that has the text received so far.
        total_s: For the whole call, from entering the stream's block to the last event: all tries, and all waits.

    Raises:
        ValueError: one is not above 0; the error says which.
    """

    connect_s: float | None = field(default=10.0, validator=_duration)
    first_event_s: float | None = field(default=120.0, validator=_duration)
    between_events_s: float | None = field(default=60.0, validator=_duration)
    total_s: float | None = field(default=None, validator=_duration)
