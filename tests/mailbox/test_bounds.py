"""Bounds that cannot be are refused when the mailbox is made."""

from typing import Any

import pytest

from actrio.mailbox import DEFAULT_CAPACITY, ActrioError, Inbox, InvalidBound


@pytest.mark.parametrize("setting", ["capacity", "concurrency"])
@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, float("inf"), "5", None])
def test_a_bound_that_is_no_whole_number_above_zero_is_refused(setting: str, value: Any) -> None:
    settings: dict[str, Any] = {setting: value}
    with pytest.raises(InvalidBound) as caught:
        Inbox("ada", **settings)
    error = caught.value
    assert (error.actor, error.setting, error.value) == ("ada", setting, value)
    assert error.rule == "must be a whole number of at least 1"
    assert str(error) == f"{setting}={value!r} of 'ada': must be a whole number of at least 1"


@pytest.mark.parametrize("overflow", ["block", "", None, 1, ["wait"]])
def test_an_unknown_policy_is_refused_with_those_there_are(overflow: Any) -> None:
    with pytest.raises(InvalidBound) as caught:
        Inbox("ada", overflow=overflow)
    assert (caught.value.actor, caught.value.setting, caught.value.value) == ("ada", "overflow", overflow)
    assert caught.value.rule == "must be one of wait, reject, drop_oldest, drop_newest"


def test_an_invalid_bound_is_a_value_error_and_an_error_of_actrio() -> None:
    assert issubclass(InvalidBound, ValueError)
    assert issubclass(InvalidBound, ActrioError)


def test_a_mailbox_is_bounded_and_waits_unless_told() -> None:
    inbox: Inbox[str] = Inbox("ada")
    assert (inbox.capacity, inbox.overflow, inbox.concurrency) == (DEFAULT_CAPACITY, "wait", 1)
    assert DEFAULT_CAPACITY == 1_000


def test_the_least_bounds_are_one() -> None:
    inbox: Inbox[str] = Inbox("ada", capacity=1, concurrency=1, clock=lambda: 0.0)
    inbox.send_nowait("a")
    assert inbox.receive_nowait().message == "a"
