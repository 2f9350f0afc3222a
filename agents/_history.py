"""The messages of one turn, kept such that a provider accepts them whenever the turn ends. Pure."""

from collections.abc import Sequence

from actrio.agents.tools import ToolUse
from actrio.providers import Assistant, Message, Reasoning, ToolCall, ToolResult


class TurnHistory:
    """What a turn adds to its conversation: what was asked, then answers and tool results in alternation.

    Invariant: every tool call of an answer has exactly one result, in the order of the calls, in what `messages` gives.
    """

    __slots__ = ("_ended", "_open", "_said")

    def __init__(self, asked: Sequence[Message]) -> None:
        self._said: list[Message] = list(asked)
        self._open: tuple[ToolCall, ...] = ()  # calls of the last answer, as long as not all have a result
        self._ended: dict[str, ToolUse] = {}  # {id of an open call: what came of it}

    def ask(self, *messages: Message) -> None:
        """Add what was said to the model."""
        self._said.extend(messages)

    def answer(self, text: str, calls: tuple[ToolCall, ...], reasoning: tuple[Reasoning, ...]) -> None:
        """Add a whole answer of the model's."""
        self._said.append(Assistant(text, tool_calls=calls, reasoning=reasoning))
        self._open = calls

    def end_call(self, use: ToolUse) -> None:
        """Add what came of an open call."""
        self._ended[use.call.id] = use
        if len(self._ended) == len(self._open):
            self._said.extend(self._ended[call.id].result for call in self._open)
            self._open = ()
            self._ended.clear()

    def messages(self) -> tuple[Message, ...]:
        """The turn as the model is sent it. No call is open."""
        assert not self._open, "the model is called when every call has its result"
        return tuple(self._said)

    def cut_off(self, text: str, why: str) -> tuple[Message, ...]:
        """The turn as it is remembered if it ends here, with the text of the answer that was under way, if any."""
        results = [
            self._ended[call.id].result if call.id in self._ended else ToolResult(call.id, _left(why), failed=True)
            for call in self._open
        ]
        return (*self._said, *results, Assistant(text, interrupted=why))


def _left(why: str) -> str:
    return f"This call was cancelled before it had a result: {why}."
