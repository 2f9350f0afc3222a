"""What travels between a client and a gateway: frames to JSON text and back. Pure: no I/O, no clock.

A frame is a JSON object with its kind under ``type``. `docs/protocol.md` says what each means and when it is sent.

Each side reads what a newer peer of the same version writes: unknown fields are ignored. A kind that a server does not
know is refused, for it asks for something; one that a client does not know is read as :class:`Unfamiliar`, which keeps
its number, so that the numbers of a request still have no gap.
"""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from actrio.mailbox import ActrioError

VERSION: Final = 1

MAX_BYTES: Final = 1 << 20  # of one frame, unless told
MAX_DEPTH: Final = 32  # of arrays and objects in one another; the frame itself is the first

_WHOLE: Final = 2**53 - 1  # the largest integer that JavaScript holds exactly

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=_WHOLE)]
After: TypeAlias = Annotated[int, Meta(ge=-1, le=_WHOLE)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=_WHOLE)]

OnDisconnect: TypeAlias = Literal["cancel", "continue"]


class ProtocolError(ActrioError):
    """A frame from the other side that is none. Attributes: ``path`` (``$.request_id``), ``reason``."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class _Frame(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of all frames."""


# From the client


class Hello(_Frame, frozen=True, tag="hello"):
    """Who the client is, and which session it goes on with. Needed where the token is not in a header."""

    version: Number
    token: str = ""
    session: str = ""


class UserMessage(_Frame, frozen=True, tag="user_message"):
    """Ask an agent. With ``fields``, text frames also carry what the text adds to the fields of a JSON answer."""

    request_id: Id
    agent: Name
    text: str
    conversation: str | None = None
    on_disconnect: OnDisconnect = "cancel"
    fields: bool = False


class Cancel(_Frame, frozen=True, tag="cancel"):
    """Stop a request. It still ends with its ``error``, or its ``end`` if that was quicker."""

    request_id: Id


class Steer(_Frame, frozen=True, tag="steer"):
    """Say something to a turn while its model works."""

    request_id: Id
    text: str


class Approve(_Frame, frozen=True, tag="approve"):
    """Let a call of a tool go on that waits for approval."""

    request_id: Id
    call_id: str


class Deny(_Frame, frozen=True, tag="deny"):
    """Have a call of a tool not made; the model is told the reason."""

    request_id: Id
    call_id: str
    reason: str = ""


class Resume(_Frame, frozen=True, tag="resume"):
    """Send what comes after event ``after`` of a request of this session; -1 is its beginning."""

    request_id: Id
    after: After


class Subscribe(_Frame, frozen=True, tag="subscribe"):
    """Follow a topic from now on."""

    topic: Name


class Unsubscribe(_Frame, frozen=True, tag="unsubscribe"):
    """Follow it no more."""

    topic: Name


class Tell(_Frame, frozen=True, tag="tell"):
    """Put a message of a registered type into an actor's mailbox; ``end`` says that it is in."""

    request_id: Id
    agent: Name
    message: Any


class Ask(_Frame, frozen=True, tag="ask"):
    """The same, and ``end`` brings the reply, as ``data``."""

    request_id: Id
    agent: Name
    message: Any
    on_disconnect: OnDisconnect = "cancel"


ClientFrame: TypeAlias = (
    Hello | UserMessage | Cancel | Steer | Approve | Deny | Resume | Subscribe | Unsubscribe | Tell | Ask
)

# From the server, about the connection


class AgentInfo(Struct, frozen=True, omit_defaults=True):
    """An agent that the client may ask."""

    name: str
    description: str = ""


class Status(_Frame, frozen=True, tag="status"):
    """The first frame, always; again when a ``hello`` was accepted. Without ``authenticated`` the rest is empty."""

    version: Number
    authenticated: bool
    session: str = ""
    agents: tuple[AgentInfo, ...] = ()
    topics: tuple[str, ...] = ()


class Notice(_Frame, frozen=True, tag="notice"):
    """Something to know that ends no request. ``code`` is for programs, ``message`` for people."""

    code: str
    message: str = ""
    request_id: str = ""


class GracefulDisconnect(_Frame, frozen=True, tag="graceful_disconnect"):
    """The server will close the connection: at the latest in ``grace_s`` seconds, sooner when all is delivered."""

    reason: str
    grace_s: float


class Published(_Frame, frozen=True, tag="published"):
    """A message of a topic."""

    topic: str
    message: Any


class Lagging(_Frame, frozen=True, tag="lagging"):
    """So many messages of a topic were dropped, for the client read too slowly."""

    topic: str
    missed: Number


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


class Event(_Frame, frozen=True):
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


class Error(_Frame, frozen=True, tag="error"):
    """The request ended without success; without ``request_id``: something is wrong with a frame or the connection.

    ``seq`` is there when the error is the last event of a request that had begun. ``error_id`` is what the server's log
    calls it, where there is more to know than a client is told.
    """

    code: str
    message: str = ""
    request_id: str = ""
    seq: Number | UnsetType = UNSET
    error_id: str = ""


class Gap(_Frame, frozen=True, tag="gap"):
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

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder()
_client_decoder: Final[msgspec.json.Decoder[ClientFrame]] = msgspec.json.Decoder(ClientFrame)
_server_decoder: Final[msgspec.json.Decoder[ServerFrame]] = msgspec.json.Decoder(ServerFrame)
_header_decoder: Final = msgspec.json.Decoder(Unfamiliar)

# Also takes a string that never ends, so that each character is looked at once.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_AT: Final = re.compile(r"(.*) - at `(\$.*)`", re.DOTALL)
_MALFORMED: Final = "JSON is malformed: "


def encode(frame: ClientFrame | ServerFrame | Event) -> str:
    """A frame as JSON text."""
    return _encoder.encode(frame).decode()


def decode_client(text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> ClientFrame:
    """What a client sent. Raises: ProtocolError, and never anything else."""
    return _decode(_client_decoder, text, max_bytes, max_depth)


def decode_server(
    text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> ServerFrame | Unfamiliar:
    """What a server sent. Raises: ProtocolError, and never anything else."""
    try:
        return _decode(_server_decoder, text, max_bytes, max_depth)
    except ProtocolError as error:
        if error.path == "$.type" and error.reason.startswith("Invalid value"):
            return _decode(_header_decoder, text, max_bytes, max_depth)
        raise


def _decode(decoder: "msgspec.json.Decoder[T]", text: str | bytes, max_bytes: int, max_depth: int) -> T:
    if isinstance(text, bytes):
        raise ProtocolError("$", "frames are text, and this is binary")
    if len(text) > max_bytes:
        raise ProtocolError("$", f"{len(text)} characters long, and at most {max_bytes} bytes are taken")
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ProtocolError("$", "not UTF-8") from None
    if len(data) > max_bytes:
        raise ProtocolError("$", f"{len(data)} bytes long, and at most {max_bytes} are taken")
    if text.count("{") + text.count("[") > max_depth and _depth(text) > max_depth:
        raise ProtocolError("$", f"nested deeper than {max_depth}")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        reason, path = (str(error), "$") if found is None else found.groups()
        raise ProtocolError(path, reason.replace("`", "")) from None
    except msgspec.DecodeError as error:
        raise ProtocolError("$", f"not JSON: {str(error).removeprefix(_MALFORMED)}") from None
    except (UnicodeDecodeError, RecursionError):
        raise ProtocolError("$", "not JSON: not UTF-8, or nested too deep") from None


def _depth(text: str) -> int:
    """How deep arrays and objects are nested; an upper bound for text that is not JSON."""
    deepest = depth = 0
    for character in _STRING.sub("", text):
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest
