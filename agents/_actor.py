"""The actor behind an agent: takes prompts, has its model answer them, remembers."""

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, cast

import trio

from actrio.actors import Actor, RuntimeClosed, State, handles
from actrio.agents._budget import BudgetExceeded, PriceMissing, charging
from actrio.agents._conversation import Remembered
from actrio.agents._errors import StoreFailed, TurnError, TurnInterrupted
from actrio.agents._log import TurnLog
from actrio.agents._middleware import TurnCall, around
from actrio.agents._prompt import LivePrompt, Prompt
from actrio.agents._ref import AgentRef
from actrio.agents._reply import Reply
from actrio.agents._steps import Steps
from actrio.agents._store import STORING_S, TurnMessages
from actrio.agents.tools import Toolbox
from actrio.providers import Connection, GovernedConnection, ProviderError

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

    # The model's failure is for the asker to know: the actor is not to blame, and has lost nothing.
    @handles(raises=(ProviderError, TurnError, BudgetExceeded, PriceMissing, RuntimeClosed))
    async def take_turn(self, message: Prompt) -> Reply[Any]:
        """Answer a prompt. Whatever ends it, when this is left the conversation has the turn."""
        agent = self._agent
        ref: AgentRef[Any] = cast("AgentRef[Any]", self.ctx.ref)  # as the agent's definition made it
        log = message.log if isinstance(message, LivePrompt) else ref.make_log(message.conversation)
        if log.over.is_set():
            # Redelivered. Its readers saw it fail when the actor crashed, and must not see another beginning.
            raise TurnInterrupted(log.agent, log.conversation, "its agent crashed", log.text())
        log.start()
        conversation = await self._recall(ref, log)
        conversation.take_back(message)
        counts = ref.counts
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
            counts.turns["failed"] += 1
            raise
        except BaseException:  # Cancelled, which the nurseries of tools may have put into a group
            interrupted = log.wish = self._why_cancelled(log)
            counts.turns["cancelled"] += 1
            raise
        finally:
            said = steps.messages() if interrupted is None else steps.messages_so_far(interrupted)
            conversation.add(message, *said)
            conversation.moved_to = steps.moved_to or conversation.moved_to
            ref.conversations.keep(log.conversation, conversation)
            if interrupted is not None:
                with trio.move_on_after(STORING_S, shield=True) as storing:
                    await self._store_rest(ref, log, said)
                if storing.cancelled_caught:
                    _log.error("agent %s: its store did not keep an interrupted turn within %g s", log.agent, STORING_S)
        await self._store(ref, log, said, reply)
        counts.turns["completed"] += 1
        log.complete(reply)
        return reply

    async def _go(self, steps: Steps, log: TurnLog, moved_to: AgentRef[Any] | None) -> Reply[Any]:
        makers = [one.turn for one in self._agent.middleware if one.turn is not None]
        if not makers:
            return await steps.run(moved_to)
        call = TurnCall(log.agent, log.conversation, steps.asked)
        async with around(makers, call):
            steps.asked = call.messages
            call.reply = await steps.run(moved_to)
        assert call.reply is not None, "the turn has ended"
        return call.reply

    # What is in memory is kept whatever the store does.

    async def _recall(self, ref: AgentRef[Any], log: TurnLog) -> Remembered:
        try:
            return await ref.conversations.load(log.conversation)
        except Exception as error:
            failure = StoreFailed(log.agent, log.conversation, f"{type(error).__name__}: {error}")
            log.fail(failure)
            raise failure from error

    async def _store(self, ref: AgentRef[Any], log: TurnLog, said: TurnMessages, reply: Reply[Any]) -> None:
        try:
            await ref.conversations.append(log.conversation, said)
        except Exception as error:
            failure = StoreFailed(log.agent, log.conversation, f"{type(error).__name__}: {error}", reply)
            log.fail(failure)
            raise failure from error

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
