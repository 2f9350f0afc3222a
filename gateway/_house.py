"""What all connections of a gateway share: what it shows, who is there, what is under way."""

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import trio

from actrio.actors import ActorRef, NoHandler, Runtime, Topic, UnknownActor
from actrio.agents import AgentRef, Turn
from actrio.gateway._access import Gate, Identity
from actrio.gateway._answers import AgentInfo, End, Error, TurnBegan, TurnDone, TurnOutcome
from actrio.gateway._content import content_of
from actrio.gateway._frames import Ask, ProtocolError, Tell, UserMessage
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._mapping import words_for
from actrio.gateway._requests import Request, Session, Sessions, log_error
from actrio.gateway._watchers import Watchers
from actrio.mailbox import ActrioError, Codec, CodecError

if TYPE_CHECKING:
    from actrio.gateway._connection import Connection

_log = logging.getLogger("actrio.gateway")


class Refused(Exception):
    """A request that cannot be taken. Attribute: ``frame``."""

    def __init__(self, code: str, words: str, request_id: str) -> None:
        self.frame = Error(code, words, request_id)
        super().__init__(words)


class House:
    """See the module. Its tasks, one for each request under way, live in the nursery of :meth:`live`."""

    def __init__(
        self,
        runtime: Runtime,
        gate: Gate,
        limits: GatewayLimits,
        *,
        expose: Collection[str] | None,
        topics: Collection[Topic[Any]],
        codec: Codec | None,
    ) -> None:
        self.runtime: Runtime = runtime
        self.gate: Gate = gate
        self.limits: GatewayLimits = limits
        self.codec: Codec | None = codec
        self.topics: Mapping[str, Topic[Any]] = {topic.name: topic for topic in topics}
        self.sessions: Sessions = Sessions(limits)
        self.watchers: Watchers = Watchers(runtime, limits.topic_backlog)
        self.connections: set[Connection] = set()
        self._nursery: trio.Nursery | None = None
        self.draining: bool = False
        self._expose = None if expose is None else frozenset(expose)

    async def live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:  # noqa: ASYNC114
        """Run what clients ask for, and look after what is kept, until this is cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._sweep)
            self._nursery.start_soon(self.watchers.watch)
            task_status.started()

    @property
    def nursery(self) -> trio.Nursery:
        """Where its tasks are."""
        assert self._nursery is not None, "it lives before connections come"
        return self._nursery

    # What somebody sees

    def agents(self, identity: Identity) -> tuple[AgentInfo, ...]:
        """The agents that he may ask."""
        names = sorted(self.runtime.names() if self._expose is None else self._expose)
        found = [(name, self.find_agent(identity, name)) for name in names]
        return tuple([AgentInfo(name, ref.description) for name, ref in found if ref is not None])

    def find_agent(self, identity: Identity, name: str) -> AgentRef[Any] | None:
        """An agent that he may ask; of any other it is not told whether there is one."""
        ref = self._find(identity, name)
        return ref if isinstance(ref, AgentRef) else None  # pyright: ignore[reportUnknownVariableType] - of whatever output

    def topics_for(self, identity: Identity) -> tuple[str, ...]:
        """The topics that he may follow."""
        return tuple(name for name in sorted(self.topics) if identity.topics is None or name in identity.topics)

    def _find(self, identity: Identity, name: str) -> ActorRef[Any] | None:
        if identity.agents is not None and name not in identity.agents:
            return None
        if self._expose is not None and name not in self._expose:
            return None
        try:
            ref: ActorRef[Any] = self.runtime.find(name)
        except UnknownActor:
            return None
        # All agents are shown unless told; other actors only by name.
        shown = self._expose is not None or isinstance(ref, AgentRef)
        return ref if shown else None  # pyright: ignore[reportUnknownVariableType] - of whatever output

    # Requests

    async def begin(self, session: Session, frame: UserMessage | Ask | Tell) -> Request:
        """Take a request. Raises: Refused, ProtocolError."""
        if self.draining:
            raise Refused("closing", "the server is closing; ask again when it is back", frame.request_id)
        if session.running >= self.limits.max_requests:
            words = f"{self.limits.max_requests} requests of this session are under way; wait for one to end"
            raise Refused("too_many_requests", words, frame.request_id)
        if isinstance(frame, UserMessage):
            agent = self.find_agent(session.identity, frame.agent)
            if agent is not None:
                return await self._begin_turn(session, agent, frame)
        else:
            ref = self._find(session.identity, frame.agent)
            if ref is not None:
                return self._begin_message(session, ref, frame)
        raise Refused("unknown_agent", "there is no such agent", frame.request_id)

    async def _begin_turn(self, session: Session, ref: AgentRef[Any], frame: UserMessage) -> Request:
        try:
            content = content_of(frame)
        except ProtocolError as error:
            error.request_id = frame.request_id
            raise
        request = Request(
            frame.request_id,
            frame.agent,
            frame.on_disconnect,
            conversation=frame.conversation,
            fields=frame.fields,
        )
        key = session.identity.conversation(frame.conversation)
        try:
            async with ref.run(content, conversation=key, on_leave="continue") as turn:
                request.turn = turn
        except ActrioError as error:
            raise Refused(*words_for(error), frame.request_id) from error
        session.begin(request)
        self.watchers.tell_turn(session.identity, TurnBegan(request.agent, request.id, request.conversation))
        self.nursery.start_soon(self._see_turn_through, session, request, turn)
        return request

    async def _see_turn_through(self, session: Session, request: Request, turn: Turn[Any]) -> None:
        try:
            await request.see_turn_through()
        finally:
            if request.on_disconnect == "cancel":
                turn.cancel()  # if the gateway ended first
        self.sessions.ended(session, request)
        self.watchers.tell_turn(session.identity, _done(request))

    def _begin_message(self, session: Session, ref: ActorRef[Any], frame: Ask | Tell) -> Request:
        if self.codec is None:
            words = "this gateway takes no messages: agents are asked with user_message; for messages serve(codec=...)"
            raise Refused("unknown_type", words, frame.request_id)
        try:
            message = self.codec.structure(frame.message)
        except CodecError as error:
            raise Refused("bad_message", f"$.message{str(error).splitlines()[0][1:]}", frame.request_id) from error
        request = Request(frame.request_id, frame.agent, "continue" if isinstance(frame, Tell) else frame.on_disconnect)
        request.asked = trio.CancelScope()
        session.begin(request)
        self.nursery.start_soon(self._carry_out, session, request, ref, message, isinstance(frame, Ask))
        return request

    async def _carry_out(
        self, session: Session, request: Request, ref: ActorRef[Any], message: Any, wants_reply: bool
    ) -> None:
        assert request.asked is not None
        data: Any = None
        error: Exception | None = None
        with request.asked:
            try:
                if wants_reply:
                    reply = await ref.ask(message)
                    data = self._write(reply)
                else:
                    await ref.tell(message)
            except Exception as raised:  # noqa: BLE001 - the handler's: the client is told that it failed
                error = raised
        if request.asked.cancelled_caught:
            request.finish(Error("cancelled", "the request was cancelled", request.id, 0))
        elif isinstance(error, NoHandler):
            request.finish(Error("not_handled", self._teach(ref, error), request.id, 0))
        elif error is not None:
            request.finish(log_error(Error(*words_for(error), request.id, 0), error))
        else:
            request.finish(End(request.id, 0, data=data))
        self.sessions.ended(session, request)

    def _teach(self, ref: ActorRef[Any], error: NoHandler) -> str:
        """What to send instead, as far as clients know of it."""
        known = {} if self.codec is None else {kind.__name__: tag for kind, tag in self.codec.tags.items()}
        taken = sorted(known[name] for name in error.handled_types if name in known)
        if isinstance(ref, AgentRef):
            return "an agent takes no such messages; it is asked with user_message"
        if not taken:
            return "this actor takes no messages that the gateway knows"
        return f"this actor takes no {known.get(error.message_type, 'such')}; it takes: {', '.join(taken)}"

    def _write(self, reply: object) -> Any:
        assert self.codec is not None, "a message was read with it"
        return self.codec.unstructure(reply, None if type(reply) in self.codec.tags else type(reply))

    def write_registered(self, message: object) -> Any:
        """The plain data of a message for any client; None if its type is not registered, or JSON cannot carry it."""
        if self.codec is None or type(message) not in self.codec.tags:
            return None
        try:
            return self.codec.unstructure(message)
        except CodecError:
            return None

    # The end of a connection, and of all

    def left(self, session: Session, *, at_once: bool) -> None:
        """The connection of a session has ended: what ends with it does so, soon or at once."""
        self.sessions.leave(session, for_good=at_once)
        doomed = [one for one in session.requests.values() if one.on_disconnect == "cancel" and not one.over.is_set()]
        if at_once:
            for request in doomed:
                request.cancel()
        elif doomed and not session.lingering:
            session.lingering = True
            self.nursery.start_soon(self._linger, session)

    async def _linger(self, session: Session) -> None:
        # One task a session, however often its client comes and goes.
        try:
            while session.attached is None:
                left = session.left_at + self.limits.linger_s - trio.current_time()
                if left <= 0:
                    for request in tuple(session.requests.values()):
                        if request.on_disconnect == "cancel":
                            request.cancel()
                    return
                await trio.sleep(left)
        finally:
            session.lingering = False

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(self.limits.kept_s / 2)
            self.sessions.sweep()

    async def drain(self, reason: str, grace_s: float) -> None:
        """Say that this is the end, give what is under way ``grace_s`` seconds, and close all connections (1001)."""
        self.draining = True
        with trio.move_on_after(grace_s):
            async with trio.open_nursery() as nursery:
                for connection in tuple(self.connections):
                    nursery.start_soon(connection.say_goodbye, reason, grace_s)
        async with trio.open_nursery() as nursery:
            for connection in tuple(self.connections):
                nursery.start_soon(connection.close, 1001, reason)


def _done(request: Request) -> TurnDone:
    end = request.end
    usage, duration = request.usage, trio.current_time() - request.began_at
    if isinstance(end, Error):
        outcome: TurnOutcome = "cancelled" if end.code == "cancelled" else "failed"
        code = end.code
    else:
        outcome, code = "completed", ""
    used = usage.input_tokens + usage.output_tokens
    return TurnDone(request.agent, request.id, outcome, request.conversation, code, used, usage, duration)
