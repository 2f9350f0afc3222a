"""What a client follows: topics, and what agents do."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import trio
from attrs import field, frozen

from actrio.gateway._answers import AgentChanged, Lagging, Notice, Published, TurnBegan, TurnDone, TurnOutcome
from actrio.gateway._errors import RemoteError
from actrio.gateway._frames import Subscribe, Unsubscribe
from actrio.gateway._usage import usage_of
from actrio.mailbox import Broadcast, Codec, CodecError, Lagged, Subscription
from actrio.providers import Usage

BACKLOG: Final = 1_000  # messages that wait for a reader, of each thing followed

# Answers to a subscribe that is not done.
_REFUSALS: Final = frozenset({"unknown_topic", "unknown_agent", "too_many_subscriptions"})


@frozen
class RemoteTurnStarted:
    """A turn of an agent, of this client or another of the same identity, was taken up by the gateway."""

    agent: str
    request_id: str
    conversation: str | None


@frozen
class RemoteTurnEnded:
    """That turn has ended.

    Attributes:
        outcome: ``completed``, ``failed`` or ``cancelled``.
        code: Of the error, if it did not complete.
        usage: Its tokens.
        duration: Seconds that it took in the gateway.
    """

    agent: str
    request_id: str
    conversation: str | None
    outcome: TurnOutcome
    code: str
    usage: Usage
    duration: float


@frozen
class RemoteStateChanged:
    """The agent is ``running``, has ``crashed``, is ``stopping``, is ``down`` until it starts again, or ``stopped``."""

    agent: str
    state: str


AgentEvent: TypeAlias = RemoteTurnStarted | RemoteTurnEnded | RemoteStateChanged
NewsFrame: TypeAlias = Published | Lagging | TurnBegan | TurnDone | AgentChanged


@frozen(eq=False)
class _Followed:
    stream: Broadcast[Any]
    answered: trio.Event = field(factory=trio.Event)


class News:
    """All that is followed, each by any number of readers. ``post`` sends; ``note`` tells of what no reader learns.

    Invariant: a thing is in ``_followed`` while somebody reads it, and the gateway is there and knows it.
    """

    def __init__(self, post: Callable[[Subscribe | Unsubscribe], None], note: Callable[[str, str], None]) -> None:
        self.codec: Codec | None = None
        self._post = post
        self._note = note
        self._followed: dict[Subscribe, _Followed] = {}
        self._lost: Exception | None = None

    @asynccontextmanager
    async def follow(self, what: Subscribe) -> AsyncGenerator[Subscription[Any]]:
        """Its messages from now on. Raises: RemoteError: it cannot be followed; what the client is lost for."""
        if self._lost is not None:
            raise self._lost
        followed = self._followed.get(what)
        if followed is None:
            name = what.topic or what.agent
            followed = self._followed[what] = _Followed(Broadcast(f"news of {name}", keep=BACKLOG))
            self._post(what)
        with followed.stream.subscribe("lag", from_="now") as subscription:
            try:
                await followed.answered.wait()
                if self._followed.get(what) is not followed:
                    await subscription.receive()  # raises why
                yield subscription
            finally:
                subscription.close()
                if not followed.stream.statistics().subscribers and self._followed.get(what) is followed:
                    del self._followed[what]
                    self._post(Unsubscribe(what.topic, what.agent))

    def again(self) -> tuple[Subscribe, ...]:
        """What to say to a gateway that knows of nothing yet."""
        return tuple(self._followed)

    def take_notice(self, notice: Notice) -> bool:
        """Whether a notice is about what is followed, and of no more interest."""
        if not (notice.topic or notice.agent):
            return False
        what = Subscribe(notice.topic, notice.agent)
        if notice.code == "subscribed":
            followed = self._followed.get(what)
        elif notice.code in _REFUSALS:
            followed = self._followed.pop(what, None)
        else:
            return False
        if followed is not None:
            if notice.code in _REFUSALS:
                followed.stream.fail(RemoteError(notice.code, notice.message))
            followed.answered.set()
        return True

    def take(self, frame: NewsFrame) -> None:
        """Give a message to those who read."""
        topic: str = getattr(frame, "topic", "")
        agent: str = getattr(frame, "agent", "")
        if bool(topic) == bool(agent):
            return
        what = Subscribe(topic, agent)
        followed = self._followed.get(what)
        if followed is None:
            return
        followed.stream.send_nowait(self._read(frame))
        if isinstance(frame, AgentChanged) and frame.state == "stopped":
            del self._followed[what]  # the gateway follows it no more
            followed.stream.close()

    def _read(self, frame: NewsFrame) -> Any:
        match frame:
            case Lagging():
                return Lagged(frame.missed)
            case TurnBegan():
                return RemoteTurnStarted(frame.agent, frame.request_id, frame.conversation)
            case TurnDone():
                usage = usage_of(frame.usage)
                return RemoteTurnEnded(
                    frame.agent, frame.request_id, frame.conversation, frame.outcome, frame.code, usage, frame.duration
                )
            case AgentChanged():
                return RemoteStateChanged(frame.agent, frame.state)
            case _:
                return self._read_message(frame)

    def _read_message(self, frame: Published) -> Any:
        if self.codec is None:
            return frame.message
        try:
            return self.codec.structure(frame.message, forward_compatible=True)
        except CodecError as error:
            self._note("unreadable", f"a message of topic {frame.topic!r} was left out: {error}")
            return Lagged(1)

    def fail(self, error: Exception) -> None:
        """End all: it is told to every reader, and whoever comes later."""
        self._lost = error
        for followed in self._followed.values():
            followed.stream.fail(error)
            followed.answered.set()
        self._followed.clear()
