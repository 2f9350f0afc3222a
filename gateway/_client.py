"""The client: what a program does with a gateway's agents."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ssl import SSLContext
from typing import Any, Final, TypeVar, cast, overload

from actrio.agents import Turn
from actrio.agents._prompt import Content
from actrio.gateway._agent import RemoteAgent
from actrio.gateway._answers import AgentInfo
from actrio.gateway._content import parts_of
from actrio.gateway._dial import Address
from actrio.gateway._frames import Ask, OnDisconnect, Subscribe, Tell, TextPart, UserMessage
from actrio.gateway._link import ClientNotice, Link
from actrio.gateway._news import AgentEvent
from actrio.gateway._pending import Waiting
from actrio.gateway._remote import RemoteLog
from actrio.gateway._typed import Typed
from actrio.mailbox import Broadcast, Codec, Lagged, Request, Subscription
from actrio.mailbox._nursery import open_nursery

R = TypeVar("R")
OutputT = TypeVar("OutputT")

CONNECT_S: Final = 10.0
RETRY_S: Final = 30.0
HEARTBEAT_S: Final = 20.0


class Client:
    """A gateway's agents, from elsewhere. Opened by :func:`connect`; used from its Trio run.

    What waits to be sent is bounded: while 256 frames do, as when the connection is lost, whoever asks anew waits; a
    turn that is steered takes 100 texts that its model has not got yet.

    Attributes:
        notices: What the gateway says beside replies, errors of requests, lost connections: a broadcast of
            :class:`ClientNotice`, ``with client.notices.subscribe("lag") as notices``.
    """

    def __init__(self, link: Link, codec: Codec | None) -> None:
        self.notices: Broadcast[ClientNotice] = link.notices
        self.codec: Codec | None = codec
        self._link = link
        self._prefix = secrets.token_hex(4)
        self._number = 0

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents that may be asked, as the gateway told when the client connected."""
        return () if self._link.status is None else self._link.status.agents

    @overload
    def agent(self, name: str) -> RemoteAgent[Any]: ...
    @overload
    def agent(self, name: str, *, output_type: type[OutputT]) -> RemoteAgent[OutputT]: ...
    def agent(self, name: str, *, output_type: Any = None) -> RemoteAgent[Any]:
        """An agent, to ask, run, batch or use as a tool. Nothing is sent: a wrong name shows when it is asked.

        Args:
            name: Its name.
            output_type: What its answers are read as, see :meth:`run`.

        Raises: InvalidOutputType: JSON cannot carry the type.
        """
        return RemoteAgent(self, name, output_type)

    @overload
    def run(
        self,
        agent: str,
        content: Content,
        *,
        conversation: str | None = None,
        on_disconnect: OnDisconnect = "cancel",
    ) -> AbstractAsyncContextManager[Turn[Any]]: ...
    @overload
    def run(
        self,
        agent: str,
        content: Content,
        *,
        output_type: type[OutputT],
        conversation: str | None = None,
        on_disconnect: OnDisconnect = "cancel",
    ) -> AbstractAsyncContextManager[Turn[OutputT]]: ...
    def run(
        self,
        agent: str,
        content: Content,
        *,
        output_type: Any = None,
        conversation: str | None = None,
        on_disconnect: OnDisconnect = "cancel",
    ) -> AbstractAsyncContextManager[Turn[Any]]:
        """Have an agent answer, and read while it does: ``async with client.run("writer", "Hello.") as turn``.

        The turn is read as one in process. Leaving the block before it is over has the gateway cancel it, and waits for
        nothing; with ``on_disconnect="continue"`` it goes on, and can still be read. If the connection is lost the turn
        goes on when it is back, with no event lost or repeated, and what was said to it is said again. Should it not
        come back in time, or the gateway have forgotten, every reader gets :class:`ConnectionLost`.

        Args:
            agent: The agent's name.
            content: What to ask it: a text, texts and images, or a record, as ``AgentRef.run`` takes them; not a list
                of messages.
            output_type: What the reply has as ``data``, a type as ``Agent`` takes one for ``output``. Readers get
                :class:`OutputMismatch` if the answer is none. None: plain data, and the text of an agent without
                ``output``.
            conversation: The key of the conversation to go on with.
            on_disconnect: What the gateway does with the turn when the client does not come back.

        Raises:
            ConnectionLost: on entering, the connection is lost for good. Nothing was sent.
            TypeError, ValueError: the content is nothing that an agent can be asked.
            InvalidOutputType: JSON cannot carry the type.
        """
        return self.run_as(Typed(agent, output_type), agent, content, conversation, on_disconnect)

    @asynccontextmanager
    async def run_as(
        self,
        typed: Typed[OutputT],
        agent: str,
        content: Content,
        conversation: str | None,
        on_disconnect: OnDisconnect,
    ) -> AsyncGenerator[Turn[OutputT]]:
        """As :meth:`run`, of a type that was looked at before."""
        text, parts = parts_of(content)
        for said in (agent, conversation, text, *[one.text for one in parts if isinstance(one, TextPart)]):
            (said or "").encode()  # raises what says that half a pair of UTF-16 is no text
        frame = UserMessage(self._new_id(), agent, text, conversation, on_disconnect, content=parts)
        log = RemoteLog(frame, self._link.post, typed.read)
        await self._link.begin(log)
        try:
            yield Turn[OutputT](log)
        finally:
            if on_disconnect == "cancel":
                self._link.abandon(log)
                log.abandon("its block was left")

    @overload
    async def ask(self, actor: str, message: Request[R]) -> R: ...
    @overload
    async def ask(self, actor: str, message: object, reply_type: type[R]) -> R: ...
    async def ask(self, actor: str, message: object, reply_type: Any = None) -> Any:
        """Ask an actor with a message that both sides have registered with their codecs.

        Cancelling this has the gateway cancel the work, and waits for nothing.

        Args:
            actor: Its name.
            message: The message.
            reply_type: What the reply is read as; a registered message unless given.

        Raises:
            RemoteError: the actor, or the gateway, failed.
            ConnectionLost: as :meth:`run`; also while this waits.
            CodecError, MessageTypeError: the codec cannot carry the message, or read the reply.
        """
        codec = self._codec()
        data: Any = await self._exchange(Ask(self._new_id(), actor, codec.unstructure(message)))
        if reply_type is None and not (type(data) is dict and codec.tag_key in data):
            return cast("Any", data)
        return codec.structure(cast("Any", data), reply_type)

    async def tell(self, actor: str, message: object) -> None:
        """Put a message into an actor's mailbox; returning means that it is in. Raises: as :meth:`ask`."""
        await self._exchange(Tell(self._new_id(), actor, self._codec().unstructure(message)))

    def follow(self, topic: str) -> AbstractAsyncContextManager[Subscription[Any]]:
        """The messages of a topic from now on: ``async with client.follow("news") as news: async for message in news``.

        Entering waits until the gateway follows it. Who is more than 1,000 messages behind gets :class:`Lagged` in
        place of what was dropped. After the connection was lost it is followed again; of what came meanwhile a notice
        tells.

        Raises:
            RemoteError: there is no such topic, or too many are followed.
            ConnectionLost: on entering, and to those who read.
        """
        return self._link.news.follow(Subscribe(topic=topic))

    def follow_agent(self, name: str) -> AbstractAsyncContextManager[Subscription[AgentEvent | Lagged]]:
        """What an agent does from now on: ``async with client.follow_agent("writer") as events``.

        Its turns, as far as this client's identity has asked for them, on whatever connection; and the states of its
        life, of which ``stopped`` is the last: then the iteration ends. Else as :meth:`follow`.
        """
        return self._link.news.follow(Subscribe(agent=name))

    def _codec(self) -> Codec:
        if self.codec is None:
            raise TypeError("messages need a codec that knows their types: connect(url, codec=codec)")
        return self.codec

    def _new_id(self) -> str:
        self._number += 1
        return f"{self._prefix}-{self._number}"

    async def _exchange(self, frame: Ask | Tell) -> Any:
        waiting = Waiting(frame)
        await self._link.begin(waiting)
        try:
            await waiting.over.wait()
        finally:
            self._link.abandon(waiting)
        if waiting.error is not None:
            raise waiting.error
        return waiting.data

    def __repr__(self) -> str:
        return f"<Client {self._link.outline()}>"


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    codec: Codec | None = None,
    connect_s: float = CONNECT_S,
    retry_s: float = RETRY_S,
    heartbeat_s: float = HEARTBEAT_S,
    ssl_context: SSLContext | None = None,
) -> AsyncGenerator[Client]:
    """A client of a gateway, for the length of a block.

        async with connect("ws://127.0.0.1:8000", token=token) as client: ...

    Entering waits for the gateway to let the client in. Leaving ends all that is open: the gateway cancels it, but for
    turns with ``on_disconnect="continue"``. A connection that is lost is had again, waiting 0.05 s to 5 s between
    attempts, and what is open goes on.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``.
        token: What the gateway wants to know the client by.
        codec: The message types of ``ask``, ``tell`` and ``follow``, registered as with the gateway's.
        connect_s: How long one attempt to connect may take, in seconds, all of it.
        retry_s: How long after a loss it is tried again; then all that is open fails with :class:`ConnectionLost`.
        heartbeat_s: How often the gateway is pinged, and how long it may take to answer.
        ssl_context: For ``wss``, unless the default will do.

    Raises:
        NotAuthorized: the gateway does not take the token.
        ConnectFailed: no connection within its time; no socket is left.
        ValueError: the URL is none.
    """
    link = Link(Address(url, token, ssl_context), connect_s=connect_s, retry_s=retry_s, beat_s=heartbeat_s)
    link.news.codec = codec
    async with open_nursery() as nursery:
        try:
            await nursery.start(link.live)
            yield Client(link, codec)
        finally:
            link.close()
            nursery.cancel_scope.cancel()
