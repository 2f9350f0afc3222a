"""Handlers of a class and of its bases: which one takes a message."""

from dataclasses import dataclass
from typing import Any

from attrs import define, frozen

from actrio.actors import Actor, HandlerError, handles, open_runtime
from tests.actors.crew import Add, Get, settle
from tests.actors.words import DeepResearch, Open, Report, Research


class Base(Actor):
    def __init__(self) -> None:
        self.got = list[str]()

    @handles
    async def add(self, message: Add) -> None:
        self.got.append("base add")

    @handles
    async def research(self, message: Research) -> Report:
        self.got.append("base research")
        return Report()

    @handles
    async def seen(self, message: Open) -> Any:
        return self.got


async def seen_by(factory: type[Base], *messages: Any) -> list[str]:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(factory)
        for message in messages:
            await ref.tell(message)
        await settle()
        result: list[str] = await ref.ask(Open())
        return result


async def test_a_subclass_inherits_handlers_and_adds_its_own() -> None:
    class More(Base):
        @handles
        async def text(self, message: str) -> None:
            self.got.append("text")

    assert await seen_by(More, Add(), "x") == ["base add", "text"]


async def test_a_subclass_may_override_a_handler() -> None:
    class Other(Base):
        @handles
        async def add(self, message: Add) -> None:
            self.got.append("other add")
            await super().add(message)

    assert await seen_by(Other, Add()) == ["other add", "base add"]


async def test_a_subclass_may_handle_an_inherited_type_in_a_method_of_another_name() -> None:
    class Other(Base):
        @handles
        async def plus(self, message: Add) -> None:
            self.got.append("plus")

    assert await seen_by(Other, Add()) == ["plus"]


async def test_an_override_without_the_decorator_is_used_or_refused_but_not_ignored() -> None:
    try:

        class Other(Base):
            async def add(self, message: Add) -> None:
                self.got.append("other add")

    except HandlerError as error:
        assert error.handler == "add"  # noqa: PT017 - one of the two right outcomes
    else:
        assert await seen_by(Other, Add()) == ["other add"]


async def test_a_subclass_wins_over_its_bases_in_the_order_of_the_mro() -> None:
    class Left(Base):
        @handles
        async def add(self, message: Add) -> None:
            self.got.append("left")

    class Right(Base):
        @handles
        async def add(self, message: Add) -> None:
            self.got.append("right")

    class Both(Left, Right):
        pass

    assert await seen_by(Both, Add()) == ["left"]


async def test_a_message_goes_to_the_handler_of_its_nearest_base() -> None:
    class Deep(Base):
        @handles
        async def deep(self, message: DeepResearch) -> Report:
            self.got.append("deep")
            return Report()

        @handles
        async def rest(self, message: object) -> None:
            self.got.append(type(message).__name__)

    assert await seen_by(Base, DeepResearch()) == ["base research"]
    assert await seen_by(Deep, DeepResearch(), Research(), 7) == ["deep", "base research", "int"]


async def test_what_one_class_has_seen_does_not_change_its_later_subclasses() -> None:
    assert await seen_by(Base, DeepResearch()) == ["base research"]

    class Later(Base):
        @handles
        async def research(self, message: Research) -> Report:
            self.got.append("later research")
            return Report()

    assert await seen_by(Later, DeepResearch()) == ["later research"]


async def test_attrs_and_dataclass_actors_work() -> None:
    @define
    class Attrs(Actor):
        start: int

        @handles
        async def get(self, _: Get) -> int:
            return self.start

    @dataclass
    class Data(Actor):
        start: int

        @handles
        async def get(self, _: Get) -> int:
            return self.start

    @frozen
    class Frozen(Actor):
        start: int

        @handles
        async def get(self, _: Get) -> int:
            return self.start

    async with open_runtime() as runtime:
        assert await (await runtime.spawn(Frozen, 2)).ask(Get()) == 2
        assert await (await runtime.spawn(Attrs, 3)).ask(Get()) == 3
        assert await (await runtime.spawn(Data, 4)).ask(Get()) == 4
