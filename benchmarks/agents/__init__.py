"""The agents suite: what a turn costs through an agent, beside the bare provider and the model's SDK.

The mock server of the providers suite answers, in a process of its own, so what is measured is the client.

- `_agent`: an agent as a client of that suite. `_token`, `_first_token`: its text as it streams.
- `_tool_clients`: a turn with a tool call, three ways; `_tool_turn`: what it costs. `_history`: by the length of the
  conversation.
- `_memory`, `_memory_program`: a thousand streams in a process of their own, and the memory they take.
"""

from actrio.benchmarks._harness import Suite
from actrio.benchmarks.agents import _first_token, _history, _memory, _token, _tool_turn
from actrio.benchmarks.providers import serving

__all__ = ["SUITE"]

_NOTES = """\
-bare: `OpenAIProvider` without an agent, the same requests; 0.67 is at most 1.5 times its cost. -sdk: the openai SDK's
typed stream, with a loop written by hand where there is a tool. history-flat: a conversation of 400 messages beside one
of 2, both actrio's own. µs are processor time of this process, all threads, without the server; only those of ttft-N-pN
are time on the clock, from the call to the first token, with N agents at a time. MB: the peak of a process of its own
that does nothing else, Python and all its modules included."""

SUITE: Suite = Suite(
    name="agents",
    beside="the bare provider and the openai SDK",
    scenarios=(
        *_token.SCENARIOS,
        *_tool_turn.SCENARIOS,
        *_first_token.SCENARIOS,
        *_history.SCENARIOS,
        *_memory.SCENARIOS,
    ),
    setting=serving,
    rounds=5,
    notes=_NOTES,
)
