"""The rules of restarting, as pure functions and values."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.actors import ChildSpec, InvalidSpec, RestartPolicy, Strategy, Supervisor, child
from actrio.actors._supervision import RestartWindow, affected
from actrio.mailbox import InvalidBound
from tests.actors.crew import Counter, counter


@pytest.mark.parametrize(
    ("strategy", "crashed", "restarted"),
    [
        ("one_for_one", "b", "b"),
        ("one_for_one", "ca", "ac"),
        ("one_for_all", "b", "abcd"),
        ("one_for_all", "ca", "abcd"),
        ("rest_for_one", "a", "abcd"),
        ("rest_for_one", "b", "bcd"),
        ("rest_for_one", "d", "d"),
        ("rest_for_one", "db", "bcd"),
    ],
)
def test_a_crash_affects_whom_the_strategy_says_in_start_order(
    strategy: Strategy, crashed: str, restarted: str
) -> None:
    assert affected(strategy, "abcd", crashed) == list(restarted)


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
def test_a_crashed_child_that_is_no_child_any_more_affects_nobody(strategy: Strategy) -> None:
    assert affected(strategy, "abc", "x") == []


# The window


def test_the_first_restart_is_immediate_and_the_window_is_counted_exactly() -> None:
    window = RestartWindow(RestartPolicy(intensity=2, period=5, backoff=0))
    times = [0.0, 1.0, 4.999, 5.0, 6.0, 9.0, 10.0]
    admitted = [window.admit(time, Random(0)) is not None for time in times]
    assert admitted == [True, True, False, True, True, False, True]


def test_intensity_zero_admits_nothing() -> None:
    assert RestartWindow(RestartPolicy(intensity=0)).admit(0.0, Random(0)) is None


def test_a_restart_that_is_not_admitted_is_not_counted() -> None:
    window = RestartWindow(RestartPolicy(intensity=1, period=5))
    assert window.admit(0.0, Random(0)) == 0.0
    for time in (1.0, 2.0, 3.0, 4.0):
        assert window.admit(time, Random(0)) is None
    assert window.admit(5.0, Random(0)) == 0.0


@given(
    backoff=st.one_of(st.just(0.0), st.floats(1e-6, 1e3)),
    most=st.floats(0, 1e4),
    seed=st.integers(),
    restarts=st.integers(2, 200),
)
def test_backoff_is_between_half_and_all_of_what_doubling_gives_and_never_beyond_its_most(
    backoff: float, most: float, seed: int, restarts: int
) -> None:
    window = RestartWindow(RestartPolicy(intensity=restarts, period=1e9, backoff=backoff, max_backoff=most))
    random = Random(seed)
    assert window.admit(0.0, random) == 0.0
    full = backoff
    for time in range(1, restarts):
        wait = window.admit(float(time), random)
        assert wait is not None
        assert min(full, most) / 2 <= wait <= min(full, most)
        full *= 2


def test_backoff_starts_again_after_a_quiet_period() -> None:
    window = RestartWindow(RestartPolicy(intensity=9, period=5, backoff=1))
    assert [window.admit(time, Random(0)) == 0.0 for time in (0.0, 1.0, 2.0, 7.0)] == [True, False, False, True]


def test_thousands_of_restarts_in_a_period_overflow_nothing() -> None:
    window = RestartWindow(RestartPolicy(intensity=5_000, period=1e9, max_backoff=2))
    waits = [window.admit(float(time), Random(0)) for time in range(5_000)]
    assert all(wait is not None and wait <= 2 for wait in waits)


@given(st.integers())
def test_the_same_seed_gives_the_same_backoff(seed: int) -> None:
    def waits() -> list[float | None]:
        window, random = RestartWindow(RestartPolicy(intensity=6, period=1e9)), Random(seed)
        return [window.admit(float(time), random) for time in range(6)]

    assert waits() == waits()


# Supervisors as values


def test_a_supervisor_has_the_documented_defaults() -> None:
    supervisor = Supervisor("s")
    assert (supervisor.strategy, supervisor.children) == ("one_for_one", ())
    assert supervisor.policy == RestartPolicy(intensity=3, period=5.0, backoff=0.05, max_backoff=2.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "all_for_one"},
        {"intensity": -1},
        {"intensity": 1.5},
        {"intensity": True},
        {"period": 0},
        {"period": -1},
        {"period": float("inf")},
        {"backoff": -0.1},
        {"backoff": float("nan")},
        {"max_backoff": float("inf")},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_its_supervisor_and_setting_named(
    settings: dict[str, Any],
) -> None:
    with pytest.raises((InvalidSpec, InvalidBound)) as info:
        Supervisor("desk", **settings)
    assert "'desk'" in str(info.value)
    assert f"{next(iter(settings))}=" in str(info.value)


def test_children_may_be_classes_functions_supervisors_or_specs() -> None:
    children = [Counter, counter, Supervisor("inner"), child(Counter, name="x")]
    supervisor = Supervisor("s", children=children[1:])
    assert all(isinstance(one, ChildSpec) for one in supervisor.children)
    assert [one.base_name for one in supervisor.children] == ["counter", "inner", "x"]
    assert [one.kind for one in supervisor.children] == ["coroutine", "supervisor", "class"]


def test_two_children_cannot_have_one_name() -> None:
    with pytest.raises(InvalidSpec, match="two children are named 'counter'; give each"):
        Supervisor("s", children=[Counter, counter])


def test_what_cannot_be_spawned_cannot_be_a_child() -> None:
    with pytest.raises(InvalidSpec, match="is no Actor class"):
        Supervisor("s", children=[7])


def test_supervisors_are_values() -> None:
    assert Supervisor("s", children=[Counter]) == Supervisor("s", children=[child(Counter)])
    with pytest.raises(AttributeError):
        Supervisor("s").intensity = 9  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
