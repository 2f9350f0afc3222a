"""How many tokens a request may cost, guessed before it is sent. Pure."""

from typing import Final

import msgspec

from actrio.providers._events import Usage
from actrio.providers._messages import Assistant, Image, Message, User
from actrio.providers._request import ModelRequest

# What a token of English is with most models; for other scripts it guesses too low, which is settled after the call.
_CHARACTERS_A_TOKEN: Final = 4

# What OpenAI and Anthropic charge for a middle-sized picture, and for one looked at from afar.
_IMAGE_TOKENS: Final = 1000
_LOW_IMAGE_TOKENS: Final = 100

# What an answer has of which nothing is known.
_ANSWER_TOKENS: Final = 500


def estimate_tokens(request: ModelRequest) -> int:
    """Tokens of the request and its answer, at least 1. It takes a fraction of a microsecond for each message."""
    characters = images = 0
    for message in request.messages:
        characters += _characters(message)
        if isinstance(message, User) and not isinstance(message.content, str):
            for part in message.content:
                if isinstance(part, Image):
                    images += _LOW_IMAGE_TOKENS if part.detail == "low" else _IMAGE_TOKENS
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + _written(tool.parameters)
    if request.response_format is not None and request.response_format.schema is not None:
        characters += _written(request.response_format.schema)
    return max(1, characters // _CHARACTERS_A_TOKEN + images + (request.max_tokens or _ANSWER_TOKENS))


def cost_of(usage: Usage) -> int:
    """Tokens as a limit counts them."""
    return usage.input_tokens + usage.output_tokens


def _characters(message: Message) -> int:
    characters = len(message.text)
    if isinstance(message, Assistant):
        for call in message.tool_calls:
            characters += len(call.name) + len(call.arguments)
    return characters


def _written(value: object) -> int:
    return len(msgspec.json.encode(value, enc_hook=str))
