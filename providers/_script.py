"""The lines of a script: whole answers, answers that fail, answers that never go on."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from attrs import Attribute, field, frozen

from actrio.providers._events import (
    Finished,
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import Assistant, Reasoning, ToolCall
from actrio.providers._request import ModelRequest

_WORD: Final = re.compile(r"\s*\S+|\s+")


def split_words(text: str) -> list[str]:
    """Split text into words, each with the space before it. Joined they are the text again."""
    return _WORD.findall(text)


@frozen
class Say:
    """A whole answer: the reasoning and the text word by word, then the tool calls, then the usage and the end.

    Args:
        text: What the model says.
        delay_s: Seconds on Trio's clock before the first event.
        token_s: Seconds on Trio's clock before each further token: a word of the text, the reasoning or a call's
            arguments.
        reasoning: What the model thinks before it speaks. As `Reasoning`, it is also what the provider wants back, and
            a `ReasoningFinished` with it comes after its words.
        tool_calls: The calls the model makes.
        tokens: The text's tokens, if they should be others than its words; `text` is then not given.
        usage: What the answer costs. By default the words of the request's messages and the tokens given, of which
            those of the reasoning are told apart.
        finish: Why the answer ends. By default "tool_calls" if there are any, otherwise "stop".
        response_id: What the server would call the answer.
    """

    text: str = ""
    delay_s: float = field(default=0.0, kw_only=True)
    token_s: float = field(default=0.0, kw_only=True)
    reasoning: str | Reasoning = field(default="", kw_only=True)
    tool_calls: tuple[ToolCall, ...] = field(default=(), kw_only=True)
    tokens: tuple[str, ...] = field(default=(), kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True)
    finish: FinishReason | None = field(default=None, kw_only=True)
    response_id: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.text and self.tokens:
            raise ValueError("Say takes either text, split into words, or tokens, sent as they are; not both")
        if "" in self.tokens:
            raise ValueError("no token is empty: a model sends nothing rather than an empty piece of text")
        if not (self.delay_s >= 0 and self.token_s >= 0):
            raise ValueError(
                f"delay_s and token_s are seconds to wait, 0 or more, not {self.delay_s!r} and {self.token_s!r}"
            )


def is_token(event: ModelEvent) -> bool:
    """Whether the event stands for one token of the model."""
    return isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta)


def _count_words(request: ModelRequest) -> int:
    words = 0
    for message in request.messages:
        words += len(split_words(message.text))
        if isinstance(message, Assistant):
            words += sum(len(split_words(call.arguments)) for call in message.tool_calls)
    return words


def _thoughts(reasoning: str | Reasoning) -> Iterator[ModelEvent]:
    if isinstance(reasoning, str):
        yield from map(ReasoningDelta, split_words(reasoning))
    else:
        yield from map(ReasoningDelta, split_words(reasoning.text))
        yield ReasoningFinished(reasoning)


def _deltas(say: Say) -> Iterator[ModelEvent]:
    yield from _thoughts(say.reasoning)
    yield from map(TextDelta, say.tokens or split_words(say.text))
    for call in say.tool_calls:
        yield ToolCallStarted(call.id, call.name)
        for fragment in split_words(call.arguments):
            yield ToolCallDelta(call.id, fragment)
        yield ToolCallFinished(call.id, call.name, call.arguments)


def _answer(say: Say, request: ModelRequest) -> Iterator[ModelEvent]:
    written = thought = 0
    for event in _deltas(say):
        written += is_token(event)
        thought += isinstance(event, ReasoningDelta)
        yield event
    yield UsageReported(say.usage or Usage(_count_words(request), written, reasoning_tokens=thought))
    yield Finished(say.finish or ("tool_calls" if say.tool_calls else "stop"), say.response_id)


def _as_say(say: Say | str | None) -> Say | None:
    return Say(say) if isinstance(say, str) else say


def _check_after(line: "Fail | Stall", _: "Attribute[int]", after: int) -> None:
    if after < 0:
        raise ValueError(f"after is a number of tokens, 0 or more, not {after!r}")
    if line.of is not None and after > (given := sum(map(is_token, _deltas(line.of)))):
        raise ValueError(f"after={after}, but what it is of has only {given} tokens")


@frozen
class Fail:
    """An answer that raises `error` after so many tokens.

    With `after=0` the request itself fails: the error comes on entering the stream, as a refusal would.

    Args:
        error: The exception, or what makes one: a class or a function. An instance is raised as it is, every time.
        after: How many tokens come before.
        of: The answer they are taken from, with its timing; by default a word repeated.
    """

    error: Exception | Callable[[], Exception]
    after: int = field(default=0, validator=_check_after)
    of: Say | None = field(default=None, converter=_as_say, kw_only=True)


@frozen
class Stall:
    """An answer that never goes on after so many tokens: only cancellation ends it.

    Args:
        after: How many tokens come before.
        of: The answer they are taken from, with its timing; by default a word repeated.
    """

    after: int = field(default=0, validator=_check_after)
    of: Say | None = field(default=None, converter=_as_say, kw_only=True)


Line: TypeAlias = Say | Fail | Stall
# What a script is written in: a text stands for its Say, a function makes the line from the request.
LineLike: TypeAlias = Line | str | Callable[[ModelRequest], Line | str]


def check_line(number: int, line: object) -> None:
    """Refuse what cannot be a line of a script. Raises: TypeError."""
    if isinstance(line, str | Say | Fail | Stall) or (callable(line) and not isinstance(line, type)):
        return
    way_out = (
        "give the lines one by one: ScriptedProvider(*lines)"
        if isinstance(line, list | tuple)
        else ("a line is a text, a Say, a Fail, a Stall, or a function of the request")
    )
    raise TypeError(f"line {number} of the script is {line!r}; {way_out}")


def as_line(scripted: LineLike, request: ModelRequest) -> Line:
    """The line with which this part of a script answers this request."""
    line = scripted(request) if callable(scripted) else scripted
    return Say(line) if isinstance(line, str) else line


def saying_of(line: Line) -> Say:
    """The whole answer of which the line plays a part or all."""
    if isinstance(line, Say):
        return line
    return line.of or Say(" ".join(["word"] * line.after))


def error_of(line: Fail) -> Exception:
    """The exception with which the line ends. One that is raised again keeps no traceback of the time before."""
    return line.error.with_traceback(None) if isinstance(line.error, Exception) else line.error()


def events_of(line: Line, request: ModelRequest) -> Iterator[ModelEvent]:
    """The events that come before the line ends, fails or stalls."""
    if isinstance(line, Say):
        yield from _answer(line, request)
        return
    missing = line.after
    for event in _deltas(saying_of(line)):
        if not missing:
            return
        missing -= is_token(event)
        yield event
