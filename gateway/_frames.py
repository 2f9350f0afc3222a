"""What a client says to a gateway: frames, of which `docs/protocol.md` says what each means.

They are records alone; `_codec` has them to and from text. `_answers` has those of the gateway.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from actrio.mailbox import ActrioError

VERSION: Final = 1

MAX_PARTS: Final = 100  # of one message

_WHOLE: Final = 2**53 - 1  # the largest integer that JavaScript holds exactly

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
FreeName: TypeAlias = Annotated[str, Meta(max_length=256)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=_WHOLE)]
After: TypeAlias = Annotated[int, Meta(ge=-1, le=_WHOLE)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=_WHOLE)]

OnDisconnect: TypeAlias = Literal["cancel", "continue"]


class ProtocolError(ActrioError):
    """A frame from the other side that is none.

    Attributes: ``path`` (``$.request_id``), ``reason``, ``request_id`` (of what it would have begun, or "").
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        self.request_id = ""
        super().__init__(f"{path}: {reason}")


class Frame(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of all frames."""


def _check_one(topic: str, agent: str) -> None:
    if bool(topic) == bool(agent):
        raise ValueError("expected topic or agent, one of them")


# From the client


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A piece of text among other parts of a message."""

    text: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image", omit_defaults=True):
    """A picture: its address, or its bytes as base64."""

    url: str = ""
    data: bytes = b""
    media_type: str = ""
    detail: Literal["low", "high"] | None = None

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.data):
            raise ValueError("expected url or data, one of them")


ContentPart: TypeAlias = TextPart | ImagePart


class Hello(Frame, frozen=True, tag="hello"):
    """Who the client is, and which session it goes on with. Needed where the token is not in a header."""

    version: Number
    token: str = ""
    session: str = ""


class UserMessage(Frame, frozen=True, tag="user_message"):
    """Ask an agent, with a text or with parts. ``fields``: text frames also carry what they add to a JSON answer."""

    request_id: Id
    agent: Name
    text: str | None = None
    conversation: str | None = None
    on_disconnect: OnDisconnect = "cancel"
    fields: bool = False
    content: Annotated[tuple[ContentPart, ...], Meta(max_length=MAX_PARTS)] = ()

    def __post_init__(self) -> None:
        if (self.text is None) == (not self.content):
            raise ValueError("expected text or content, one of them")


class Cancel(Frame, frozen=True, tag="cancel"):
    """Stop a request. It still ends with its ``error``, or its ``end`` if that was quicker."""

    request_id: Id


class Steer(Frame, frozen=True, tag="steer"):
    """Say something to a turn while its model works. With a ``number``, 1, 2, …, it counts once however often sent."""

    request_id: Id
    text: str
    number: Number = 0


class Approve(Frame, frozen=True, tag="approve"):
    """Let a call of a tool go on that waits for approval."""

    request_id: Id
    call_id: str


class Deny(Frame, frozen=True, tag="deny"):
    """Have a call of a tool not made; the model is told the reason."""

    request_id: Id
    call_id: str
    reason: str = ""


class Resume(Frame, frozen=True, tag="resume"):
    """Send what comes after event ``after`` of a request of this session; -1 is its beginning."""

    request_id: Id
    after: After


class Subscribe(Frame, frozen=True, tag="subscribe"):
    """Follow a topic, or what an agent does, from now on: one of them. A notice with the same answers."""

    topic: FreeName = ""
    agent: FreeName = ""

    def __post_init__(self) -> None:
        _check_one(self.topic, self.agent)


class Unsubscribe(Frame, frozen=True, tag="unsubscribe"):
    """Follow it no more."""

    topic: FreeName = ""
    agent: FreeName = ""

    def __post_init__(self) -> None:
        _check_one(self.topic, self.agent)


class Tell(Frame, frozen=True, tag="tell"):
    """Put a message of a registered type into an actor's mailbox; ``end`` says that it is in."""

    request_id: Id
    agent: Name
    message: Any


class Ask(Frame, frozen=True, tag="ask"):
    """The same, and ``end`` brings the reply, as ``data``."""

    request_id: Id
    agent: Name
    message: Any
    on_disconnect: OnDisconnect = "cancel"


ClientFrame: TypeAlias = (
    Hello | UserMessage | Cancel | Steer | Approve | Deny | Resume | Subscribe | Unsubscribe | Tell | Ask
)
