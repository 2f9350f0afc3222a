"""The tools of one agent, and running what its model calls."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from types import MethodType
from typing import Any, cast

import trio
from attrs import evolve

from actrio.agents.tools._call import Call
from actrio.agents.tools._counts import ToolCounts
from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._run import Runner, Share, check_found_by_name
from actrio.agents.tools._tool import Tool, tool
from actrio.agents.tools._use import ToolUse, TurnOfCalls
from actrio.mailbox import ActrioError
from actrio.providers import ToolCall, ToolDefinition


async def share_nothing(key: object, _: object) -> Any:
    """Where no tool needs a process, or a loop of asyncio's."""
    raise AssertionError(f"no tool of this agent needs {key}")


def _as_tool(one: Callable[..., Any]) -> Tool[..., Any]:
    if isinstance(one, Tool):
        return cast("Tool[..., Any]", one)
    below: object = one.__func__ if isinstance(one, MethodType) else None
    if isinstance(one, MethodType) and isinstance(below, Tool):
        # A tool below @classmethod, as Python 3.13 binds it.
        return cast("Tool[..., Any]", below).__get__(one.__self__)
    name = str(getattr(one, "name", ""))
    if hasattr(one, "as_tool"):
        raise InvalidTool(name, "it is the ref of an agent. Give what its as_tool() makes, or as_hand_off()")
    if hasattr(one, "make_actor"):
        raise InvalidTool(
            name, "it is an agent that was not spawned. Spawn it, and give what its ref's as_tool() makes"
        )
    return tool(one)


def as_tools(tools: Iterable[Tool[..., Any] | Callable[..., Any]]) -> tuple[Tool[..., Any], ...]:
    """Tools as they are, functions as the tools that they become with the default settings. Raises: InvalidTool."""
    if callable(tools):
        raise InvalidTool(getattr(tools, "__name__", None) or str(getattr(tools, "name", "")), "tools is a list: [...]")
    return tuple([_as_tool(one) for one in tools])


def check_tools(tools: Iterable[Tool[..., Any]], given: frozenset[str]) -> tuple[ToolDefinition, ...]:
    """What a model is told of them. Raises: InvalidTool: one cannot be used, or two have the same name."""
    definitions: list[ToolDefinition] = []
    for one in tools:
        if one.name in {other.name for other in definitions}:
            raise InvalidTool(
                one.name, "another tool of this agent has the same name. Give one another: tool(name=...)"
            )
        if one.run_in == "process":
            check_found_by_name(one)
        definitions.append(one.definition(given))
    return tuple(definitions)


class Toolbox:
    """Runs the tool calls of one agent.

    Args:
        agent: The agent's name.
        tools: Its tools.
        deps: {name of a parameter: what tools get for it}.
        counts: What becomes of the calls is counted there.
        share: `Runtime.share`, for what tools run in.
    """

    def __init__(
        self,
        agent: str,
        tools: Iterable[Tool[..., Any]],
        deps: Mapping[str, Any],
        counts: ToolCounts,
        share: Share = share_nothing,
    ) -> None:
        self._deps = deps
        self._given = frozenset(self._deps)
        self._tools = {one.name: one for one in tools}
        self._counts = counts
        self._runner = Runner(agent, counts, share)
        self.definitions: tuple[ToolDefinition, ...] = check_tools(self._tools.values(), self._given)

    def plus(self, one: Tool[..., Any]) -> "Toolbox":
        """With one more tool, for one turn. Raises: InvalidTool: its name is taken."""
        more = copy(self)
        more._tools = {**self._tools, one.name: one}
        more.definitions = check_tools((*self._tools.values(), one), self._given)
        return more

    async def call_all(self, calls: Sequence[ToolCall], turn: TurnOfCalls) -> None:
        """Run all calls at once, each with an end of its own: one that fails leaves the others alone.

        Every call is told to the turn when it starts, in the order of the calls, and when it ends. Cancelling it
        cancels them all, and returns when async tools and worker processes have ended.
        """
        for call in calls:
            turn.call_started(call)
        if len(calls) == 1:
            await self._call(calls[0], turn)
            return
        error: BaseException | None = None
        try:
            async with trio.open_nursery(strict_exception_groups=True) as nursery:
                for call in calls:
                    nursery.start_soon(self._call, call, turn, name=f"tool {call.name}")
        except BaseExceptionGroup as group:
            # What ends a turn does so as if there were one call: the agent knows it by its class. If something else
            # ends it, such as its cancellation, that alone does.
            known, other = group.split(ActrioError)
            error = other or (known and known.exceptions[0])
        if error is not None:
            try:
                raise error
            finally:
                del error  # else it and this frame would keep each other alive

    async def _call(self, call: ToolCall, turn: TurnOfCalls) -> None:
        began = trio.current_time()
        tool = self._tools.get(call.name)
        if tool is None:
            there = ", ".join(self._tools) or "none"
            use = ToolUse(call, "unknown tool", f"There is no tool {call.name!r}. There are: {there}.", attempts=0)
        else:
            signature = tool.signature(self._given)
            use = await turn.around(
                call, lambda call: Call(tool, signature, call, turn, self._deps, self._runner).use()
            )
        self._counts.calls["(unknown)" if tool is None else tool.name, use.outcome] += 1
        self._counts.retries += max(0, use.attempts - 1)
        turn.call_ended(evolve(use, duration=trio.current_time() - began))
