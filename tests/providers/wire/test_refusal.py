from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    ContentRefused,
    NotFound,
    Overloaded,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from actrio.providers.wire import decode_refusal, refusal
from actrio.providers.wire._refusal import hide


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"code":400,"message":"too long","type":"x"}}', "too long"),
        (b'{"error":"busy"}', "busy"),
        (b'{"message":"busy"}', "busy"),
        (b'{"detail":"busy"}', "busy"),
        (b'{"detail":[{"loc":["body"],"msg":"busy"}]}', '[{"loc":["body"],"msg":"busy"}]'),
        (b'[{"error":{"code":429,"message":"too long","status":"RESOURCE_EXHAUSTED"}}]', "too long"),
        (b"[]", "[]"),
        (b'{"error":{"message":null}}', '{"message":null}'),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_a_refusal_has_the_status_and_the_servers_words(body: bytes, words: str) -> None:
    refused = decode_refusal("desk", 502, body)

    assert (refused.status, refused.words) == (502, words)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", BadRequest),
        (400, "context_length_exceeded", BadRequest),
        (400, "content_filter", ContentRefused),
        (400, "invalid_api_key", AuthenticationFailed),
        (400, "rate_limit_exceeded", RateLimited),
        (401, "", AuthenticationFailed),
        (401, "invalid_api_key", AuthenticationFailed),
        (402, "", RateLimited),
        (403, "", AuthenticationFailed),
        (403, "content_policy_violation", ContentRefused),
        (404, "", NotFound),
        (404, "model_not_found", NotFound),
        (408, "", ServerFailed),
        (409, "", ServerFailed),
        (413, "", BadRequest),
        (422, "", BadRequest),
        (429, "", RateLimited),
        (429, "insufficient_quota", RateLimited),
        (429, "invalid_request_error", RateLimited),
        (500, "", ServerFailed),
        (500, "invalid_request_error", ServerFailed),
        (502, "", ServerFailed),
        (503, "", Overloaded),
        (504, "", ServerFailed),
        (529, "overloaded_error", Overloaded),
        (0, "server_error", ServerFailed),
        (0, "rate_limit_exceeded", RateLimited),
        (0, "insufficient_quota", RateLimited),
        (0, "overloaded_error", Overloaded),
        (0, "invalid_prompt", BadRequest),
        (0, "image_content_policy_violation", ContentRefused),
        (0, "what_is_this", RequestRefused),
        (0, "", RequestRefused),
    ],
)
@pytest.mark.parametrize("field", ["code", "type"])
def test_whose_fault_it_is_is_seen_from_the_status_and_the_code(
    status: int, code: str, kind: type[RequestRefused], field: str
) -> None:
    assert type(refusal("desk", {field: code, "message": "no"}, status)) is kind


def test_an_account_without_credit_has_a_code_that_says_so() -> None:
    assert refusal("desk", {"message": "pay", "code": 402}).code == "insufficient_quota"
    assert refusal("desk", {"message": "pay", "code": "invalid_request_error"}, 402).code == "insufficient_quota"


@pytest.mark.parametrize("code", [429, "429"])
def test_a_code_that_is_a_status_counts_as_one_where_there_is_none(code: Any) -> None:
    refused = refusal("desk", {"code": code, "message": "slow down"})

    assert (type(refused), refused.status, refused.code) == (RateLimited, 429, "")
    assert refusal("desk", {"code": code, "message": "no"}, 500).status == 500


def test_what_else_the_server_says_is_kept() -> None:
    headers = {"retry-after": "2", "x-request-id": "r1"}
    refused = decode_refusal("desk", 429, b'{"error":{"type":"tokens","code":"rate_limit_exceeded"}}', headers)

    assert (refused.code, refused.retry_after_s, refused.request_id) == ("rate_limit_exceeded", 2, "r1")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "message", "type"]), inner),
    max_leaves=8,
)


@given(json_values, st.integers(100, 599))
def test_whatever_is_said_it_is_a_refusal(said: Any, status: int) -> None:
    assert isinstance(refusal("desk", said, status), RequestRefused)
    assert isinstance(refusal("desk", said), RequestRefused)


@given(st.binary() | st.sampled_from([b"[" * 100_000, b'{"error":' * 50_000, b'[{"error":1e999}]']))
def test_whatever_bytes_come_it_is_a_refusal(body: bytes) -> None:
    assert isinstance(decode_refusal("desk", 500, body), ServerFailed)


@given(st.binary(max_size=30), st.binary(max_size=30), st.integers(0, 60))
def test_no_more_than_three_characters_of_a_secret_are_left_wherever_it_is_cut(
    before: bytes, after: bytes, cut: int
) -> None:
    secret = "sk-0123456789"
    shown = hide((before + secret.encode() + after)[:cut], secret)

    assert not any(shown.endswith(secret[:length].encode()) for length in range(4, len(secret)))
    assert secret.encode() not in shown


def test_what_has_no_secret_stays_as_it_is() -> None:
    assert hide(b"sk-, s", "sk-0123456789") == b"sk-, s"
    assert hide(b"anything", "") == b"anything"
