"""An agent elsewhere, used like one in process."""

import re
from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Unpack

from typing_extensions import TypeVar

from actrio.agents import Reply, Tool, Turn, tool
from actrio.agents._prompt import Content
from actrio.agents.batch import Outcome, batch
from actrio.gateway._typed import Typed

if TYPE_CHECKING:
    from actrio.agents.batch._settings import BatchOptions
    from actrio.gateway._client import Client
    from actrio.gateway._frames import OnDisconnect

OutputT = TypeVar("OutputT", default=Any)


class RemoteAgent(Generic[OutputT]):
    """One agent of a gateway. Made by ``client.agent("writer")``; a value, which holds nothing open."""

    def __init__(self, client: "Client", name: str, output_type: type[OutputT] | None = None) -> None:
        self._client = client
        self._typed = Typed(name, output_type)
        self.name: str = name

    @property
    def description(self) -> str:
        """What it is for, as the gateway tells; empty if it does not."""
        return next((one.description for one in self._client.agents if one.name == self.name), "")

    def run(
        self, content: Content, *, conversation: str | None = None, on_disconnect: "OnDisconnect" = "cancel"
    ) -> AbstractAsyncContextManager[Turn[OutputT]]:
        """Have it answer, and read while it does; see ``Client.run``."""
        return self._client.run_as(self._typed, self.name, content, conversation, on_disconnect)

    async def ask(self, content: Content, *, conversation: str | None = None) -> Reply[OutputT]:
        """Its whole answer. Cancelling this has the gateway cancel the turn.

        Raises:
            RemoteError: the turn failed there.
            TurnInterrupted: somebody cancelled it there.
            ConnectionLost: the connection was lost for good, or the gateway has forgotten the turn.
            OutputMismatch: the answer is not of the output type.
            TypeError, ValueError: the content is nothing that an agent can be asked.
        """
        async with self.run(content, conversation=conversation) as turn:
            return await turn.result()

    async def batch(
        self, inputs: Iterable[Content] | AsyncIterable[Content], **options: "Unpack[BatchOptions]"
    ) -> list[Outcome[Reply[OutputT]]]:
        """Have it answer many, and give the outcomes in their order. Options: as :func:`actrio.batch`."""
        return await batch(self.ask, inputs, **options)

    def as_tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float | None = None
    ) -> Tool[..., Any]:
        """This agent as a tool of another: its model asks with a text, and is told the answer.

        Without ``description`` it is told what the gateway tells of the agent.

        Raises: InvalidTool: a tool cannot have that name.
        """

        async def ask(request: str) -> Any:
            return (await self.ask(request)).data

        said = description or self.description or f"Ask {self.name}, which answers in text."
        return tool(name=name or re.sub(r"[^a-zA-Z0-9_-]", "_", self.name)[:64], description=said, timeout=timeout)(ask)

    def __repr__(self) -> str:
        return f"<RemoteAgent {self.name!r} of {self._client!r}>"
