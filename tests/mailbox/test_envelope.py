"""One message: what may be done with it, and how it ends. Asked ones: see test_ask_ends and its neighbours."""

from collections.abc import Callable
from math import inf
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import DeadReason, Envelope, Inbox, NotAnAsk, Stage


def told(value: Any = "a") -> Envelope[Any]:
    """A message in the hand of "ada"."""
    inbox: Inbox[Any] = Inbox("ada", clock=lambda: 3.0)
    inbox.send_nowait(value)
    return inbox.receive_nowait()


def counts(letter: Envelope[Any]) -> tuple[int, int, int, int]:
    """Handled, failed, dead and abandoned messages of its inbox."""
    statistics = letter.inbox.statistics()
    assert statistics.balanced
    return statistics.handled, statistics.failed, statistics.dead, statistics.abandoned


def test_a_told_message_has_no_deadline_no_sender_from_outside_and_no_asker() -> None:
    letter = told()
    assert (letter.message, letter.sender, letter.sent_at, letter.deadline) == ("a", None, 3.0, inf)
    assert not letter.is_ask
    assert not letter.abandoned


@pytest.mark.parametrize("method", ["reply", "fail"])
def test_answering_what_was_told_is_an_error_that_names_actor_and_message_and_changes_nothing(method: str) -> None:
    letter = told()
    with pytest.raises(NotAnAsk, match="'ada' replied to str, which was told") as caught:
        getattr(letter, method)(ValueError())
    assert (caught.value.actor, caught.value.message_type) == ("ada", "str")
    assert letter.stage is Stage.IN_HAND


def test_a_message_ends_as_handled_failed_or_dead_and_leaves_the_hand_in_that_step() -> None:
    ways: list[tuple[Callable[[Envelope[Any]], object], Stage, tuple[int, int, int, int]]] = [
        (lambda letter: letter.succeed(None), Stage.HANDLED, (1, 0, 0, 0)),
        (lambda letter: letter.settle(), Stage.HANDLED, (1, 0, 0, 0)),
        (lambda letter: letter.break_off(ValueError()), Stage.FAILED, (0, 1, 0, 0)),
        (lambda letter: letter.cut("restarted"), Stage.FAILED, (0, 1, 0, 0)),
        (lambda letter: letter.die(DeadReason.UNHANDLED, ValueError()), Stage.DEAD, (0, 0, 1, 0)),
    ]
    for end, stage, expected in ways:
        letter = told()
        end(letter)
        assert letter.stage is stage
        assert counts(letter) == expected
        assert letter.inbox.in_hand == []


def test_an_error_out_of_a_told_message_reached_nobody() -> None:
    assert told().break_off(ValueError()) is False


def test_settling_or_cutting_what_has_ended_changes_nothing() -> None:
    letter = told()
    letter.break_off(ValueError())
    letter.settle()
    letter.cut("restarted")
    assert letter.stage is Stage.FAILED
    assert counts(letter) == (0, 1, 0, 0)


async def test_work_on_a_told_message_is_never_cancelled_by_it(autojump_clock: trio.testing.MockClock) -> None:
    letter = told()
    with letter.work():
        await trio.sleep(1_000)
    letter.settle()
    assert letter.stage is Stage.HANDLED


async def test_an_error_out_of_a_block_of_work_comes_out_and_leaves_the_message_in_hand() -> None:
    letter = told()
    nobody = Inbox[str]("nobody")
    nobody.close()
    with pytest.raises(trio.EndOfChannel), letter.work():
        await nobody.receive()
    assert letter.stage is Stage.IN_HAND
    assert letter.scope is None


async def test_work_that_its_own_actor_cancels_leaves_the_message_to_whoever_cancelled() -> None:
    letter = told()
    with trio.CancelScope() as scope, letter.work():
        scope.cancel()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert letter.stage is Stage.IN_HAND


def test_letters_are_equal_only_to_themselves() -> None:
    assert told() != told()
    assert len({told(), told()}) == 2


def test_repr_is_a_status_line_without_the_content() -> None:
    letter = told("a secret")
    assert repr(letter) == "<Envelope str to 'ada': in hand>"
    letter.settle()
    assert repr(letter) == "<Envelope str to 'ada': handled>"


def test_every_reason_of_death_is_a_phrase_for_people() -> None:
    assert all(" " in reason.value for reason in DeadReason)
