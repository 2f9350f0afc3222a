"""Models: one request in, one stream of events out.

    async with provider.open() as connection:
        async with connection.stream(ModelRequest([User("Say hello.")])) as stream:
            async for event in stream:
                ...

What is where:

- `_messages`, `_request`: what a model is asked. `_events`: what it answers.
- `_provider`: the protocol `Provider` -> `Connection` -> `ModelStream`, and what each promises. `_stream` keeps the
  promises of a stream for whoever implements one.
- `_errors`: what can go wrong, and whose fault it is.
- `_scripted`, `_script`: `ScriptedProvider`, which plays a script.
- `_local`: `LocalProvider`, a model on this machine; `_llama_server` owns its process, `_llama_program` runs in it.
- `_sse`, `_chat_completions`: bytes in, events out, no I/O. `_http`: streamed bodies over httpx2.

It knows `actrio.mailbox` and nothing of actors. Importing it imports no HTTP stack and no model; a provider does that
when it is opened.
"""

from actrio.providers._errors import (
    ConnectionLost,
    ModelNotLoaded,
    PackageMissing,
    ProtocolViolation,
    ProviderError,
    ProviderUnreachable,
    RequestRefused,
    ScriptExhausted,
)
from actrio.providers._events import (
    Finished,
    FinishReason,
    ModelEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._local import LocalProvider
from actrio.providers._messages import Assistant, Message, System, ToolCall, ToolResult, User
from actrio.providers._provider import Connection, ModelStream, Provider
from actrio.providers._request import ModelRequest
from actrio.providers._script import Fail, Line, LineLike, Say, Stall
from actrio.providers._scripted import ScriptedProvider, ScriptedStatistics

__all__ = [
    "Assistant",
    "Connection",
    "ConnectionLost",
    "Fail",
    "FinishReason",
    "Finished",
    "Line",
    "LineLike",
    "LocalProvider",
    "Message",
    "ModelEvent",
    "ModelNotLoaded",
    "ModelRequest",
    "ModelStream",
    "PackageMissing",
    "ProtocolViolation",
    "Provider",
    "ProviderError",
    "ProviderUnreachable",
    "RequestRefused",
    "Say",
    "ScriptExhausted",
    "ScriptedProvider",
    "ScriptedStatistics",
    "Stall",
    "System",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolResult",
    "Usage",
    "UsageReported",
    "User",
]
