"""How one talks to an agent."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Generator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVarTuple, Unpack, overload

from typing_extensions import TypeVar

from actrio.actors import ActorRef, RuntimeClosed
from actrio.agents._budget import Account, Budget
from actrio.agents._conversation import Conversation, Conversations
from actrio.agents._goal import Work, make_goal
from actrio.agents._hand_over import waits_for_this
from actrio.agents._log import TurnLog
from actrio.agents._metrics import AgentCounts, AgentMetrics
from actrio.agents._prompt import Content, LivePrompt, Prompt
from actrio.agents._reply import Reply
from actrio.agents._turn import Turn
from actrio.agents.batch._batch import Batch, batch_of, open_batch_of
from actrio.agents.batch._form import ReplyForm
from actrio.agents.batch._outcome import Outcome
from actrio.agents.batch._sequence import Sequence, forgetting, run_sequence
from actrio.agents.batch._settings import BatchOptions
from actrio.agents.tools import Completed, HandedOff, Tool, ToolContext, ToolError, check_tools, tool
from actrio.mailbox import AskEnvelope, Inbox, Request, open_ask
from actrio.mailbox._nursery import open_nursery
from actrio.mailbox._working import current_inbox
from actrio.providers import Message

if TYPE_CHECKING:
    from actrio.agents._agent import Agent

R = TypeVar("R")
OutputT = TypeVar("OutputT", default=str)
ResultT = TypeVar("ResultT", default=str)
Ts = TypeVarTuple("Ts")

_TEXT: Any = str  # a result unless another is wanted


class AgentRef(ActorRef[Prompt], Generic[OutputT]):
    """The address of an agent. It holds the agent's conversations, which thus survive restarts of its actor.

    What :meth:`ask` and :meth:`run` have in common: without ``conversation`` a turn stands for itself; the agent
    remembers nothing of it, and any number of such turns may go on at once, up to the agent's ``concurrency``. With a
    key the model is sent the earlier turns under that key, and the turns of one key are taken up one after the other,
    in the order asked. Whatever ends a turn, its conversation stays one that a model accepts: it keeps what was asked
    and, marked as interrupted, what the model had said.
    """

    __slots__ = ("_agent", "_conversations", "_counts", "account", "logs")

    def __init__(self, node: Any, agent: "Agent[OutputT]") -> None:
        super().__init__(node)
        self._agent = agent
        self.logs: tuple[TurnLog, ...] = ()  # of the turns that are at work, the oldest first
        self.account: Account | None = None if agent.budget is None else Account(f"agent {self.name!r}", agent.budget)
        # Made when first used: of a hundred thousand agents most may never be asked.
        self._counts: AgentCounts | None = None
        self._conversations: Conversations | None = None

    # A request is an object too, which may be asked as a record; the first that matches holds, as it does at run time.
    @overload
    def ask(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self,
        message: Request[R],
        *,
        detached: bool = False,
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def ask(
        self,
        message: Content,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        detached: bool = False,
    ) -> Coroutine[Any, Any, Reply[OutputT]]: ...
    def ask(
        self,
        message: Any,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        detached: bool = False,
    ) -> Coroutine[Any, Any, Any]:
        """Have the agent answer, and wait for the whole answer: ``await ref.ask("Hello.", conversation="u1")``.

        Always a checkpoint. As with any ask, deadline and cancellation of the caller reach the model: its stream is
        closed before this returns. A :class:`Prompt` may be given instead of a text. ``budget`` bounds this turn, with
        all that its tools ask of others.

        Raises:
            ProviderError: the model, its server or the connection failed. The agent goes on.
            TurnTooLong, TooManySteps, AnswerInvalid: see there.
            BudgetExceeded, PriceMissing: the budget, or one that this is under, has not enough left.
            TypeError: the conversation is no str, or is given beside a message.
            ActorStopped, MailboxFull, AskCycleError: as :meth:`ActorRef.ask`.
        """
        if not isinstance(message, Request):
            return super().ask(Prompt(message, conversation, budget=budget), detached=detached)
        if conversation is not None or budget is not None:
            raise TypeError(
                "conversation and budget go with a text; a message brings its own: Prompt(text, conversation)"
            )
        return super().ask(message, detached=detached)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - R of any

    @asynccontextmanager
    async def run(
        self,
        content: Content,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        on_leave: Literal["cancel", "continue"] = "cancel",
    ) -> AsyncGenerator[Turn[OutputT]]:
        """Have the agent answer, and read while it does: ``async with ref.run("Hello.") as turn``.

        Entering waits at most for room in the agent's mailbox. Leaving the block before the turn is over cancels it,
        and leaves when the model's stream is closed; so does cancelling the caller, and its deadline. The turn can
        still be read after the block. What ends the turn is told to those who read it, and not raised here.

        With ``on_leave="continue"`` it goes on under the agent, whatever becomes of the caller, until it ends by
        itself, or the runtime does; entering does not wait, and readers are told if the agent does not take it.

        Raises: as :meth:`ask`, on entering; nothing of its own on leaving.
        """
        if on_leave not in ("cancel", "continue"):
            raise ValueError(f"on_leave={on_leave!r} must be one of cancel, continue")
        log = self.make_log(conversation)
        prompt = LivePrompt(content, conversation, budget=budget, log=log)
        if on_leave == "continue":
            try:
                self._node.runtime.nursery.start_soon(_see_through, self._inbox, prompt, name=f"turn of {self.name}")
            except RuntimeError:  # the nursery is closed
                log.fail(RuntimeClosed())
            yield Turn[OutputT](log)
            return
        async with open_ask(self._inbox, prompt) as pending, open_nursery() as nursery:
            nursery.start_soon(_follow, pending, log)
            try:
                yield Turn[OutputT](log)
            finally:
                log.wish_end("its block was left")

    async def work(
        self,
        task: Content,
        *,
        result: type[ResultT] = _TEXT,
        max_steps: int | None = None,
        conversation: str | None = None,
        budget: Budget | None = None,
    ) -> Work[ResultT]:
        """Have the agent work on a task until its model says that it is done: by calling a tool, with a typed result.

        The model is told to go on whenever it stops without that. ``max_steps`` bounds how often it is called, by
        default as the agent has it; when that is reached the work ends as not completed. Else as :meth:`ask`.

        Raises: as :meth:`ask`; InvalidTool: JSON cannot carry the result's type, or a tool of the agent's has the name
        of that tool, "complete".
        """
        goal = make_goal(result, max_steps)
        check_tools((*self._agent.tools, goal.tool), frozenset(self._agent.deps))
        reply = await super().ask(Prompt(task, conversation, budget=budget, goal=goal))
        end = reply.data
        completed = isinstance(end, Completed)
        found: Any = end.result if isinstance(end, Completed) else None
        return Work(completed, found, reply.steps, reply.duration, reply)

    async def batch(
        self, inputs: Iterable[Content] | AsyncIterable[Content], **options: Unpack[BatchOptions]
    ) -> list[Outcome[Reply[OutputT]]]:
        """Have the agent answer many, each in a conversation of its own, and give the outcomes in their order.

        ``await ref.batch(questions, max_concurrency=10)``. No more go on at once than the agent's ``concurrency``
        either. Options, and all else: as :func:`actrio.batch`.
        """
        return await batch_of(self._ask_alone, _several(inputs), ReplyForm(self._agent.output_type), options)

    def open_batch(
        self, inputs: Iterable[Content] | AsyncIterable[Content] = (), **options: Unpack[BatchOptions]
    ) -> AbstractAsyncContextManager[Batch[Content, Reply[OutputT]]]:
        """The same to read as outcomes come, and to add to: ``async with ref.open_batch(...) as batch``.

        As :func:`actrio.open_batch`.
        """
        return open_batch_of(self._ask_alone, _several(inputs), ReplyForm(self._agent.output_type), options)

    async def _ask_alone(self, content: Content) -> Reply[OutputT]:
        return await self.ask(content)

    async def sequence(
        self, messages: Iterable[Content] | AsyncIterable[Content], *, conversation: str | None = None
    ) -> Sequence[OutputT]:
        """Have the agent answer messages one after the other, each knowing those before it.

        Stops at the first error, which is in the result with the replies until then. Without ``conversation`` it is
        one of its own, forgotten at the end. Cancelling this cancels the turn at work.
        """
        messages = _several(messages)
        if conversation is not None:
            return await run_sequence(self, messages, conversation)
        # Of this name alone in any store, whatever program has it.
        own = f"sequence {self._node.runtime.random.getrandbits(64):016x} of {self.name}"
        async with forgetting(self, own):
            return await run_sequence(self, messages, own)

    def as_tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float | None = None
    ) -> Tool[..., Any]:
        """This agent as a tool of another: its model asks with a text, and is told the answer.

        Deadline, cancellation and budget of the one who asks hold for this one too.

        Raises: InvalidTool: a tool cannot have that name.
        """

        async def ask(request: str) -> Any:
            return (await self.ask(request)).data

        said = description or self._agent.description or f"Ask {self.name}, which answers in text."
        return tool(name=name or _as_tool_name(self.name), description=said, timeout=timeout)(ask)

    def as_hand_off(self, *, name: str | None = None, description: str | None = None) -> Tool[..., Any]:
        """A tool with which another agent's model hands the conversation over to this agent.

        This one then answers, in that turn already, with all that was said before, and in all further turns of the
        conversation, until it stops for good. It cannot hand back in the same turn: the one that handed over waits for
        it, as the model is told. Raises: as :meth:`as_tool`.
        """

        async def hand_off(ctx: ToolContext) -> None:
            if ctx.conversation is not None and waits_for_this(self._inbox, ctx.conversation):
                raise ToolError(f"{self.name} cannot go on: it waits for what you answer here. Answer yourself.")
            raise HandedOff(self)

        said = description or f"Hand the conversation over to {self.name}. {self._agent.description}".strip()
        return tool(name=name or f"hand_off_to_{_as_tool_name(self.name)}", description=said)(hand_off)

    @property
    def description(self) -> str:
        """What its agent is for, as the definition says; may be empty."""
        return self._agent.description

    @property
    def turns(self) -> "tuple[Turn[OutputT], ...]":
        """The turns that are at work now, the oldest first, whoever asked for them."""
        return tuple(Turn[OutputT](log) for log in self.logs)

    def steer(self, text: str, *, conversation: str | None = None) -> int:
        """Say something to the turns that are at work, as :meth:`Turn.steer`; gives to how many.

        To those of one conversation, or to all. Not a checkpoint. Raises: SteeringFull.
        """
        meant = [log for log in self.logs if log.hears and conversation in (None, log.conversation)]
        for log in meant:
            log.steer(text)
        return len(meant)

    def conversation(self, key: str) -> Conversation:
        """What the agent remembers under a key, to read, clear or fork."""
        return Conversation(key, self.conversations)

    def history(self, conversation: str) -> tuple[Message, ...]:
        """What the agent remembers under a key, oldest first: of the turns that are over."""
        return self.conversations.get(conversation).messages

    def metrics(self) -> AgentMetrics:
        """A frozen snapshot of this agent and its actor."""
        return self.counts.snapshot(super().metrics())

    # For its actor, which also uses `conversations`, `counts`, `logs` and `account`

    @property
    def counts(self) -> AgentCounts:
        """What it has done, over all restarts of its actor."""
        if self._counts is None:
            self._counts = AgentCounts()
        return self._counts

    @property
    def conversations(self) -> Conversations:
        """All that it remembers."""
        if self._conversations is None:
            agent = self._agent
            self._conversations = Conversations(
                self.name, most=agent.max_conversations, limit=agent.limit, store=agent.store
            )
        return self._conversations

    @contextmanager
    def running(self, log: TurnLog) -> Generator[None]:
        """Inside, a turn is at work."""
        self.logs = (*self.logs, log)
        try:
            yield
        finally:
            self.logs = tuple(one for one in self.logs if one is not log)

    def accounts(self, budget: Budget | None) -> tuple[Account, ...]:
        """What a turn with a budget of its own is charged to."""
        accounts = () if self.account is None else (self.account,)
        return accounts if budget is None else (*accounts, Account(f"a turn of agent {self.name!r}", budget))

    def make_log(self, conversation: str | None) -> TurnLog:
        """The record of a new turn."""
        return TurnLog(self.name, conversation, self._agent.max_events)


def _as_tool_name(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name.rpartition("/")[2])[:50]


def _several(contents: Iterable[Content] | AsyncIterable[Content]) -> Iterable[Content] | AsyncIterable[Content]:
    """They as they are. Raises: TypeError: it is one text, each letter of which would be asked."""
    if isinstance(contents, str):
        raise TypeError(f"give a list of texts, not one text: [{contents[:40]!r}]")
    return contents


async def _follow(pending: AskEnvelope[object], log: TurnLog) -> None:
    """Wait until the agent has dealt with a prompt, and end its turn if the agent did not."""
    try:
        with log.scope:
            await pending.answer()
    except Exception as error:  # noqa: BLE001 - every reader of the turn gets it
        log.fail(error)
    finally:
        log.interrupt(log.wish or "who asked for it was cancelled")


async def _see_through(inbox: Inbox[Any], prompt: LivePrompt) -> None:
    """Have an agent deal with a prompt for nobody's sake but its readers'."""
    current_inbox.set(None)
    log = prompt.log
    try:
        with log.scope:
            async with open_ask(inbox, prompt) as pending:
                await pending.answer()
    except Exception as error:  # noqa: BLE001 - every reader of the turn gets it
        log.fail(error)
    finally:
        log.interrupt(log.wish or "the runtime ended")
