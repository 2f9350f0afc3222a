"""A coroutine actor in its runtime: ``async def actor(inbox, *args)`` in a task of its own."""

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

import trio

from actrio.actors._lifecycle import State
from actrio.actors._node import Node
from actrio.mailbox import Envelope, Stage
from actrio.mailbox._working import current_inbox, workers

if TYPE_CHECKING:
    from actrio.actors._runtime import Runtime
    from actrio.actors._spec import ChildSpec
    from actrio.actors._supervisor import SupervisorNode


class ReturnedEarly(Exception):
    """A permanent coroutine actor returned, which restarts it. Not raised: it stands where a crash's error stands."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} returned, and it is permanent")


class Process(Node):
    """One coroutine actor. It ends when its function returns; when it is to stop, its inbox ends first.

    A letter in hand when the function raises fails with that error; one in hand when it returns is settled as by the
    next receive.
    """

    __slots__ = ("_done", "_scope", "_variables")

    def __init__(self, runtime: "Runtime", parent: "SupervisorNode", spec: "ChildSpec", name: str) -> None:
        super().__init__(runtime, parent, spec, name)
        self._scope = trio.CancelScope()
        self._done: trio.Event | None = None
        self._variables = copy_context()

    def _build(self) -> None:
        self.inbox.resume()
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        # In a copy of its spawner's context variables, also in a restart, whoever mends it.
        run = partial(self._run, self._scope, self._done)
        self._variables.copy().run(lambda: self.runtime.nursery.start_soon(run, name=self.name))

    async def _run(self, scope: trio.CancelScope, done: trio.Event) -> None:
        current_inbox.set(self.inbox)
        task = trio.lowlevel.current_task()
        workers[task] = self.inbox
        self.inbox.aside = Envelope(None, self.inbox, None, self.runtime.clock(), stage=Stage.IN_HAND)
        try:
            with scope:
                await self.spec.factory(self.inbox, *self.spec.args)
                self.inbox.settle_in_hand()
                self._returned()
            self._cut_in_hand()
        except Exception as error:  # noqa: BLE001 - told to the askers or the supervisor
            self._failed(error)
        finally:
            self._cut_in_hand()
            del workers[task]
            self.inbox.aside = None
            done.set()

    def _returned(self) -> None:
        if self.retiring or self.state is not State.RUNNING or self.parent is None:
            return
        if self.spec.restart == "permanent":
            self.crash(ReturnedEarly(self.name), taken=True)
        else:
            self.parent.child_returned(self)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, trio.EndOfChannel) and (self.retiring or self.state is not State.RUNNING):
            return  # the end of its inbox, which it was given, let out of the function
        taken = False
        for envelope in reversed(tuple(self.inbox.in_hand)):  # so that those put back are in order again
            if self.spec.redeliver and not envelope.abandoned and self.state is State.RUNNING:
                self.inbox.put_back(envelope)
            else:
                taken = envelope.break_off(error) or taken
        self.crash(error, taken=taken)

    def _cut_in_hand(self) -> None:
        for envelope in tuple(self.inbox.in_hand):
            envelope.cut(self.cut_reason)

    async def _dismantle(self, grace: float) -> None:
        done = self._done
        if done is None:
            return
        self.inbox.interrupt()
        with trio.move_on_after(grace):
            await done.wait()
        self._scope.cancel()
        await done.wait()
