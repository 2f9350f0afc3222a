"""Who follows agents on a gateway: is told of his own turns, and of what becomes of the agent."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import trio
from attrs import frozen

from actrio.actors import LifeEvent, Runtime, State
from actrio.gateway._access import Identity
from actrio.gateway._answers import AgentChanged, TurnBegan, TurnDone
from actrio.mailbox import Broadcast, Lagged, Subscription

AgentNews: TypeAlias = TurnBegan | TurnDone | AgentChanged | Lagged


@frozen(eq=False)
class _Watcher:
    identity: str
    stream: Broadcast[AgentNews]


class Watchers:
    """All who follow an agent, each with so many events that may wait for it.

    Invariant: an agent is in ``_by_agent`` while somebody follows it.
    """

    def __init__(self, runtime: Runtime, backlog: int) -> None:
        self._runtime = runtime
        self._backlog = backlog
        self._by_agent: dict[str, set[_Watcher]] = {}
        self._events: Subscription[LifeEvent | Lagged] | None = None  # of the runtime, while there is one in it
        self._wanted = trio.Event()  # set when that is there

    @contextmanager
    def listen(self, identity: Identity, agent: str) -> Generator[Subscription[AgentNews]]:
        """What happens from now on. It ends when the agent has stopped for good."""
        stream: Broadcast[AgentNews] = Broadcast(f"agent {agent}", keep=self._backlog)
        watcher = _Watcher(identity.name, stream)
        self._catch_up()
        with stream.subscribe("lag") as subscription:
            self._by_agent.setdefault(agent, set()).add(watcher)
            try:
                yield subscription
            finally:
                self._leave(agent, watcher)
                stream.close()

    def _leave(self, agent: str, watcher: _Watcher) -> None:
        watchers = self._by_agent.get(agent, set())
        watchers.discard(watcher)
        if not watchers:
            self._by_agent.pop(agent, None)

    def tell_turn(self, identity: Identity, event: TurnBegan | TurnDone) -> None:
        """A turn of somebody's has begun, or ended: those who are the same learn of it, and nobody else."""
        for watcher in self._by_agent.get(event.agent, ()):
            if watcher.identity == identity.name:
                watcher.stream.send_nowait(event)

    async def watch(self) -> None:
        """Tell of the agents' lives, for as long as the runtime lives."""
        while True:
            await self._wanted.wait()
            assert self._events is not None, "it is there when it is wanted"
            try:
                events = await self._events.receive_batch()
            except trio.EndOfChannel:
                return
            for event in events:
                self._tell_life(event)
            if not self._by_agent:
                self._events.close()
                self._events = None
                self._wanted = trio.Event()

    def _catch_up(self) -> None:
        """Tell what has happened, before somebody comes who is not to learn of it."""
        if self._events is None:
            self._events = self._runtime.events("lag")
            self._wanted.set()
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            for event in self._events.receive_batch_nowait():
                self._tell_life(event)

    def _tell_life(self, event: LifeEvent | Lagged) -> None:
        if isinstance(event, Lagged):  # of whom, is not known
            for watchers in self._by_agent.values():
                for watcher in watchers:
                    watcher.stream.send_nowait(event)
            return
        for watcher in tuple(self._by_agent.get(event.actor, ())):
            watcher.stream.send_nowait(AgentChanged(event.actor, event.state))
            if event.state == State.STOPPED.value:
                watcher.stream.close()
                self._leave(event.actor, watcher)
