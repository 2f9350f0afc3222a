"""How a batch is to run, and how far it has come."""

import os
from collections.abc import Callable
from math import isfinite
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from attrs import frozen

from actrio.mailbox import InvalidBound
from actrio.mailbox._bounds import check_whole

OnError: TypeAlias = Literal["collect", "stop"]

DEFAULT_CONCURRENCY = 5
MOST_WAITING = 10_000  # inputs that were added and not begun
LOOK_AHEAD = 1_000  # inputs that are read ahead where some are more urgent than others


class BatchOptions(TypedDict, total=False):
    """What every batch takes; see `BatchSettings`."""

    max_concurrency: int
    priority: Callable[[Any], float] | None
    on_error: OnError
    timeout: float | None
    resume: str | os.PathLike[str] | None
    retry_failed: bool


@frozen(kw_only=True)
class BatchSettings:
    """How a batch is to run.

    Attributes:
        max_concurrency: How many inputs are worked on at once.
        priority: How urgent an input is: the higher, the sooner it is begun; of equals the first to come. So it is
            among the 1,000 that are read ahead. None: in the order they come.
        on_error: What the first failure means for the others. "collect": nothing. "stop": those at work are
            cancelled, and no more are begun.
        timeout: Seconds that each input is given, from its start.
        resume: A file. What it says has ended is not done again; what ends is written there. Made if it is not there.
        retry_failed: What the file says has failed is done again.

    Raises: InvalidBound.
    """

    max_concurrency: int = DEFAULT_CONCURRENCY
    priority: Callable[[Any], float] | None = None
    on_error: OnError = "collect"
    timeout: float | None = None
    resume: str | os.PathLike[str] | None = None
    retry_failed: bool = False

    def __attrs_post_init__(self) -> None:
        check_whole("batch", "max_concurrency", self.max_concurrency)
        if self.on_error not in get_args(OnError):
            raise InvalidBound("batch", "on_error", self.on_error, f"must be one of {', '.join(get_args(OnError))}")
        if self.timeout is not None and not (isfinite(self.timeout) and self.timeout > 0):
            raise InvalidBound("batch", "timeout", self.timeout, "must be a number of seconds, more than 0, or None")


@frozen(kw_only=True)
class Progress:
    """How far a batch has come.

    Attributes:
        pending: Inputs that are not begun: all of them if it is known how many there are, else those that were read.
        running: At work.
        done, failed, cancelled: Ended so, with those of an earlier batch.
        total: How many there are; None if that is not known, as of a generator that has not ended.
        rate: How many a second have ended in this run; 0.0 at its start.
        remaining_s: How long the rest takes at that rate; None if that cannot be told.
    """

    pending: int
    running: int
    done: int
    failed: int
    cancelled: int
    total: int | None
    rate: float
    remaining_s: float | None

    @property
    def ended(self) -> int:
        """Inputs that have an outcome."""
        return self.done + self.failed + self.cancelled

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        left = "" if self.remaining_s is None else f", about {self.remaining_s:.0f} s left"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.ended}{of} ended{failed}, {self.running} running, {self.rate:.1f}/s{left}"
