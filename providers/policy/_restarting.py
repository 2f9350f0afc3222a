"""Answers that start over when they break off, and say so."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf
from typing import Final

import trio

from actrio.mailbox._nursery import open_nursery
from actrio.providers._events import Arrived, Finished, ModelEvent, Restarted
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.policy._relay import Relay
from actrio.providers.policy._time_out import time_out
from actrio.providers.policy._tries import Tries
from actrio.providers.wire import Quota

# How many batches of events are read ahead of the reader.
_AHEAD: Final = 16


@asynccontextmanager
async def restarting(tries: Tries, request: ModelRequest) -> AsyncGenerator[EventStream]:
    """The answer to a request, sent again also when it breaks off after events of it have come.

    The tries run in a task of their own. A stream below is entered and left in one task, and nested; opening the next
    one in the reader's task, wherever that waits for an event, would be neither.
    """
    run = _Run(tries, request)
    async with open_nursery() as nursery:
        nursery.start_soon(run.run, name=f"tries of {tries.name}")
        await run.begin()
        yield EventStream(run.more, received=run.text, quota=run.quota)
        nursery.cancel_scope.cancel()


class _Run:
    def __init__(self, tries: Tries, request: ModelRequest) -> None:
        self.relay: Relay | None = None  # of the try that runs
        self._tries = tries
        self._request = request
        self._send, self._receive = trio.open_memory_channel[list[ModelEvent] | Exception](_AHEAD)
        self._first: list[ModelEvent] = []
        self._begun = False  # whether events of it were handed over
        self._failure = ""  # what the last try failed with

    def text(self) -> str:
        """The text that has come since the answer was last started."""
        return "" if self.relay is None else self.relay.text()

    def quota(self) -> Quota | None:
        """What the server said is left of its limits, with the try that runs."""
        return None if self.relay is None else self.relay.quota()

    async def begin(self) -> None:
        """Wait for the first event."""
        await self.more(self._first.append)

    async def more(self, arrived: Arrived) -> None:
        """Wait for the next events and hand over those that came together; see `EventStream`."""
        if self._first:
            batch, self._first = self._first, []
        else:
            received = await self._receive.receive()
            if isinstance(received, Exception):
                raise received
            batch = received
        for event in batch:
            arrived(event)

    async def run(self) -> None:
        """Send until an answer is whole or there is no other try; what it fails with is for the reader to raise."""
        total_s = self._tries.timeouts.total_s
        try:
            with time_out(self._tries.name, "whole call", total_s, self.text):
                await self._until_whole()
        except Exception as error:  # noqa: BLE001 - raised where the events are read
            await self._send.send(error)

    async def _until_whole(self) -> None:
        attempt = 1
        while True:
            try:
                return await self._try(attempt)
            except Exception as error:
                pause = self._tries.next_pause(attempt, error)
                if pause is None:
                    raise
                self._failure = str(error)
            await trio.sleep(pause)
            attempt += 1

    async def _try(self, attempt: int) -> None:
        async with self._tries.once(self._request, inf) as relay:
            self.relay = relay
            finished = False
            batch: list[ModelEvent] = [Restarted(self._failure, attempt)] if self._begun else []
            while not finished:
                await relay.more(batch.append)
                await self._send.send(batch)
                self._begun = True
                finished = isinstance(batch[-1], Finished)
                batch = []
