"""A relay before the model server that tells when a client closes its connection; see `_watch_program`."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import frozen

from actrio.benchmarks._harness import Unavailable
from actrio.benchmarks._program import running
from actrio.benchmarks.providers import Exchange

_PROGRAM: Final = Path(__file__).with_name("_watch_program.py")

# How long a connection may stay open after the cancel until it counts as left open, in seconds. As in `turns.py`.
PATIENCE_S: Final = 5.0


@frozen
class Relay:
    """Where one runs: the port of the relay, and that of who watches it."""

    port: int
    watch_port: int

    def base_url(self, exchange: Exchange) -> str:
        """Where the server answers as the exchange says, through this relay."""
        return urlsplit(exchange.base_url)._replace(netloc=f"127.0.0.1:{self.port}").geturl()


_relay: ContextVar[Relay] = ContextVar("_relay")


def relay() -> Relay:
    """The one that runs.

    Raises:
        LookupError: none does.
    """
    return _relay.get()


@contextmanager
def relaying() -> Generator[None]:
    """A relay before the model server of this context runs while the block does.

    Raises:
        RuntimeError: it did not start; what it had to say is on standard error.
        LookupError: no server runs.
    """
    port = urlsplit(Exchange().base_url).port
    with running(_PROGRAM, str(port)) as (relay_port, watch_port):
        token = _relay.set(Relay(int(relay_port), int(watch_port)))
        try:
            yield
        finally:
            _relay.reset(token)


class Closings:
    """The closings of clients' connections, from when this was made on."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._came = b""

    async def next(self) -> float:
        """When the next was, by `time.monotonic`.

        Raises:
            Unavailable: there was none for `PATIENCE_S`.
        """
        with trio.move_on_after(PATIENCE_S):
            return float(await self.line())
        raise Unavailable(f"the connection was still open {PATIENCE_S:g} s after the cancel")

    async def line(self) -> bytes:
        """The next line that the relay sends."""
        while b"\n" not in self._came:
            received = await self._stream.receive_some()
            assert received, "the relay ended"
            self._came += received
        line, _, self._came = self._came.partition(b"\n")
        return line


@asynccontextmanager
async def closings() -> AsyncGenerator[Closings]:
    """Watch the relay while the block runs."""
    async with await trio.open_tcp_stream("127.0.0.1", relay().watch_port) as stream:
        watched = Closings(stream)
        assert await watched.line() == b"ready"
        yield watched
