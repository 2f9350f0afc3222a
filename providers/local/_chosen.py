"""The answer of a model held to a choice among tools, as it comes: JSON in, the events of a call or of a text out."""

from functools import partial

from actrio.providers._events import (
    Arrived,
    Finished,
    ModelEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    UsageReported,
)
from actrio.providers.local._json_members import MemberScanner, NotJson, StringUnescaper
from actrio.providers.wire._chat_completions import ChatCompletionsDecoder


class ChoiceDecoder(ChatCompletionsDecoder):
    """Turns the bytes of an answer that is a choice, see `choice_schema`, into the events of what was chosen.

    A call that the end cuts off is finished with the arguments that came, as with other providers: they are not JSON.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._scanner = MemberScanner(self._grew)
        self._translated: list[ModelEvent] = []  # of the piece that is being scanned
        self._answer: list[str] = []  # the pieces of the text that was handed over
        self._unescaper: StringUnescaper | None = None
        self._kind_of_answer: str = ""  # the first character of its JSON
        self._name: list[str] = []  # the pieces of the name of the call that begins
        self._open: ToolCallStarted | None = None
        self._arguments: list[str] = []  # of the open call
        self._called: int = 0

    @property
    def received(self) -> str:
        """The text of the answer that has come, without the JSON around it."""
        return "".join(self._answer)

    def feed(self, chunk: bytes, arrived: Arrived) -> None:
        """Take the next bytes; see `AnswerDecoder.feed`."""
        super().feed(chunk, partial(self._translate, arrived))

    def end(self, arrived: Arrived) -> None:
        """Say that no more bytes come; see `AnswerDecoder.end`."""
        super().end(partial(self._translate, arrived))

    def _translate(self, arrived: Arrived, event: ModelEvent) -> None:
        if isinstance(event, TextDelta):
            try:
                self._scanner.feed(event.text)
            except NotJson as error:
                self._violation(f"a choice of a tool or an answer: {error.expected}", error.got.encode())
            finally:
                self._hand_over(arrived)
            return
        if isinstance(event, UsageReported | Finished):
            self._finish_open_call()
            self._hand_over(arrived)
        if isinstance(event, Finished) and self._called and event.reason == "stop":
            event = Finished("tool_calls", event.response_id)
        arrived(event)

    def _hand_over(self, arrived: Arrived) -> None:
        for event in self._translated:
            arrived(event)
        self._translated.clear()

    def _grew(self, key: str, piece: str, complete: bool) -> None:
        if key == "answer":
            self._answer_grew(piece)
        elif key == "name":
            self._name.append(piece)
            if complete:
                self._begin_call("".join(self._name))
        elif key == "arguments":
            self._arguments_grew(piece, complete)

    def _answer_grew(self, piece: str) -> None:
        self._kind_of_answer = self._kind_of_answer or piece[:1]
        text = piece
        if self._kind_of_answer == '"':
            self._unescaper = self._unescaper or StringUnescaper()
            text = self._unescaper.feed(piece)
        if text:
            self._answer.append(text)
            self._translated.append(TextDelta(text))

    def _begin_call(self, name: str) -> None:
        self._finish_open_call()
        self._name.clear()
        # The server makes an id for every answer, and says it before there is a whole name.
        self._open = ToolCallStarted(f"{self._id}-{self._called}", StringUnescaper().feed(name))
        self._called += 1
        self._translated.append(self._open)

    def _arguments_grew(self, piece: str, complete: bool) -> None:
        if self._open is None:
            raise NotJson("a name before its arguments", piece)
        if piece:
            self._arguments.append(piece)
            self._translated.append(ToolCallDelta(self._open.call_id, piece))
        if complete:
            self._finish_open_call()

    def _finish_open_call(self) -> None:
        if self._open is not None:
            call, self._open = self._open, None
            self._translated.append(ToolCallFinished(call.call_id, call.name, "".join(self._arguments)))
            self._arguments.clear()
