"""A function over many inputs, so many at once: `batch` and `open_batch`."""

import os
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, Generic, Self, TypeVar, Unpack

import trio

from actrio.agents.batch._file import BatchFile, KnownInput
from actrio.agents.batch._form import Form, PlainForm, TypedForm
from actrio.agents.batch._outcome import BatchStopped, Cancelled, Done, Failed, ItemTimedOut, Outcome
from actrio.agents.batch._settings import BatchOptions, BatchSettings, Progress
from actrio.agents.batch._source import Item, Source
from actrio.mailbox._nursery import open_nursery

InputT = TypeVar("InputT")
ValueT = TypeVar("ValueT")

_BIG_FILE = 2**20  # bytes; a file over this is read in a thread


class Batch(AsyncIterator[Outcome[ValueT]], Generic[InputT, ValueT]):
    """A batch at work: ``async for outcome in batch`` gives outcomes as inputs end. Made by `open_batch`.

    At most ``max_concurrency`` inputs are at work, and as many outcomes wait to be read; then the batch waits for its
    reader. So memory is bounded whatever the number of inputs. Several tasks may read: each outcome goes to one of
    them. A cancelled wait loses none. The iteration ends when all inputs have ended, and may be begun again if more
    were added by then.

    Raises, from the iteration, after all outcomes there are: what the iterable of inputs raised, or the writing of the
    file.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        function: Callable[[InputT], Awaitable[ValueT]],
        source: Source[InputT],
        settings: BatchSettings,
        form: Form[ValueT],
        file: BatchFile | None,
    ) -> None:
        self._nursery = nursery
        self._function = function
        self._source = source
        self._settings = settings
        self._most: int = settings.max_concurrency
        self._form = form
        self._file = file
        self._began = trio.current_time()
        self._workers = 0  # tasks
        self._starting = 0  # of those, the ones that have taken nothing yet
        self._running = 0
        self._earlier = 0  # outcomes from the file
        self._in_hand = 0  # inputs that were taken, and whose outcome is not ready; >= _running
        self._ended: Counter[type] = Counter()  # {kind of outcome: how many}
        self._ready: deque[Outcome[ValueT]] = deque()  # at most _most
        self._scopes: set[trio.CancelScope] = set()  # around those at work
        self._feeding = trio.CancelScope()
        self._error: Exception | None = None
        self._stopped = False
        self._readers = trio.lowlevel.ParkingLot()
        self._full = trio.lowlevel.ParkingLot()

    def add(self, value: InputT, *, priority: float | None = None) -> int:
        """Give it one more input, and get the input's index. Not a checkpoint.

        ``priority`` is in place of what the batch's own function says of it.

        Raises:
            BatchFull: 10,000 inputs wait.
            BatchStopped: it was stopped.
        """
        if self._stopped:
            raise BatchStopped
        index = self._source.add(value, priority)
        self._staff()
        return index

    def stop(self) -> None:
        """Cancel what is at work and begin no more; their outcomes are `Cancelled`. Not a checkpoint."""
        self._stopped = True
        self._source.stop()
        self._feeding.cancel()
        for scope in self._scopes:
            scope.cancel()
        self._tell_end()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write from now on how each input ended to a file, for ``resume=path`` later.

        To be called before the first has ended: what has is not kept. Not a checkpoint.

        Raises:
            RuntimeError: it is too late, or there is a file already.
            FileExistsError: ``path`` holds something. ``resume=path`` goes on with it.
        """
        if self._file is not None:
            raise RuntimeError(f"the batch is written to {self._file.path} already")
        if self._ended:
            raise RuntimeError("inputs have ended that the file would lack. Call save() first in the block")
        if os.path.exists(path) and os.path.getsize(path):  # noqa: PTH110, PTH202 - of any path
            raise FileExistsError(f"{os.fspath(path)} is not empty. To go on with it, open the batch with resume=")
        self._file = BatchFile(path, self._form)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        done, failed, cancelled = (self._ended[kind] for kind in (Done, Failed, Cancelled))
        ended = done + failed + cancelled
        total = self._source.total
        pending = len(self._source) if total is None else total - ended - self._running
        seconds = trio.current_time() - self._began
        rate = (ended - self._earlier) / seconds if seconds > 0 else 0.0
        return Progress(
            pending=pending,
            running=self._running,
            done=done,
            failed=failed,
            cancelled=cancelled,
            total=total,
            rate=rate,
            remaining_s=(pending + self._running) / rate if rate and total is not None else None,
        )

    @property
    def read(self) -> int:
        """How many inputs were read so far."""
        return self._source.read

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, by `stop` or by a failure."""
        return self._stopped

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[ValueT]:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._ready:
            if self._over:
                await trio.lowlevel.cancel_shielded_checkpoint()
                error = self._error or self._source.error
                self._error = self._source.error = None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            await self._readers.park()
        self._full.unpark()
        return self._ready.popleft()

    def __repr__(self) -> str:
        return f"<Batch {'stopped, ' if self._stopped else ''}{self.progress}>"

    # Inside

    def begin(self) -> None:
        """Start the tasks."""
        self._nursery.start_soon(self._feed)
        self._staff()

    def take_no_more(self) -> None:
        """Refuse further inputs."""
        self._stopped = True

    def close(self) -> None:
        """Close the file. For when no task is left."""
        self._stopped = True
        if self._file is not None:
            self._file.close()

    @property
    def _over(self) -> bool:
        return self._source.ended and not self._source and not self._in_hand

    def _tell_end(self) -> None:
        if self._over:
            self._readers.unpark_all()

    async def _feed(self) -> None:
        with self._feeding:
            await self._source.feed(self._staff)
        self._tell_end()

    def _staff(self) -> None:
        """Start as many tasks as there is work for. Each goes on until there is none."""
        self._source.refill()
        while self._workers < self._most and self._starting < len(self._source):
            self._workers += 1
            self._starting += 1
            self._nursery.start_soon(self._work)

    async def _work(self) -> None:
        self._starting -= 1
        while (item := self._source.take()) is not None:
            self._in_hand += 1
            self._staff()
            outcome = await self._outcome(item)
            while len(self._ready) >= self._most:
                await self._full.park()
            self._ready.append(outcome)
            self._in_hand -= 1
            self._readers.unpark()
        self._workers -= 1
        self._tell_end()

    async def _outcome(self, item: Item[InputT]) -> Outcome[ValueT]:
        """How an input ends, counted and written."""
        if self._stopped:
            return self._count(Cancelled(index=item.index, input=item.value))
        known: KnownInput | None = None
        try:
            if self._file is not None:
                known = KnownInput(item.value)  # before the function, which may change it
                earlier = self._file.find(known, item.index)
                if earlier is not None:
                    self._earlier += 1
                    return self._count(earlier)
        except Exception as error:  # noqa: BLE001 - the reader gets it
            self._fail(error)
            return self._count(Cancelled(index=item.index, input=item.value))
        self._running += 1
        try:
            outcome = await self._run(item)
        finally:
            self._running -= 1
        if self._file is not None and not isinstance(outcome, Cancelled):
            try:
                self._file.append(outcome, known or KnownInput(item.value))
            except Exception as error:  # noqa: BLE001 - the reader gets it
                self._fail(error)
        if isinstance(outcome, Failed) and self._settings.on_error == "stop":
            self.stop()
        return self._count(outcome)

    async def _run(self, item: Item[InputT]) -> Outcome[ValueT]:
        index, timeout = item.index, self._settings.timeout
        scope = trio.CancelScope()
        if timeout is not None:
            scope.deadline = trio.current_time() + timeout
        self._scopes.add(scope)
        try:
            with scope:
                return Done(await _begun(self._function, item.value), index=index, input=item.value)
        except Exception as error:  # noqa: BLE001 - it is the input's outcome
            return Failed(error, index=index, input=item.value)
        finally:
            self._scopes.discard(scope)
        if timeout is None or self._stopped:
            return Cancelled(index=index, input=item.value)
        return Failed(ItemTimedOut(index, timeout), index=index, input=item.value)

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.stop()

    def _count(self, outcome: Outcome[ValueT]) -> Outcome[ValueT]:
        self._ended[type(outcome)] += 1
        return outcome


async def _open_file(settings: BatchSettings, form: Form[Any]) -> BatchFile:
    path = os.fspath(settings.resume or "")

    def opened() -> BatchFile:
        return BatchFile(path, form, retry_failed=settings.retry_failed)

    await trio.lowlevel.checkpoint()
    small = not os.path.exists(path) or os.path.getsize(path) < _BIG_FILE  # noqa: ASYNC240, PTH110, PTH202 - one look
    return opened() if small else await trio.to_thread.run_sync(opened)


@asynccontextmanager
async def open_batch_of(
    function: Callable[[InputT], Awaitable[ValueT]],
    inputs: Iterable[InputT] | AsyncIterable[InputT],
    form: Form[ValueT],
    options: BatchOptions,
) -> AsyncGenerator[Batch[InputT, ValueT]]:
    """As `open_batch`, with values in a given form."""
    if not callable(function):
        raise TypeError(
            f"a batch has an async function, not {function!r:.80}. An agent that was spawned: ref.batch(inputs)"
        )
    settings = BatchSettings(**options)
    source = Source(inputs, settings.priority)
    file = None if settings.resume is None else await _open_file(settings, form)
    running: Batch[InputT, ValueT] | None = None
    try:
        async with open_nursery() as nursery:
            running = Batch(nursery, function, source, settings, form, file)
            running.begin()
            yield running
            running.take_no_more()
            nursery.cancel_scope.cancel()
    finally:
        if running is not None:
            running.close()


async def batch_of(
    function: Callable[[InputT], Awaitable[ValueT]],
    inputs: Iterable[InputT] | AsyncIterable[InputT],
    form: Form[ValueT],
    options: BatchOptions,
) -> list[Outcome[ValueT]]:
    """As `batch`, with values in a given form."""
    async with open_batch_of(function, inputs, form, options) as running:
        outcomes = [outcome async for outcome in running]
    if running.stopped and isinstance(inputs, Sequence):
        rest: Sequence[Any] = inputs  # those that were not read
        outcomes += [Cancelled(index=at, input=rest[at]) for at in range(running.read, len(rest))]
    return sorted(outcomes, key=lambda outcome: outcome.index)


@asynccontextmanager
async def open_batch(
    function: Callable[[InputT], Awaitable[ValueT]],
    inputs: Iterable[InputT] | AsyncIterable[InputT] = (),
    *,
    value_type: type[ValueT] | None = None,
    **options: Unpack[BatchOptions],
) -> AsyncGenerator[Batch[InputT, ValueT]]:
    """Have a function work on many inputs, and read how they end as they do: ``async with ... as batch``.

    Inputs are read only as far as there is work for. Leaving the block cancels what is still at work, and leaves when
    that has ended; so does cancelling the caller. An error out of the block comes as it is, in no group.

    Args:
        function: Called with each input, so many at once.
        inputs: An iterable, or an async iterable, of any length.
        value_type: What the function gives, for reading values back from a file. Unless given they come back from there
            as plain data: dicts, lists, texts and numbers.
        options: See `BatchSettings`.

    Raises:
        InvalidBound: an option that cannot be.
        BatchFileInUse, BrokenBatchFile, OSError: the file to resume.
    """
    async with open_batch_of(function, inputs, _form_of(value_type), options) as running:
        yield running


async def batch(
    function: Callable[[InputT], Awaitable[ValueT]],
    inputs: Iterable[InputT] | AsyncIterable[InputT],
    *,
    value_type: type[ValueT] | None = None,
    **options: Unpack[BatchOptions],
) -> list[Outcome[ValueT]]:
    """Have a function work on many inputs, and give their outcomes in the order of the inputs.

    What a function raises is an outcome, ``Failed``, and is not raised here. With ``on_error="stop"`` the outcome of
    what was not done is ``Cancelled``: for all inputs of a sequence, for those that were read of anything else. When
    this is cancelled, what is at work is, and with ``resume=path`` what was done is in the file.

    Args and Raises: as `open_batch`; what the iterable raised.
    """
    return await batch_of(function, inputs, _form_of(value_type), options)


def _begun(function: Callable[[InputT], Awaitable[ValueT]], value: InputT) -> Awaitable[ValueT]:
    """What the function gives to await. Raises: TypeError: that is nothing to await."""
    awaited = function(value)
    _check_awaitable(function, awaited)
    return awaited


def _check_awaitable(function: object, given: object) -> None:
    if not isawaitable(given):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"{name}() gave {type(given).__name__}, which cannot be awaited. Make it `async def`")


def _form_of(value_type: type[Any] | None) -> Form[Any]:
    return PlainForm() if value_type is None else TypedForm(value_type)
