"""A turn at work: the model is called, its tools are run, and it is called again, until it calls no more."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import evolve

from actrio.agents._answer import Answer
from actrio.agents._budget import Reservation
from actrio.agents._conversation import as_sent
from actrio.agents._errors import AnswerInvalid, MiddlewareFailed, TooManySteps
from actrio.agents._goal import GO_ON, Goal
from actrio.agents._hand_over import hand_over
from actrio.agents._history import TurnHistory
from actrio.agents._log import TurnLog
from actrio.agents._metrics import AgentCounts
from actrio.agents._middleware import ModelCall, ToolCalling, around, around_turn
from actrio.agents._reply import Reply
from actrio.agents.output import OutputInvalid
from actrio.agents.tools import Completed, HandedOff, ToolError, ToolUse, TurnEnds, Verdict
from actrio.providers import Connection, FinishReason, Message, ModelRequest, ToolCall, Usage, User

if TYPE_CHECKING:
    from actrio.agents._agent import Agent
    from actrio.agents._ref import AgentRef
    from actrio.agents.tools import Toolbox

# What the model is told of an answer that is not of the agent's output type.
_REJECTION: Final = "Your answer is not what it has to be. {}. Answer again, with the whole JSON and nothing else."


class Steps:
    """The steps of one turn.

    It is the turn that tool calls see, see ``TurnOfCalls``: what they report goes into the log and into the history.

    Args:
        agent: Whose turn it is.
        log: What happens is written there.
        earlier: The conversation so far.
        asked: What this turn adds to it.
        connect: Gives the open model.
        toolbox: The agent's tools.
        counts: What it comes to is counted there.
        goal: What it works for, if it is to work until that is done.

    Attributes:
        moved_to: The agent that the conversation is with after this turn; None if it is with this one.
    """

    def __init__(
        self,
        agent: "Agent[Any]",
        log: TurnLog,
        earlier: tuple[Message, ...],
        asked: Iterable[Message],
        connect: Callable[[], Awaitable[Connection]],
        toolbox: "Toolbox",
        counts: AgentCounts,
        goal: Goal | None,
    ) -> None:
        self.agent: str = log.agent
        self.conversation: str | None = log.conversation
        self._definition = agent
        self._log = log
        self._earlier = earlier
        self._history = TurnHistory(tuple(asked))
        self._connect = connect
        self._toolbox = toolbox if goal is None else toolbox.plus(goal.tool)
        self._goal = goal
        self._most: int = (goal and goal.max_steps) or agent.max_steps
        self.moved_to: AgentRef[Any] | None = None
        self._counts = counts
        self._began = trio.current_time()
        self._answering = False  # the model is being called, and its answer is not in the history yet
        self._steps = 0
        self._rejected = 0  # answers that were not of the agent's output type
        self._usage = Usage()
        self._cost = 0.0
        self._uses: list[ToolUse] = []
        self._uses_of_step: dict[str, ToolUse] = {}  # {id of the call: what came of it}
        self._first_text_at: float | None = None

    async def run(self, moved_to: "AgentRef[Any] | None" = None) -> Reply[Any]:
        """Go through them. Cancelling it closes the model's stream and stops the tools.

        A conversation that has moved to another agent is that one's to answer in.

        Raises:
            ProviderError: the model, its server or the connection failed.
            BudgetExceeded, PriceMissing: not enough is left for the next call of the model.
            TooManySteps, TurnTooLong, AnswerInvalid: see there.
        """
        if moved_to is not None:
            return await self._hand_over(moved_to, self.asked)
        reason: FinishReason = "stop"
        while self._steps < self._most:
            answer, reason = await self._call_model()
            if answer.calls:
                end = await self._call_tools(tuple(answer.calls))
                if isinstance(end, HandedOff):
                    return await self._hand_over(end.target, (*self._earlier, *self._history.messages()))
                if isinstance(end, Completed):
                    return self._reply(end, reason)
            elif self._steer():
                continue
            elif self._goal is not None:
                self._history.ask(User(GO_ON))
            elif (data := self._read_output()) is not None:
                return self._reply(data[0], reason)
        if self._goal is not None:
            return self._reply(None, reason)
        raise TooManySteps(self.agent, self.conversation, self._most, self._log.text(), tuple(self._uses))

    async def _hand_over(self, target: "AgentRef[Any]", messages: tuple[Message, ...]) -> Reply[Any]:
        """Let another agent go on; its answer is this turn's."""
        self._answering = True
        theirs = await hand_over(target, messages, self._log)
        self._answering = False
        self._history.answer(theirs.text, (), ())
        self.moved_to = target
        mine = self._reply(theirs.data, theirs.finish_reason)
        return evolve(
            mine,
            text=theirs.text,
            usage=mine.usage + theirs.usage,
            cost=mine.cost + theirs.cost,
            steps=mine.steps + theirs.steps,
            tool_uses=(*mine.tool_uses, *theirs.tool_uses),
        )

    @property
    def asked(self) -> tuple[Message, ...]:
        """What the turn was asked. May be set before it runs."""
        return self._history.messages()

    @asked.setter
    def asked(self, messages: tuple[Message, ...]) -> None:
        self._history = TurnHistory(messages)

    def messages(self) -> tuple[Message, ...]:
        """What the turn adds to the conversation, when it has ended by itself."""
        return self._history.messages()

    def messages_so_far(self, why: str) -> tuple[Message, ...]:
        """What it adds if it was ended early."""
        return self._history.cut_off(self._log.text() if self._answering else "", why)

    async def _call_model(self) -> tuple[Answer, FinishReason]:
        self._steer()
        self._steps += 1
        self._log.start_step(self._steps)
        request = self._definition.request(
            as_sent(self._definition.instructions, self._earlier, self._history.messages()),
            self._toolbox.definitions,
            first=self._steps == 1,
        )
        reservation = Reservation(request, self._definition.price, self._definition.model.name)
        answer = Answer(self._log)
        self._answering = True
        try:
            reason = await self._send(request, answer)
        finally:
            self._settle(answer, reservation)
        self._history.answer(self._log.text(), tuple(answer.calls), tuple(answer.reasoning))
        self._answering = False
        return answer, reason

    async def _send(self, request: ModelRequest, answer: Answer) -> FinishReason:
        makers = [one.model for one in self._definition.middleware if one.model is not None]
        if not makers:
            return await self._read(request, answer)
        call = ModelCall(self.agent, self.conversation, self._steps, request)
        async with around_turn(makers, call):
            await self._read(call.request, answer)
            call.text, call.calls, call.usage = self._log.text(), tuple(answer.calls), answer.usage
        if answer.finish_reason is None:
            raise MiddlewareFailed(self.agent, self.conversation, "it held back what ended the call of the model")
        return answer.finish_reason

    async def _read(self, request: ModelRequest, answer: Answer) -> FinishReason:
        connection = await self._connect()
        async with connection.stream(request) as stream:
            return await answer.read(stream, self._definition.model.name)

    def _settle(self, answer: Answer, reservation: Reservation) -> None:
        counts = self._counts
        spent = reservation.settle(answer.usage)
        self._usage += answer.usage
        self._cost += spent.cost
        counts.steps += 1
        counts.usage += answer.usage
        counts.cost += spent.cost
        if answer.first_text_at is not None:
            counts.writing_s += trio.current_time() - answer.first_text_at
            if self._first_text_at is None:
                self._first_text_at = answer.first_text_at
                counts.first_text.record(answer.first_text_at - self._began)

    async def _call_tools(self, calls: tuple[ToolCall, ...]) -> TurnEnds | None:
        """Run them; what ends the turn, if one of them does: the first of several, in the order of the calls."""
        self._uses_of_step.clear()
        try:
            await self._toolbox.call_all(calls, self)
        finally:
            ended = self._uses_of_step
            self._uses.extend(ended[call.id] for call in calls if call.id in ended)
        return next((ended[call.id].value for call in calls if isinstance(ended[call.id].value, TurnEnds)), None)

    def _steer(self) -> bool:
        """Take what was said to the turn meanwhile into the history; whether there was anything."""
        said = self._log.take_steering()
        self._history.ask(*map(User, said))
        return bool(said)

    def _read_output(self) -> tuple[Any] | None:
        """The answer as the agent's output type; None if the model has to answer again."""
        output, text = self._definition.output_type, self._log.text()
        if output is None:
            return (text,)
        try:
            return (output.read(text),)
        except OutputInvalid as error:
            self._rejected += 1
            self._counts.outputs_rejected += 1
            if self._rejected > self._definition.output_retries:
                raise AnswerInvalid(
                    self.agent,
                    self.conversation,
                    str(error),
                    text=text,
                    partial=error.partial,
                    retries=self._definition.output_retries,
                ) from None
            self._log.reject_output(str(error))
            self._history.ask(User(_REJECTION.format(error)))
            return None

    def _reply(self, data: Any, reason: FinishReason) -> Reply[Any]:
        self._log.hear_no_more()
        waited = None if self._first_text_at is None else self._first_text_at - self._began
        return Reply(
            self._log.text(),
            data,
            self._usage,
            reason,
            self.conversation,
            waited,
            trio.current_time() - self._began,
            self._steps,
            tuple(self._uses),
            self._cost,
        )

    # The turn, as tool calls see it

    def call_started(self, call: ToolCall) -> None:
        """The tool begins to work."""
        self._log.call_started(call)

    def call_progressed(self, call: ToolCall, value: object) -> None:
        """The tool has something to show before its end."""
        self._log.call_progressed(call, value)

    def call_ended(self, use: ToolUse) -> None:
        """The call has its result."""
        self._uses_of_step[use.call.id] = use
        self._history.end_call(use)
        self._log.call_ended(use)

    async def around(self, call: ToolCall, use: Callable[[ToolCall], Awaitable[ToolUse]]) -> ToolUse:
        """Run a call within what stands around this agent's tool calls."""
        makers = [one.tool for one in self._definition.middleware if one.tool is not None]
        if not makers:
            return await use(call)
        calling = ToolCalling(self.agent, self.conversation, call)

        async def run() -> None:
            calling.use = await use(calling.call)

        try:
            async with around(makers, calling):
                await run()
        except Exception as error:  # noqa: BLE001 - the model is told, as of any failure of a tool
            text = (
                error.text if isinstance(error, ToolError) else f"{call.name} failed: {type(error).__name__}: {error}"
            )
            return ToolUse(call, "failed", text, error=error, attempts=0)
        if calling.use is None:
            return ToolUse(call, "failed", f"{call.name} failed: its middleware left it without a result", attempts=0)
        return evolve(calling.use, call=call)

    async def approval(self, call: ToolCall) -> Verdict:
        """Ask for approval, and wait for it."""
        return await self._log.approval(call)
