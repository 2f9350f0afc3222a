"""actrio: actor-style multi-agent runtime on Trio, to embed in your own program.

The top-level packages are the architecture, and dependencies point one way, which a check enforces::

    benchmarks  >  agents  >  actors | providers  >  mailbox

- ``actrio.mailbox``: messages and how they travel: envelopes, bounded inboxes, asks, broadcast streams, the codec.
- ``actrio.actors``: the runtime: life cycle, refs, supervision, topics, metrics. Knows nothing of models.
- ``actrio.providers``: models: one request in, one stream of events out. Knows nothing of actors.
- ``actrio.agents``: LLM agents on actors and providers: turns and conversations.
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
    handles,
    open_runtime,
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
    from actrio.agents import Agent, AgentRef, Prompt, Reply, Turn
    from actrio.providers import LocalProvider, ScriptedProvider

__version__ = "0.1.0"

__all__ = [
    "Actor",
    "ActorRef",
    "ActorStopped",
    "ActrioError",
    "Agent",
    "AgentRef",
    "AskCycleError",
    "Broadcast",
    "DeadLetter",
    "Down",
    "Envelope",
    "HandlerError",
    "Inbox",
    "InvalidSpec",
    "Lagged",
    "LocalProvider",
    "MailboxFull",
    "NoHandler",
    "Prompt",
    "Reply",
    "Request",
    "RestartsExceeded",
    "Runtime",
    "ScriptedProvider",
    "Supervisor",
    "SupervisorRef",
    "TellCycleError",
    "Topic",
    "Turn",
    "child",
    "handles",
    "open_runtime",
]

_LATER = {
    "Agent": "actrio.agents",
    "AgentRef": "actrio.agents",
    "LocalProvider": "actrio.providers",
    "Prompt": "actrio.agents",
    "Reply": "actrio.agents",
    "ScriptedProvider": "actrio.providers",
    "Turn": "actrio.agents",
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
