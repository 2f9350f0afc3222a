"""A live turn, as the one who runs it sees it."""

from typing import Generic

from typing_extensions import TypeVar

from actrio.agents._events import TurnEvent
from actrio.agents._log import TurnLog
from actrio.agents._readers import FieldReader, TextReader, ToolReader
from actrio.agents._reply import Reply
from actrio.agents.tools import Verdict
from actrio.mailbox import Subscription

OutputT = TypeVar("OutputT", default=str)


class Turn(Generic[OutputT]):
    """One turn of an agent: one request to the model, which any number of tasks may read, during the turn or after it.

    Every reader gets the same from the beginning, at its own pace; none holds up the model or another. What ends the
    turn early, an error or its cancellation, is given to each reader once, after all that came before it.

    Opened by :meth:`AgentRef.run`.
    """

    __slots__ = ("_log",)

    def __init__(self, log: TurnLog) -> None:
        self._log = log

    @property
    def log(self) -> TurnLog:
        """Its record. For the agent that hands over to this one."""
        return self._log

    @property
    def conversation(self) -> str | None:
        """The key of its conversation; None if it stands for itself."""
        return self._log.conversation

    @property
    def over(self) -> bool:
        """Whether the turn has ended: nothing will be added to it."""
        return self._log.over.is_set()

    def events(self, *, after: int = -1) -> Subscription[TurnEvent]:
        """All events, in order, from event ``after + 1`` on: ``async for event in turn.events()``.

        They are numbered 0, 1, 2, … in ``event.sequence``. The last is the only one of its kind: ``TurnCompleted``,
        ``TurnFailed`` or ``TurnCancelled``; then the iteration stops. Its error is in the event, and not raised. A
        cancelled wait loses no event.

        Raises:
            ReplayUnavailable: there is no event ``after`` yet.
        """
        return self._log.subscribe(after)

    def text(self) -> TextReader:
        """The text as it arrives: ``async for piece in turn.text()``. The pieces joined are ``reply.text``.

        Raises, after all the text there is:
            TurnInterrupted: the turn was cancelled.
            Exception: what ended the turn, as :meth:`result`.
        """
        return TextReader(self._log)

    def tools(self) -> ToolReader:
        """The tool calls, each when it has ended: ``async for use in turn.tools()``. Those of one step in any order.

        Raises, after all that ended before, what :meth:`text` raises.
        """
        return ToolReader(self._log)

    def fields(self) -> FieldReader:
        """The fields of a structured answer while they grow: ``async for update in turn.fields()``.

        For each string the deltas joined are its value; every value is complete exactly once, in the order of the text.
        Should the model have to answer again, ``update.attempt`` goes up, and what came before is void. Prose and code
        fences around the JSON are left out. Raises, after all that came before, what :meth:`text` raises.
        """
        return FieldReader(self._log)

    async def result(self) -> Reply[OutputT]:
        """The whole answer, when it is there. Always a checkpoint. Cancelling it leaves the turn as it is.

        Raises:
            TurnInterrupted: the turn was cancelled; the text so far is in it.
            ProviderError: the model, its server or the connection failed.
            TurnTooLong, TooManySteps, AnswerInvalid: see there.
            ActorStopped: the agent stopped before the turn ended.
        """
        await self._log.over.wait()
        return self._log.outcome()

    def steer(self, text: str) -> None:
        """Say something to the model while it works: it reads it with its next call, after the tool results.

        If it has finished by then, it is called once more. Not a checkpoint.

        Raises:
            TurnOver: the turn has ended.
            SteeringFull: 100 texts wait already.
        """
        self._log.steer(text)

    @property
    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait for approval."""
        return self._log.waiting_for_approval()

    def approve(self, call_id: str) -> None:
        """Let a call go on that waits for approval; any number may wait, answered in any order. Not a checkpoint.

        Raises: NoSuchApproval: it does not wait.
        """
        self._log.give_verdict(call_id, Verdict(approved=True))

    def deny(self, call_id: str, reason: str = "") -> None:
        """Have a call that waits for approval not made; the model is told, with the reason. As :meth:`approve`."""
        self._log.give_verdict(call_id, Verdict(approved=False, reason=reason))

    def cancel(self) -> None:
        """Stop the model. Returns at once; the turn is over when its stream is closed.

        What the model has said stays in the conversation, marked as interrupted. Harmless when the turn is over. Not a
        checkpoint, and may be called from any task of the runtime's thread.
        """
        self._log.wish_end("turn.cancel() was called")

    def __repr__(self) -> str:
        return f"<Turn {self._log.outline()}>"
