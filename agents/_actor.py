"""The actor behind an agent: takes prompts, has its model answer them, remembers."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import trio

from actrio.actors import Actor, RuntimeClosed, State, handles
from actrio.agents._budget import BudgetExceeded, PriceMissing, charging
from actrio.agents._errors import TurnError, TurnInterrupted
from actrio.agents._prompt import LivePrompt, Prompt
from actrio.agents._ref import AgentRef
from actrio.agents._reply import Reply
from actrio.agents._steps import Steps
from actrio.agents.tools import Toolbox, Workers, open_workers
from actrio.providers import Connection, ProviderError

if TYPE_CHECKING:
    from actrio.agents._agent import Agent
    from actrio.agents._log import TurnLog


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
        agent, ref = self._agent, self.ctx.ref
        assert isinstance(ref, AgentRef), "an agent is spawned from its definition, which makes the ref"
        log = message.log if isinstance(message, LivePrompt) else ref.make_log(message.conversation)
        if log.over.is_set():
            # Redelivered. Its readers saw it fail when the actor crashed, and must not see another beginning.
            raise TurnInterrupted(log.agent, log.conversation, "its agent crashed", log.text())
        conversation = ref.conversations.get(message.conversation)
        conversation.take_back(message)
        log.start()
        counts = ref.counts
        if self._toolbox is None:
            self._toolbox = Toolbox(agent.name, agent.tools, agent.deps, counts.tools, self._open_workers)
        steps = Steps(agent, log, conversation.messages, message.messages, self._connect, self._toolbox, counts)
        interrupted: str | None = "cut off"
        try:
            with charging(ref.accounts(message.budget)):
                reply = await steps.run()
            interrupted = None
        except trio.Cancelled:
            interrupted = log.wish = self._why_cancelled(log)
            counts.turns["cancelled"] += 1
            raise
        except Exception as error:
            interrupted = f"{type(error).__name__}: {error}"
            log.fail(error)
            counts.turns["failed"] += 1
            raise
        finally:
            said = steps.messages() if interrupted is None else steps.messages_so_far(interrupted)
            conversation.add(message, *said)
            ref.conversations.keep(message.conversation, conversation)
        counts.turns["completed"] += 1
        log.complete(reply)
        return reply

    async def _connect(self) -> Connection:
        """The open provider: one for all who use it in this runtime."""
        if self._connection is None:
            model = self._agent.model
            self._connection = await self.ctx.runtime.share(sharing_key(model), model.open)
        return self._connection

    async def _open_workers(self) -> Workers:
        """The worker processes: the same for all agents of this runtime."""
        workers: Workers = await self.ctx.runtime.share(open_workers, open_workers)
        return workers

    def _why_cancelled(self, log: "TurnLog") -> str:
        if self.ctx.ref.state is not State.RUNNING:
            return "its agent was stopped or restarted"
        if self.ctx.deadline <= trio.current_time():
            return "its deadline passed"
        return log.wish or "who asked for it was cancelled"
