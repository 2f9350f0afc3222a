"""The peers suite: actrio's actors beside those of other Python systems, each in an environment of its own.

- `_peer`: which there are. `_install`: making their environments. `_process`: a peer at work.
- `_adapters/`: what runs in those environments: `program.py`, and for each peer a file that does the work with it.
- `_scenarios`: the rows, one for each measurement and peer.
"""

from actrio.benchmarks._harness import Suite
from actrio.benchmarks.peers._install import install
from actrio.benchmarks.peers._process import at_work
from actrio.benchmarks.peers._scenarios import SCENARIOS, best_of_peers

__all__ = ["SUITE", "install"]

_NOTES = """\
Each peer does the same work by its own fastest idiom, which its adapter states, in a process of its environment that
lives through the run. idle-bytes is what Python allocates: without the stacks of threads. eiaa: everything-is-an-actor.
thespian and xoscar have no queue of messages here: they call the handler in the caller's task."""

SUITE: Suite = Suite(
    name="peers",
    beside="other actor systems",
    scenarios=SCENARIOS,
    setting=at_work,
    rounds=5,
    notes=_NOTES,
    conclude=best_of_peers,
)
