"""Bodies to send that come bit by bit."""

from collections.abc import Iterable
from typing import Self

import trio


class Pieces:
    """Gives the pieces, and waits before each of them; an error among them it raises."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            return piece
        raise StopAsyncIteration
