"""Functions whose calls a runtime counts."""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast, overload

from attrs import frozen

from actrio.actors._current import current_runtime
from actrio.actors._histogram import Histogram

P = ParamSpec("P")
T = TypeVar("T")


@frozen
class FunctionMetrics:
    """One function, since its runtime was opened. Times are in seconds on Trio's clock.

    Attributes:
        name: What it is called here.
        calls: How often it was called and has ended, in whatever way.
        errors: How many of these raised.
        cancelled: How many were cancelled; no errors.
        running: Calls that have not ended.
        p50, p90, p99: How long calls took; within a tenth.
        min, max: Exact.
    """

    name: str
    calls: int = 0
    errors: int = 0
    cancelled: int = 0
    running: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    min: float = 0.0
    max: float = 0.0


class FunctionCounts:
    """The counts behind it."""

    __slots__ = ("_durations", "_lock", "_shortest", "calls", "cancelled", "errors", "running")

    def __init__(self) -> None:
        self.calls: int = 0
        self.errors: int = 0
        self.cancelled: int = 0
        self.running: int = 0
        self._durations = Histogram()
        self._lock = Lock()  # functions that are not async may be called in worker threads
        self._shortest = float("inf")

    @contextmanager
    def call(self, now: Callable[[], float]) -> Generator[None]:
        """Count what happens inside as one call, timed with a clock. From any thread."""
        began = now()
        with self._lock:
            self.running += 1
        outcome = "errors"
        try:
            yield
            outcome = "calls"
        except Exception:
            raise
        except BaseException:
            outcome = "cancelled"
            raise
        finally:
            self._end(outcome, now() - began)

    def _end(self, outcome: str, took: float) -> None:
        with self._lock:
            self.running -= 1
            self.calls += 1
            self.errors += outcome == "errors"
            self.cancelled += outcome == "cancelled"
            self._durations.record(took)
            self._shortest = min(self._shortest, took)

    def snapshot(self, name: str) -> FunctionMetrics:
        """What they come to."""
        with self._lock:
            took = self._durations.snapshot()
        shortest = self._shortest if self.calls else 0.0
        p50, p90, p99 = (max(quantile, shortest) for quantile in (took.p50, took.p90, took.p99))  # a bucket is wide
        return FunctionMetrics(
            name,
            calls=self.calls,
            errors=self.errors,
            cancelled=self.cancelled,
            running=self.running,
            p50=p50,
            p90=p90,
            p99=p99,
            min=shortest,
            max=took.max,
        )


@overload
def track(function: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def track(*, name: str) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def track(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Have a function's calls counted and timed, in ``runtime.metrics().functions`` and ``runtime.report()``.

    ``@track`` or ``@track(name="search")``, for async functions and others. A call counts in the runtime that is open
    where it is made, see `current_runtime`; where there is none it is only made. Errors are calls, too, and what is
    raised comes out as it is. Functions of one name are counted together.
    """

    def decorate(tracked: Callable[..., Any]) -> Callable[..., Any]:
        called = name or tracked.__qualname__
        if inspect.iscoroutinefunction(tracked):

            @wraps(tracked)
            async def counted_async(*args: Any, **kwargs: Any) -> Any:
                if (runtime := current_runtime()) is None:
                    return await tracked(*args, **kwargs)
                with runtime.counts_of(called).call(runtime.clock):
                    return await tracked(*args, **kwargs)

            return counted_async

        @wraps(tracked)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if (runtime := current_runtime()) is None:
                return tracked(*args, **kwargs)
            with runtime.counts_of(called).call(runtime.clock):
                return tracked(*args, **kwargs)

        return cast("Callable[..., Any]", counted)

    return decorate if function is None else decorate(function)
