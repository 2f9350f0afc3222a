"""What can be a tool, and what a model is told of it."""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any, cast

import pytest
from attrs import evolve

from actrio.agents import Agent, InvalidTool, Tool, tool
from actrio.agents.tools import as_tools
from actrio.providers import ModelRequest, User, UseTool
from actrio.testing import ScriptedProvider
from tests.agents.tools.calls import use


@tool
async def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@tool(name="half", description="Half a number.", timeout=1)
def halve(number: float) -> float:
    return number / 2


@tool(run_in="process")
def halve_whole(number: int) -> float:
    """Half a whole number."""
    return number / 2


async def test_a_decorated_function_is_called_as_before() -> None:
    assert await double(4) == 8
    assert await double(number=4) == 8
    assert halve(4) == 2
    assert inspect.signature(double).return_annotation is int


async def test_a_function_becomes_a_tool_with_its_name_and_docstring_unless_others_are_given() -> None:
    assert (double.name, double.description, double.run_in, double.timeout) == (
        "double",
        "Double a number.",
        "trio",
        None,
    )
    assert (halve.name, halve.description, halve.run_in, halve.timeout) == ("half", "Half a number.", "thread", 1)


@pytest.mark.parametrize(
    "text",
    [
        """Find it.

        At once.

        Args:
            what (str): What to find.
            where: In which place,
                if any.

        Returns:
            str: what was found.

        Raises:
            ValueError: if not.
        """,
        """Find it.

        At once.

        Parameters
        ----------
        what : str
            What to find.
        where : str, optional
            In which place,
            if any.

        Returns
        -------
        str
            What was found.
        """,
        """Find it.

        At once.

        :param what: What to find.
        :type what: str
        :param str where: In which place,
            if any.
        :returns: What was found.
        :raises ValueError: if not.
        """,
    ],
    ids=["Google", "NumPy", "Sphinx"],
)
def test_a_docstring_of_any_style_tells_of_the_function_and_of_its_parameters(text: str) -> None:
    def find(what: str, where: str = "") -> str:
        return what

    find.__doc__ = text
    made = tool(find)

    assert made.description == "Find it.\n\nAt once."
    told = made.definition().parameters["properties"]
    assert told["what"]["description"] == "What to find."
    assert told["where"]["description"].split() == ["In", "which", "place,", "if", "any."]


@pytest.mark.parametrize("text", [":param broken", "Args:", ":param: x", "Do.\n\nArgs:\n  other: x", "\n\n", "---\n--"])
def test_a_docstring_that_is_none_of_them_stops_nothing(text: str) -> None:
    def find(what: str) -> str:
        return what

    find.__doc__ = text

    assert tool(find).definition().parameters["required"] == ["what"]


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    @tool
    async def order(self, item: str) -> str:
        """Order something."""
        return f"{item} of {self.name}"

    @tool
    def count(self, item: str) -> str:
        return f"{item}s of {self.name}"

    @tool
    @staticmethod
    async def static(item: str) -> str:
        return item

    @staticmethod
    @tool
    async def below_static(item: str) -> str:
        return item

    @tool
    @classmethod
    async def of_class(cls, item: str) -> str:
        return f"{item} of {cls.__name__}"

    @classmethod
    @tool
    async def below_class(cls, item: str) -> str:
        return f"{item} of {cls.__name__}"


@pytest.mark.parametrize(
    ("get", "answer"),
    [
        (lambda: Shop("x").order, "tea of x"),
        (lambda: Shop("x").count, "teas of x"),
        (lambda: Shop.static, "tea"),
        (lambda: Shop("x").static, "tea"),
        (lambda: Shop.below_static, "tea"),
        (lambda: Shop("x").below_static, "tea"),
        (lambda: Shop.of_class, "tea of Shop"),
        (lambda: Shop("x").of_class, "tea of Shop"),
        (lambda: Shop.below_class, "tea of Shop"),
        (lambda: Shop("x").below_class, "tea of Shop"),
    ],
)
async def test_methods_of_all_kinds_are_tools(get: Callable[[], Any], answer: str) -> None:
    (made,) = as_tools([get()])

    assert made.definition().parameters["required"] == ["item"]
    assert (await use(made, '{"item": "tea"}')).value == answer


async def test_plain_functions_and_partial_ones_and_callable_objects_are_tools() -> None:
    async def scale(number: int, by: int) -> int:
        """Scale it."""
        return number * by

    class Adder:
        async def __call__(self, number: int) -> int:
            return number + 1

    plain, thrice, adder = as_tools([scale, partial(scale, by=3), tool(name="adder")(Adder())])

    assert (plain.description, thrice.name, thrice.description) == ("Scale it.", "scale", "Scale it.")
    assert (await use(plain, '{"number": 2, "by": 5}')).value == 10
    assert (await use(thrice, '{"number": 2}')).value == 6
    assert (await use(adder, '{"number": 2}')).value == 3


async def generate() -> AsyncGenerator[int]:  # noqa: ASYNC900 - what is refused
    yield 1


def generate_here() -> Generator[int]:
    yield 1


def named(name: str) -> Callable[[], Tool[..., Any]]:
    return lambda: tool(name=name)(halve.function)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: tool(generate), "it yields. Return what"),
        (lambda: tool(generate_here), "it yields. Return what"),
        (named("half of it"), "name is 1 to 64 letters"),
        (named("h" * 65), "name is 1 to 64 letters"),
        (lambda: tool(lambda: 1), "'<lambda>'"),
        (lambda: tool(timeout=0)(double.function), "timeout=0 must be a number of seconds above 0"),
        (lambda: tool(timeout=float("nan"))(double.function), "timeout=nan must be"),
        (lambda: tool(attempts=0)(double.function), "attempts=0 must be at least 1"),
        (lambda: tool(max_concurrent=-1)(double.function), "max_concurrent=-1 must be at least 1"),
        (lambda: tool(run_in="thread")(double.function), "it is async, so it runs in the agent's own run"),
        (
            lambda: tool(run_in="process")(double.function),
            "on an asyncio loop with run_in='asyncio', not",
        ),
        (
            lambda: tool(run_in="trio")(halve.function),
            "not async, so it runs in a thread, or with",
        ),
        (lambda: tool(run_in="asyncio")(halve.function), "it is not async, so it runs in a thread"),
        (
            lambda: tool(run_in=cast("Any", "cloud"))(halve.function),
            "run_in='cloud' is none of 'trio', 'asyncio', 'thread', 'process'",
        ),
        (lambda: tool(cast("Any", 5)), "it is no function"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_where_it_is_made(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(InvalidTool) as caught:
        make()

    assert problem in str(caught.value)


def in_here(tools: list[Any]) -> Agent:
    return Agent("a", ScriptedProvider(), tools=tools)


@tool(run_in="process")
def work() -> int:
    return 1


def test_what_cannot_be_a_tool_of_an_agent_is_refused_when_the_agent_is_made() -> None:
    @tool(run_in="process")
    def local() -> int:
        return 1

    with pytest.raises(InvalidTool, match="another tool of this agent has the same name"):
        in_here([double, tool(name="double")(halve.function)])
    with pytest.raises(InvalidTool, match="is inside a function, where a worker process cannot find it"):
        in_here([local])
    with pytest.raises(InvalidTool, match="it is no function, and a worker process finds it by its name"):
        in_here([evolve(work, function=partial(work.function))])
    with pytest.raises(InvalidTool, match="is a method, and a worker process has not got its object"):
        in_here([evolve(Shop("x").count, run_in="process")])


def request(choice: Any) -> ModelRequest:
    return Agent("a", ScriptedProvider(), tools=[double, halve], tool_choice=choice).request(
        [User("?")], [double.definition(), halve.definition()]
    )


@pytest.mark.parametrize("choice", ["auto", "none", "required", UseTool("half")])
def test_the_model_is_told_whether_it_has_to_call_a_tool(choice: Any) -> None:
    assert request(choice).tool_choice == choice
    assert [one.name for one in request(choice).tools] == ["double", "half"]


def test_a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="quarter"):
        request(UseTool("quarter"))


async def test_a_sync_function_that_gives_a_coroutine_is_a_failure_that_says_so() -> None:
    @tool
    def wrapped() -> Any:
        return later()

    async def later() -> None: ...

    assert "appears to be asynchronous" in (await use(wrapped)).text


def test_a_tool_for_a_process_says_which_package_is_missing_when_an_agent_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actrio.agents.tools._run.find_spec", lambda _: None)

    with pytest.raises(InvalidTool, match=r"'halve_whole' cannot.*trio-parallel: pip install \"actrio\[process\]\""):
        Agent("a", ScriptedProvider(), tools=[halve_whole])


@pytest.mark.parametrize("setting", ["timeout", "attempts", "max_concurrent"])
def test_a_setting_that_is_no_number_is_refused_in_words(setting: str) -> None:
    with pytest.raises(InvalidTool, match=f"{setting}='5' must be"):
        tool(**{setting: "5"})(len)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
