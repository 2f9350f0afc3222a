"""Actors that the tests of the runtime share."""

import trio
import trio.lowlevel

from tests.actors.crew import Counter


class ManyAwaits(Counter):
    """Starts in several steps, with a child and a task of its own."""

    async def started(self) -> None:
        await trio.lowlevel.checkpoint()
        await self.ctx.spawn(Counter, self.log, "kid")
        self.ctx.nursery.start_soon(trio.sleep_forever)
        await trio.sleep(1)
        await super().started()
