"""What the tests of asking share."""

from typing import Any

import trio
import trio.testing

from actrio.mailbox import Inbox

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock


def ends(inbox: Inbox[Any]) -> tuple[int, int, int, int]:
    """Handled, failed, dead and abandoned messages; nothing may be left or missing."""
    statistics = inbox.statistics()
    assert statistics.balanced
    assert (statistics.queued, statistics.in_hand, statistics.waiting_senders) == (0, 0, 0)
    return statistics.handled, statistics.failed, statistics.dead, statistics.abandoned
