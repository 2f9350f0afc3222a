"""Benchmarks that compare: the same work on actrio and on something else, in one run. The command is `actrio bench`.

- `_row`: what a scenario's measurements come to, as pure functions.
- `_harness`: a scenario, a suite of them, and running the sides of a scenario in turn.
- `_report`: the table a person reads and the JSON a program reads.
- `_suites`: which suites there are. `_command`: the command line.
- `kernel`: the actor runtime beside plain Trio, one scenario a file.
- `providers`: a model's streamed answer beside bare HTTP and the model's SDK, against a server of its own.
"""

from actrio.benchmarks._harness import Scenario, Suite
from actrio.benchmarks._row import Goal, Row

__all__ = ["Goal", "Row", "Scenario", "Suite"]
