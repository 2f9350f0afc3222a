"""LLM agents, on actors and providers.

    agent = Agent("writer", LocalProvider(), "You write short texts.")
    async with open_runtime() as runtime:
        writer = await runtime.spawn(agent)
        reply = await writer.ask("A haiku, please.")
        async with writer.run("And one on rain.", conversation="u1") as turn:
            async for piece in turn.text():
                print(piece, end="")

What is where:

- `_agent`: the definition `Agent`. `_actor`: the actor it is spawned as. `_ref`: `AgentRef`, how one talks to it.
- `_prompt`: what it is asked; `_reply`: what it answers.
- `_turn`: one answer while it comes, for those who read; `_log`: its record; `_events`: what that is made of.
- `_conversation`: what it remembers, and what of that a model is sent.
- `_errors`: what can go wrong in a turn, beside what its model raises.
- `batch`: many inputs, so many at once; sequences and steps. `flow`: handlers that signals set off.
"""

from actrio.agents._agent import Agent
from actrio.agents._budget import Budget, BudgetExceeded, Price, PriceMissing, Spending
from actrio.agents._conversation import Conversation, ConversationSummary
from actrio.agents._errors import (
    AnswerInvalid,
    InvalidOutputType,
    MiddlewareFailed,
    NoSuchApproval,
    SteeringFull,
    StoreFailed,
    TooManySteps,
    TurnError,
    TurnInterrupted,
    TurnOver,
    TurnRefused,
    TurnTooLong,
)
from actrio.agents._events import (
    AnswerRestarted,
    ApprovalRequested,
    HandedOver,
    OutputRejected,
    ReasoningChunk,
    Steered,
    StepStarted,
    TextChunk,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    TurnCancelled,
    TurnCompleted,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    TurnUsage,
)
from actrio.agents._goal import Work
from actrio.agents._metrics import AgentMetrics
from actrio.agents._middleware import Middleware, ModelCall, ToolCalling, TurnCall, guard_input, guard_output
from actrio.agents._prices import PRICES
from actrio.agents._prompt import Prompt
from actrio.agents._readers import FieldReader, TextReader, ToolReader
from actrio.agents._ref import AgentRef
from actrio.agents._reply import Reply
from actrio.agents._store import ConversationStore, TurnMessages
from actrio.agents._turn import Turn
from actrio.agents.output import BrokenJson, FieldUpdate
from actrio.agents.tools import CallOver, InvalidTool, TaskLost, Tool, ToolContext, ToolError, ToolUse, tool

__all__ = [
    "PRICES",
    "Agent",
    "AgentMetrics",
    "AgentRef",
    "AnswerInvalid",
    "AnswerRestarted",
    "ApprovalRequested",
    "BrokenJson",
    "Budget",
    "BudgetExceeded",
    "CallOver",
    "Conversation",
    "ConversationStore",
    "ConversationSummary",
    "FieldReader",
    "FieldUpdate",
    "HandedOver",
    "InvalidOutputType",
    "InvalidTool",
    "Middleware",
    "MiddlewareFailed",
    "ModelCall",
    "NoSuchApproval",
    "OutputRejected",
    "Price",
    "PriceMissing",
    "Prompt",
    "ReasoningChunk",
    "Reply",
    "Spending",
    "Steered",
    "SteeringFull",
    "StepStarted",
    "StoreFailed",
    "TaskLost",
    "TextChunk",
    "TextReader",
    "TooManySteps",
    "Tool",
    "ToolCallFinished",
    "ToolCallProgress",
    "ToolCallStarted",
    "ToolCalling",
    "ToolContext",
    "ToolError",
    "ToolReader",
    "ToolUse",
    "Turn",
    "TurnCall",
    "TurnCancelled",
    "TurnCompleted",
    "TurnError",
    "TurnEvent",
    "TurnFailed",
    "TurnInterrupted",
    "TurnMessages",
    "TurnOver",
    "TurnRefused",
    "TurnStarted",
    "TurnTooLong",
    "TurnUsage",
    "Work",
    "guard_input",
    "guard_output",
    "tool",
]
