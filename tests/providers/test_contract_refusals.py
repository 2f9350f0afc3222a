"""What becomes of a refusal, and of an answer that stalls: asked of every provider that talks to a server."""

from typing import Any
from uuid import uuid4

import pytest
import trio
from attrs import evolve

from actrio.providers import (
    ModelRequest,
    Provider,
    ProviderTimeout,
    RateLimited,
    Retry,
    ServerFailed,
    Timeouts,
    User,
)
from tests.providers.aimock import add_fixtures
from tests.providers.contract.cases import (
    BROKEN,
    SLOW,
    TOO_OFTEN,
    Case,
)
from tests.providers.contract.kinds import events_of, only, reason_of, text_of


def with_policy(provider: Any, **policy: Any) -> Provider:
    """The provider with another policy, which all that are over HTTP have among their fields."""
    changed: Provider = evolve(provider, **policy)
    return changed


@only("errors")
async def test_too_many_requests_are_an_error_that_says_how_long_to_wait(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(RateLimited, match="Too many requests") as caught:
            await events_of(connection, TOO_OFTEN)
        await case.settle(connection)

    assert caught.value.status == 429
    assert caught.value.retry_after_s == 7
    assert caught.value.provider == case.provider.name


@only("errors")
async def test_a_failing_server_is_an_error_with_its_words(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(ServerFailed, match="It broke down") as caught:
            await events_of(connection, BROKEN)
        assert reason_of((await events_of(connection))[-1]) == case.end

    assert caught.value.status == 500


@pytest.fixture
def refused_once(aimock: str) -> ModelRequest:
    """A request that is refused the first time, for 0.2 seconds."""
    words = f"Ask once too often, {uuid4()}."
    error = {"error": {"message": "Too many.", "type": "rate_limit_error"}, "status": 429, "retryAfter": 0.2}
    add_fixtures(
        aimock,
        {"match": {"userMessage": words, "sequenceIndex": 0}, "response": error},
        {"match": {"userMessage": words, "sequenceIndex": 1}, "response": {"content": "Now."}},
    )
    return ModelRequest([User(words)], max_tokens=4)


@only("errors")
async def test_a_retry_waits_as_long_as_the_server_asks(case: Case, refused_once: ModelRequest) -> None:
    async with with_policy(case.provider, retry=Retry(delay_s=0)).open() as connection:
        begun = trio.current_time()
        assert text_of(await events_of(connection, refused_once)) == "Now."

    assert trio.current_time() - begun > 0.2


@only("errors")
async def test_a_retry_that_would_end_after_the_deadline_is_not_begun(case: Case, refused_once: ModelRequest) -> None:
    async with with_policy(case.provider, retry=Retry(delay_s=0)).open() as connection:
        with trio.fail_after(0.15), pytest.raises(RateLimited):
            await events_of(connection, refused_once)


@only("slow")
async def test_an_answer_that_stalls_is_a_time_out_with_what_had_come(case: Case) -> None:
    async with with_policy(case.provider, timeouts=Timeouts(between_events_s=0.05)).open() as connection:
        with pytest.raises(ProviderTimeout, match="stalled") as caught:
            await events_of(connection, SLOW)
        await case.settle(connection)

    assert caught.value.phase == "between events"
    assert "Slow and slower.".startswith(caught.value.received)
