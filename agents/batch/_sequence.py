"""Messages to an agent, one after the other, in one conversation."""

from collections.abc import AsyncIterable, Iterable
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio
from attrs import field, frozen

from actrio.agents._reply import Reply

if TYPE_CHECKING:
    from actrio.agents._prompt import Content
    from actrio.agents._ref import AgentRef

OutputT = TypeVar("OutputT")

_CLEAR_GRACE = 5.0  # seconds to forget a conversation in
_numbers = count(1)


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
    conversation: str | None,
) -> Sequence[Any]:
    """See ``AgentRef.sequence``."""
    replies: list[Reply[Any]] = []
    async with AsyncExitStack() as stack:
        if conversation is None:
            conversation = f"sequence {next(_numbers)} of {ref.name}"
            stack.push_async_callback(_forget, ref, conversation)

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


async def _forget(ref: "AgentRef[Any]", key: str) -> None:
    with trio.move_on_after(_CLEAR_GRACE, shield=True):
        await ref.conversations.drop(key)
