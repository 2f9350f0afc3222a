"""Tools: what a model may call, and running what it calls.

    @tool(timeout=10)
    async def search(query: str) -> str: ...

- `_tool`: `Tool`, and `tool`, which makes one of a function. `_signature`: its schema, and checking arguments.
- `_context`: `ToolContext`, what a tool is told of the turn that calls it.
  `_from_thread`: what a tool in a thread has run for it.
- `_toolbox`: all tools of an agent, and the calls of one step at once. `_call`: one of them. `_run`: where it runs.
- `_loop`: coroutines on an asyncio loop, waited for in Trio; `_loop_thread`: a loop for them where there is none.
- `_use`: what came of a call, and the turn as those who run tools see it.
- `_strict`: fields that nobody asked for. `_metadata`: what `Annotated` says. `_pydantic`: models of pydantic's, where
  a program uses them. `_errors`: what can be wrong.
"""

from actrio.agents.tools._call import as_text
from actrio.agents.tools._context import ToolContext
from actrio.agents.tools._counts import ToolCounts
from actrio.agents.tools._errors import Completed, HandedOff, InvalidTool, TaskLost, ToolError, TurnEnds
from actrio.agents.tools._from_thread import CallOver
from actrio.agents.tools._loop import Loop
from actrio.agents.tools._loop_thread import open_loop
from actrio.agents.tools._pydantic import decode_model, encode_model, is_model, model_schema
from actrio.agents.tools._run import Workers, open_workers
from actrio.agents.tools._strict import hoist
from actrio.agents.tools._tool import RunIn, Tool, tool
from actrio.agents.tools._toolbox import Toolbox, as_tools, check_tools
from actrio.agents.tools._use import Outcome, ToolUse, TurnOfCalls, Verdict

__all__ = [
    "CallOver",
    "Completed",
    "HandedOff",
    "InvalidTool",
    "Loop",
    "Outcome",
    "RunIn",
    "TaskLost",
    "Tool",
    "ToolContext",
    "ToolCounts",
    "ToolError",
    "ToolUse",
    "Toolbox",
    "TurnEnds",
    "TurnOfCalls",
    "Verdict",
    "Workers",
    "as_text",
    "as_tools",
    "check_tools",
    "decode_model",
    "encode_model",
    "hoist",
    "is_model",
    "model_schema",
    "open_loop",
    "open_workers",
    "tool",
]
