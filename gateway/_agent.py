"""An agent elsewhere, used like one in process."""

import re
from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Unpack

from actrio.agents import Reply, Tool, Turn, tool
from actrio.agents.batch import Outcome, batch

if TYPE_CHECKING:
    from actrio.agents.batch._settings import BatchOptions
    from actrio.gateway._client import Client
    from actrio.gateway._frames import OnDisconnect


class RemoteAgent:
    """One agent of a gateway. Made by ``client.agent("writer")``; a value, which holds nothing open."""

    def __init__(self, client: "Client", name: str) -> None:
        self._client = client
        self.name: str = name

    def run(
        self, text: str, *, conversation: str | None = None, on_disconnect: "OnDisconnect" = "cancel"
    ) -> AbstractAsyncContextManager[Turn[Any]]:
        """Have it answer, and read while it does; see ``Client.run``."""
        return self._client.run(self.name, text, conversation=conversation, on_disconnect=on_disconnect)

    async def ask(self, text: str, *, conversation: str | None = None) -> Reply[Any]:
        """Its whole answer. Cancelling this has the gateway cancel the turn.

        Raises:
            RemoteError: the turn failed there.
            TurnInterrupted: somebody cancelled it there.
            ConnectionLost: the connection was lost for good, or the gateway has forgotten the turn.
        """
        async with self.run(text, conversation=conversation) as turn:
            return await turn.result()

    async def batch(
        self, inputs: Iterable[str] | AsyncIterable[str], **options: "Unpack[BatchOptions]"
    ) -> list[Outcome[Reply[Any]]]:
        """Have it answer many, and give the outcomes in their order. Options: as :func:`actrio.batch`."""
        return await batch(self.ask, inputs, **options)

    def as_tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float | None = None
    ) -> Tool[..., Any]:
        """This agent as a tool of another: its model asks with a text, and is told the answer.

        Raises: InvalidTool: a tool cannot have that name.
        """

        async def ask(request: str) -> Any:
            return (await self.ask(request)).data

        said = description or f"Ask {self.name}, which answers in text."
        return tool(name=name or re.sub(r"[^a-zA-Z0-9_-]", "_", self.name)[:64], description=said, timeout=timeout)(ask)

    def __repr__(self) -> str:
        return f"<RemoteAgent {self.name!r} of {self._client!r}>"
