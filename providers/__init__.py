"""Models: one request in, one stream of events out.

    async with provider.open() as connection:
        async with connection.stream(ModelRequest([User("Say hello.")])) as stream:
            async for event in stream:
                ...

What is where:

- `_messages`, `_tools`, `_request`: what a model is asked. `_events`: what it answers.
- `_provider`: the protocol `Provider` -> `Connection` -> `ModelStream`, and what each promises. `_stream` keeps the
  promises of a stream for whoever implements one.
- `_errors`: what can go wrong, and whose fault it is.
- `_scripted`, `_script`: `ScriptedProvider`, which plays a script.
- `_local`: `LocalProvider`, a model on this machine; `_llama_server` owns its process, `_llama_program` runs in it.
- `wire/`: bytes in, events out, no I/O. `_http`: streamed answers over httpx2.

It knows `actrio.mailbox` and nothing of actors. Importing it imports no HTTP stack and no model; a provider does that
when it is opened.
"""

from actrio.providers._errors import (
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    KeyMissing,
    ModelNotLoaded,
    NotFound,
    Overloaded,
    PackageMissing,
    ProtocolViolation,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    ScriptExhausted,
    ServerFailed,
    TimeoutPhase,
)
from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._local import LocalProvider
from actrio.providers._messages import (
    Assistant,
    Image,
    Message,
    Part,
    Reasoning,
    System,
    Text,
    ToolCall,
    ToolResult,
    User,
)
from actrio.providers._provider import Connection, ModelStream, Provider
from actrio.providers._request import ModelRequest
from actrio.providers._script import Fail, Line, LineLike, Say, Stall
from actrio.providers._scripted import ScriptedProvider, ScriptedStatistics
from actrio.providers._stream import EventStream
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.wire import Quota

__all__ = [
    "Arrived",
    "Assistant",
    "AuthenticationFailed",
    "BadRequest",
    "Connection",
    "ConnectionLost",
    "ContentRefused",
    "EventStream",
    "Fail",
    "FinishReason",
    "Finished",
    "Image",
    "JsonFormat",
    "KeyMissing",
    "Line",
    "LineLike",
    "LocalProvider",
    "Message",
    "ModelEvent",
    "ModelNotLoaded",
    "ModelRequest",
    "ModelStream",
    "NotFound",
    "Overloaded",
    "PackageMissing",
    "Part",
    "ProtocolViolation",
    "Provider",
    "ProviderError",
    "ProviderTimeout",
    "ProviderUnreachable",
    "Quota",
    "RateLimited",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningFinished",
    "RequestRefused",
    "Say",
    "ScriptExhausted",
    "ScriptedProvider",
    "ScriptedStatistics",
    "ServerFailed",
    "Stall",
    "System",
    "Text",
    "TextDelta",
    "TimeoutPhase",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolChoice",
    "ToolDefinition",
    "ToolResult",
    "Usage",
    "UsageReported",
    "UseTool",
    "User",
]
