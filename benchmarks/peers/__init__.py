"""The peers suite: actrio beside other Python systems, each in an environment of its own.

- `_peer`: which there are, of actors and of agents. `_install`: making their environments. `_process`: a peer at work.
- `_adapters/`: what runs in those environments: `program.py`, for each peer a file that does the work with it, and
  `turns.py`, which measures those of agents.
- `_scenarios`: the rows, one for each measurement and peer. `_agents`: those of agents.
- `_stopping`: what a cancelled turn leaves running. `_watch`, `_watch_program`: a relay that sees connections close.
- `_fresh_program`: actrio's side of what is measured from the start of a process.
"""

from collections.abc import Generator
from contextlib import contextmanager

from actrio.benchmarks._harness import Suite
from actrio.benchmarks.peers._install import install
from actrio.benchmarks.peers._process import at_work
from actrio.benchmarks.peers._scenarios import SCENARIOS, best_of_peers
from actrio.benchmarks.peers._watch import relaying
from actrio.benchmarks.providers import serving

__all__ = ["SUITE", "install"]

_NOTES = """\
Each peer does the same work by its own fastest idiom, which its adapter states, in a process of its environment that
lives through the run; memory, import and first-turn are of a process of their own. Processor time is that of this
process with all its threads, without the mock model server; first-token, cancel and tool-stop are time on the clock.
idle-bytes is what Python allocates: without the stacks of threads. thespian and xoscar have no queue of messages here:
they call the handler in the caller's task. eiaa: everything-is-an-actor. agentchat: autogen-agentchat. openai: its SDK,
with the loop of an agent written by hand."""


@contextmanager
def _setting() -> Generator[None]:
    """The model server, a relay before it, and the peers' processes."""
    with serving(), relaying(), at_work():
        yield


SUITE: Suite = Suite(
    name="peers",
    beside="other actor systems, and other libraries of agents",
    scenarios=SCENARIOS,
    setting=_setting,
    rounds=5,
    notes=_NOTES,
    conclude=best_of_peers,
)
