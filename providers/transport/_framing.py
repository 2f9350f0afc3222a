"""HTTP heads, by h11: the bytes of a request, the head of its answer, and how the answer's body is framed.

Pure: bytes and records in, bytes and records out. The body itself is not h11's: see `_chunked` for why.
"""

from collections.abc import Sequence
from typing import Final

import h11
from attrs import frozen

from actrio.providers.transport._chunked import ChunkedDecoder
from actrio.providers.transport._decoder import BodyDecoder, LengthDecoder, UntilCloseDecoder

# The most bytes the head of an answer may have. Known servers stay under 8 KiB; h11's own default is 16.
MAX_HEAD: Final = 64 * 1024

# The most interim answers (1xx) before the answer itself. Each is dropped, so without this they could go on for ever.
MAX_INTERIM: Final = 32

# By this status h11 says that what it holds is over the bound.
_HEAD_TOO_LONG: Final = 431

_RELEVANT: Final = frozenset((b"connection", b"content-length", b"transfer-encoding"))
_LENGTHS: Final = frozenset(map(len, _RELEVANT))

# Statuses that never have a body, whatever the headers say: RFC 9112, section 6.3.
_BODILESS: Final = (204, 304)


@frozen
class Head:
    """The head of an answer. `headers` are as they were sent."""

    status: int
    reason: bytes
    version: bytes
    headers: list[tuple[bytes, bytes]]
    keep_alive: bool
    decoder: BodyDecoder


class Exchange:
    """One request and the head of its answer.

    Args:
        method, target, headers: As they are sent.

    Raises:
        h11.LocalProtocolError: the request breaks the protocol.
    """

    __slots__ = ("_h11", "_interim", "_keep_alive", "_method", "_opening")

    def __init__(self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        request = h11.Request(method=method, target=target, headers=list(headers))
        self._h11 = h11.Connection(h11.CLIENT, MAX_HEAD)
        self._opening = self._h11.send(request)
        self._method = method
        self._keep_alive = not _says_close(_relevant(headers))
        self._interim = 0

    def start(self) -> bytes:
        """The bytes of the head."""
        return self._opening

    def more(self, content: bytes) -> bytes:
        """The bytes for the next piece of the body.

        Raises:
            h11.LocalProtocolError: it is more than the announced length.
        """
        return self._h11.send(h11.Data(data=content))

    def end(self) -> bytes:
        """The bytes after the last piece of the body.

        Raises:
            h11.LocalProtocolError: the body was less than the announced length.
        """
        return self._h11.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> tuple[Head, bytes] | None:
        """Take bytes of the answer; once its head is complete, give it and the bytes after it.

        Empty data means that no more comes. Interim answers are dropped.

        Raises:
            h11.RemoteProtocolError: this is no head, or it is too long, or it is cut off.
        """
        self._h11.receive_data(data)
        while True:
            event = self._next_event()
            if isinstance(event, h11.InformationalResponse):
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise h11.RemoteProtocolError(f"more than {MAX_INTERIM} interim answers (1xx) to one request")
                continue
            if isinstance(event, h11.Response):
                rest, _ = self._h11.trailing_data
                return self._head(event), rest
            return None

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _HEAD_TOO_LONG:
                raise h11.RemoteProtocolError(f"the head of the answer is longer than {MAX_HEAD} bytes") from error
            raise

    def _head(self, response: h11.Response) -> Head:
        headers = response.headers.raw_items()
        named = _relevant(headers)
        decoder, reusable = _decoder_for(self._method, response.status_code, named)
        return Head(
            status=response.status_code,
            reason=response.reason,
            version=b"HTTP/" + response.http_version,
            headers=headers,
            keep_alive=self._keep_alive and reusable and response.http_version >= b"1.1" and not _says_close(named),
            decoder=decoder,
        )


def _relevant(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    # The few headers that say something about the connection, by name in lower case.
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if len(name) in _LENGTHS and (name := name.lower()) in _RELEVANT:
            found[name] = found[name] + b"," + value if name in found else value
    return found


def _says_close(named: dict[bytes, bytes]) -> bool:
    options = named.get(b"connection")
    return options is not None and any(option.strip() == b"close" for option in options.lower().split(b","))


def _decoder_for(method: bytes, status: int, named: dict[bytes, bytes]) -> tuple[BodyDecoder, bool]:
    # RFC 9112, section 6.3; the second value is whether its end leaves the connection fit for another request. h11 has
    # checked that each of the two headers has one meaning, and refused other codings. If both are there the coding
    # counts, and the connection is not trusted any more.
    if method == b"HEAD" or status in _BODILESS:
        return LengthDecoder(0), True
    if b"transfer-encoding" in named:
        return ChunkedDecoder(), b"content-length" not in named
    if b"content-length" in named:
        # As h11 leaves it: one number, or the same one several times.
        return LengthDecoder(int(named[b"content-length"].partition(b",")[0])), True
    return UntilCloseDecoder(), False
