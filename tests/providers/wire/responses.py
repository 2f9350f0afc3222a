"""Events of the Responses interface."""

import json
from typing import Any

from hypothesis import strategies as st

from actrio.providers import (
    Finished,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)


def event(kind: str, **fields: Any) -> bytes:
    said = {"type": kind, "sequence_number": 1, **fields}
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps(said).encode())


def text(delta: str, index: int = 0) -> bytes:
    where = {"item_id": "msg_1", "output_index": index, "content_index": 0}
    return event("response.output_text.delta", delta=delta, logprobs=[], **where)


def arguments(index: int, delta: str) -> bytes:
    return event("response.function_call_arguments.delta", output_index=index, item_id="fc", delta=delta)


REASONING: dict[str, Any] = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    "encrypted_content": "gAAA",
}
TOKEN = '{"id":"rs_1","encrypted_content":"gAAA","summary":[{"type":"summary_text","text":"One."},'
EVENTS = [
    ReasoningDelta("One."),
    ReasoningDelta("\n\n"),
    ReasoningDelta("Two."),
    ReasoningFinished(
        Reasoning(
            "One.\n\nTwo.",
            origin="openai-responses",
            token=TOKEN + '{"type":"summary_text","text":"Two."}],"content":null}',
        )
    ),
    TextDelta("Grüße"),
    ToolCallStarted("c1", "search"),
    ToolCallStarted("c2", "stop"),
    ToolCallDelta("c1", '{"q":'),
    ToolCallDelta("c2", "{}"),
    ToolCallDelta("c1", '"x"}'),
    ToolCallFinished("c1", "search", '{"q":"x"}'),
    ToolCallFinished("c2", "stop", "{}"),
    UsageReported(Usage(5, 7, 3, 2)),
    Finished("tool_calls", "resp_1"),
]
values = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["", "a", "function_call", "reasoning", "server_error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "call_id", "name", "arguments", "summary", "error", "usage", "code"]), inner
        )
    ),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from(["delta", "item", "response", "output_index", "arguments", "refusal", "error", "message"]), values
)
