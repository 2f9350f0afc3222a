"""Finding waits that would never end: a walk over who waits for whom, before anybody parks.

The graph has two kinds of node. A message *in hand* is stuck when any of the waits of its handler is blocked. A message
*not yet in hand* is blocked when its inbox has every slot taken and every message in those slots is stuck, or when the
one that holds its conversation is. Work that an actor does on no message, such as its start hook, stands as a message
in hand. A cycle counts as stuck (the greatest fixed point): if nothing outside it can move, nothing in it will.
"""

from collections import deque
from typing import Any

from actrio.mailbox._envelope import Envelope, Stage
from actrio.mailbox._errors import AskCycleError, TellCycleError
from actrio.mailbox._working import message_in_hand

_IN_HAND = Stage.IN_HAND
_OPEN = (Stage.WAITING, Stage.QUEUED, Stage.IN_HAND)


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

    The usual answer, an inbox with a free slot, costs one comparison; any other, a visit of each message that is waited
    for, directly or through others.
    """
    if not _holders(envelope):
        return None
    waits = _reachable(waiter, envelope)
    free: set[Envelope[Any]] = set()
    grew = True
    while grew:
        grew = False
        for node in reversed(waits):  # the farthest first, so that a chain is settled in one pass
            if node not in free and all(_any_free(wait, free) for wait in waits[node]):
                free.add(node)
                grew = True
    if waiter in free:
        return None
    path = [waiter]
    while True:
        stuck = next(wait for wait in waits[path[-1]] if not _any_free(wait, free))
        following = next(node for node in stuck[0] if node not in free)
        if following in path:
            return tuple(node.inbox.name for node in (*path[path.index(following) :], following))
        path.append(following)


# What a wait is for: alternatives, one of which must become free, each a group that must all become free.
Wait = list[list[Envelope[Any]]]


def _any_free(wait: Wait, free: set[Envelope[Any]]) -> bool:
    return any(all(node in free for node in group) for group in wait)


def _reachable(waiter: Envelope[Any], envelope: Envelope[Any]) -> dict[Envelope[Any], list[Wait]]:
    """Every message in hand that the wait depends on, nearest first, with what it waits for in turn."""
    found: dict[Envelope[Any], list[Wait]] = {}
    todo = deque([waiter])
    while todo:
        node = todo.popleft()
        if node in found:
            continue
        wanted = [*(node.waits or ()), *([envelope] if node is waiter else ())]
        found[node] = [wait for one in wanted if (wait := _holders(one))]
        todo.extend(next_one for wait in found[node] for group in wait for next_one in group)
    return found


def _holders(wanted: Envelope[Any]) -> Wait:
    """The messages in hand that keep ``wanted`` waiting; empty if nothing does."""
    if wanted.stage not in _OPEN:
        return []
    inbox = wanted.inbox
    in_hand: list[Envelope[Any]] = inbox.in_hand
    if not in_hand and inbox.aside is not None:
        return [] if inbox.parked else [[inbox.aside]]
    if not inbox.scoped:  # one task has all of them in hand
        return [list(in_hand)] if in_hand else []
    if wanted.stage is Stage.IN_HAND:
        return [[wanted]]
    behind = _queued_behind(wanted)
    if not behind and wanted.stage is Stage.WAITING and inbox.queued >= inbox.capacity:
        # It could be handled, but has to wait for room, which comes when any of those queued is taken.
        waits = [_queued_behind(queued) for queued in inbox.in_queue()]
        return [group for wait in waits for group in wait] if all(waits) else []
    return behind


def _queued_behind(message: Envelope[Any]) -> Wait:
    """What keeps a message of a class actor from being taken: that of its conversation, or those in all the slots."""
    inbox = message.inbox
    same = inbox.holder_of(message)
    if same is not None:
        return [[same]]
    return [[holder] for holder in inbox.in_hand] if len(inbox.in_hand) >= inbox.concurrency else []
