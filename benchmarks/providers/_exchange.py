"""One request and its answer: what is asked for, and what every client has to make of it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from attrs import frozen

from actrio.benchmarks.providers._server import address

MODEL: Final = "made-up-1"
KEY: Final = "no-key-needed"

_TEXT: Final = "It was the kind of morning on which the harbour master wrote letters that nobody would answer. " * 2


@frozen
class Exchange:
    """What a request and its answer are like.

    Attributes:
        messages: How many the request has, of 190 characters each.
        tokens: How many the answer has, each in an event of its own.
        pace_ms: From one token to the next. 0: the server sends all of the answer at once.
    """

    messages: int = 2
    tokens: int = 100
    pace_ms: int = 0

    @property
    def base_url(self) -> str:
        """Where the suite's server answers like this."""
        return address(self.tokens, self.pace_ms)

    def conversation(self) -> list[tuple[str, str]]:
        """The messages, each a role and a text: instructions, then the user and the assistant in turn."""
        roles = ["system", *(("user", "assistant") * self.messages)][: self.messages]
        return [(role, f"{number}. {_TEXT}") for number, role in enumerate(roles)]

    def check(self, text_tokens: int, input_tokens: int, output_tokens: int, finish: str | None) -> None:
        """Assert that the request arrived whole, and that its whole answer did.

        Args:
            text_tokens: How many tokens of text were counted.
            input_tokens: From the usage: how many messages the server got.
            output_tokens: From the usage.
            finish: Why the answer ended.
        """
        got = (text_tokens, input_tokens, output_tokens, finish)
        assert got == (self.tokens, self.messages, self.tokens, "stop"), f"{got} for {self}"


# Sends one request, reads its answer to the end and checks it; gives the seconds from the call to the first token.
Ask = Callable[[], Awaitable[float]]

# One way to do that. What it needs for many requests is open while the block is.
Client = Callable[[Exchange], AbstractAsyncContextManager[Ask]]
