"""A nursery inside a context manager, from which the error of the block comes out as it is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import trio

from actrio.mailbox._errors import check_in_trio


@asynccontextmanager
async def open_nursery() -> AsyncGenerator[trio.Nursery]:
    """A nursery that wraps a single error, of the block or of a task, in no exception group.

    Where it stands inside another context manager, who writes the block should not have to know that there is one.
    """
    check_in_trio("this was called")
    thrown: BaseException | None = None
    alone: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                try:
                    yield nursery
                except BaseException as error:
                    thrown = error
                    raise
        except BaseExceptionGroup as group:
            alone = _alone(group, thrown)
            if alone is None:
                raise
        if alone is not None:  # out here, so that it leaves with the context it came with
            raise alone
    finally:
        del thrown, alone  # else the error and this frame would keep each other alive


def _alone(group: BaseExceptionGroup[BaseException], thrown: BaseException | None) -> BaseException | None:
    """The error that the others only followed from; None if there is more than one."""
    errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
    if not errors:
        # Nothing but cancellation, of which any one says all. It comes out of the block as the one that went in.
        return thrown if thrown in group.exceptions else group.exceptions[0]
    if len(errors) > 1:
        return None
    # A group loses its identity in a nursery that is cancelled, even if there is nothing to take from it.
    return thrown if thrown is not None and _parts(thrown) == _parts(errors[0]) else errors[0]


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions
    return (error,)
