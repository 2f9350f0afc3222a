"""What can be spawned, how it is called, and its settings."""

import functools
from typing import Any

import pytest
from attrs import frozen

from actrio.actors import Actor, ChildSpec, InvalidSpec, Supervisor, child
from actrio.mailbox import InvalidBound
from tests.actors.crew import Counter, Log, counter


@frozen
class Defined:
    """A definition that decides some settings."""

    name: str = "Abacus"

    def make_actor(self) -> Actor:
        return Counter()

    def make_ref(self, node: Any) -> Any:
        return node

    def settings(self) -> dict[str, Any]:
        return {"capacity": 7, "grace": 1.0}


@pytest.mark.parametrize(
    ("factory", "kind", "name"),
    [
        (Counter, "class", "counter"),
        (counter, "coroutine", "counter"),
        (functools.partial(counter, log=Log()), "coroutine", None),
        (functools.partial(Counter, Log()), "class", None),
        (Supervisor("Desk"), "supervisor", "Desk"),
        (Defined(), "definition", "Abacus"),
    ],
)
def test_the_kind_and_name_of_what_is_spawned_are_found(factory: Any, kind: str, name: str | None) -> None:
    spec = child(factory)
    assert spec.kind == kind
    if name is not None:
        assert spec.base_name == name
    assert spec.base_name
    assert "/" not in spec.base_name


def test_a_child_is_permanent_and_a_spawned_actor_temporary_unless_told() -> None:
    assert child(Counter).restart == "permanent"
    assert ChildSpec(factory=Counter).restart == "temporary"


def test_the_documented_defaults_hold() -> None:
    spec = ChildSpec(factory=Counter)
    assert (spec.capacity, spec.overflow, spec.concurrency, spec.grace, spec.redeliver) == (
        1_000,
        "wait",
        1,
        5.0,
        False,
    )


def test_a_child_keeps_its_arguments_and_settings() -> None:
    log = Log()
    spec = child(Counter, log, "label", name="abacus", capacity=3, overflow="reject", grace=0, redeliver=True)
    assert (spec.args, spec.base_name, spec.capacity, spec.overflow) == ((log, "label"), "abacus", 3, "reject")


def test_a_definition_decides_settings_that_the_caller_may_override() -> None:
    assert (child(Defined()).capacity, child(Defined()).grace) == (7, 1.0)
    assert child(Defined(), capacity=9).capacity == 9


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"capacity": 0}, InvalidBound, "capacity=0 of 'abacus': must be a whole number of at least 1"),
        ({"concurrency": 0}, InvalidBound, "concurrency=0 of 'abacus'"),
        ({"overflow": "explode"}, InvalidBound, "overflow='explode' of 'abacus': must be one of wait, reject"),
        ({"restart": "always"}, InvalidSpec, "restart='always' must be one of permanent, transient, temporary"),
        ({"grace": -1}, InvalidSpec, "grace=-1 must be a finite number of seconds, at least 0"),
    ],
)
def test_settings_are_checked_when_the_spec_is_made(
    settings: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as info:
        child(Counter, name="abacus", **settings)
    assert text in str(info.value)


def test_an_instance_instead_of_a_class_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidSpec, match="is already built; give the class and its arguments, so it can be rebuilt"):
        child(Counter())


def test_an_errors_name_is_the_actors_even_where_none_was_given() -> None:
    with pytest.raises(InvalidBound) as info:
        child(Counter, capacity=0)
    assert "'counter'" in str(info.value)


def test_specs_are_values() -> None:
    assert child(Counter, name="a") == child(Counter, name="a")
    assert child(Counter, name="a") != child(Counter, name="b")


@pytest.mark.parametrize("factory", [Supervisor("desk"), Defined()])
def test_what_has_all_it_needs_takes_no_arguments(factory: Any) -> None:
    with pytest.raises(InvalidSpec, match="has all that it needs, and takes no arguments here"):
        child(factory, 3)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"name": 3}, "a name is a text, not empty"),
        ({"grace": None}, "grace=None must be a finite number of seconds"),
        ({"nam": "x"}, "nam= is no setting; there are: name, restart"),
    ],
)
def test_settings_of_a_wrong_type_or_name_are_refused_in_words(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSpec, match=problem):
        child(Counter, **settings)
