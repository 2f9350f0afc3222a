"""How many tokens messages have, before a model has counted them."""

from collections.abc import Iterable
from typing import Final

from actrio.providers import Assistant, Image, Message, User

# English text has about four characters a token, JSON and other languages fewer.
CHARACTERS_PER_TOKEN: Final = 4

# What a picture is taken for: a middling one at the large providers.
TOKENS_PER_IMAGE: Final = 1_000


def count_tokens(messages: Iterable[Message]) -> int:
    """By the number of their characters and pictures."""
    characters = images = 0
    for message in messages:
        characters += len(message.text)
        if isinstance(message, User) and not isinstance(message.content, str):
            images += sum(isinstance(part, Image) for part in message.content)
        elif isinstance(message, Assistant):
            characters += sum(len(call.arguments) for call in message.tool_calls)
    return characters // CHARACTERS_PER_TOKEN + images * TOKENS_PER_IMAGE
