"""An actor that stands in for another: it records what it is sent."""

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import trio

from actrio.actors import ActorRef, Runtime
from actrio.mailbox import Inbox

M = TypeVar("M")


class Probe:
    """An actor that records all that it is sent, and answers what it was told to.

        probe = await Probe.spawn(runtime)
        probe.answer(Research, Report("Bees dance."))
        editor = await runtime.spawn(Editor, probe.ref)
        ...
        assert (await probe.received(Research)).topic == "bees"

    An ask of a type it has no answer for fails with ``NotAnswered`` in its asker, and is recorded all the same.

    Attributes:
        messages: All messages so far, in the order in which they were taken out of its mailbox.
    """

    def __init__(self) -> None:
        self.messages: list[object] = []
        self._ref: ActorRef[Any] | None = None
        self._answers: dict[type, Callable[[Any], object]] = {}
        # Invariant: message n is in `messages` before, and given out by `received` at most once.
        self._unread: list[object] = []
        self._news = trio.Event()

    @classmethod
    async def spawn(cls, runtime: Runtime, *, name: str = "probe") -> Self:
        """Spawn one. It ends with the runtime, or when it is stopped. Raises: as ``Runtime.spawn``."""
        probe = cls()
        probe._ref = await runtime.spawn(probe._record, name=name)
        return probe

    @property
    def ref(self) -> ActorRef[Any]:
        """Its address, for what is tested."""
        assert self._ref is not None, "made by Probe.spawn"
        return self._ref

    def answer(self, kind: type[M], reply: "object | Callable[[M], object]") -> None:
        """From now on answer asks of this type, or of one under it, with ``reply``.

        A function is called with the message and gives the reply; an exception, given or returned, is raised in the
        asker. The type nearest to the message's own counts.
        """
        make = cast("Callable[[Any], object]", reply) if callable(reply) else _always(reply)
        self._answers[kind] = make

    async def received(self, kind: type[M]) -> M:
        """The oldest message of this type, or one under it, that was not given out here before; waits for it.

        Others are left for later. Always a checkpoint. Cancelled, it gives out none: ``trio.fail_after`` bounds it.
        """
        await trio.lowlevel.checkpoint()
        while (found := self._oldest(kind)) is None:
            await self._news.wait()
        return found

    def _oldest(self, kind: type[M]) -> M | None:
        for place, message in enumerate(self._unread):
            if isinstance(message, kind):
                del self._unread[place]
                return message
        return None

    async def _record(self, inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            message: object = letter.message
            self.messages.append(message)
            self._unread.append(message)
            self._news.set()
            self._news = trio.Event()
            if not letter.is_ask:
                continue
            make = next((self._answers[one] for one in type(message).__mro__ if one in self._answers), None)
            if make is not None:
                reply = make(message)
                if isinstance(reply, Exception):
                    letter.fail(reply)
                else:
                    letter.reply(reply)

    def __repr__(self) -> str:
        return f"<Probe: {len(self.messages)} messages, {len(self._unread)} not asked for>"


def _always(reply: object) -> Callable[[Any], object]:
    def make(_: object) -> object:
        return reply

    return make
