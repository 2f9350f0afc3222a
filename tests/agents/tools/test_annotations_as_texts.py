"""Tools in a module whose annotations are all texts."""

from __future__ import annotations

from attrs import frozen

from actrio.agents import ToolContext, tool
from tests.agents.tools.calls import use


@tool
async def early(item: Late, ctx: ToolContext, count: int = 1) -> str:
    return f"{count} {item.name} of {ctx.agent}"


@frozen
class Late:
    name: str


async def test_annotations_may_name_what_is_defined_later() -> None:
    assert (await use(early, '{"item": {"name": "tea"}}')).text == "1 tea of a"


async def test_annotations_may_name_what_is_local_to_where_the_tool_is_defined() -> None:
    @frozen
    class Local:
        name: str

    @tool
    async def take(item: Local, items: list[Local] | None = None) -> str:
        return item.name

    @tool(timeout=1)
    async def take_too(item: Local) -> str:
        return item.name

    assert (await use(take, '{"item": {"name": "tea"}}')).text == "tea"
    assert (await use(take_too, '{"item": {"name": "tea"}}')).text == "tea"
