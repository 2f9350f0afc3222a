"""Many inputs, one function: batches; and chains of work: sequences and steps.

    async with writer.open_batch(questions, max_concurrency=10, resume="answers.jsonl") as batch:
        async for outcome in batch:
            print(batch.progress)

- `_batch`: so many at once, whatever the length; `_source`: the inputs that are not begun; `_settings`: how it is to
  run, and how far it is; `_outcome`: how one input ended.
- `_file`: the outcomes on disk, to go on with after a stop; `_form`: what values look like there; `_lock`: for one
  batch at a time.
- `_sequence`: messages to an agent, one after the other, in one conversation.
- `_steps`: named steps, each given what the one before it made. `_retry`: trying a function again.
"""

from actrio.agents.batch._batch import Batch, batch, open_batch
from actrio.agents.batch._file import BatchFileInUse, BrokenBatchFile
from actrio.agents.batch._outcome import (
    BatchFull,
    BatchStopped,
    Cancelled,
    Done,
    Failed,
    ItemTimedOut,
    Outcome,
    SavedError,
)
from actrio.agents.batch._retry import retry
from actrio.agents.batch._sequence import Sequence
from actrio.agents.batch._settings import BatchOptions, OnError, Progress
from actrio.agents.batch._steps import StepReport, Steps, StepsFailed, StepsRun, StepStatus

__all__ = [
    "Batch",
    "BatchFileInUse",
    "BatchFull",
    "BatchOptions",
    "BatchStopped",
    "BrokenBatchFile",
    "Cancelled",
    "Done",
    "Failed",
    "ItemTimedOut",
    "OnError",
    "Outcome",
    "Progress",
    "SavedError",
    "Sequence",
    "StepReport",
    "StepStatus",
    "Steps",
    "StepsFailed",
    "StepsRun",
    "batch",
    "open_batch",
    "retry",
]
