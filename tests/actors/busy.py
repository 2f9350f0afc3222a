"""Actors that the tests of refs share."""

from typing import Any

import trio

from actrio.actors import ActorRef
from actrio.mailbox import Overflow
from tests.actors.crew import Add, Counter, Nap, settle


async def busy(runtime: Any, overflow: Overflow, seconds: float = 1) -> ActorRef[Any]:
    """An actor that naps, with one message queued where there is room for one."""
    ref: ActorRef[Any] = await runtime.spawn(Counter, capacity=1, overflow=overflow)
    await ref.tell(Nap(seconds))
    await settle()
    await ref.tell(Add(1))
    return ref


class SlowStart(Counter):
    async def started(self) -> None:
        try:
            await trio.sleep(10)
        finally:
            self.log("start cut")
        await super().started()
