"""What can go wrong in a turn, beside what its model raises."""

from actrio.agents.tools import ToolUse
from actrio.mailbox import ActrioError


class InvalidOutputType(ActrioError):
    """A type that answers cannot be of. Attributes: ``agent`` (its name), ``kind`` (the type)."""

    def __init__(self, agent: str, kind: object, problem: str) -> None:
        self.agent = agent
        self.kind = kind
        super().__init__(f"output={kind!r} of agent {agent!r} is not a type that JSON can carry: {problem}")


class TurnError(ActrioError):
    """Base of what ends a turn early. Attributes: ``agent`` (its name), ``conversation`` (its key, or None)."""

    def __init__(self, agent: str, conversation: str | None, explanation: str) -> None:
        self.agent = agent
        self.conversation = conversation
        super().__init__(f"a turn of agent {agent!r} {explanation}")


class TurnInterrupted(TurnError):
    """The turn was cancelled before its end: what its readers get.

    Attributes: ``reason`` (one line), ``text`` (what the model had said by then).
    """

    def __init__(self, agent: str, conversation: str | None, reason: str, text: str) -> None:
        self.reason = reason
        self.text = text
        super().__init__(
            agent,
            conversation,
            f"was cancelled after {len(text)} characters: {reason}. The text so far is in .text; to have it all, read "
            f"to the end inside the `async with` block",
        )


class TurnTooLong(TurnError):
    """The model's answer came in more pieces than the agent keeps. Attribute: ``max_events``."""

    def __init__(self, agent: str, conversation: str | None, max_events: int) -> None:
        self.max_events = max_events
        super().__init__(
            agent,
            conversation,
            f"was ended: its answer came in more than max_events={max_events} pieces, and a turn keeps them all, to be "
            f"read again. Raise max_events of the Agent, or bound the answer with its max_tokens",
        )


class TooManySteps(TurnError):
    """The model went on calling tools.

    Attributes: ``max_steps``, ``text`` (what it said in the last step), ``uses`` (all tool
    calls and what came of them).
    """

    def __init__(
        self, agent: str, conversation: str | None, max_steps: int, text: str, uses: tuple[ToolUse, ...]
    ) -> None:
        self.max_steps = max_steps
        self.text = text
        self.uses = uses
        last = f", the last of {uses[-1].call.name!r}" if uses else ""
        super().__init__(
            agent,
            conversation,
            f"was ended: after max_steps={max_steps} calls of the model it still wanted to go on, with {len(uses)} "
            f"tool calls made{last}. What there is so far is in .text and .uses. Raise max_steps of the Agent, or say "
            f"in its instructions when to stop",
        )


class AnswerInvalid(TurnError):
    """The model's answer is not of the type that the agent's answers are to be of, however often it was told so.

    Attributes: ``problem`` (``$.path: reason``), ``text`` (the last answer), ``partial`` (what could be read of it),
    ``retries`` (how often the model was told).
    """

    def __init__(
        self, agent: str, conversation: str | None, problem: str, *, text: str, partial: object, retries: int
    ) -> None:
        self.problem = problem
        self.text = text
        self.partial = partial
        self.retries = retries
        super().__init__(
            agent,
            conversation,
            f"was ended: after {retries} output_retries its model's answer is still not of the agent's output type: "
            f"{problem}. The answer is in .text. Simplify the type, say more in the instructions, or take a model that "
            f"can be held to a schema",
        )


class TurnRefused(TurnError):
    """A guardrail refused the turn. Attributes: ``stage`` ("input" or "output"), ``reason``."""

    def __init__(self, agent: str, conversation: str | None, stage: str, reason: str) -> None:
        self.stage = stage
        self.reason = reason
        super().__init__(agent, conversation, f"was refused, for its {stage}: {reason}")


class MiddlewareFailed(TurnError):
    """What stands around the agent's turns or model calls raised something of its own: ``__cause__``, if anything."""

    def __init__(self, agent: str, conversation: str | None, problem: str) -> None:
        super().__init__(agent, conversation, f"was ended: its middleware failed: {problem}")


class StoreFailed(TurnError):
    """The agent's store could not read the conversation, or keep the turn. ``__cause__`` is what it raised.

    Attribute: ``reply``, the answer if it was there; it is in the agent's memory, and not in the store.
    """

    def __init__(self, agent: str, conversation: str | None, problem: str, reply: object = None) -> None:
        self.reply = reply
        super().__init__(agent, conversation, f"was ended: its conversation's store failed: {problem}")


class TurnOver(TurnError):
    """Something was said to a turn that has ended already."""

    def __init__(self, agent: str, conversation: str | None) -> None:
        super().__init__(agent, conversation, "has ended, and takes nothing more. Ask the agent again instead")


class SteeringFull(TurnError):
    """Too many texts wait for the model's next call. Attribute: ``limit``."""

    def __init__(self, agent: str, conversation: str | None, limit: int) -> None:
        self.limit = limit
        super().__init__(
            agent, conversation, f"has {limit} texts to steer it that its model has not been called with yet"
        )


class NoSuchApproval(TurnError):
    """No call of that id waits for approval. Attributes: ``call_id``, ``waiting`` (the ids of those that do)."""

    def __init__(self, agent: str, conversation: str | None, call_id: str, waiting: tuple[str, ...]) -> None:
        self.call_id = call_id
        self.waiting = waiting
        super().__init__(
            agent,
            conversation,
            f"has no call {call_id!r} that waits for approval; waiting: {', '.join(map(repr, waiting)) or 'none'}",
        )
