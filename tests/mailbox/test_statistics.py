"""Statistics are frozen snapshots in which the conservation law holds."""

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from actrio.mailbox import DeadReason, Inbox, InboxStatistics


def busy() -> Inbox[str]:
    """An inbox with one message handled, one failed, one dead, one in hand and two queued."""
    inbox: Inbox[str] = Inbox("ada", capacity=5, overflow="drop_oldest", clock=lambda: 0.0)
    for value in "abcdef":
        inbox.send_nowait(value)
    inbox.receive_nowait().settle()
    inbox.receive_nowait().break_off(ValueError())
    inbox.receive_nowait()
    return inbox


def test_a_snapshot_counts_every_message_where_it_is() -> None:
    assert busy().statistics() == InboxStatistics(
        capacity=5,
        overflow="drop_oldest",
        sent=6,
        handled=1,
        failed=1,
        dead=1,
        abandoned=0,
        queued=2,
        in_hand=1,
        high_water=5,
        waiting_senders=0,
        asks_in_flight=0,
        dead_by_reason={DeadReason.DROPPED_OLDEST: 1},
    )


def test_the_conservation_law_is_a_property_that_sees_a_missing_message() -> None:
    statistics = busy().statistics()
    assert statistics.balanced
    assert not evolve(statistics, queued=statistics.queued - 1).balanced


@pytest.mark.parametrize("name", ["sent", "queued", "anything else"])
def test_a_snapshot_is_frozen(name: str) -> None:
    statistics = busy().statistics()
    with pytest.raises(FrozenInstanceError):
        setattr(statistics, name, 0)


def test_a_snapshot_does_not_change_with_its_inbox() -> None:
    inbox = busy()
    statistics = inbox.statistics()
    inbox.close()
    assert statistics.dead_by_reason == {DeadReason.DROPPED_OLDEST: 1}
    assert statistics.queued == 2


def test_an_inbox_that_saw_nothing_counts_nothing() -> None:
    statistics = Inbox[str]("ada").statistics()
    assert statistics.balanced
    assert (statistics.sent, statistics.high_water, statistics.dead_by_reason) == (0, 0, {})
