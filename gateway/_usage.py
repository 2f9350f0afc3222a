"""Tokens in a frame, and in a reply."""

from actrio.gateway._answers import UsageInfo
from actrio.providers import Usage


def usage_info(usage: Usage) -> UsageInfo:
    """As a frame has them."""
    return UsageInfo(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)


def usage_of(usage: UsageInfo) -> Usage:
    """As a reply has them."""
    return Usage(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)
