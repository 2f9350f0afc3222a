"""Finding waits that would never end: a walk over who waits for whom, before anybody parks.

The graph has two kinds of node. A message *in hand* is stuck when any of the waits of its handler is blocked. A message
*not yet in hand* is blocked when its inbox has every slot taken and every message in those slots is stuck. A cycle
counts as stuck (the greatest fixed point): if nothing outside it can move, nothing in it will.
"""

from typing import Any

from actrio.mailbox._envelope import Envelope, Stage
from actrio.mailbox._errors import AskCycleError, TellCycleError
from actrio.mailbox._working import message_in_hand

_IN_HAND = Stage.IN_HAND


def begin_wait(envelope: Envelope[Any]) -> Envelope[Any] | None:
    """Note that the message being handled now waits for ``envelope``; gives that message, or None outside a handler.

    Raises:
        AskCycleError, TellCycleError: the wait would never end. Nothing was noted.
    """
    waiter = message_in_hand()
    if waiter is None or waiter.stage is not _IN_HAND:
        return None
    cycle = find_cycle(waiter, envelope)
    if cycle is not None:
        raise AskCycleError(cycle) if envelope.is_ask else TellCycleError(cycle)
    if waiter.waits is None:
        waiter.waits = []
    waiter.waits.append(envelope)
    return waiter


def end_wait(waiter: Envelope[Any] | None, envelope: Envelope[Any]) -> None:
    """Undo :func:`begin_wait`, however the wait ended."""
    if waiter is not None and waiter.waits is not None:
        waiter.waits.remove(envelope)


def find_cycle(waiter: Envelope[Any], envelope: Envelope[Any]) -> tuple[str, ...] | None:
    """The names of the actors on a cycle that a wait of ``waiter`` for ``envelope`` would close; None if there is none.

    The usual answer, an inbox with a free slot, costs one comparison.
    """
    path: list[Envelope[Any]] = [waiter]

    def blocked(wanted: Envelope[Any]) -> tuple[Envelope[Any], ...] | None:
        if wanted.stage is _IN_HAND:
            return stuck(wanted)
        holders = wanted.inbox.in_hand
        if len(holders) < wanted.inbox.concurrency:
            return None
        found = None
        for holder in holders:
            found = stuck(holder)
            if found is None:
                return None
        return found

    def stuck(holder: Envelope[Any]) -> tuple[Envelope[Any], ...] | None:
        if holder in path:
            return (*path[path.index(holder) :], holder)
        path.append(holder)
        try:
            for wanted in holder.waits or ():
                if wanted.stage in (Stage.QUEUED, Stage.WAITING, _IN_HAND) and (found := blocked(wanted)):
                    return found
            return None
        finally:
            path.pop()

    cycle = blocked(envelope)
    return None if cycle is None else tuple(node.inbox.name for node in cycle)
