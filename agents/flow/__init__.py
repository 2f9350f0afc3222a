"""Event-driven flows: handlers that signals set off, which emit signals in turn.

    flow = Flow("report")

    @flow.on(Topic)
    async def research(topic: Topic, run: FlowRun) -> Facts:
        await run.put(f"looking for {topic.name}")
        return Facts(...)

    snapshot = await flow.start(Topic("rain"))

- `_flow`: the definition, and its actor; `_run`: one run of it, for handlers and for the outside; `_state`: what its
  handlers share; `_items`: what they put; `_snapshot`: how it stands at one moment.
- `_trigger`: which signals set a handler off, joins too; `_reaction`: one call of a handler, and what it has done;
  `_slots`: how many of one handler at once; `_pauses`: who waits for an answer.
- `_saved`: a run as plain data; `_diagram`: a flow as a picture; `_errors`: what can go wrong.
"""

from actrio.agents.flow._errors import (
    FlowDiverged,
    FlowInterrupted,
    FlowNeverSettles,
    FlowSealed,
    InvalidFlow,
    NotWaiting,
)
from actrio.agents.flow._flow import Flow, FlowRef, StartFlow
from actrio.agents.flow._items import Items
from actrio.agents.flow._run import FlowRun
from actrio.agents.flow._snapshot import FlowSnapshot
from actrio.agents.flow._state import State
from actrio.agents.flow._trigger import Trigger, all_of, any_of, collect

__all__ = [
    "Flow",
    "FlowDiverged",
    "FlowInterrupted",
    "FlowNeverSettles",
    "FlowRef",
    "FlowRun",
    "FlowSealed",
    "FlowSnapshot",
    "InvalidFlow",
    "Items",
    "NotWaiting",
    "StartFlow",
    "State",
    "Trigger",
    "all_of",
    "any_of",
    "collect",
]
