"""The runtime: actors, their life, and who restarts them. Knows mailboxes, and nothing of models.

- `_open`: opening a runtime; `_runtime`: what it is; `_ref`: how one talks to an actor; `_context`: what one may do.
- `_actor`: class actors and their handlers; `_spec`: how to build an actor, and build it again.
- `_lifecycle`: the life of an actor as a table; `_node`: one actor as its supervisor sees it, of three kinds: `_cell`
  (class), `_process` (coroutine), `_supervisor`.
- `_supervision`: the rules of restarting, in prose and as pure functions.
- `_pool`: the tasks that run class actors.
- `_topics`, `_dead_letters`, `_resources`: what actors share; `_metrics`, `_histogram`: what they did.
- `_track`: functions whose calls are counted; `_report`: all of it as a table; `_current`: the runtime that is open.
"""

from actrio.actors._actor import Actor, handles
from actrio.actors._context import ChildTasks, Context
from actrio.actors._current import current_runtime
from actrio.actors._dead_letters import DeadLetter, LifeEvent
from actrio.actors._errors import (
    HandlerError,
    InvalidSpec,
    NameTaken,
    NoHandler,
    RestartsExceeded,
    RuntimeClosed,
    UnknownActor,
)
from actrio.actors._histogram import Durations
from actrio.actors._lifecycle import IllegalSignal, Signal, State
from actrio.actors._metrics import ActorMetrics, RuntimeMetrics, Totals
from actrio.actors._node import Down
from actrio.actors._open import open_runtime
from actrio.actors._ref import ActorRef, SupervisorRef
from actrio.actors._runtime import Runtime
from actrio.actors._spec import ChildSpec, Definition, Restart, SpawnSettings, child
from actrio.actors._supervision import RestartPolicy, Strategy, Supervisor
from actrio.actors._topics import Topic, TopicStatistics, WrongTopicType
from actrio.actors._track import FunctionMetrics, track

__all__ = [
    "Actor",
    "ActorMetrics",
    "ActorRef",
    "ChildSpec",
    "ChildTasks",
    "Context",
    "DeadLetter",
    "Definition",
    "Down",
    "Durations",
    "FunctionMetrics",
    "HandlerError",
    "IllegalSignal",
    "InvalidSpec",
    "LifeEvent",
    "NameTaken",
    "NoHandler",
    "Restart",
    "RestartPolicy",
    "RestartsExceeded",
    "Runtime",
    "RuntimeClosed",
    "RuntimeMetrics",
    "Signal",
    "SpawnSettings",
    "State",
    "Strategy",
    "Supervisor",
    "SupervisorRef",
    "Topic",
    "TopicStatistics",
    "Totals",
    "UnknownActor",
    "WrongTopicType",
    "child",
    "current_runtime",
    "handles",
    "open_runtime",
    "track",
]
