"""Opening a runtime, and seeing it to its end."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from actrio.actors._current import opened
from actrio.actors._runtime import Runtime
from actrio.actors._supervision import DEFAULT_INTENSITY, DEFAULT_PERIOD, RestartPolicy
from actrio.mailbox._errors import check_in_trio


@asynccontextmanager
async def open_runtime(
    *, intensity: int = DEFAULT_INTENSITY, period: float = DEFAULT_PERIOD, seed: int | None = None
) -> AsyncGenerator[Runtime]:
    """A runtime for the length of an ``async with`` block.

    When the block is left, all actors are stopped, in reverse order of their start: what is in hand gets its grace,
    ``stopped`` hooks run, queued messages become dead letters. After that no task, socket or stream of the runtime is
    left. If the block is left by an exception or by cancellation, or an error inside the runtime has no other taker,
    handlers are cancelled at once and the hooks still run, shielded, each bounded by its actor's grace.

    Args:
        intensity: The most restarts of what ``spawn`` starts, in any ``period``; then its error leaves the block.
        period: In seconds.
        seed: Makes the runtime's own randomness, the jitter of restarts, repeatable.

    Raises:
        NotInTrio: this is asyncio, or no event loop at all.
        ExceptionGroup: the errors that no asker, watcher or supervisor took. An exception out of the block itself comes
            out as it is when it is the only one; KeyboardInterrupt and SystemExit come in a group, as from any nursery.
    """
    check_in_trio("open_runtime() was called")
    policy = RestartPolicy(intensity=intensity, period=period)
    policy.check("runtime")
    thrown: Exception | None = None
    outer = opened.get()
    try:
        async with trio.open_nursery() as nursery:
            runtime = Runtime(nursery, policy, seed)
            opened.set(runtime)
            await runtime.start()
            try:
                yield runtime
            except Exception as error:  # noqa: BLE001 - raised again when the nursery is done
                thrown = error
                nursery.cancel_scope.cancel()
            except BaseException:
                # Cancelled belongs to a scope, and Ctrl-C to everybody: both leave through the nursery.
                nursery.cancel_scope.cancel()
                raise
            finally:
                at_once = nursery.cancel_scope.cancel_called
                with trio.CancelScope(shield=True):  # bounded: every step of it has a grace of its own
                    try:
                        await runtime.shut_down(at_once=at_once)
                    except BaseException:  # a Ctrl-C in the midst of it: the rest ends at once, and the hooks run
                        nursery.cancel_scope.cancel()
                        await runtime.shut_down(at_once=True)
                        raise
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if thrown is None:
            raise
        raise BaseExceptionGroup("errors of the runtime and of the block", [thrown, *group.exceptions]) from None
    finally:
        opened.set(outer)  # and not reset(): the end of a fixture may run in another context than its beginning
    if thrown is not None:
        try:
            raise thrown
        finally:
            del thrown  # else the error and this frame would keep each other alive
