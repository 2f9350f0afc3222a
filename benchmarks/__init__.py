"""Benchmarks that compare: the same work on actrio and on something else, in one run. The command is `actrio bench`.

- `_row`: what a scenario's measurements come to, as pure functions.
- `_harness`: a scenario, and running both sides of it in turn.
- `_report`: the table a person reads and the JSON a program reads.
- `_command`: the command line.
- `kernel`: the actor runtime beside plain Trio, one scenario a file.
"""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks._row import Row

__all__ = ["Row", "Scenario"]
