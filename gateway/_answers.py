"""What a gateway says to a client: frames about the connection, and about each of its requests."""

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from actrio.gateway._frames import Count, Frame, Number

TurnOutcome: TypeAlias = Literal["completed", "failed", "cancelled"]

# From the server, about the connection


class AgentInfo(Struct, frozen=True, omit_defaults=True):
    """An agent that the client may ask."""

    name: str
    description: str = ""


class Status(Frame, frozen=True, tag="status"):
    """The first frame, always; again when a ``hello`` was accepted. Without ``authenticated`` the rest is empty.

    A frame of more than ``max_frame_bytes`` would close the connection; 0: the server does not say.
    """

    version: Number
    authenticated: bool
    session: str = ""
    agents: tuple[AgentInfo, ...] = ()
    topics: tuple[str, ...] = ()
    max_frame_bytes: int = 0


class Notice(Frame, frozen=True, tag="notice"):
    """Something to know that ends no request. ``code`` is for programs, ``message`` for people."""

    code: str
    message: str = ""
    request_id: str = ""
    topic: str = ""
    agent: str = ""


class GracefulDisconnect(Frame, frozen=True, tag="graceful_disconnect"):
    """The server will close the connection: at the latest in ``grace_s`` seconds, sooner when all is delivered."""

    reason: str
    grace_s: float


class Published(Frame, frozen=True, tag="published"):
    """A message of a topic."""

    topic: str
    message: Any


class Lagging(Frame, frozen=True, tag="lagging"):
    """So many messages of a topic, or events of an agent, were dropped, for the client read too slowly."""

    missed: Number
    topic: str = ""
    agent: str = ""


class AgentChanged(Frame, frozen=True, tag="agent_changed"):
    """An agent that is followed has changed its ``state``: ``crashed``, ``running``, …; ``stopped`` is the last."""

    agent: str
    state: str


# From the server, about one request. ``seq`` numbers its events: 0, 1, 2, … A frame stands for ``count`` events, the
# last of which has the number ``seq``.


class FieldChange(Struct, frozen=True, omit_defaults=True):
    """A value of a JSON answer has grown, or is complete; see `actrio.agents.FieldUpdate`."""

    path: str
    indexes: tuple[int, ...] = ()
    delta: str = ""
    value: Any = None
    is_complete: bool = False
    attempt: int = 0


class UsageInfo(Struct, frozen=True, omit_defaults=True):
    """Tokens, as `actrio.providers.Usage` counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class TurnBegan(Frame, frozen=True, tag="turn_began"):
    """A request of the client's identity, of whatever session, is a turn of an agent that is followed."""

    agent: str
    request_id: str
    conversation: str | None = None


class TurnDone(Frame, frozen=True, tag="turn_done"):
    """That turn has ended. ``code`` is that of its ``error``; ``duration`` is in seconds, from its beginning here."""

    agent: str
    request_id: str
    outcome: TurnOutcome
    conversation: str | None = None
    code: str = ""
    tokens_used: int = 0
    usage: UsageInfo = UsageInfo()
    duration: float = 0.0


class Event(Frame, frozen=True):
    """Base of what happens in a request."""

    request_id: str
    seq: Number
    count: Count = 1


class Started(Event, frozen=True, tag="started"):
    """The agent took it up."""

    agent: str = ""


class StepBegan(Event, frozen=True, tag="step_started"):
    """The model is called, for the first time or again."""

    step: int = 0


class TextPiece(Event, frozen=True, tag="text_chunk"):
    """The next of the text: what was ready at once."""

    text: str = ""
    fields: tuple[FieldChange, ...] = ()


class ReasoningPiece(Event, frozen=True, tag="reasoning_chunk"):
    """The next of what the model thinks."""

    text: str = ""


class CallStarted(Event, frozen=True, tag="tool_call_started"):
    """A tool begins to work. ``arguments`` is JSON text, as the model wrote it."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


class CallProgress(Event, frozen=True, tag="tool_call_progress"):
    """A tool shows something before its end."""

    call_id: str = ""
    value: Any = None


class CallFinished(Event, frozen=True, tag="tool_call_finished"):
    """A call has its result. ``text`` is empty for one that failed: why it did is not for a client."""

    call_id: str = ""
    name: str = ""
    outcome: str = ""
    text: str = ""
    duration: float = 0.0


class ApprovalWanted(Event, frozen=True, tag="approval_requested"):
    """A call waits for ``approve`` or ``deny``."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


class SteeredBy(Event, frozen=True, tag="steered"):
    """What was said to the turn goes to the model."""

    text: str = ""


class Rejected(Event, frozen=True, tag="output_rejected"):
    """The answer is not of its type; its text is void, and the model answers again."""

    problem: str = ""


class Handed(Event, frozen=True, tag="handed_over"):
    """Another agent goes on."""

    agent: str = ""


class Restarted(Event, frozen=True, tag="answer_restarted"):
    """The answer broke off and starts over; the text of this step is void."""


class UsageTold(Event, frozen=True, tag="usage"):
    """What the step that has just ended cost."""

    usage: UsageInfo = UsageInfo()


class End(Event, frozen=True, tag="end"):
    """The request is done. Exactly one ``end`` or ``error`` comes for each, and nothing after it."""

    text: str = ""
    data: Any = None
    tokens_used: int = 0
    usage: UsageInfo = UsageInfo()
    finish_reason: str = ""
    conversation: str | None = None
    time_to_first_token: float | None = None
    duration: float = 0.0
    steps: int = 0
    cost: float = 0.0


class Error(Frame, frozen=True, tag="error"):
    """The request ended without success; without ``request_id``: something is wrong with a frame or the connection.

    ``seq`` is there when the error is the last event of a request that had begun. ``error_id`` is what the server's log
    calls it, where there is more to know than a client is told.
    """

    code: str
    message: str = ""
    request_id: str = ""
    seq: Number | UnsetType = UNSET
    error_id: str = ""


class Gap(Frame, frozen=True, tag="gap"):
    """The events before ``first`` are not kept any more; it goes on there."""

    request_id: str
    first: Number


class Unfamiliar(Struct, frozen=True):
    """A kind that this client does not know. Never sent."""

    type: str
    request_id: str = ""
    seq: Number | UnsetType = UNSET
    count: Count = 1


ServerFrame: TypeAlias = (
    Status
    | Notice
    | GracefulDisconnect
    | Published
    | Lagging
    | AgentChanged
    | TurnBegan
    | TurnDone
    | Started
    | StepBegan
    | TextPiece
    | ReasoningPiece
    | CallStarted
    | CallProgress
    | CallFinished
    | ApprovalWanted
    | SteeredBy
    | Rejected
    | Handed
    | Restarted
    | UsageTold
    | End
    | Error
    | Gap
)
