import pytest

from actrio.providers import JsonFormat, ModelRequest, ToolDefinition, User, UseTool

SEARCH = ToolDefinition("search", "Search the archive.", {"type": "object", "properties": {"q": {"type": "string"}}})


@pytest.mark.parametrize("name", ["", "two words", "a.b", "x" * 65, "größe"])
def test_a_name_no_server_takes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name is 1 to 64 letters"):
        ToolDefinition(name)
    with pytest.raises(ValueError, match="name is 1 to 64 letters"):
        JsonFormat(name=name)


def test_a_tool_without_parameters_takes_none() -> None:
    assert ToolDefinition("now").parameters == {"type": "object", "properties": {}}


def test_the_same_tool_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a tool's name is there twice: search, search"):
        ModelRequest([User("a")], tools=[SEARCH, SEARCH])


def test_a_choice_that_is_no_tool_of_the_request_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="'find' is not among the request's tools: search"):
        ModelRequest([User("a")], tools=[SEARCH], tool_choice=UseTool("find"))
    with pytest.raises(ValueError, match="request's tools: none"):
        ModelRequest([User("a")], tool_choice=UseTool("find"))


def test_a_request_can_be_a_key() -> None:
    one, other = (
        ModelRequest([User("a")], tools=[SEARCH], response_format=JsonFormat({"type": "object"}), extra_body={"a": 1})
        for _ in range(2)
    )

    assert {one: 1}[other] == 1
