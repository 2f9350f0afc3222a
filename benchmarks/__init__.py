"""Benchmarks that compare: the same work on actrio and on something else, in one run. The command is `actrio bench`.

- `_row`: what a scenario's measurements come to, as pure functions. `_compare`: whether that has changed, likewise.
- `_harness`: a scenario, a suite of them, and running the sides of a scenario in turn.
- `_report`: the table a person reads and the JSON a program reads. `_record`: saved runs. `_charts`, `_page`: pictures.
- `_environment`: what a run was measured on. `_sockets`: room for as many as it needs. `_program`: what runs beside it.
- `_suites`: which suites there are. `_options`, `_command`: the command line.
- `kernel`: the actor runtime beside plain Trio, one scenario a file.
- `providers`: a model's streamed answer beside bare HTTP and the model's SDK, against a server of its own.
- `agents`: turns of agents beside the bare provider and the SDK of the model.
- `hosts`: what a call and a streamed item cost programs that are not on Trio.
- `gateway`: an agent's tokens over WebSocket, beside trio-websocket with nothing around it.
- `peers`: actors and agents beside those of other systems, each in an environment of its own.
- `load`: how costs grow with the number of agents, and of turns at once.
"""

from actrio.benchmarks._harness import Scenario, Suite
from actrio.benchmarks._row import Goal, Row

__all__ = ["Goal", "Row", "Scenario", "Suite"]
