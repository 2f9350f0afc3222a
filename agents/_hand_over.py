"""Another agent goes on with a turn: its events and its answer become those of the turn."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from actrio.agents._log import TurnLog
from actrio.agents._reply import Reply
from actrio.mailbox import Inbox
from actrio.mailbox._working import current_inbox
from actrio.providers import Message

if TYPE_CHECKING:
    from actrio.agents._ref import AgentRef


# The agents that have handed over what is done here, and wait for its end: inbox and conversation of each.
_handed_by: ContextVar[tuple[tuple[Inbox[Any] | None, str | None], ...]] = ContextVar("actrio_handed_by", default=())


def waits_for_this(inbox: Inbox[Any], conversation: str | None) -> bool:
    """Whether the agent of an inbox is the one whose turn this is, or has handed this conversation over."""
    return inbox is current_inbox.get() or (inbox, conversation) in _handed_by.get()


async def hand_over(target: "AgentRef[Any]", messages: tuple[Message, ...], log: TurnLog) -> Reply[Any]:
    """Have another agent answer, and write what happens in its turn into the log of this one.

    What is said to this turn meanwhile, to steer it or to approve of a call, goes to the other. Cancelling it cancels
    the other turn. Raises what ends the other turn.
    """
    log.hand_off(target.name)
    token = _handed_by.set((*_handed_by.get(), (current_inbox.get(), log.conversation)))
    try:
        async with target.run(messages, conversation=log.conversation) as turn:
            with log.following(turn.log):
                async for event in turn.events():
                    log.add_foreign(event)
            return await turn.result()
    finally:
        _handed_by.reset(token)
