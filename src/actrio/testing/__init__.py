"""What users need to test their own agents offline, in no time and with the same outcome each time.

    async def test_the_writer_answers(autojump_clock):
        model = ScriptedProvider("Words fall like rain.", Say("Slowly.", token_s=0.5))
        async with open_runtime() as runtime:
            writer = await runtime.spawn(Agent("writer", model))
            assert (await writer.ask("A line, please.")).text == "Words fall like rain."

- `ScriptedProvider` is a model that says what its script says: texts, `Say`, which may have a `ToolCall`, an error
  with `Fail`, silence with `Stall`.
- `Probe` (in `_probe`) is an actor that records what it is sent, and answers what it was told to.
- `assert_no_orphans` (in `_orphans`) fails if a task, thread or socket is left.
- `run_virtual` and `stopwatch` (in `_clock`) run Trio on a clock that jumps, and read it.
- `deterministic_schedule` (in `_schedule`) makes a Trio run the same each time.

With pytest, actrio's plugin has these as fixtures: `actrio_runtime`, `spawn_probe`, `no_orphans`.
"""

from actrio.providers import Fail, Line, LineLike, Say, ScriptedProvider, ScriptedStatistics, Stall, ToolCall
from actrio.testing._clock import Stopwatch, run_virtual, stopwatch
from actrio.testing._orphans import OrphansLeft, assert_no_orphans
from actrio.testing._probe import Probe
from actrio.testing._schedule import deterministic_schedule

__all__ = [
    "Fail",
    "Line",
    "LineLike",
    "OrphansLeft",
    "Probe",
    "Say",
    "ScriptedProvider",
    "ScriptedStatistics",
    "Stall",
    "Stopwatch",
    "ToolCall",
    "assert_no_orphans",
    "deterministic_schedule",
    "run_virtual",
    "stopwatch",
]
