"""Durations in log-scaled buckets: cheap to record, exact counts, quantiles within a tenth."""

from bisect import bisect_left, bisect_right
from math import sqrt

from attrs import frozen
from msgspec import Struct

STEPS_PER_DOUBLING = 4  # bucket width 2 ** (1/4), so a bucket's middle is at most 9 % off any value in it
_SHORTEST = 1e-6  # seconds
_DOUBLINGS = 32  # up to more than an hour
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

    Attributes: ``counts``, {index into BOUNDS from the right: how many}; ``longest``, in seconds.
    """

    counts: dict[int, int] = {}  # msgspec makes each its own
    longest: float = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration. Those under a microsecond share the first bucket."""
        bucket = bisect_right(BOUNDS, seconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        if seconds > self.longest:
            self.longest = seconds

    def record_all(self, durations: list[float]) -> None:
        """Count many at once, for half the price of each alone: by buckets, not one by one. Sorts the list."""
        durations.sort()
        counts, start, total = self.counts, 0, len(durations)
        while start < total:
            bucket = bisect_right(BOUNDS, durations[start])
            end = total if bucket == len(BOUNDS) else bisect_left(durations, BOUNDS[bucket], start)
            counts[bucket] = counts.get(bucket, 0) + end - start
            start = end
        if total:
            self.longest = max(self.longest, durations[-1])

    def snapshot(self) -> Durations:
        """The summary so far."""
        counts = sorted(self.counts.items())
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
