"""The actor behind an agent: takes prompts, has its model answer them, remembers."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import trio

from actrio.actors import Actor, RuntimeClosed, State, handles
from actrio.agents._errors import ToolsUnavailable, TurnError, TurnInterrupted
from actrio.agents._log import TurnLog
from actrio.agents._prompt import LivePrompt, Prompt
from actrio.agents._ref import AgentRef
from actrio.agents._reply import Reply
from actrio.providers import (
    Assistant,
    Connection,
    Finished,
    FinishReason,
    ModelRequest,
    ProtocolViolation,
    ProviderError,
    TextDelta,
    ToolCallStarted,
    Usage,
    UsageReported,
    User,
)

if TYPE_CHECKING:
    from actrio.agents._agent import Agent


def sharing_key(model: object) -> Hashable:
    """Models of equal key are opened once for all: those that are equal, where they can be hashed, else one alone."""
    return model if isinstance(model, Hashable) else id(model)


class AgentActor(Actor):
    """One instance of an agent. It has no state that a restart could lose: that is with its ref."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent
        self._connection: Connection | None = None

    def conversation(self, message: object) -> str | None:
        """Turns of one conversation are serial; those without a key are all independent."""
        return message.conversation if isinstance(message, Prompt) else None

    # The model's failure is for the asker to know: the actor is not to blame, and has lost nothing.
    @handles(raises=(ProviderError, TurnError, RuntimeClosed))
    async def take_turn(self, message: Prompt) -> Reply:
        """Answer a prompt. Whatever ends it, when this is left the conversation has the turn."""
        agent, ref = self._agent, self.ctx.ref
        assert isinstance(ref, AgentRef), "an agent is spawned from its definition, which makes the ref"
        log = message.log if isinstance(message, LivePrompt) else ref.make_log(message.conversation)
        if log.over.is_set():
            # Redelivered. Its readers saw it fail when the actor crashed, and must not see another beginning.
            raise TurnInterrupted(log.agent, log.conversation, "its agent crashed", log.text())
        conversation = ref.conversations.get(message.conversation)
        conversation.take_back(message)
        interrupted: str | None = "cut off"
        log.start()
        try:
            reply = await self._answer(agent.request(conversation.messages, message.text), log)
            interrupted = None
        except trio.Cancelled:
            interrupted = log.wish = self._why_cancelled(log)
            raise
        except Exception as error:
            interrupted = f"{type(error).__name__}: {error}"
            log.fail(error)
            raise
        finally:
            conversation.add(message, User(message.text), Assistant(log.text(), interrupted=interrupted))
            ref.conversations.keep(message.conversation, conversation)
        log.complete(reply)
        return reply

    async def _answer(self, request: ModelRequest, log: TurnLog) -> Reply:
        """Have the model answer, and write down what comes. Leaving this closes the model's stream."""
        began = trio.current_time()
        first: float | None = None
        usage = Usage()
        finish_reason: FinishReason | None = None
        connection = await self._connect()
        async with connection.stream(request) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    if first is None:
                        first = trio.current_time()
                    log.add_text(event.text)
                elif isinstance(event, UsageReported):
                    usage = event.usage
                    log.add_usage(usage)
                elif isinstance(event, Finished):
                    finish_reason = event.reason
                elif isinstance(event, ToolCallStarted):
                    raise ToolsUnavailable(log.agent, log.conversation, event.name)
        if finish_reason is None:
            raise ProtocolViolation(self._agent.model.name, "Finished as the last event of an answer", b"")
        waited = None if first is None else first - began
        return Reply(log.text(), usage, finish_reason, log.conversation, waited, trio.current_time() - began)

    async def _connect(self) -> Connection:
        """The open provider: one for all who use it in this runtime."""
        if self._connection is None:
            model = self._agent.model
            self._connection = await self.ctx.runtime.share(sharing_key(model), model.open)
        return self._connection

    def _why_cancelled(self, log: TurnLog) -> str:
        if self.ctx.ref.state is not State.RUNNING:
            return "its agent was stopped or restarted"
        if self.ctx.deadline <= trio.current_time():
            return "its deadline passed"
        return log.wish or "who asked for it was cancelled"
