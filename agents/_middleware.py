"""What stands around turns, model calls and tool calls: to log, to time, to change, to refuse."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from attrs import define, field, frozen

from actrio.agents._errors import MiddlewareFailed, TurnRefused
from actrio.agents.tools import ToolUse
from actrio.mailbox import ActrioError
from actrio.providers import Message, ModelRequest, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actrio.agents._reply import Reply

T = TypeVar("T")


@define
class TurnCall:
    """A turn, for what stands around it.

    Attributes:
        agent, conversation: Whose turn it is.
        messages: What it was asked. May be set before the turn.
        reply: The answer, when there is one. May be set after the turn.
    """

    agent: str
    conversation: str | None
    messages: tuple[Message, ...]
    reply: "Reply[Any] | None" = None


@define
class ModelCall:
    """A call of the model, for what stands around it.

    Attributes:
        agent, conversation: For whose turn it is.
        step: Which of its turn, from 1.
        request: What the model is sent. May be set before the call.
        text, calls, usage: What it answered, when it has.
    """

    agent: str
    conversation: str | None
    step: int
    request: ModelRequest
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(factory=Usage)


@define
class ToolCalling:
    """A tool call, for what stands around it.

    Attributes:
        agent, conversation: For whose turn it is.
        call: As the model made it. May be set before the tool runs.
        use: What came of it, when it has ended. May be set after that.

    Raising ``ToolError`` before the tool runs refuses the call, and tells the model so.
    """

    agent: str
    conversation: str | None
    call: ToolCall
    use: ToolUse | None = None


@frozen(kw_only=True)
class Middleware:
    """Plain async context managers that stand around what an agent does; the first of an agent's is the outermost.

        @asynccontextmanager
        async def timed(call: ModelCall) -> AsyncGenerator[None]:
            began = trio.current_time()
            yield  # the call
            print(call.agent, call.step, trio.current_time() - began, call.usage)

        Agent("writer", model, middleware=[Middleware(model=timed)])

    What is inside raises where they yield, Cancelled too, and has to leave them. What they raise themselves ends the
    turn, with ``MiddlewareFailed`` unless it is an ``ActrioError``; or it is the tool call's failure.

    Args:
        turn: Around a whole turn.
        model: Around each call of the model: from before it is sent until its answer is whole.
        tool: Around each tool call.
    """

    turn: Callable[[TurnCall], AbstractAsyncContextManager[object]] | None = None
    model: Callable[[ModelCall], AbstractAsyncContextManager[object]] | None = None
    tool: Callable[[ToolCalling], AbstractAsyncContextManager[object]] | None = None


@asynccontextmanager
async def around(
    makers: Sequence[Callable[[T], AbstractAsyncContextManager[object]]], call: T
) -> "AsyncGenerator[None]":
    """All of them around one call."""
    async with AsyncExitStack() as stack:
        for make in makers:
            await stack.enter_async_context(make(call))
        yield


CallT = TypeVar("CallT", TurnCall, ModelCall)


@asynccontextmanager
async def around_turn(
    makers: Sequence[Callable[[CallT], AbstractAsyncContextManager[object]]], call: CallT
) -> "AsyncGenerator[None]":
    """The same, for what ends the turn.

    Raises: MiddlewareFailed: one of them raised what is no error of actrio's, and not what is inside raised.
    """
    inside: Exception | None = None
    try:
        async with around(makers, call):
            try:
                yield
            except Exception as error:
                inside = error
                raise
    except Exception as error:
        if error is inside or isinstance(error, ActrioError):
            raise
        raise MiddlewareFailed(call.agent, call.conversation, f"{type(error).__name__}: {error}") from error
    finally:
        del inside  # else it and this frame would keep each other alive


# Gives the reason to refuse a text, or None.
Check: TypeAlias = Callable[[str], str | Awaitable[str | None] | None]


def guard_input(check: Check) -> Middleware:
    """Refuse what an agent is asked: ``check`` gets the text, and gives the reason, or None if it may be answered.

    A refused turn ends with ``TurnRefused`` before the model is called.
    """

    @asynccontextmanager
    async def guard(call: TurnCall) -> "AsyncGenerator[None]":
        await _refuse(check, call, "input", call.messages[-1].text)
        yield

    return Middleware(turn=guard)


def guard_output(check: Check) -> Middleware:
    """Refuse what an agent answers, as :func:`guard_input`; the whole answer is checked, at its end.

    Who reads the turn while it comes has seen it by then.
    """

    @asynccontextmanager
    async def guard(call: TurnCall) -> "AsyncGenerator[None]":
        yield
        if call.reply is not None:
            await _refuse(check, call, "output", call.reply.text)

    return Middleware(turn=guard)


async def _refuse(check: Check, call: TurnCall, stage: str, text: str) -> None:
    reason = check(text)
    if isawaitable(reason):
        reason = await reason
    if reason is not None:
        raise TurnRefused(call.agent, call.conversation, stage, reason)
