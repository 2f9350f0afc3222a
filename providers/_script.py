"""What a scripted model says: whole answers, answers that fail, answers that never go on."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from attrs import Attribute, field, frozen

from actrio.providers._events import (
    Finished,
    FinishReason,
    ModelEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import Assistant, ToolCall
from actrio.providers._request import ModelRequest

_WORD: Final = re.compile(r"\s*\S+|\s+")


def split_words(text: str) -> list[str]:
    """Split text into words, each with the space before it. Joined they are the text again."""
    return _WORD.findall(text)


@frozen
class Reply:
    """A whole answer: the text word by word, then the tool calls, then the usage and the end.

    Args:
        text: What the model says.
        delay_s: Seconds on Trio's clock before the first event.
        token_s: Seconds on Trio's clock before each further token: a word of the text or of a call's arguments.
        tool_calls: The calls the model makes.
        tokens: The text's tokens, if they should be others than its words; `text` is then not given.
        usage: What the answer costs. By default the words of the request's messages and the tokens given.
        finish: Why the answer ends. By default "tool_calls" if there are any, otherwise "stop".
    """

    text: str = ""
    delay_s: float = field(default=0.0, kw_only=True)
    token_s: float = field(default=0.0, kw_only=True)
    tool_calls: tuple[ToolCall, ...] = field(default=(), kw_only=True)
    tokens: tuple[str, ...] = field(default=(), kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True)
    finish: FinishReason | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.text and self.tokens:
            raise ValueError("a Reply takes either text, split into words, or tokens, sent as they are; not both")
        if not (self.delay_s >= 0 and self.token_s >= 0):
            raise ValueError(
                f"delay_s and token_s are seconds to wait, 0 or more, not {self.delay_s!r} and {self.token_s!r}"
            )

    def deltas(self) -> Iterator[ModelEvent]:
        """All events up to the usage."""
        yield from map(TextDelta, self.tokens or split_words(self.text))
        for call in self.tool_calls:
            yield ToolCallStarted(call.id, call.name)
            for fragment in split_words(call.arguments):
                yield ToolCallDelta(call.id, fragment)
            yield ToolCallFinished(call.id, call.name, call.arguments)

    def events(self, request: ModelRequest) -> Iterator[ModelEvent]:
        """All events of the answer to this request."""
        written = 0
        for event in self.deltas():
            written += is_token(event)
            yield event
        yield UsageReported(self.usage or Usage(_count_words(request), written))
        yield Finished(self.finish or ("tool_calls" if self.tool_calls else "stop"))


def is_token(event: ModelEvent) -> bool:
    """Whether the event stands for one token of the model."""
    return isinstance(event, TextDelta | ToolCallDelta)


def _count_words(request: ModelRequest) -> int:
    words = 0
    for message in request.messages:
        words += len(split_words(message.text))
        if isinstance(message, Assistant):
            words += sum(len(split_words(call.arguments)) for call in message.tool_calls)
    return words


def _as_reply(reply: Reply | str | None) -> Reply | None:
    return Reply(reply) if isinstance(reply, str) else reply


def _check_after(turn: "Fail | Stall", _: "Attribute[int]", after: int) -> None:
    if after < 0:
        raise ValueError(f"after is a number of tokens, 0 or more, not {after!r}")
    if turn.reply is not None and after > (given := sum(map(is_token, turn.reply.deltas()))):
        raise ValueError(f"after={after}, but the reply has only {given} tokens")


@frozen
class Fail:
    """An answer that raises `error` after so many tokens.

    With `after=0` the request itself fails: the error comes on entering the stream, as a refusal would.

    Args:
        error: The exception, or what makes one: a class or a function. An instance is raised as it is, every time.
        after: How many tokens come before.
        reply: The answer they are taken from, with its timing; by default a word repeated.
    """

    error: Exception | Callable[[], Exception]
    after: int = field(default=0, validator=_check_after)
    reply: Reply | None = field(default=None, converter=_as_reply, kw_only=True)

    def make_error(self) -> Exception:
        """The exception to raise."""
        return self.error if isinstance(self.error, Exception) else self.error()


@frozen
class Stall:
    """An answer that never goes on after so many tokens: only cancellation ends it.

    Args:
        after: How many tokens come before.
        reply: The answer they are taken from, with its timing; by default a word repeated.
    """

    after: int = field(default=0, validator=_check_after)
    reply: Reply | None = field(default=None, converter=_as_reply, kw_only=True)


Turn: TypeAlias = Reply | Fail | Stall
# What a script is written in: a text stands for its Reply, a function makes the turn from the request.
TurnLike: TypeAlias = Turn | str | Callable[[ModelRequest], Turn | str]


def as_turn(scripted: TurnLike, request: ModelRequest) -> Turn:
    """The turn with which this part of a script answers this request."""
    turn = scripted(request) if callable(scripted) else scripted
    return Reply(turn) if isinstance(turn, str) else turn


def reply_of(turn: Turn) -> Reply:
    """The whole answer of which the turn plays a part or all."""
    if isinstance(turn, Reply):
        return turn
    return turn.reply or Reply(" ".join(["word"] * turn.after))


def events_of(turn: Turn, request: ModelRequest) -> Iterator[ModelEvent]:
    """The events that come before the turn ends, fails or stalls."""
    reply = reply_of(turn)
    if isinstance(turn, Reply):
        yield from reply.events(request)
        return
    missing = turn.after
    for event in reply.deltas():
        if not missing:
            return
        missing -= is_token(event)
        yield event
