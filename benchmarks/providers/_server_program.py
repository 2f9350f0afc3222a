"""The program of a model server that costs next to nothing: it sends answers made beforehand. Never imported.

It speaks OpenAI's Chat Completions over HTTP/1.1: server-sent events, a chunk of the transfer coding for each of them.
The path of a request says what its answer is like, ``POST /TOKENS/PACE_MS/…``: so many tokens, one each so many
milliseconds, each in a write of its own; or with a pace of 0 all of them at once. ``POST /TOKENS/PACE_MS/FIRST_MS/…``
does so so many milliseconds after the request came. Its usage counts the messages of the
request as input tokens, so that the client can check what arrived here. A request with tools, and no result of one yet,
is answered with a call of the tool ``add``, and that once its result is there with text.

Its port, on 127.0.0.1, is the one line on its standard output. It ends when its standard input does: that happens when
its owner closes it, and also when its owner dies, of whatever.
"""

import os
import re
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from heapq import heappop, heappush
from time import monotonic
from typing import Final

_READ_SIZE: Final = 256 * 1024
_BACKLOG: Final = 4096

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATH: Final = re.compile(rb"POST /(\d+)/(\d+)/(?:(\d+)/)?")
_TOOLS: Final = re.compile(rb'"tools": *\[')
_RESULT: Final = re.compile(rb'"role": *"tool"')

# As many headers, and as long, as the real one sends.
_HEAD: Final = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"date: Sat, 21 Nov 2026 12:00:00 GMT",
        b"content-type: text/event-stream; charset=utf-8",
        b"transfer-encoding: chunked",
        b"connection: keep-alive",
        b"access-control-expose-headers: X-Request-ID",
        b"openai-organization: user-0000000000000000000000",
        b"openai-processing-ms: 187",
        b"openai-project: proj_000000000000000000000000",
        b"openai-version: 2020-10-01",
        b"x-ratelimit-limit-requests: 30000",
        b"x-ratelimit-limit-tokens: 180000000",
        b"x-ratelimit-remaining-requests: 29999",
        b"x-ratelimit-remaining-tokens: 179999987",
        b"x-ratelimit-reset-requests: 2ms",
        b"x-ratelimit-reset-tokens: 0s",
        b"x-request-id: req_00000000000000000000000000000000",
        b"strict-transport-security: max-age=31536000; includeSubDomains; preload",
        b"x-content-type-options: nosniff",
        b"",
        b"",
    ]
)

_CHUNK: Final = (
    '{"id":"chatcmpl-000000000000000000000000000000","object":"chat.completion.chunk","created":1795262400,'
    '"model":"made-up-1","system_fingerprint":"fp_0000000000",'
)
_CHOICE: Final = '"choices":[{"index":0,"delta":%s,"finish_reason":%s}],"usage":null}'
_USAGE: Final = '"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'


def _event(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


# All tokens are alike: what they cost should not depend on which of them come.
_TOKEN: Final = _event(_CHUNK + _CHOICE % ('{"content":" word"}', "null"))
_FIRST: Final = _HEAD + _event(_CHUNK + _CHOICE % ('{"role":"assistant","content":""}', "null"))


@lru_cache
def _last(tokens: int, messages: int) -> bytes:
    finish = _event(_CHUNK + _CHOICE % ("{}", '"stop"'))
    usage = _event(_CHUNK + _USAGE % (messages, tokens, messages + tokens))
    return finish + usage + _event("[DONE]") + b"0\r\n\r\n"


@lru_cache
def _whole(tokens: int, messages: int) -> bytes:
    return _FIRST + _TOKEN * tokens + _last(tokens, messages)


_CALL: Final = (
    '{"tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"add","arguments":""}}]}',
    '{"tool_calls":[{"index":0,"function":{"arguments":"{\\"one\\": 19, "}}]}',
    '{"tool_calls":[{"index":0,"function":{"arguments":"\\"other\\": 23}"}}]}',
)


@lru_cache
def _call(messages: int) -> bytes:
    pieces = b"".join(_event(_CHUNK + _CHOICE % (piece, "null")) for piece in _CALL)
    finish = _event(_CHUNK + _CHOICE % ("{}", '"tool_calls"'))
    usage = _event(_CHUNK + _USAGE % (messages, len(_CALL), messages + len(_CALL)))
    return _FIRST + pieces + finish + usage + _event("[DONE]") + b"0\r\n\r\n"


def _pieces(tokens: int, messages: int) -> Iterator[bytes]:
    """The same in writes of a token each."""
    if tokens:
        yield _FIRST + _TOKEN
    for _ in range(tokens - 1):
        yield _TOKEN
    yield _last(tokens, messages)


class _Peer:
    """One connection. It has one request at a time, as HTTP/1.1 clients do."""

    def __init__(self, server: "_Server", connected: socket.socket) -> None:
        self._server = server
        self._socket = connected
        self._came = b""
        self._unsent = memoryview(b"")
        self._open = True

    def ready(self, events: int) -> None:
        """Do what the socket is ready for."""
        try:
            if events & selectors.EVENT_WRITE:
                self.send(b"")
            if events & selectors.EVENT_READ:
                self._receive()
        except OSError:
            self._close()

    def send(self, data: bytes) -> None:
        """Send it after what is not sent yet, as far as the socket takes it; the rest when it takes more."""
        if not self._open:
            return
        waited = bool(self._unsent)
        self._unsent = memoryview(bytes(self._unsent) + data if waited else data)
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if bool(self._unsent) != waited:
            more = selectors.EVENT_WRITE if self._unsent else 0
            self._server.selector.modify(self._socket, selectors.EVENT_READ | more, self.ready)

    def send_next(self, pieces: Iterator[bytes], pace_s: float) -> None:
        """Send the next of the pieces, and those after it in their time."""
        piece = next(pieces, None)
        if piece is None or not self._open:
            return
        try:
            self.send(piece)
        except OSError:
            self._close()
        else:
            self._server.later(pace_s, self, pieces, pace_s)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            self._close()
            return
        self._came += data
        head_end = self._came.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._came, 0, head_end)
        path = _PATH.match(self._came)
        if length is None or path is None:
            self.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            self._close()
            return
        if len(self._came) < head_end + 4 + int(length[1]):
            return
        tokens, pace_ms, first_ms = int(path[1]), int(path[2]), int(path[3] or 0)
        messages = self._came.count(b'"role"', head_end)
        wants_call = _TOOLS.search(self._came, head_end) and not _RESULT.search(self._came, head_end)
        self._came = b""
        if wants_call:
            self.send(_call(messages))
        elif first_ms:
            self._server.later(first_ms / 1000, self, _pieces(tokens, messages), pace_ms / 1000)
        elif pace_ms:
            self.send_next(_pieces(tokens, messages), pace_ms / 1000)
        else:
            self.send(_whole(tokens, messages))

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._server.selector.unregister(self._socket)
            self._socket.close()


class _Server:
    def __init__(self, listening: socket.socket) -> None:
        self.selector = selectors.DefaultSelector()
        self._listening = listening
        self._due: list[tuple[float, int, _Peer, Iterator[bytes], float]] = []
        self._counted = 0  # makes entries of the same time comparable, and keeps their order
        self.selector.register(listening, selectors.EVENT_READ, self._accept)

    def later(self, delay_s: float, peer: _Peer, pieces: Iterator[bytes], pace_s: float) -> None:
        self._counted += 1
        heappush(self._due, (monotonic() + delay_s, self._counted, peer, pieces, pace_s))

    def serve(self) -> None:
        while True:
            timeout = max(0.0, self._due[0][0] - monotonic()) if self._due else None
            for key, events in self.selector.select(timeout):
                key.data(events)
            now = monotonic()
            while self._due and self._due[0][0] <= now:
                _, _, peer, pieces, pace_s = heappop(self._due)
                peer.send_next(pieces, pace_s)

    def _accept(self, _: int) -> None:
        with suppress(BlockingIOError):
            while True:
                connected, _peer = self._listening.accept()
                connected.setblocking(False)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                peer = _Peer(self, connected)
                self.selector.register(connected, selectors.EVENT_READ, peer.ready)


def _end_with_owner() -> None:
    """In a thread, so that it holds whatever the server does."""
    # Not through the buffer of sys.stdin, on which a thread must not be stopped.
    while os.read(0, 1):
        pass
    os._exit(0)


def _main() -> None:
    # Ctrl-C in a terminal goes to every process of the group: the owner decides what it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_owner, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listening:
        listening.setblocking(False)
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        _Server(listening).serve()


if __name__ == "__main__":
    _main()
