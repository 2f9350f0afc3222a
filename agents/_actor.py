"""The actor behind an agent: takes prompts, has its model answer them, remembers."""

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, cast

import trio

from actrio.actors import Actor, State, handles
from actrio.agents._budget import charging
from actrio.agents._conversation import Remembered
from actrio.agents._errors import MiddlewareFailed, StoreFailed, TurnInterrupted
from actrio.agents._log import TurnLog
from actrio.agents._metrics import TurnOutcome
from actrio.agents._middleware import TurnCall, around_turn
from actrio.agents._prompt import LivePrompt, Prompt
from actrio.agents._ref import AgentRef
from actrio.agents._reply import Reply
from actrio.agents._steps import Steps
from actrio.agents._store import TurnMessages
from actrio.agents.tools import Toolbox
from actrio.mailbox import ActrioError
from actrio.providers import Connection, GovernedConnection

if TYPE_CHECKING:
    from actrio.agents._agent import Agent


_log = logging.getLogger("actrio.agents")


def sharing_key(model: object) -> Hashable:
    """Models of equal key are opened once for all: those that are equal, where they can be hashed, else one alone."""
    return model if isinstance(model, Hashable) else id(model)


class AgentActor(Actor):
    """One instance of an agent. It has no state that a restart could lose: that is with its ref."""

    def __init__(self, agent: "Agent[Any]") -> None:
        self._agent = agent
        self._connection: Connection | None = None
        self._toolbox: Toolbox | None = None

    def conversation(self, message: object) -> str | None:
        """Turns of one conversation are serial; those without a key are all independent."""
        return message.conversation if isinstance(message, Prompt) else None

    # What the model, a budget, a store or another agent has failed at is for the asker to know: the actor is not to
    # blame, and has lost nothing.
    @handles(raises=(ActrioError,))
    async def take_turn(self, message: Prompt) -> Reply[Any]:
        """Answer a prompt. Whatever ends it, when this is left the conversation has the turn."""
        ref: AgentRef[Any] = cast("AgentRef[Any]", self.ctx.ref)  # as the agent's definition made it
        log = message.log if isinstance(message, LivePrompt) else ref.make_log(message.conversation)
        if log.over.is_set():
            # Redelivered. Its readers saw it fail when the actor crashed, and must not see another beginning.
            raise TurnInterrupted(log.agent, log.conversation, "its agent crashed", log.text())
        log.start()
        outcome: TurnOutcome = "cancelled"
        try:
            reply = await self._take(message, ref, log)
            outcome = "completed"
        except Exception as error:
            outcome = "failed"
            log.fail(error)
            raise
        finally:
            ref.counts.turns[outcome] += 1
        log.complete(reply)
        return reply

    async def _take(self, message: Prompt, ref: AgentRef[Any], log: TurnLog) -> Reply[Any]:
        conversation = await self._recall(ref, log)
        ref.conversations.keep(log.conversation, conversation)  # where who clears it meanwhile finds it
        conversation.take_back(message)
        if conversation.moved_to is not None and conversation.moved_to.state is State.STOPPED:
            conversation.moved_to = None
        agent, counts = self._agent, ref.counts
        if self._toolbox is None:
            self._toolbox = Toolbox(agent.name, agent.tools, agent.deps, counts.tools, self.ctx.runtime.share)
        steps = Steps(
            agent, log, conversation.messages, message.messages, self._connect, self._toolbox, counts, message.goal
        )
        interrupted: str | None = "cut off"
        try:
            with charging(ref.accounts(message.budget)), ref.running(log):
                reply = await self._go(steps, log, conversation.moved_to)
            interrupted = None
        except Exception as error:
            interrupted = f"{type(error).__name__}: {error}"
            log.fail(error)
            raise
        except BaseException:  # Cancelled, which the nurseries of tools may have put into a group
            interrupted = log.wish = self._why_cancelled(log)
            raise
        finally:
            said = steps.messages() if interrupted is None else steps.messages_so_far(interrupted)
            conversation.add(message, *said)
            conversation.moved_to = steps.moved_to or conversation.moved_to
            ref.conversations.keep(log.conversation, conversation)
            if interrupted is not None:
                await self._store_rest(ref, log, said)  # noqa: ASYNC102 - shielded and bounded there
        await self._store(ref, log, said, reply)
        return reply

    async def _go(self, steps: Steps, log: TurnLog, moved_to: AgentRef[Any] | None) -> Reply[Any]:
        makers = [one.turn for one in self._agent.middleware if one.turn is not None]
        if not makers:
            return await steps.run(moved_to)
        call = TurnCall(log.agent, log.conversation, steps.asked)

        async def run() -> None:
            steps.asked = call.messages
            call.reply = await steps.run(moved_to)

        async with around_turn(makers, call):
            await run()
        if call.reply is None:
            raise MiddlewareFailed(log.agent, log.conversation, "it let the turn end without a reply")
        return call.reply

    # What is in memory is kept whatever the store does.

    async def _recall(self, ref: AgentRef[Any], log: TurnLog) -> Remembered:
        try:
            return await ref.conversations.load(log.conversation)
        except Exception as error:
            raise StoreFailed(log.agent, log.conversation, f"{type(error).__name__}: {error}") from error

    async def _store(self, ref: AgentRef[Any], log: TurnLog, said: TurnMessages, reply: Reply[Any]) -> None:
        try:
            await ref.conversations.append(log.conversation, said)
        except Exception as error:
            raise StoreFailed(log.agent, log.conversation, f"{type(error).__name__}: {error}", reply) from error

    async def _store_rest(self, ref: AgentRef[Any], log: TurnLog, said: TurnMessages) -> None:
        """Store a turn that something else has ended already, and that stays what ended it."""
        try:
            await ref.conversations.append(log.conversation, said)
        except Exception:  # noqa: BLE001 - what ended the turn is raised; this is beside it
            _log.exception("agent %s: its store did not keep an interrupted turn", log.agent)

    async def _connect(self) -> Connection:
        """The open provider: one for all who use it in this runtime."""
        if self._connection is None:
            model = self._agent.model
            connection: Connection = await self.ctx.runtime.share(sharing_key(model), model.open)
            if isinstance(connection, GovernedConnection):
                ref: AgentRef[Any] = cast("AgentRef[Any]", self.ctx.ref)
                ref.counts.statistics = connection.statistics
            self._connection = connection
        return self._connection

    def _why_cancelled(self, log: TurnLog) -> str:
        if self.ctx.ref.state is not State.RUNNING:
            return "its agent was stopped or restarted"
        if self.ctx.deadline <= trio.current_time():
            return "its deadline passed"
        return log.wish or "who asked for it was cancelled"
