"""Durations in log-scaled buckets: cheap to record, exact counts, quantiles within a tenth."""

from bisect import bisect_right
from collections import defaultdict

from attrs import frozen

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


class Histogram:
    """Counts of durations in buckets of fixed bounds; only buckets that were hit take memory.

    Attributes: ``counts``, {index into BOUNDS from the right: how many}; ``longest``, in seconds. The pool's hot path
    writes both as :meth:`record` does.
    """

    __slots__ = ("counts", "longest")

    def __init__(self) -> None:
        self.counts: defaultdict[int, int] = defaultdict(int)
        self.longest = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration. Those under a microsecond share the first bucket."""
        self.counts[bisect_right(BOUNDS, seconds)] += 1
        self.longest = max(self.longest, seconds)

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
                return min((BOUNDS[index - 1] * upper) ** 0.5, self.longest)
        return self.longest
