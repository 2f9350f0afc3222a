"""What one connection follows: topics, and agents."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import trio

from actrio.gateway._access import Identity
from actrio.gateway._answers import Lagging, Notice, Published, ServerFrame
from actrio.gateway._codec import encode, unfit
from actrio.gateway._frames import Subscribe, Unsubscribe
from actrio.gateway._house import House
from actrio.gateway._socket import SocketClosed
from actrio.mailbox import Lagged, Subscription

_log = logging.getLogger("actrio.gateway")


class Subscriptions:
    """See the module. Each has a task, which waits while the peer does not read; what comes meanwhile is bounded."""

    def __init__(self, house: House, send: Callable[[str], Awaitable[None]], nursery: trio.Nursery) -> None:
        self._house = house
        self._send = send
        self._nursery = nursery
        self._open: dict[Subscribe, Subscription[Any]] = {}  # {what: its messages}, max_subscriptions at most

    async def subscribe(self, identity: Identity, what: Subscribe) -> None:
        """Follow something, and say so, or why not."""
        code, words = self._refusal(identity, what)
        if code:
            await self._send(encode(Notice(code, words, topic=what.topic, agent=what.agent)))
            return
        with ExitStack() as stack:
            news: Subscription[Any] | None = None
            if what not in self._open:
                news = self._open[what] = stack.enter_context(self._source(identity, what))
                stack.callback(self._forget, what, news)
            # Sent from here and not from the task: a peer that does not read is not read, and has no more tasks.
            notice = Notice("subscribed", what.topic or what.agent, topic=what.topic, agent=what.agent)
            await self._send(encode(notice))
            if news is not None:
                self._nursery.start_soon(self._follow, what, news, stack.pop_all())

    def unsubscribe(self, what: Unsubscribe) -> None:
        """Follow it no more; harmless if it was not followed."""
        news = self._open.pop(Subscribe(what.topic, what.agent), None)
        if news is not None:
            news.close()  # its task is not cancelled, which could cut a frame in half

    def close(self) -> None:
        """Follow nothing more."""
        for news in self._open.values():
            news.close()

    def _refusal(self, identity: Identity, what: Subscribe) -> tuple[str, str]:
        house = self._house
        if what.topic and what.topic not in house.topics_for(identity):
            return "unknown_topic", f"there is no topic {what.topic!r}"
        if what.agent and house.find_agent(identity, what.agent) is None:
            return "unknown_agent", f"there is no agent {what.agent!r}"
        if what not in self._open and len(self._open) >= house.limits.max_subscriptions:
            return "too_many_subscriptions", f"{len(self._open)} are followed; unsubscribe from one first"
        return "", ""

    def _source(self, identity: Identity, what: Subscribe) -> AbstractContextManager[Subscription[Any]]:
        if what.agent:
            return self._house.watchers.listen(identity, what.agent)
        return self._house.topics[what.topic].listen("lag", bound=self._house.limits.topic_backlog)

    def _forget(self, what: Subscribe, news: Subscription[Any]) -> None:
        if self._open.get(what) is news:
            del self._open[what]

    async def _follow(self, what: Subscribe, news: Subscription[Any], stack: ExitStack) -> None:
        with stack:
            try:
                async for message in news:
                    await self._send(self._write(what, message))
            except (SocketClosed, trio.ClosedResourceError):
                pass  # the reader sees it too; or it was left

    def _write(self, what: Subscribe, message: Any) -> str:
        text = encode(self._frame(what, message))
        if reason := unfit(text):
            _log.warning("a message of topic %s is %s; it was not sent", what.topic, reason)
            return encode(Lagging(1, what.topic, what.agent))
        return text

    def _frame(self, what: Subscribe, message: Any) -> ServerFrame:
        if isinstance(message, Lagged):
            return Lagging(message.missed, what.topic, what.agent)
        if what.agent:
            event: ServerFrame = message
            return event
        data = self._house.write_registered(message)
        if data is None:
            words = "a message of topic %s is of no registered type, or has no JSON form; it was not sent"
            _log.warning(words, what.topic)
            return Lagging(1, what.topic)
        return Published(what.topic, data)
