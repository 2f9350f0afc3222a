"""What a tool is told of the turn that calls it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, TypeVarTuple

import trio
from attrs import field, frozen

from actrio.providers import ToolCall

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@frozen(eq=False)
class ToolContext:
    """The call that a tool works on: a parameter annotated with this class gets it, and the model is not told of it.

        @tool
        async def fetch(url: str, ctx: ToolContext) -> str: ...

    Attributes:
        agent: The agent's name.
        conversation: The key of its conversation; None for a turn that stands for itself.
        call: The call as the model made it.
        deps: What the agent was given as ``deps``.
    """

    agent: str
    conversation: str | None
    call: ToolCall
    deps: Mapping[str, Any] = field(repr=False)
    _progress: Callable[[object], None] = field(repr=False)
    _run: Callable[..., Any] | None = field(default=None, repr=False)

    def progress(self, value: object) -> None:
        """Show something to whoever follows the turn, as a ``ToolCallProgress``; the model does not see it.

        Returns at once. May be called from a tool in a thread or on an asyncio loop, too; then the event comes a moment
        later.
        """
        self._progress(value)

    def from_thread(self, async_fn: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Run an async function from a tool that is not async: ``reply = ctx.from_thread(expert.ask, "Where?")``.

        It runs in a task of the call: deadline, cancellation and budget hold for it, and an ask that would wait for
        itself fails. With ``trio.from_thread.run`` none of that were so. Waits for what it returns.

        Raises:
            CallOver: the call was cancelled or timed out; the tool should return, as nobody waits for it any more.
            RuntimeError: this tool is async. On Trio, await the function instead; on asyncio, where waiting like this
                would stop the loop, use a ref of the program's :class:`AsyncioHost`, or a tool that runs on Trio.
            Exception: what the function raises.
        """
        if self._run is None:
            raise RuntimeError(
                "this tool is async. On Trio, await the function instead. With run_in='asyncio', await a ref that an "
                "AsyncioHost gave, or make it a tool that runs on Trio"
            )
        result: T = self._run(async_fn, *args)
        return result

    @property
    def deadline(self) -> float:
        """When the work is given up, on Trio's clock; ``inf`` if never. Only from tools that run on Trio.

        Raises: RuntimeError: this one does not.
        """
        if not trio.lowlevel.in_trio_task():
            raise RuntimeError("only a tool that runs on Trio can read the deadline, which is on Trio's clock")
        return trio.current_effective_deadline()
