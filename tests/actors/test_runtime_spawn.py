"""What can be spawned, with which settings, under which names."""

from typing import Any, assert_type

import pytest
import trio
import trio.lowlevel
from attrs import frozen

from actrio.actors import (
    Actor,
    ActorRef,
    Definition,
    InvalidSpec,
    NameTaken,
    State,
    Supervisor,
    SupervisorRef,
    UnknownActor,
    child,
    open_runtime,
)
from actrio.mailbox import Inbox, InvalidBound
from tests.actors.crew import Add, Counter, Get, Log, Nap, counter, crash, settle

# What can be spawned


async def test_an_actor_class_with_arguments_is_spawned() -> None:
    log = Log()
    async with open_runtime() as runtime:
        await runtime.spawn(Counter, log, "abacus")
    assert log.lines == ["abacus started", "abacus stopped"]


async def test_a_function_that_gives_an_actor_is_called_at_each_start() -> None:
    made = list[Actor]()

    def make() -> Actor:
        made.append(Counter())
        return made[-1]

    async with open_runtime() as runtime:
        ref = await runtime.spawn(make, restart="permanent")
        assert ref.name == "make"
        await crash(ref)
        await settle()
    assert len(made) == 2


async def test_a_coroutine_function_is_spawned_with_its_inbox_and_arguments() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, log)
        await ref.tell(Add(2))
        assert await ref.ask(Get()) == 2
    assert log.lines == ["started", "ended"]


class CounterRef(ActorRef[Any]):
    """A ref that says what it counts."""

    __slots__ = ()

    async def count(self) -> int:
        return await self.ask(Get())


@frozen
class CounterDefinition:
    """An actor as a value, with a ref of its own."""

    name: str
    step: int = 1

    def make_actor(self) -> Actor:
        actor = Counter()
        actor.count = self.step
        return actor

    def make_ref(self, node: Any) -> CounterRef:
        return CounterRef(node)

    def settings(self) -> dict[str, Any]:
        return {"capacity": 7}


async def test_a_definition_is_spawned_with_its_own_settings_name_and_ref() -> None:
    definition: Definition[CounterRef] = CounterDefinition("Abacus", step=5)
    async with open_runtime() as runtime:
        ref = await runtime.spawn(definition)
        assert await ref.count() == 5
        assert (ref.name, ref.metrics().mailbox.capacity) == ("Abacus", 7)
        other = await runtime.spawn(definition, name="other", capacity=9)
        assert (other.name, other.metrics().mailbox.capacity) == ("other", 9)


async def test_a_supervisor_keeps_its_name_as_it_was_given() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("Desk", children=[child(Counter)]))
        assert s.name == "Desk"
        assert s.child("counter").name == "Desk/counter"


async def test_the_types_of_refs_and_replies_follow_from_what_was_spawned_and_asked() -> None:
    async def typed(inbox: Inbox[Add | Get], start: int) -> None:
        async for letter in inbox:
            if letter.is_ask:
                letter.reply(start)

    async with open_runtime() as runtime:
        assert_type(await runtime.spawn(Counter), ActorRef[Any])
        assert_type(await runtime.spawn(Supervisor("s")), SupervisorRef)
        assert_type(await runtime.spawn(CounterDefinition("abacus")), CounterRef)
        ref = assert_type(await runtime.spawn(typed, 7, name="typed"), ActorRef[Add | Get])
        assert assert_type(await ref.ask(Get()), int) == 7
        await ref.tell(Nap())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        (Counter(), "is already built; give the class and its arguments"),
        (7, "7 is no Actor class, coroutine function"),
        (lambda: 7, "gave int, which is no Actor"),
        (CounterDefinition, "cannot spawn 'CounterDefinition': it is the class CounterDefinition; give what"),
        (lambda inbox: inbox, "it takes an inbox, so it is a coroutine actor, and must be `async def`"),
        (trio.sleep_forever, "a coroutine actor takes its inbox first, and this function takes nothing"),
    ],
)
async def test_what_is_no_actor_cannot_be_spawned(factory: Any, problem: str) -> None:
    async with open_runtime() as runtime:
        with pytest.raises(InvalidSpec, match=problem):
            await runtime.spawn(factory)
        assert not runtime.metrics().actors


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": 1.5},
        {"capacity": True},
        {"overflow": "explode"},
        {"concurrency": 0},
        {"restart": "always"},
        {"grace": -1},
        {"grace": float("inf")},
        {"grace": float("nan")},
        {"name": ""},
        {"name": "a/b"},
    ],
)
async def test_settings_that_make_no_sense_are_refused_and_named(settings: dict[str, Any]) -> None:
    async with open_runtime() as runtime:
        with pytest.raises((InvalidBound, InvalidSpec)) as info:
            await runtime.spawn(Counter, **settings)
        assert next(iter(settings)) in str(info.value)
        assert not runtime.metrics().actors


async def test_an_unknown_setting_is_refused() -> None:
    async with open_runtime() as runtime:
        with pytest.raises(InvalidSpec, match=r"restarts= is no setting; there are: name, restart, .*by position"):
            await runtime.spawn(Counter, restarts="permanent")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        assert not runtime.metrics().actors


async def test_a_coroutine_actor_cannot_have_concurrency() -> None:
    async with open_runtime() as runtime:
        with pytest.raises(InvalidSpec, match="a coroutine actor handles one message at a time"):
            await runtime.spawn(counter, concurrency=2)


# Names


async def test_names_are_made_of_the_factorys_and_numbered() -> None:
    async with open_runtime() as runtime:
        names = [(await runtime.spawn(Counter)).name for _ in range(3)]
        names.append((await runtime.spawn(counter)).name)
    assert names == ["counter", "counter-2", "counter-3", "counter-4"]


async def test_a_name_can_be_given_and_is_found() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, name="Abacus")
        assert ref.name == "Abacus"
        assert runtime.find("Abacus") is ref


@pytest.mark.parametrize("factory", [Counter, counter, CounterDefinition("abacus"), Supervisor("abacus")])
async def test_a_given_name_cannot_be_taken_twice(factory: Any) -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        with pytest.raises(NameTaken, match="the name 'abacus' is taken by a living actor") as info:
            await runtime.spawn(factory, name="abacus")
        assert info.value.name == "abacus"
        assert runtime.find("abacus") is first
        assert await first.ask(Get()) == 0


async def test_a_name_is_free_once_its_actor_has_stopped() -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        await first.stop()
        second = await runtime.spawn(Counter, name="abacus")
        assert runtime.find("abacus") is second
        assert first.state is State.STOPPED


async def test_a_name_is_not_free_while_its_actor_is_stopping() -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        await first.tell(Nap(1))
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.stop)
            await settle()
            with pytest.raises(NameTaken):
                await runtime.spawn(Counter, name="abacus")


async def test_the_same_name_may_live_under_different_supervisors() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Supervisor(name, children=[child(Counter)])) for name in "st"]
        assert [ref.child("counter").name for ref in refs] == ["s/counter", "t/counter"]


async def test_looking_up_an_unknown_name_tells_the_known_ones() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(Counter)
        with pytest.raises(UnknownActor, match="no actor is named 'abacus'; there are: counter") as info:
            runtime.find("abacus")
        assert (info.value.name, info.value.known) == ("abacus", ("counter",))


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_supervisors_name_is_checked_as_any_other(name: str) -> None:
    with pytest.raises(InvalidSpec, match="a name is a text, not empty and without '/'"):
        child(Supervisor(name))
