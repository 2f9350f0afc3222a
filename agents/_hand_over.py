"""Another agent goes on with a turn: its events and its answer become those of the turn."""

from typing import TYPE_CHECKING, Any

from actrio.agents._log import TurnLog
from actrio.agents._reply import Reply
from actrio.providers import Message

if TYPE_CHECKING:
    from actrio.agents._ref import AgentRef


async def hand_over(target: "AgentRef[Any]", messages: tuple[Message, ...], log: TurnLog) -> Reply[Any]:
    """Have another agent answer, and write what happens in its turn into the log of this one.

    What is said to this turn meanwhile, to steer it or to approve of a call, goes to the other. Cancelling it cancels
    the other turn. Raises what ends the other turn.
    """
    log.hand_off(target.name)
    async with target.run(messages, conversation=log.conversation) as turn:
        with log.following(turn.log):
            async for event in turn.events():
                log.add_foreign(event)
        return await turn.result()
