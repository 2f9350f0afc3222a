"""Durations in log-scaled buckets: cheap to record, exact counts, quantiles within a tenth."""

from bisect import bisect_left, bisect_right
from math import sqrt

from attrs import frozen
from msgspec import Struct

STEPS_PER_DOUBLING = 4  # bucket width 2 ** (1/4), so a bucket's middle is at most 9 % off any value in it
_SHORTEST = 1e-6  # seconds
_DOUBLINGS = 32  # up to more than an hour
FRESH = 32  # at most so many durations less two wait to be sorted in; more is faster, and takes 32 bytes each
BOUNDS = tuple(_SHORTEST * 2 ** (step / STEPS_PER_DOUBLING) for step in range(_DOUBLINGS * STEPS_PER_DOUBLING + 1))


@frozen
class Durations:
    """A summary of recorded durations, in seconds; all zero if there were none. ``max`` is exact."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class Histogram(Struct, gc=False):
    """Counts of durations in buckets of fixed bounds; only buckets that were hit take memory.

    Attributes:
        counts: {index into BOUNDS from the right: how many}; None before the first.
        longest: In seconds.
    """

    counts: dict[int, int] | None = None
    longest: float = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration. Those under a microsecond share a bucket."""
        self.record_all([seconds])

    def record_all(self, ordered: list[float]) -> None:
        """Count durations, which this puts in order: many at once cost a fraction of each alone."""
        if not ordered:
            return
        ordered.sort()
        self.longest = max(self.longest, ordered[-1])
        if self.counts is None:
            self.counts = {}
        counts, start, total = self.counts, 0, len(ordered)
        while start < total:
            bucket = bisect_right(BOUNDS, ordered[start])
            end = total if bucket == len(BOUNDS) else bisect_left(ordered, BOUNDS[bucket], start)
            counts[bucket] = counts.get(bucket, 0) + end - start
            start = end

    def snapshot(self) -> Durations:
        """The summary so far."""
        counts = sorted((self.counts or {}).items())
        total = sum(count for _, count in counts)
        if not total:
            return Durations()
        p50, p90, p99 = (self._quantile(counts, total * part) for part in (0.5, 0.9, 0.99))
        return Durations(total, p50, p90, p99, self.longest)

    def _quantile(self, counts: list[tuple[int, int]], rank: float) -> float:
        seen = 0
        for index, count in counts:
            seen += count
            if seen >= rank:
                if index == 0:
                    return min(_SHORTEST / 2, self.longest)
                upper = BOUNDS[index] if index < len(BOUNDS) else BOUNDS[-1]
                return min(sqrt(BOUNDS[index - 1] * upper), self.longest)
        return self.longest


class Timings(Struct, gc=False):
    """How long messages waited, and how long each then was worked on.

    Attributes:
        fresh: Seconds that are in no histogram yet, in pairs: waited, worked on, waited, worked on, ... Whoever appends
            to it calls :meth:`sort_in` when there are ``FRESH`` or more.
        queueing, handling: The histograms, without what is fresh; None before the first is sorted in.
    """

    fresh: list[float] = []  # msgspec makes each its own
    queueing: Histogram | None = None
    handling: Histogram | None = None

    def sort_in(self) -> None:
        """Count what is fresh."""
        fresh = self.fresh
        if self.queueing is None or self.handling is None:
            self.queueing, self.handling = Histogram(), Histogram()
        self.queueing.record_all(fresh[::2])
        self.handling.record_all(fresh[1::2])
        fresh.clear()

    def snapshots(self) -> tuple[Durations, Durations]:
        """The summaries so far: of the waiting, and of the work."""
        self.sort_in()
        assert self.queueing is not None
        assert self.handling is not None
        return self.queueing.snapshot(), self.handling.snapshot()
