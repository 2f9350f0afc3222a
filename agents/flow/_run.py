"""One run of a flow: what its handlers and its outside do with it."""

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import trio

from actrio.agents.flow._errors import FlowInterrupted, FlowNeverSettles, FlowSealed, InvalidFlow, NotWaiting
from actrio.agents.flow._items import Items
from actrio.agents.flow._pauses import Pauses
from actrio.agents.flow._reaction import (
    TRAIL,
    Emission,
    Emitted,
    Paused,
    Put,
    Reaction,
    current_reaction,
    loop_of,
    park,
    unpark,
)
from actrio.agents.flow._saved import read, read_reaction, register, tag_of, write_run
from actrio.agents.flow._slots import Slots
from actrio.agents.flow._snapshot import FlowSnapshot
from actrio.agents.flow._state import State
from actrio.agents.flow._trigger import Join
from actrio.mailbox import Broadcast, SubscriberPolicy, Subscription

if TYPE_CHECKING:
    from actrio.agents.flow._flow import Flow

AnswerT = TypeVar("AnswerT")

Life = Literal["open", "sealed", "closed"]


class FlowRun:
    """One run of a flow. Handlers are given it, and ``async with flow.open(input) as run`` gives it to the outside.

    Every reaction, a call of a handler, is a task of the run's own nursery, so none outlives the run. An error out of
    a handler ends the run: other handlers are cancelled, the stream ends with the error, and so does who waits.

    Attributes:
        state: Values that all handlers share.
    """

    def __init__(self, flow: "Flow", nursery: trio.Nursery) -> None:
        self._flow = flow
        self._nursery = nursery
        self._life: Life = "open"
        self.state: State = State()
        self._signals = 0
        self._joins = {name: Join(handler.trigger) for name, handler in flow.handlers.items()}
        self._slots = {
            name: Slots(handler.concurrency)
            for name, handler in flow.handlers.items()
            if handler.concurrency is not None
        }
        self._reactions: dict[Reaction, None] = {}  # that have not ended, in the order they began
        self._busy = 0  # of those, the ones that do not wait in the flow
        self._emissions: dict[int, Emission] = {}  # {number: one whose reactions have not all ended}
        self._pauses = Pauses()
        self._items: Broadcast[Any] = Broadcast(f"items of flow {flow.name}", keep=flow.keep)
        self._readers: set[Items] = set()  # that are open
        self._changed = trio.lowlevel.ParkingLot()  # woken when the run settles or ends, or an item is there
        self.errors: list[Exception] = []  # of handlers

    # Signals

    @property
    def name(self) -> str:
        """Of the flow."""
        return self._flow.name

    @property
    def life(self) -> Life:
        """Whether it takes signals from outside (open), only from its own handlers (sealed), or none (closed)."""
        return self._life

    async def emit(self, signal: object) -> None:
        """Emit a signal, and wait until the handlers that it sets off have returned. Always a checkpoint.

        In a handler, others may have its place among its ``concurrency`` meanwhile, so handlers that emit to each
        other cannot lock each other out. Cancelling the wait leaves the reactions as they are: they are the run's.

        Raises:
            FlowSealed: it comes from outside, and the run is not open.
            FlowNeverSettles: the run has had as many signals as it may.
            Exception: the error of a handler that ended the run.
        """
        await trio.lowlevel.checkpoint()
        reaction = self._inside()
        done = reaction.replay_emit() if reaction is not None else None
        emission = self._emissions.get(done.number) if done is not None else self._emit(signal, reaction)
        if emission is not None and emission.left:
            await self._wait(reaction, emission.done, emission.parked)
        if emission is not None and emission.error is not None:
            raise emission.error

    def emit_nowait(self, signal: object) -> None:
        """Emit a signal, and do not wait for what it sets off. Not a checkpoint. Raises: as :meth:`emit`."""
        reaction = self._inside()
        if reaction is None or reaction.replay_emit() is None:
            self._emit(signal, reaction)

    def seal(self) -> None:
        """Take no more signals from outside; answers still are. Not a checkpoint, and harmless if it is sealed."""
        if self._life == "open":
            self._life = "sealed"

    async def settled(self) -> None:
        """Wait until nothing can happen any more without the outside: no handler is at work, but some may pause."""
        await trio.lowlevel.checkpoint()
        while self._busy and self._life != "closed":
            await self._changed.park()

    # The stream

    async def put(self, item: object) -> None:
        """Put an item into the run's stream, for all who read it. Waits only for one who is too far behind."""
        reaction = self._inside()
        if reaction is not None and reaction.replay_put():
            await trio.lowlevel.checkpoint()
            return
        await self._items.send(item)
        if reaction is not None:
            reaction.note(Put())
        self._changed.unpark_all()

    def items(self) -> Items:
        """What handlers put, from the oldest kept on: ``async for item in run.items()``.

        Ends when all is read and the run has settled or ended, so who opened the run can read it to its end; raises the
        error that ended the run. May be iterated again after more was emitted: it goes on where it was.

        Who stops before the end has to close it, ``with run.items() as items:``. One that is left open and is not read
        holds up `put`, once as many items as the flow keeps are unread, and with it the handlers and the run.
        """
        items = Items(self, self._items.subscribe("wait"), self._drop_reader)
        self._readers.add(items)
        return items

    def subscribe(self, policy: SubscriberPolicy = "lag") -> Subscription[Any]:
        """The stream until the run has ended, for others than who opened it; see `Broadcast.subscribe`."""
        return self._items.subscribe(policy)

    # Waiting for the outside

    async def pause_for(self, answer_type: type[AnswerT], *, key: str = "") -> AnswerT:
        """In a handler: wait until somebody gives an answer: ``run.resume(answer, key=...)``.

        Any number may wait; of those that wait for the same, the first gets the first answer. A run can be saved
        meanwhile, and the handler goes on in another process when it is answered there: it is begun again, and what it
        had emitted and put before is not emitted and put twice.

        Raises: RuntimeError: not from the handler's own task.
        """
        await trio.lowlevel.checkpoint()
        reaction = self._inside()
        if reaction is None or trio.lowlevel.current_task() is not reaction.task:
            raise RuntimeError("pause_for() is for the task of a handler; outside a run, wait for what you like")
        register(self._flow.codec, answer_type)
        paused: Paused | None = reaction.replay_pause()
        if paused is None:
            paused = Paused(tag_of(self._flow.codec, answer_type), key)
            reaction.note(paused)
            self._pauses.add(paused)
        if paused.status == "left":
            await trio.sleep_forever()  # until it is given up again, as it was before it was saved
        if paused.status == "waiting":
            try:
                await self._wait(reaction, paused.event, paused)
            finally:
                if paused.status == "waiting":
                    paused.status = "left"
                    self._pauses.remove(paused)
        if paused.raw:
            paused.answer, paused.raw = read(self._flow.codec, paused.answer), False
        answer: AnswerT = paused.answer
        return answer

    def resume(self, answer: object, *, key: str = "") -> None:
        """Give a handler the answer it waits for. Not a checkpoint; also when the run is sealed.

        Raises: NotWaiting: none waits for an answer of that type under that key.
        """
        kind = tag_of(self._flow.codec, type(answer))
        paused = self._pauses.take(kind, key)
        if paused is None:
            raise NotWaiting(self.name, kind, key, self.waiting)
        paused.answer, paused.status, paused.raw = answer, "answered", False
        parked = [] if paused.parked is None else [paused.parked]
        paused.parked = None
        self._wake(paused.event, parked)

    @property
    def waiting(self) -> tuple[tuple[str, str], ...]:
        """What handlers wait for: (name of the answer's type, key)."""
        return self._pauses.names

    # Saving

    def save(self) -> dict[str, Any]:
        """The run as plain data, for ``flow.restore(data)`` in this process or another. Not a checkpoint.

        It has the state, the signals that wait for others, and the handlers that have not returned, each with what it
        did so far. A handler that waits for an answer goes on from there; one that is at work is begun again, and does
        again what it did since it last emitted, put or paused.

        Raises:
            MessageTypeError, CodecError: a signal, an answer or the state has no plain form.
        """
        codec = self._flow.codec
        joins = {name: join.waiting for name, join in self._joins.items()}
        return write_run(codec, self.name, dict(self.state), self._signals, self._reactions, joins)

    def snapshot(self) -> FlowSnapshot:
        """What there is of it now. Raises: as :meth:`save`, while handlers have not returned."""
        saved = self.save() if self._reactions else None
        return FlowSnapshot(self.name, bool(self._reactions), dict(self.state), self._signals, self.waiting, saved)

    def __repr__(self) -> str:
        return (
            f"<FlowRun of {self.name!r}, {self._life}: {self._signals} signals, {self._busy} handlers at work, "
            f"{len(self._reactions) - self._busy} waiting>"
        )

    # For the flow

    @property
    def busy(self) -> bool:
        """Whether a handler is at work."""
        return bool(self._busy)

    async def changed(self) -> None:
        """Wait until an item is there, or the run settles or ends."""
        await self._changed.park()

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on with what was saved."""
        codec, handlers = self._flow.codec, self._flow.handlers
        self.state.load(saved["state"])
        self._signals = saved["signals"]
        for name, signals in saved["joins"].items():
            for signal in signals:
                self._joins[name].take(read(codec, signal))
            if len(self._joins[name].waiting) != len(signals):
                raise InvalidFlow(self.name, f"the snapshot has signals for {name!r} that it does not wait for")
        for one in saved["reactions"]:
            number = one["emission"]
            emission = self._emissions.setdefault(number, Emission(number))
            reaction = read_reaction(codec, one, self, handlers[one["handler"]], emission)
            for paused in reaction.waiting:
                self._pauses.add(paused)
            self._begin(reaction)

    def close_readers(self) -> None:
        """Let go those who put, where `items` was not read to its end."""
        for reader in tuple(self._readers):
            reader.close()

    def end(self, error: Exception | None) -> None:
        """It is over: the stream ends, and so does every wait in it."""
        self._life = "closed"
        self.close_readers()
        if error is None:
            self._items.close()
        else:
            self._items.fail(error)
        self._release(error or FlowInterrupted(self.name))
        self._changed.unpark_all()

    # Inside

    def _inside(self) -> Reaction | None:
        reaction = current_reaction.get()
        return reaction if reaction is not None and reaction.run is self else None

    def _drop_reader(self, reader: Items) -> None:
        self._readers.discard(reader)
        self._changed.unpark_all()  # it may wait for more

    def _emit(self, signal: object, reaction: Reaction | None) -> Emission:
        if self._life == "closed" or (reaction is None and self._life == "sealed"):
            raise FlowSealed(self.name, self._life)
        trail = () if reaction is None else reaction.trail
        if self._signals >= self._flow.max_signals:
            raise FlowNeverSettles(self.name, self._flow.max_signals, loop_of(trail))
        self._signals += 1
        emission = Emission(self._signals)
        if reaction is not None:
            reaction.note(Emitted(emission.number))
        for handler in self._flow.handlers.values():
            signals = self._joins[handler.name].take(signal)
            if signals is not None:
                self._begin(Reaction(self, handler, signals, emission, (*trail, handler.name)[-TRAIL:]))
        if emission.left:
            self._emissions[emission.number] = emission
        return emission

    def _begin(self, reaction: Reaction) -> None:
        reaction.emission.left += 1
        self._reactions[reaction] = None
        self._busy += 1
        slots = self._slots.get(reaction.handler.name)
        if slots is None:
            self._start(reaction)
        else:
            reaction.holding = True  # from when it starts
            slots.request(partial(self._start, reaction))

    def _start(self, reaction: Reaction) -> None:
        self._nursery.start_soon(self._react, reaction, name=f"{self.name}: {reaction.handler.name}")

    async def _react(self, reaction: Reaction) -> None:
        handler = reaction.handler
        current_reaction.set(reaction)
        reaction.task = trio.lowlevel.current_task()
        try:
            try:
                result = await handler.function(handler.trigger.payload(reaction.signals), self)
            finally:
                self._leave_slot(reaction)
            if result is not None:
                self._emit(result, reaction)
        except Exception as error:  # noqa: BLE001 - it ends the run, and all who wait get it
            self._fail(error)
            return
        self._ended(reaction)

    def _ended(self, reaction: Reaction) -> None:
        del self._reactions[reaction]
        emission = reaction.emission
        emission.left -= 1
        if not emission.left:
            self._emissions.pop(emission.number, None)
            self._wake(emission.done, emission.parked)
        self._settle()

    def _fail(self, error: Exception) -> None:
        if self.errors and (isinstance(error, FlowSealed) or any(error is one for one in self.errors)):
            return  # it only follows from the one before
        self.errors.append(error)
        self._life = "closed"
        self._release(error)  # first, so that who waits gets the error, and not only its cancellation
        self._items.fail(error)
        self._changed.unpark_all()
        self._nursery.cancel_scope.cancel()

    def _release(self, error: Exception) -> None:
        for emission in self._emissions.values():
            emission.error = emission.error or error
            self._wake(emission.done, emission.parked)

    # Invariant: _busy counts the reactions but for those whose own task is in _wait and was not woken.

    async def _wait(self, reaction: Reaction | None, event: trio.Event, place: "list[Reaction] | Paused") -> None:
        """Wait for an event of the flow, without a slot."""
        if reaction is None:
            await event.wait()
            return
        own = trio.lowlevel.current_task() is reaction.task
        self._leave_slot(reaction)
        reaction.waits += 1
        if own:
            park(place, reaction)
            self._settle()
        try:
            await event.wait()
        finally:
            reaction.waits -= 1
            if own and unpark(place, reaction):
                self._busy += 1
        await self._take_slot(reaction)

    def _wake(self, event: trio.Event, parked: list[Reaction]) -> None:
        """Set an event; those whose own tasks wait for it are at work from now on, before they run."""
        for _ in parked:
            self._busy += 1
        parked.clear()
        event.set()

    def _settle(self) -> None:
        """One reaction less is at work."""
        self._busy -= 1
        if not self._busy:
            self._changed.unpark_all()

    async def _take_slot(self, reaction: Reaction) -> None:
        slots = self._slots.get(reaction.handler.name)
        if slots is not None and not reaction.waits and not reaction.holding:
            await slots.take()
            reaction.holding = True

    def _leave_slot(self, reaction: Reaction) -> None:
        if reaction.holding:
            reaction.holding = False
            self._slots[reaction.handler.name].leave()
