"""How often something is tried, and how long is waited in between. Pure: the time and the chance are given."""

from math import isfinite
from random import Random

from attrs import Attribute, field, frozen


def _at_least_once(_: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} counts the first try too, so it is at least 1, not {value!r}")


def _duration(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{attribute.name} is a finite number of seconds, 0 or more, not {value!r}")


def _not_shrinking(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not (isfinite(value) and value >= 1):
        raise ValueError(f"{attribute.name} is what each pause is multiplied by, 1 or more, not {value!r}")


def _share(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} is a share from 0 to 1, not {value!r}")


@frozen(kw_only=True)
class Backoff:
    """So many tries, with a pause after each failure that grows up to a bound.

    A pause has a random part taken off, so that those who failed together do not come back together.

    Args:
        attempts: How often it is tried in all, the first try too.
        delay_s: The pause after the first failure, in seconds.
        backoff: What each further pause is multiplied by.
        max_delay_s: The longest pause.
        jitter: Up to which share of a pause is taken off, by chance: 0 for none, 1 for anything down to no pause.

    Raises:
        ValueError: a number is out of its range; the error says which.
    """

    attempts: int = field(default=3, validator=_at_least_once)
    delay_s: float = field(default=0.5, validator=_duration)
    backoff: float = field(default=2.0, validator=_not_shrinking)
    max_delay_s: float = field(default=30.0, validator=_duration)
    jitter: float = field(default=0.25, validator=_share)

    def pause(self, attempt: int, random: Random, *, now: float, deadline: float, least_s: float = 0.0) -> float | None:
        """How many seconds to wait after try number `attempt` failed; None to give up.

        Args:
            attempt: From 1.
            random: Drawn from once, unless there is nothing left to try or no jitter.
            now: The time on the clock that the deadline is on.
            deadline: Infinite for none. A pause that would not end before it is not begun.
            least_s: The shortest pause that makes sense. It may be over `max_delay_s`.
        """
        if attempt >= self.attempts:
            return None
        pause = self._longest(attempt)
        if self.jitter:
            pause *= 1 - self.jitter * random.random()
        if pause < least_s:
            pause = least_s
        return pause if now + pause < deadline else None

    def _longest(self, attempt: int) -> float:
        try:
            return min(self.max_delay_s, self.delay_s * self.backoff ** (attempt - 1))
        except OverflowError:
            return self.max_delay_s if self.delay_s else 0.0
