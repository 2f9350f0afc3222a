"""What all decoders of streamed answers share: payloads in order, one end, errors that name what came."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn, Protocol

import msgspec

from actrio.providers._errors import ConnectionLost, ContentRefused, ProtocolViolation, RequestRefused
from actrio.providers._events import Arrived
from actrio.providers.wire._refusal import hide, refusal

# What msgspec raises for bytes that are no JSON, or none of the type that is wanted.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class PayloadTooLong(ValueError):
    """One payload is longer than a splitter may keep. `limit` is that bound in bytes."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} is longer than {limit} bytes")
        self.limit = limit


class Splitter(Protocol):
    """Cuts a stream of bytes into the payloads it carries, however it is cut into chunks."""

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Take the next bytes and give the payloads they complete. Read to its end, once, before the next call.

        Raises:
            PayloadTooLong: one is over the bound, after those before it were given.
        """
        ...


class AnswerDecoder:
    """Turns the bytes of one streamed answer into events, however they are cut into chunks.

    A format's own decoder says in `_take` what a payload means, and in `_end_of_stream` what it means that no more
    come. Both hand over events by calling what they are given. What the server says of an error goes through
    `_refusal` and `_violation`.

    Args:
        provider: Whom errors name.
        splitter: Cuts the bytes into payloads.

    Attributes:
        secret: What no error may show, should the server repeat it. Text of the model is not touched.
    """

    def __init__(self, provider: str, splitter: Splitter) -> None:
        self._provider: str = provider
        self.secret: str = ""
        self._split: Callable[[bytes], Iterable[bytes]] = splitter.feed
        # Invariant: the texts of all TextDelta handed over.
        self._received: list[str] = []
        # Invariant: once it holds, `Finished` was handed over, and nothing is after it.
        self._finished: bool = False

    @property
    def received(self) -> str:
        """The text of the answer that has come."""
        return "".join(self._received)

    def feed(self, chunk: bytes, arrived: Arrived) -> None:
        """Take the next bytes and hand over the events they complete; none after `Finished`.

        What came before an error is handed over before it is raised.

        Raises:
            ProtocolViolation: the bytes are not of this format.
            RequestRefused: the server reports an error in the stream.
        """
        try:
            for payload in self._split(chunk):
                if self._finished:
                    return
                self._take(payload, arrived)
        except PayloadTooLong as error:
            self._violation(f"payloads of at most {error.limit} bytes", chunk)

    def end(self, arrived: Arrived) -> None:
        """Say that no more bytes come.

        Raises:
            ConnectionLost: the answer had not ended.
        """
        if not self._finished:
            self._end_of_stream(arrived)

    def lost(self, reason: str) -> ConnectionLost:
        """The error for a connection that broke here, with the text that had come."""
        return ConnectionLost(self._provider, reason, self.received)

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        raise NotImplementedError

    def _end_of_stream(self, arrived: Arrived) -> None:
        raise self.lost("the server ended the stream before the answer was finished")

    def _refusal(self, error: Any) -> RequestRefused:
        """The error for what the server says in the middle of an answer."""
        if self.secret:
            error = msgspec.json.decode(hide(msgspec.json.encode(error), self.secret))
        return refusal(self._provider, error)

    def _content_refused(self, words: str, request_id: str) -> ContentRefused:
        """The error for an answer in which the model says that it will not answer."""
        error = ContentRefused(self._provider, 0, words, code="refusal", request_id=request_id)
        error.received = self.received
        return error

    def _violation(self, expected: str, got: bytes) -> NoReturn:
        raise ProtocolViolation(self._provider, expected, hide(got, self.secret)) from None
