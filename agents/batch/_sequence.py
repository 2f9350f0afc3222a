"""Messages to an agent, one after the other, in one conversation."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio
from attrs import field, frozen

from actrio.agents._reply import Reply

if TYPE_CHECKING:
    from actrio.agents._prompt import Content
    from actrio.agents._ref import AgentRef

OutputT = TypeVar("OutputT")

_log = logging.getLogger("actrio.agents")

_CLEAR_GRACE = 5.0  # seconds to forget a conversation in


@frozen
class Sequence(Generic[OutputT]):
    """What came of a sequence.

    Attributes:
        replies: The answers there are, in order.
        error: What ended it before its end; None if nothing did.
        failed_at: Which message that was at, from 0; None if none.
    """

    replies: tuple[Reply[OutputT], ...] = field(default=())
    error: Exception | None = None
    failed_at: int | None = None

    @property
    def completed(self) -> bool:
        """Whether all messages were answered."""
        return self.error is None

    def result(self) -> tuple[Reply[OutputT], ...]:
        """All the answers. Raises: the error that ended it."""
        if self.error is not None:
            raise self.error
        return self.replies


async def run_sequence(
    ref: "AgentRef[Any]",
    messages: "Iterable[Content] | AsyncIterable[Content]",
    conversation: str,
) -> Sequence[Any]:
    """See ``AgentRef.sequence``."""
    replies: list[Reply[Any]] = []

    async def ask(message: "Content") -> None:
        replies.append(await ref.ask(message, conversation=conversation))

    try:
        if isinstance(messages, AsyncIterable):
            async for message in messages:
                await ask(message)
        else:
            for message in messages:
                await ask(message)
    except Exception as error:  # noqa: BLE001 - it is in the result
        return Sequence(tuple(replies), error, len(replies))
    return Sequence(tuple(replies))


@asynccontextmanager
async def forgetting(ref: "AgentRef[Any]", key: str) -> AsyncGenerator[None]:
    """A conversation that is forgotten at the end of the block; a store that fails at that is logged."""
    try:
        yield
    finally:
        with trio.move_on_after(_CLEAR_GRACE, shield=True) as clearing:
            try:
                await ref.conversations.drop(key)
            except Exception:  # noqa: BLE001 - what came of the sequence is given; this is beside it
                _log.exception("agent %s: its store did not forget %s", ref.name, key)
        if clearing.cancelled_caught:
            _log.error("agent %s: its store did not forget %s within %g s", ref.name, key, _CLEAR_GRACE)
