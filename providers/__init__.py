"""Models: one request in, one stream of events out.

    async with provider.open() as connection:
        async with connection.stream(ModelRequest([User("Say hello.")])) as stream:
            async for event in stream:
                ...

What is where:

- `_messages`, `_tools`, `_request`: what a model is asked. `_events`: what it answers.
- `_provider`: the protocol `Provider` -> `Connection` -> `ModelStream`, and what each promises. `_stream` keeps the
  promises of a stream for whoever implements one. `_names`: providers by the names of their models.
- `_errors`: what can go wrong, and whose fault it is.
- `_openai`, `_anthropic`: through their makers' SDKs, which `_sdk` drives. `_ollama`: over plain HTTP. `_access`:
  addresses and keys.
- `local/`: `LocalProvider`, a model on this machine.
- `_scripted`, `_script`: `ScriptedProvider`, which plays a script.
- `recording/`: `RecordedProvider`, which records another and replays it.
- `policy/`: retry, limits, time-outs, fallback: decided purely, then waited for.
- `wire/`: bytes in, events out, no I/O. `_http`: streamed answers over httpx2, `_legacy_httpx`: over httpx.
- `transport/`: HTTP/1.1 over Trio, below httpx2.

It knows `actrio.mailbox` and nothing of actors. Importing it imports no HTTP stack and no model; a provider does that
when it is opened.
"""

from actrio.providers._anthropic import AnthropicProvider
from actrio.providers._errors import (
    AuthenticationFailed,
    BadRequest,
    CassetteBroken,
    ConnectionLost,
    ContentRefused,
    FallbackExhausted,
    KeyMissing,
    ModelNotLoaded,
    NotFound,
    NotRecorded,
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
    UnknownModel,
)
from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    ReasoningFinished,
    Restarted,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
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
from actrio.providers._names import as_provider, model_named
from actrio.providers._ollama import OllamaProvider
from actrio.providers._openai import OpenAIProvider, OpenAIResponsesProvider
from actrio.providers._provider import Connection, ModelStream, Provider
from actrio.providers._request import ModelRequest
from actrio.providers._script import Fail, Line, LineLike, Say, Stall
from actrio.providers._scripted import ScriptedProvider, ScriptedStatistics
from actrio.providers._stream import EventStream
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.local import LocalProvider
from actrio.providers.policy import (
    Backoff,
    Breaker,
    CircuitState,
    FallbackConnection,
    FallbackProvider,
    GovernedConnection,
    GovernedProvider,
    GovernedStatistics,
    LimiterStatistics,
    Limits,
    MemberStatistics,
    Retry,
    Timeouts,
    another_may_do,
    govern,
    worth_retrying,
)
from actrio.providers.recording import RecordedProvider, RecordMode
from actrio.providers.wire import Quota

__all__ = [
    "AnthropicProvider",
    "Arrived",
    "Assistant",
    "AuthenticationFailed",
    "Backoff",
    "BadRequest",
    "Breaker",
    "CassetteBroken",
    "CircuitState",
    "Connection",
    "ConnectionLost",
    "ContentRefused",
    "EventStream",
    "Fail",
    "FallbackConnection",
    "FallbackExhausted",
    "FallbackProvider",
    "FinishReason",
    "Finished",
    "GovernedConnection",
    "GovernedProvider",
    "GovernedStatistics",
    "Image",
    "JsonFormat",
    "KeyMissing",
    "LimiterStatistics",
    "Limits",
    "Line",
    "LineLike",
    "LocalProvider",
    "MemberStatistics",
    "Message",
    "ModelEvent",
    "ModelNotLoaded",
    "ModelRequest",
    "ModelStream",
    "NotFound",
    "NotRecorded",
    "OllamaProvider",
    "OpenAIProvider",
    "OpenAIResponsesProvider",
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
    "RecordMode",
    "RecordedProvider",
    "RequestRefused",
    "Restarted",
    "Retry",
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
    "Timeouts",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolChoice",
    "ToolDefinition",
    "ToolResult",
    "UnknownModel",
    "Usage",
    "UsageReported",
    "UseTool",
    "User",
    "another_may_do",
    "as_provider",
    "govern",
    "model_named",
    "worth_retrying",
]
