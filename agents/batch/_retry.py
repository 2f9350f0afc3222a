"""Trying a function again."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction, isfunction, unwrap
from random import Random
from typing import ParamSpec, TypeAlias, TypeVar, cast

import trio

from actrio.actors import current_runtime
from actrio.providers.policy import Backoff

P = ParamSpec("P")
T = TypeVar("T")

RetryOn: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]

_random = Random()  # noqa: S311 - jitter, not secrets


def retry(
    *,
    attempts: int = 3,
    delay: float = 0.5,
    backoff: float = 2.0,
    max_delay: float = 30.0,
    jitter: float = 0.25,
    on: RetryOn = Exception,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Have an async function tried again when it raises: ``@retry(attempts=5, on=OSError)``.

    It is tried ``attempts`` times at most. No pause is begun that would not end before the deadline in effect: then
    the error is raised at once. What is cancelled is never tried again. The last error comes out as it is. Pauses are
    on Trio's clock, and their random part comes from the runtime that is open, which can be seeded.

    Args:
        attempts: How often it is tried in all, the first try too.
        delay: The pause after the first failure, in seconds.
        backoff: What each further pause is multiplied by.
        max_delay: The longest pause, in seconds.
        jitter: Up to which share of a pause is taken off, by chance.
        on: Which errors are tried again: their class, some classes, or a function that says so.

    Raises:
        ValueError: a number is out of its range; the error says which.
        TypeError: ``on`` is no class of errors; from the decorator: the function is not async.
    """
    policy = Backoff(attempts=attempts, delay_s=delay, backoff=backoff, max_delay_s=max_delay, jitter=jitter)

    _check_on(on)

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        _check_async(function)

        @wraps(function)
        async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
            attempt = 1
            while True:
                try:
                    return await function(*args, **kwargs)
                except Exception as error:
                    pause = next_pause(policy, attempt, error, on)
                    if pause is None:
                        raise
                await trio.sleep(pause)
                attempt += 1

        return retried

    return decorate


def _check_async(function: object) -> None:
    if isfunction(function) and not iscoroutinefunction(unwrap(function)):
        raise TypeError(f"{function.__qualname__} must be `async def`, to be tried again")


def _check_on(on: object) -> None:
    for one in cast("tuple[object, ...]", on) if isinstance(on, tuple) else (on,):
        if not (issubclass(one, BaseException) if isinstance(one, type) else callable(one)):
            raise TypeError(f"on={on!r} is no class of errors, no tuple of such, and no function of an error")


def next_pause(policy: Backoff, attempt: int, error: Exception, on: RetryOn) -> float | None:
    """Seconds to wait after try number `attempt`, from 1, failed; None to give up. To be called in Trio."""
    wanted = isinstance(error, on) if isinstance(on, type | tuple) else on(error)
    if not wanted:
        return None
    runtime = current_runtime()
    random = _random if runtime is None else runtime.random
    return policy.pause(attempt, random, now=trio.current_time(), deadline=trio.current_effective_deadline())
