"""One call of one tool, from its arguments to what the model is told."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import msgspec
import trio

from actrio.agents.tools._context import ToolContext
from actrio.agents.tools._errors import ToolError, TurnEnds
from actrio.agents.tools._pydantic import encode_model
from actrio.agents.tools._run import Runner, place_limiter
from actrio.agents.tools._signature import BadArguments, Signature
from actrio.agents.tools._tool import Tool
from actrio.agents.tools._use import Outcome, ToolUse, TurnOfCalls
from actrio.providers import ToolCall

_log = logging.getLogger("actrio.agents")

# Before the second attempt of an idempotent tool, and doubled before each further one, in seconds.
FIRST_PAUSE_S: Final = 0.25


class Call:
    """A call at work.

    Args:
        tool: What is called.
        signature: What it takes from this agent.
        call: As the model made it.
        turn: Who is told of it.
        deps: What the agent gives its tools.
        runner: Runs the function.
    """

    def __init__(
        self,
        tool: Tool[..., Any],
        signature: Signature,
        call: ToolCall,
        turn: TurnOfCalls,
        deps: Mapping[str, Any],
        runner: Runner,
    ) -> None:
        self._tool = tool
        self._signature = signature
        self._call = call
        self._turn = turn
        self._deps = deps
        self._runner = runner
        self._attempts = 0
        self._over = False

    async def use(self) -> ToolUse:
        """Check the arguments, wait for approval if need be, run it. Raises nothing but Cancelled."""
        tool = self._tool
        try:
            arguments = self._signature.decode(self._call.arguments)
        except BadArguments as error:
            text = f"The arguments are not what {tool.name} takes: {error}. Call it again with arguments of its schema."
            return self._ended("bad arguments", text, error=error)
        if tool.approval and not (verdict := await self._turn.approval(self._call)).approved:
            return self._ended("denied", "The user did not approve of this call. " + verdict.reason)
        try:
            with trio.move_on_after(float("inf") if tool.timeout is None else tool.timeout):
                async with AsyncExitStack() as stack:
                    if tool.max_concurrent is not None:
                        await stack.enter_async_context(place_limiter(tool, tool.max_concurrent))
                    return await self._try(self._complete(arguments))
            return self._ended("timed out", f"{tool.name} took longer than {tool.timeout:g} s.")
        finally:
            self._over = True

    def _complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """With what the model is not told of."""
        for name in self._signature.injected:
            arguments[name] = self._deps[name]
        if self._signature.context is not None:
            progress = _from_thread(self._progress) if self._tool.run_in == "thread" else self._progress
            arguments[self._signature.context] = ToolContext(
                self._turn.agent, self._turn.conversation, self._call, self._deps, progress
            )
        return arguments

    async def _try(self, arguments: dict[str, Any]) -> ToolUse:
        while True:
            self._attempts += 1
            try:
                value = await self._runner.run(self._tool, arguments)
                return self._ended("done", as_text(value), value=value)
            except TurnEnds as end:
                return self._ended("done", f"{end}.", value=end)
            except ToolError as error:
                return self._ended("failed", error.text, error=error)
            except Exception as error:  # noqa: BLE001 - the model is told
                if not self._tool.idempotent or self._attempts >= self._tool.attempts:
                    return self._failed(error)
            await trio.sleep(FIRST_PAUSE_S * 2 ** (self._attempts - 1))

    def _failed(self, error: Exception) -> ToolUse:
        _log.warning("agent %s: tool %r failed", self._turn.agent, self._tool.name, exc_info=error)
        return self._ended("failed", f"{self._tool.name} failed: {type(error).__name__}: {error}", error=error)

    def _ended(self, outcome: Outcome, text: str, *, value: object = None, error: Exception | None = None) -> ToolUse:
        return ToolUse(self._call, outcome, text.strip(), value, error, attempts=self._attempts)

    def _progress(self, value: object) -> None:
        # A thread that was abandoned may come with it when nobody is there any more.
        if not self._over:
            self._turn.call_progressed(self._call, value)


def as_text(value: object) -> str:
    """What the model is told that a tool returned: a text as it is, nothing for None, all else as JSON.

    Raises: TypeError: JSON cannot carry it.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value, enc_hook=encode_model).decode()
    except NotImplementedError as error:
        raise TypeError(f"what it returned cannot be told to a model: {error}") from None


def _from_thread(progress: Callable[[object], None]) -> Callable[[object], None]:
    token = trio.lowlevel.current_trio_token()

    def tell(value: object) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(progress, value)

    return tell
