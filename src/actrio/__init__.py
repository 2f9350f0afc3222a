"""actrio: actor-style multi-agent runtime on Trio, to embed in your own program.

The top-level packages are the architecture, and dependencies point one way, which a check enforces::

    benchmarks  >  gateway | hosts  >  agents  >  actors | providers  >  mailbox

- ``actrio.mailbox``: messages and how they travel: envelopes, bounded inboxes, asks, broadcast streams, the codec.
- ``actrio.actors``: the runtime: life cycle, refs, supervision, topics, metrics. Knows nothing of models.
- ``actrio.providers``: models: one request in, one stream of events out. Knows nothing of actors.
- ``actrio.agents``: LLM agents on actors and providers: turns, tools, structured output, budgets.
- ``actrio.gateway``: agents over WebSocket, for browsers and other programs.
- ``actrio.hosts``: the runtime inside asyncio, plain threads and notebooks.
- ``actrio.benchmarks``: the suite behind ``actrio bench``.
- ``actrio.testing``: what users need to test their own agents offline.

What a newcomer needs is here. Models and agents load when first used, so that ``import actrio`` stays quick.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from actrio.actors import (
    Actor,
    ActorRef,
    DeadLetter,
    Down,
    HandlerError,
    InvalidSpec,
    NoHandler,
    RestartsExceeded,
    Runtime,
    Supervisor,
    SupervisorRef,
    Topic,
    child,
    current_runtime,
    handles,
    open_runtime,
    track,
)
from actrio.mailbox import (
    ActorStopped,
    ActrioError,
    AskCycleError,
    Broadcast,
    Envelope,
    Inbox,
    Lagged,
    MailboxFull,
    Request,
    TellCycleError,
)

if TYPE_CHECKING:
    from actrio.agents import (
        Agent,
        AgentRef,
        AnswerInvalid,
        Budget,
        BudgetExceeded,
        Conversation,
        ConversationStore,
        FieldUpdate,
        Middleware,
        Price,
        Prompt,
        Reply,
        Tool,
        ToolContext,
        ToolError,
        TooManySteps,
        Turn,
        TurnInterrupted,
        TurnRefused,
        Work,
        guard_input,
        guard_output,
        tool,
    )
    from actrio.agents.batch import Cancelled, Done, Failed, Steps, batch, open_batch, retry
    from actrio.agents.flow import Flow, FlowRun, all_of, any_of, collect
    from actrio.hosts import AsyncioHost, Host, RuntimeStopped
    from actrio.providers import LocalProvider, ScriptedProvider

__version__ = "0.1.0"

__all__ = [
    "Actor",
    "ActorRef",
    "ActorStopped",
    "ActrioError",
    "Agent",
    "AgentRef",
    "AnswerInvalid",
    "AskCycleError",
    "AsyncioHost",
    "Broadcast",
    "Budget",
    "BudgetExceeded",
    "Cancelled",
    "Conversation",
    "ConversationStore",
    "DeadLetter",
    "Done",
    "Down",
    "Envelope",
    "Failed",
    "FieldUpdate",
    "Flow",
    "FlowRun",
    "HandlerError",
    "Host",
    "Inbox",
    "InvalidSpec",
    "Lagged",
    "LocalProvider",
    "MailboxFull",
    "Middleware",
    "NoHandler",
    "Price",
    "Prompt",
    "Reply",
    "Request",
    "RestartsExceeded",
    "Runtime",
    "RuntimeStopped",
    "ScriptedProvider",
    "Steps",
    "Supervisor",
    "SupervisorRef",
    "TellCycleError",
    "TooManySteps",
    "Tool",
    "ToolContext",
    "ToolError",
    "Topic",
    "Turn",
    "TurnInterrupted",
    "TurnRefused",
    "Work",
    "all_of",
    "any_of",
    "batch",
    "child",
    "collect",
    "current_runtime",
    "guard_input",
    "guard_output",
    "handles",
    "open_batch",
    "open_runtime",
    "retry",
    "tool",
    "track",
]

_LATER = {
    "Agent": "actrio.agents",
    "AgentRef": "actrio.agents",
    "AnswerInvalid": "actrio.agents",
    "AsyncioHost": "actrio.hosts",
    "Budget": "actrio.agents",
    "BudgetExceeded": "actrio.agents",
    "Cancelled": "actrio.agents.batch",
    "Conversation": "actrio.agents",
    "ConversationStore": "actrio.agents",
    "Done": "actrio.agents.batch",
    "Failed": "actrio.agents.batch",
    "FieldUpdate": "actrio.agents",
    "Flow": "actrio.agents.flow",
    "FlowRun": "actrio.agents.flow",
    "Host": "actrio.hosts",
    "LocalProvider": "actrio.providers",
    "Middleware": "actrio.agents",
    "Price": "actrio.agents",
    "Prompt": "actrio.agents",
    "Reply": "actrio.agents",
    "RuntimeStopped": "actrio.hosts",
    "ScriptedProvider": "actrio.providers",
    "Steps": "actrio.agents.batch",
    "TooManySteps": "actrio.agents",
    "Tool": "actrio.agents",
    "ToolContext": "actrio.agents",
    "ToolError": "actrio.agents",
    "Turn": "actrio.agents",
    "TurnInterrupted": "actrio.agents",
    "TurnRefused": "actrio.agents",
    "Work": "actrio.agents",
    "all_of": "actrio.agents.flow",
    "any_of": "actrio.agents.flow",
    "batch": "actrio.agents.batch",
    "collect": "actrio.agents.flow",
    "guard_input": "actrio.agents",
    "guard_output": "actrio.agents",
    "open_batch": "actrio.agents.batch",
    "retry": "actrio.agents.batch",
    "tool": "actrio.agents",
}  # {public name: the package it is loaded from when first used}

logging.getLogger("actrio").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    package = _LATER.get(name)
    if package is None:
        raise AttributeError(f"module 'actrio' has no attribute {name!r}")
    value = getattr(import_module(package), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
