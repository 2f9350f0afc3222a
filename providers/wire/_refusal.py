"""What a server says when it says no, in whichever form, and whose fault that is."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from actrio.providers._errors import (
    AuthenticationFailed,
    BadRequest,
    ContentRefused,
    NotFound,
    Overloaded,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from actrio.providers.wire._quota import read_retry_after

# The names that OpenAI, Azure, Anthropic and servers that speak like them give to kinds of errors.
_BY_CODE: Final[dict[str, type[RequestRefused]]] = {
    "account_deactivated": AuthenticationFailed,
    "api_error": ServerFailed,
    "authentication_error": AuthenticationFailed,
    "billing_error": RateLimited,
    "billing_hard_limit_reached": RateLimited,
    "billing_not_active": RateLimited,
    "bio_policy": ContentRefused,
    "content_filter": ContentRefused,
    "content_policy_violation": ContentRefused,
    "context_length_exceeded": BadRequest,
    "data_residency_mismatch": BadRequest,
    "deployment_not_found": NotFound,
    "engine_overloaded": Overloaded,
    "image_content_policy_violation": ContentRefused,
    "insufficient_quota": RateLimited,
    "internal_server_error": ServerFailed,
    "invalid_api_key": AuthenticationFailed,
    "invalid_image": BadRequest,
    "invalid_image_url": BadRequest,
    "invalid_prompt": BadRequest,
    "invalid_request_error": BadRequest,
    "misalignment_policy_violation": ContentRefused,
    "model_not_found": NotFound,
    "not_found_error": NotFound,
    "overloaded": Overloaded,
    "overloaded_error": Overloaded,
    "permission_error": AuthenticationFailed,
    "rate_limit_error": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "request_too_large": BadRequest,
    "responsible_ai_policy_violation": ContentRefused,
    "ResponsibleAIPolicyViolation": ContentRefused,
    "server_error": ServerFailed,
    "server_is_overloaded": Overloaded,
    "slow_down": Overloaded,
    "timeout_error": ServerFailed,
    "unsupported_parameter": BadRequest,
    "unsupported_value": BadRequest,
    "vector_store_timeout": ServerFailed,
}

_BY_STATUS: Final[dict[int, type[RequestRefused]]] = {
    401: AuthenticationFailed,
    # OpenRouter's and DeepSeek's word for an account with no more credit.
    402: RateLimited,
    403: AuthenticationFailed,
    404: NotFound,
    # The server waited too long for the request, or another one was in its way: both pass.
    408: ServerFailed,
    409: ServerFailed,
    429: RateLimited,
    503: Overloaded,
    529: Overloaded,
}


class _Error(msgspec.Struct):
    message: str = ""
    type: str | None = None
    code: int | str | None = None


class _Body(msgspec.Struct):
    error: Any = None
    message: str = ""
    detail: Any = None


# A list is how Google's servers say it.
_body_decoder: Final = msgspec.json.Decoder(_Body | list[_Body])


# So many of its first characters do not give a secret away.
_TELLS_NOTHING: Final = 3


def hide(said: bytes, secret: str) -> bytes:
    """What was said, without the secret; nor does it end with a piece of one that was cut off."""
    if not secret:
        return said
    hidden = secret.encode()
    said = said.replace(hidden, b"***")
    for length in range(len(hidden) - 1, _TELLS_NOTHING, -1):
        if said.endswith(hidden[:length]):
            return said[:-length] + b"***"
    return said


def decode_refusal(
    provider: str, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, now: float = 0.0
) -> RequestRefused:
    """The error for an answer with an HTTP error status, with the words of its body if it has any.

    Args:
        provider: Whom the error names.
        status: The HTTP status.
        body: As far as it was read.
        headers: Of the answer.
        now: The time in seconds since 1970, for a date in the headers.
    """
    try:
        said = _body_decoder.decode(body)
        first = said if isinstance(said, _Body) else said[0]
        error = first.error or first.message or first.detail
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        error = None
    if not error:
        error = body.decode(errors="replace").strip()
    return refusal(provider, error, status, headers or {}, now=now)


def refusal(
    provider: str, error: Any, status: int = 0, headers: Mapping[str, str] | None = None, *, now: float = 0.0
) -> RequestRefused:
    """The error for what a server says in its field `error`: an object, a text, anything."""
    headers = headers or {}
    words, codes = _read(error)
    names = [code for code in codes if isinstance(code, str) and not code.isdecimal()]
    # Without an HTTP status, one that is meant: 429 or "429".
    meant = [int(code) for code in codes if code not in names and len(str(code)) == 3]
    status = status or (meant[0] if meant else 0)
    if status == 402:
        names = ["insufficient_quota"]  # servers have no common name for it, and who retries has to know
    kind = _kind(status, names)
    return kind(
        provider,
        status,
        words,
        code=names[0] if names else "",
        retry_after_s=read_retry_after(headers, now),
        request_id=headers.get("x-request-id") or headers.get("request-id") or "",
    )


def _read(error: Any) -> tuple[str, list[int | str]]:
    """What it says, and the names and numbers it gives the error, the most special first."""
    if isinstance(error, str):
        return error, []
    try:
        known = msgspec.convert(error, _Error)
    except msgspec.ValidationError:
        return msgspec.json.encode(error).decode(), []
    codes = [code for code in (known.code, known.type) if code is not None]
    return known.message or ("" if codes else msgspec.json.encode(error).decode()), codes


def _kind(status: int, names: list[str]) -> type[RequestRefused]:
    by_code = next((_BY_CODE[name] for name in names if name in _BY_CODE), None)
    # A status speaks for itself but for 400, with which everything may be refused.
    if by_code is not None and (status in (0, 400) or by_code is ContentRefused):
        return by_code
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 500 <= status < 600:
        return ServerFailed
    return BadRequest if 400 <= status < 500 else RequestRefused
