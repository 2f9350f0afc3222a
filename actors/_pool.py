"""The tasks that run class actors' handlers.

An actor with nothing to do has no task: it is a record with a mailbox. When mail comes it joins the run queue, and a
worker that *dispatches* takes it and runs its handlers. A handler that never suspends costs no task switch at all. One
that suspends keeps its worker as its own task until it ends; its role of dispatcher goes to an idle worker or a new
one, and while more waits, to two: if all of it suspends, a burst of messages begins in a fraction of as many passes of
Trio's loop. So there are as many tasks as handlers suspended at once, and some more.

A Ctrl-C may strike anywhere in here, as in any user code. Each step that moves a message is protected on its own, so a
message is at worst left in hand by nobody; ending its actor accounts for that.

All workers are tasks of one nursery of the runtime. Each has one cancel scope around whatever it runs: that is the
scope that cancels a single message's work. It is replaced only after it was cancelled, or when a handler that had
suspended raised an error, which ends the message outside the scope.
"""

import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from actrio.actors._histogram import FRESH, Timings
from actrio.actors._lifecycle import State
from actrio.mailbox import Envelope
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import workers

if TYPE_CHECKING:
    from actrio.actors._cell import Cell

BUDGET = 1_000  # messages, and
TIME_BUDGET = 0.001  # seconds, that are handled before other tasks of the program run
DISPATCHERS = 8  # at once; with more a burst of turns begins sooner, and keeps other tasks waiting longer
IDLE_WORKERS = 32  # kept for the next suspended handlers; more end themselves

_RUNNING = State.RUNNING
_ENDED = object()


class Pool:
    """The run queue and its workers.

    Invariants: ``dispatching`` is how many workers have the role of dispatcher; while ``ready`` is not empty, one has
    it that is running or rescheduled; a cell is in ``ready`` at most once.
    """

    __slots__ = ("clock", "closed", "dispatching", "idle", "nursery", "ready", "thread", "workers")

    def __init__(self, nursery: trio.Nursery, clock: Callable[[], float]) -> None:
        self.nursery: trio.Nursery = nursery
        self.thread: int = get_ident()
        self.clock: Callable[[], float] = clock
        self.ready: deque[Cell] = deque()
        self.idle: list[Worker] = []  # parked, without the role
        self.dispatching: int = 0
        self.workers: int = 0
        self.closed: bool = False

    def appoint(self) -> None:
        """Give the role of dispatcher to an idle worker or a new one."""
        if self.closed:
            return
        self.dispatching += 1
        if self.idle:
            task = self.idle.pop().task
            assert task is not None
            reschedule(task, WOKEN)
        else:
            self.nursery.start_soon(Worker(self).run, name="actrio worker")

    def close(self) -> None:
        """Start no more workers; the nursery is about to end."""
        self.closed = True
        self.ready.clear()


class Worker:
    """One task of the pool.

    Attributes: ``task``, itself; ``has_role``, whether it is a dispatcher; ``cell`` and ``envelope``, what it runs
    now, None between messages; ``budget`` and ``since``, what is left before it lets other tasks run; ``used_up``,
    whether its scope was cancelled and has to be replaced. ``depth`` is that of Working: it opens no nursery itself.
    """

    depth = 0

    __slots__ = ("budget", "cell", "envelope", "has_role", "pool", "scope", "since", "task", "used_up")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.task: Task | None = None
        self.has_role = True
        self.cell: Cell | None = None
        self.envelope: Envelope[Any] | None = None
        self.scope = trio.CancelScope()
        self.budget = BUDGET
        self.since = 0.0
        self.used_up = False

    async def run(self) -> None:
        """Serve until the runtime ends, or until there are idle workers enough."""
        self.task = current_task()
        workers[self.task] = self
        self.pool.workers += 1
        serving = True
        try:
            while serving and not self._superfluous():
                try:
                    with trio.CancelScope() as self.scope:
                        self.used_up = False
                        serving = await self._serve()
                except Exception as error:  # noqa: BLE001 - told to the asker or the supervisor
                    self._end_message(error)
                else:
                    self._end_message()
        finally:
            if self.cell is not None:
                self.cell.cut_reason = "the runtime was cancelled"
            self._end_message()
            self.pool.workers -= 1
            del workers[self.task]

    def _superfluous(self) -> bool:
        """Whether enough others are idle, and one of them can do what there is to do."""
        pool = self.pool
        return len(pool.idle) >= IDLE_WORKERS and not self.has_role and (pool.dispatching > 0 or not pool.ready)

    def _end_message(self, error: Exception | None = None) -> None:
        """End the message whose handler suspended and then was cancelled or failed, if there is one."""
        envelope, cell = self.envelope, self.cell
        self.envelope = self.cell = None
        if envelope is None or cell is None:
            return
        self._note_time(cell, envelope)
        envelope.scope = None
        if error is None:
            envelope.cut(cell.cut_reason)
        else:
            cell.handler_failed(envelope, error)
        cell.rearm()

    async def _serve(self) -> bool:
        """Dispatch, and rest when there is nothing to do. False: end this worker. True: its scope is used up."""
        pool, ready = self.pool, self.pool.ready
        while not self.used_up:
            if (pool.dispatching and not self.has_role) or not ready:
                if self.has_role:
                    self._give_up_role()
                if self._superfluous():
                    return False
                pool.idle.append(self)
                await wait_task_rescheduled(self._leave_idle)
                self.has_role = True  # it was appointed
                self.budget, self.since = BUDGET, 0.0
            elif not self.has_role:
                self.has_role = True
                pool.dispatching += 1
            if self.budget <= 0:
                await checkpoint()
                self.budget, self.since = BUDGET, 0.0
            elif ready:
                cell = ready.popleft()
                cell.scheduled = False
                rest = self._run_batch(cell)
                if rest is not None:
                    self._let_others_dispatch(cell)
                    self._succeed(cell, await rest)
                self.cell = self.envelope = None
                if not cell.inbox.armed:
                    cell.rearm()
        return True

    def _give_up_role(self) -> None:
        self.has_role = False
        self.pool.dispatching -= 1

    def _leave_idle(self, _: object) -> Abort:
        self.pool.idle.remove(self)
        return Abort.SUCCEEDED

    def _run_batch(self, cell: "Cell") -> Awaitable[Any] | None:  # noqa: C901, PLR0912, PLR0915 - one hot loop
        """Handle messages of one actor until there are none or the budget is spent.

        Or until a handler suspends: that gives the rest of it. This is the hot path: for a handler that does not
        suspend, all that a message costs is in this loop.
        """
        inbox, table, clock, actor = cell.inbox, cell.table, self.pool.clock, cell.actor
        if cell.state is not _RUNNING:
            return None
        variables = cell.variables if inbox.concurrency == 1 else None
        timings = cell.timings
        if timings is None:
            timings = cell.timings = Timings()
        note = timings.fresh.extend
        self.cell = cell
        started = clock()
        if not self.since:
            self.since = started
        latest = self.since + TIME_BUDGET
        rest: Awaitable[Any] | None = None
        left = 0
        for left in range(self.budget - 1, -1, -1):  # noqa: B007 - used when it has ended
            envelope = inbox.take()
            if envelope is None:
                break
            handler = table.get(envelope.message.__class__) or cell.find_handler(envelope)
            if handler is None:
                continue
            self.envelope = envelope
            context = variables
            try:
                if context is not None and type(envelope) is Envelope:
                    work = handler.function(actor, envelope.message)
                    # Nobody wants the value, so the StopIteration that would bring it is spared.
                    trap = context.run(next, work.__await__(), _ENDED)
                else:
                    context = cell.context_of(envelope)
                    if envelope.deadline != inf:
                        self.scope.deadline = envelope.deadline
                    work = handler.function(actor, envelope.message)
                    trap = context.run(work.send, None)
            except StopIteration as stop:
                envelope.succeed(stop.value)
            except Exception as error:  # noqa: BLE001 - told to the asker or the supervisor
                cell.handler_failed(envelope, error)
                if cell.state is not _RUNNING:
                    latest = -inf
            else:
                if trap is not _ENDED:
                    self.since = started
                    rest = _rest_of(work, context, trap)
                    break
                envelope.succeed(None)
            if context is not variables and envelope.deadline != inf and self._scope_is_used_up():
                latest = -inf
            finished = clock()
            note((started - envelope.sent_at, finished - started))  # at once: a Ctrl-C must not part the two
            started = finished
            if finished > latest:
                break
        self.budget = left if started <= latest else 0
        if len(timings.fresh) >= FRESH:
            timings.sort_in()
        return rest

    def _scope_is_used_up(self) -> bool:
        """Take the message's deadline off the scope. True if the scope was cancelled before that."""
        self.scope.deadline = inf
        self.used_up = self.scope.cancel_called
        return self.used_up

    def _let_others_dispatch(self, cell: "Cell") -> None:
        """Become the task of the handler that suspended, until it ends."""
        pool, envelope = self.pool, self.envelope
        assert envelope is not None
        self._give_up_role()
        envelope.scope = self.scope
        if envelope.abandoned:
            self.scope.cancel()
        others = pool.dispatching
        cell.rearm()  # which appoints one, if there was none and there is mail
        waiting = len(pool.ready) and len(pool.ready) + cell.inbox.queued
        wanted = min(others + 2, waiting, DISPATCHERS)
        while pool.dispatching < wanted and not pool.closed:
            pool.appoint()

    def _succeed(self, cell: "Cell", value: object) -> None:
        """The handler that suspended has ended with a value."""
        envelope = self.envelope
        assert envelope is not None
        envelope.scope = None
        envelope.succeed(value)
        self._note_time(cell, envelope)
        self._scope_is_used_up()

    def _note_time(self, cell: "Cell", envelope: Envelope[Any]) -> None:
        """Record how long the handler that suspended took, and begin afresh with the budget."""
        timings = cell.timings
        assert timings is not None, "a message has been taken"
        timings.fresh += (self.since - envelope.sent_at, self.pool.clock() - self.since)
        if len(timings.fresh) >= FRESH:
            timings.sort_in()
        self.budget, self.since = BUDGET, 0.0


@types.coroutine
def _rest_of(work: Coroutine[Any, Any, Any], context: Context, trap: object) -> Generator[Any, Any, Any]:
    """The rest of ``await work`` after its first step, each further step inside ``context``."""
    # Empty while the work runs: a Cancelled in a variable of this frame would make a reference cycle with it. And no
    # `finally`, since each costs a Cancelled that passes a microsecond.
    received: list[Any] = []
    while True:
        step: Callable[[Any], object] = work.send
        try:
            received.append((yield trap))
        except BaseException as error:  # noqa: ASYNC103, BLE001 - handed on, as `yield from` does
            step = work.throw
            received.append(error)
        try:
            trap = context.run(step, received.pop())
        except StopIteration as stop:
            return stop.value


async def run_in(context: Context, work: Coroutine[Any, Any, Any]) -> Any:
    """``await work`` with its own context variables."""
    try:
        trap = context.run(work.send, None)
    except StopIteration as stop:
        return stop.value
    return await _rest_of(work, context, trap)
