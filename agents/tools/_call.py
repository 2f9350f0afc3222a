"""One call of one tool, from its arguments to what the model is told."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from math import inf
from typing import Any, Final, cast

import msgspec
import trio

from actrio.agents.tools._context import ToolContext
from actrio.agents.tools._errors import TaskLost, ToolError, TurnEnds
from actrio.agents.tools._from_thread import FromThread
from actrio.agents.tools._pydantic import encode_model
from actrio.agents.tools._run import Runner, place_limiter
from actrio.agents.tools._signature import BadArguments, Signature
from actrio.agents.tools._tool import Tool
from actrio.agents.tools._use import Outcome, ToolUse, TurnOfCalls
from actrio.providers import ToolCall

_log = logging.getLogger("actrio.agents")

# What code of asyncio's says where asyncio does not run.
NO_LOOP: Final = "no running event loop"

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
        self._bridge: FromThread | None = None  # for a tool in a thread that may ask for async functions

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
        deadline = trio.current_time() + (inf if tool.timeout is None else tool.timeout)
        try:
            with trio.move_on_at(deadline):
                async with AsyncExitStack() as stack:
                    if tool.max_concurrent is not None:
                        await stack.enter_async_context(place_limiter(tool.places, tool.max_concurrent))
                    return await self._try(self._complete(arguments))
        except Exception as error:  # noqa: BLE001 - the model is told
            if trio.current_time() < deadline:
                return self._failed(error)
            self._log(error)  # it came with the cancellation, in one group, and is alone now
        except BaseExceptionGroup as group:
            # The call is cancelled, and its tool failed to end well: nobody is left to be told.
            failures, ends = group.split(Exception)
            if failures is None or ends is None:
                raise
            self._log(failures)
            raise ends from None
        finally:
            self._over = True
        return self._ended("timed out", f"{tool.name} took longer than {tool.timeout:g} s.")

    def _complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """With what the model is not told of."""
        for name in self._signature.injected:
            arguments[name] = self._deps[name]
        if self._signature.context is not None:
            turn, where = self._turn, self._tool.run_in
            self._bridge = FromThread(self._tool.name) if where == "thread" else None
            arguments[self._signature.context] = ToolContext(
                turn.agent,
                turn.conversation,
                self._call,
                self._deps,
                self._progress if where == "trio" else _from_thread(self._progress_of_thread),
                None if self._bridge is None else self._bridge.run,
            )
        return arguments

    async def _try(self, arguments: dict[str, Any]) -> ToolUse:
        while True:
            self._attempts += 1
            try:
                value = await self._run(arguments)
            except TurnEnds as end:
                return self._ended("done", f"{end}.", value=end)
            except Exception as error:  # noqa: BLE001 - the model is told
                pause = FIRST_PAUSE_S * 2 ** (self._attempts - 1)
                if not self._is_worth_another(error, pause):
                    return self._failed(error)
            else:
                return self._returned(value)
            await trio.sleep(pause)

    async def _run(self, arguments: dict[str, Any]) -> Any:
        work = partial(self._runner.run, self._tool, arguments)
        try:
            return await (work() if self._bridge is None else self._bridge.beside(work))
        except BaseException as error:
            if not _is_of_asyncio(error):
                raise
            raise TaskLost("a task of asyncio's that it waited for was cancelled") from error  # noqa: ASYNC104 - of asyncio

    def _is_worth_another(self, error: Exception, pause: float) -> bool:
        tool = self._tool
        if isinstance(error, ToolError) or not tool.idempotent or self._attempts >= tool.attempts:
            return False
        return trio.current_time() + pause < trio.current_effective_deadline()

    def _returned(self, value: object) -> ToolUse:
        try:
            return self._ended("done", as_text(value), value=value)
        except TypeError as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> ToolUse:
        causes = list(_causes(error))
        said = "; ".join(one.text if isinstance(one, ToolError) else _in_words(one) for one in causes)
        if not all(isinstance(one, ToolError) for one in causes):
            self._log(error)
            said = f"{self._tool.name} failed: {said}"
        return self._ended("failed", said, error=error)

    def _log(self, error: Exception) -> None:
        way_out = ""
        if self._tool.run_in == "trio" and any(one.args == (NO_LOOP,) for one in _causes(error)):
            way_out = '. It needs asyncio: make it with @tool(run_in="asyncio")'
        _log.warning("agent %s: tool %r failed%s", self._turn.agent, self._tool.name, way_out, exc_info=error)

    def _ended(self, outcome: Outcome, text: str, *, value: object = None, error: Exception | None = None) -> ToolUse:
        return ToolUse(self._call, outcome, text.strip(), value, error, attempts=self._attempts)

    def _progress(self, value: object) -> None:
        if not self._over:
            self._turn.call_progressed(self._call, value)

    def _progress_of_thread(self, value: object) -> None:
        # A thread that was abandoned may come with it when nobody is there any more. And nobody is there to be told if
        # the turn cannot take it, having too many events; that ends the turn when the call does.
        with suppress(Exception):
            self._progress(value)


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
    except Exception as error:  # not only msgspec's: a property of the value, say, may raise anything
        problem = f"what it returned cannot be told to a model, as JSON cannot carry it: {_in_words(error)}"
        raise TypeError(problem) from error


def _causes(error: Exception) -> Iterator[Exception]:
    """What was raised at first, where nurseries have put it into groups."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for one in cast("ExceptionGroup[Exception]", error).exceptions:
        yield from _causes(one)


def _is_of_asyncio(error: BaseException) -> bool:
    """Whether it is a cancellation of asyncio's, which nobody but the tool can have meant: no end of the program."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _in_words(error: Exception) -> str:
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an error whose text fails is told by its class alone
        said = ""
    return f"{type(error).__name__}: {said}"


def _from_thread(progress: Callable[[object], None]) -> Callable[[object], None]:
    token = trio.lowlevel.current_trio_token()

    def tell(value: object) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(progress, value)

    return tell
