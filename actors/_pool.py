"""The tasks that run class actors' handlers.

An actor with nothing to do has no task: it is a record with a mailbox. When mail comes it joins the run queue, and the
one worker that *dispatches* takes it and runs its handlers. A handler that never suspends costs no task switch at all.
One that suspends keeps its worker as its own task until it ends; the role of dispatcher goes to an idle worker or a new
one. So there are as many tasks as handlers suspended at once, and one more.

A Ctrl-C may strike anywhere in here, as in any user code. Each step that moves a message is protected on its own, so a
message is at worst left in hand by nobody; ending its actor accounts for that.

All workers are tasks of one nursery of the runtime. Each has one cancel scope around whatever it runs, replaced only
after it was cancelled: that is the scope that cancels a single message's work.
"""

import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Any

import trio

from actrio.actors._lifecycle import State
from actrio.mailbox import Envelope
from actrio.mailbox._working import workers

if TYPE_CHECKING:
    from actrio.actors._cell import Cell

BUDGET = 1_000  # messages, and
TIME_BUDGET = 0.001  # seconds, that are handled before other tasks of the program run
IDLE_WORKERS = 32  # kept for the next suspended handlers; more end themselves

_RUNNING = State.RUNNING


class Pool:
    """The run queue and its workers.

    Invariants: at most one worker has the role of dispatcher, and ``dispatching`` says whether one has; while ``ready``
    is not empty, one has it, and it is running or rescheduled; a cell is in ``ready`` at most once.
    """

    __slots__ = ("clock", "closed", "dispatching", "idle", "nursery", "ready", "workers")

    def __init__(self, nursery: trio.Nursery, clock: Callable[[], float]) -> None:
        self.nursery: trio.Nursery = nursery
        self.clock: Callable[[], float] = clock
        self.ready: deque[Cell] = deque()
        self.idle: list[Worker] = []  # parked, without the role
        self.dispatching: bool = False
        self.workers: int = 0
        self.closed: bool = False

    def appoint(self) -> None:
        """Give the role of dispatcher, which nobody has, to an idle worker or a new one."""
        if self.closed:
            return
        self.dispatching = True
        if self.idle:
            task = self.idle.pop().task
            assert task is not None
            trio.lowlevel.reschedule(task)
        else:
            self.nursery.start_soon(Worker(self).run, name="actrio worker")

    def close(self) -> None:
        """Start no more workers; the nursery is about to end."""
        self.closed = True
        self.ready.clear()


class Worker:
    """One task of the pool.

    Attributes: ``task``, itself; ``has_role``, whether it is the dispatcher; ``cell`` and ``envelope``, what it runs
    now, None between messages; ``budget`` and ``since``, what is left before it lets other tasks run; ``used_up``,
    whether its scope was cancelled and has to be replaced. ``depth`` is that of Working: it opens no nursery itself.
    """

    depth = 0

    __slots__ = ("budget", "cell", "envelope", "has_role", "pool", "scope", "since", "task", "used_up")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.task: trio.lowlevel.Task | None = None
        self.has_role = True
        self.cell: Cell | None = None
        self.envelope: Envelope[Any] | None = None
        self.scope = trio.CancelScope()
        self.budget = BUDGET
        self.since = 0.0
        self.used_up = False

    async def run(self) -> None:
        """Serve until the runtime ends, or until there are idle workers enough."""
        self.task = trio.lowlevel.current_task()
        workers[self.task] = self
        self.pool.workers += 1
        serving = True
        try:
            while serving and not self._superfluous():
                try:
                    with trio.CancelScope() as self.scope:
                        self.used_up = False
                        serving = await self._serve()
                except Exception as error:  # noqa: BLE001 - told to the actor's supervisor
                    # What the scope left of a group that also held its Cancelled.
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
        return not self.has_role and len(pool.idle) >= IDLE_WORKERS and (pool.dispatching or not pool.ready)

    def _end_message(self, error: Exception | None = None) -> None:
        """End the message whose work was cancelled, if there is one."""
        envelope, cell = self.envelope, self.cell
        self.envelope = self.cell = None
        if envelope is None or cell is None:
            return
        envelope.scope = None
        if error is None:
            envelope.cut(cell.cut_reason)
        else:
            cell.handler_failed(envelope, error)
        cell.rearm()

    async def _serve(self) -> bool:
        """Dispatch, and rest when there is nothing to do. False: end this worker. True: its scope is used up."""
        pool = self.pool
        while not self.used_up:
            if not self.has_role and not pool.dispatching:
                self.has_role = pool.dispatching = True
            if not self.has_role or not pool.ready:
                if self.has_role:
                    self.has_role = pool.dispatching = False
                if self._superfluous():
                    return False
                pool.idle.append(self)
                await trio.lowlevel.wait_task_rescheduled(self._leave_idle)
                self.has_role = True
                self.budget, self.since = BUDGET, 0.0
            elif self.budget <= 0:
                await trio.lowlevel.checkpoint()
                self.budget, self.since = BUDGET, 0.0
            else:
                cell = pool.ready.popleft()
                cell.scheduled = False
                suspended = self._run_batch(cell)
                if suspended is not None:
                    await self._run_suspended(cell, suspended)
                self.cell = self.envelope = None
                if not cell.inbox.armed:
                    cell.rearm()
        return True

    def _leave_idle(self, _: object) -> trio.lowlevel.Abort:
        self.pool.idle.remove(self)
        return trio.lowlevel.Abort.SUCCEEDED

    def _run_batch(self, cell: "Cell") -> Awaitable[Any] | None:  # noqa: C901, PLR0912, PLR0915 - one hot loop
        """Handle messages of one actor until there are none or the budget is spent.

        Or until a handler suspends: that gives the rest of it. This is the hot path: for a handler that does not
        suspend, all that a message costs is in this loop.
        """
        inbox, table, clock, actor = cell.inbox, cell.table, self.pool.clock, cell.actor
        if cell.state is not _RUNNING:
            return None
        variables = cell.variables if inbox.concurrency == 1 else None
        waits: list[float] = []
        times: list[float] = []
        self.cell = cell
        started = clock()
        if not self.since:
            self.since = started
        latest = self.since + TIME_BUDGET
        rest: Awaitable[Any] | None = None
        for _ in range(self.budget):
            envelope = inbox.take()
            if envelope is None:
                break
            handler = table.get(envelope.message.__class__) or cell.find_handler(envelope)
            if handler is None:
                continue
            self.envelope = envelope
            waits.append(started - envelope.sent_at)
            context = variables
            try:
                if context is None or type(envelope) is not Envelope:
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
                self.since = started
                rest = _rest_of(work, context, trap)
                break
            if context is not variables and envelope.deadline != inf and self._scope_is_used_up():
                latest = -inf
            finished = clock()
            times.append(finished - started)
            started = finished
            if finished > latest:
                self.budget = 0
                break
        self.budget -= len(times)
        if len(waits) == 1:
            cell.queueing.record(waits[0])
            if times:
                cell.handling.record(times[0])
        elif waits:
            cell.queueing.record_all(waits)
            cell.handling.record_all(times)
        return rest

    def _scope_is_used_up(self) -> bool:
        """Take the message's deadline off the scope. True if the scope was cancelled before that."""
        self.scope.deadline = inf
        self.used_up = self.scope.cancel_called
        return self.used_up

    async def _run_suspended(self, cell: "Cell", rest: Awaitable[Any]) -> None:
        """Be the task of a handler that suspended, until it ends; somebody else dispatches meanwhile."""
        pool, envelope, started = self.pool, self.envelope, self.since
        assert envelope is not None
        self.has_role = pool.dispatching = False
        envelope.scope = self.scope
        if envelope.abandoned:
            self.scope.cancel()
        cell.rearm()
        if pool.ready and not pool.dispatching:
            pool.appoint()
        try:
            value = await rest
        except Exception as error:  # noqa: BLE001 - told to the asker or the supervisor
            envelope.scope = None
            cell.handler_failed(envelope, error)
        else:
            envelope.scope = None
            envelope.succeed(value)
        finally:
            cell.handling.record(pool.clock() - started)
            self.budget, self.since = BUDGET, 0.0
        self._scope_is_used_up()


@types.coroutine
def _rest_of(work: Coroutine[Any, Any, Any], context: Context, trap: object) -> Generator[Any, Any, Any]:
    """The rest of ``await work`` after its first step, each further step inside ``context``."""
    while True:
        step: Callable[[Any], object] = work.send
        try:
            argument = yield trap
        except BaseException as error:  # noqa: ASYNC103, BLE001 - handed on, as `yield from` does
            step, argument = work.throw, error
        try:
            trap = context.run(step, argument)
        except StopIteration as stop:
            return stop.value
        finally:
            del step, argument  # else a Cancelled that passes through here makes a reference cycle with this frame


async def run_in(context: Context, work: Coroutine[Any, Any, Any]) -> Any:
    """``await work`` with its own context variables."""
    try:
        trap = context.run(work.send, None)
    except StopIteration as stop:
        return stop.value
    return await _rest_of(work, context, trap)
