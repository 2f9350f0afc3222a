"""What of a provider's failures is worth trying again, and when. Pure."""

from collections.abc import Callable
from random import Random

from attrs import Attribute, field, frozen

from actrio.providers._errors import (
    ConnectionLost,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from actrio.providers.policy._backoff import Backoff


def worth_retrying(error: Exception) -> bool:
    """Whether the same request, sent again to the same provider, may well succeed.

    So it is where the server could not be reached, the answer broke off or stalled, the server failed or was in its own
    way (408, 409, 5xx), and where its rate limit was reached, unless what ran out is the account's credit. It is not
    for a request that the server does not take, a wrong key, a wrong name, refused content, an answer outside the
    protocol, or a server that said nothing at all until the time for the first event was up.
    """
    if isinstance(error, ProviderTimeout):
        return error.phase in ("connect", "between events")
    if isinstance(error, RateLimited):
        return not error.out_of_credit
    return isinstance(error, ProviderUnreachable | ServerFailed | ConnectionLost)


def _not_negative(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{attribute.name} is a number of seconds, 0 or more, not {value!r}")


@frozen(kw_only=True)
class Retry(Backoff):
    """When a request to a provider is sent again.

    It is, after a pause, if it failed before the first event of its answer in a way that may pass; see `Backoff` for
    how often and how long. Where the server says how long to wait, the pause is at least that long. No pause is begun
    that would not end before the deadline in effect: then the error is raised at once. What is cancelled is never
    tried again.

    Args:
        attempts, delay_s, backoff, max_delay_s, jitter: See `Backoff`.
        max_retry_after_s: The longest pause a server may ask for. If it asks for more, its error is raised at once.
        after_events: Start over also when an answer breaks off after events of it have come. Then `Restarted` comes
            before the new answer's first event, and says that what came before is void. A whole answer is paid for
            again. Otherwise such an error is raised, with the text that had come.
        on: Which errors are tried again.

    Raises:
        ValueError: a number is out of its range; the error says which.
    """

    max_retry_after_s: float = field(default=60.0, validator=_not_negative)
    after_events: bool = False
    on: Callable[[Exception], bool] = worth_retrying

    def next_pause(
        self, attempt: int, error: Exception, *, now: float, deadline: float, random: Random
    ) -> float | None:
        """How many seconds to wait after try number `attempt`, from 1, failed; None to give up and raise the error.

        Args:
            attempt: Which try it was, from 1.
            error: What it failed with.
            now: The time on Trio's clock.
            deadline: When everything must be over, on Trio's clock; infinite for never.
            random: Where the jitter comes from.
        """
        if not self.on(error):
            return None
        asked = error.retry_after_s if isinstance(error, RequestRefused) else None
        if asked is not None and asked > self.max_retry_after_s:
            return None
        return self.pause(attempt, random, now=now, deadline=deadline, least_s=asked or 0.0)
