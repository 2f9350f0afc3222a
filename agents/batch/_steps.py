"""Named steps, each given what the one before it made."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

import trio
from attrs import frozen

from actrio.agents.batch._retry import RetryOn, next_pause
from actrio.mailbox import ActrioError
from actrio.providers.policy import Backoff

InT = TypeVar("InT")
OutT = TypeVar("OutT")
NextT = TypeVar("NextT")
FirstT = TypeVar("FirstT")

StepStatus: TypeAlias = Literal["pending", "done", "skipped", "failed"]
StepFunction: TypeAlias = Callable[[OutT], Awaitable[NextT]] | Callable[[OutT], NextT]

_ONCE = Backoff(attempts=1)


@frozen
class Step:
    """One step: what it does, and when. See `Steps.then`."""

    name: str
    function: Callable[[Any], Any]
    when: Callable[[Any], bool] | None
    retry: Backoff
    on: RetryOn


@frozen
class StepReport:
    """What became of one step.

    Attributes: ``name``, ``status``, ``attempts`` (how often it was tried), ``duration`` (seconds, with the pauses).
    """

    name: str
    status: StepStatus = "pending"
    attempts: int = 0
    duration: float = 0.0


class StepsFailed(ActrioError):
    """A step failed, so there is no result. Its error is the cause.

    Attributes: ``steps`` (the name of the whole), ``step``.
    """

    def __init__(self, steps: str, step: str, error: Exception) -> None:
        self.steps = steps
        self.step = step
        super().__init__(f"step {step!r} of {steps!r} failed: {type(error).__name__}: {error}")


@frozen
class StepsRun(Generic[OutT]):
    """What came of a run through steps.

    Attributes:
        name: Of the steps.
        reports: One a step, in order.
        value: What the last step that ran made: the result, if none failed.
        error: What the failed step raised; None if none failed.
    """

    name: str
    reports: tuple[StepReport, ...]
    value: OutT | Any
    error: Exception | None = None

    @property
    def completed(self) -> bool:
        """Whether no step failed."""
        return self.error is None

    def status(self, name: str) -> StepStatus:
        """What became of a step. Raises: KeyError: there is none of that name."""
        for report in self.reports:
            if report.name == name:
                return report.status
        raise KeyError(name)

    def result(self) -> OutT:
        """What the last step made. Raises: StepsFailed."""
        if self.error is not None:
            failed = next(report.name for report in self.reports if report.status == "failed")
            raise StepsFailed(self.name, failed, self.error) from self.error
        return cast("OutT", self.value)


class Steps(Generic[InT, OutT]):
    """A chain of named steps: ``Steps("report", str).then("fetch", fetch).then("shorten", shorten)``.

    A value, which `then` does not change but makes a longer one of. It may be run any number of times, also at once.

    Args:
        name: What errors call it.
        input_type: Of what it is run with; for type checkers.
    """

    __slots__ = ("name", "steps")

    def __init__(self: "Steps[FirstT, FirstT]", name: str, input_type: type[FirstT]) -> None:
        self.name: str = name
        self.steps: tuple[Step, ...] = ()

    @overload
    def then(
        self,
        name: str,
        function: Callable[[OutT], Awaitable[NextT]],
        *,
        retry: Backoff | None = None,
        on: RetryOn = Exception,
    ) -> "Steps[InT, NextT]": ...
    @overload
    def then(
        self,
        name: str,
        function: Callable[[OutT], NextT],
        *,
        retry: Backoff | None = None,
        on: RetryOn = Exception,
    ) -> "Steps[InT, NextT]": ...
    @overload
    def then(
        self,
        name: str,
        function: Callable[[OutT], Awaitable[NextT]],
        *,
        when: Callable[[OutT], bool],
        retry: Backoff | None = None,
        on: RetryOn = Exception,
    ) -> "Steps[InT, OutT | NextT]": ...
    @overload
    def then(
        self,
        name: str,
        function: Callable[[OutT], NextT],
        *,
        when: Callable[[OutT], bool],
        retry: Backoff | None = None,
        on: RetryOn = Exception,
    ) -> "Steps[InT, OutT | NextT]": ...
    def then(
        self,
        name: str,
        function: Callable[[Any], Any],
        *,
        when: Callable[[Any], bool] | None = None,
        retry: Backoff | None = None,
        on: RetryOn = Exception,
    ) -> "Steps[Any, Any]":
        """One step more.

        Args:
            name: Of the step; no other has it.
            function: Given what the step before it made. An async function is awaited.
            when: Whether the step is to run, given the same. If not it is skipped, and the value passed on as it is.
            retry: How often it is tried, and the pauses in between: ``Backoff(attempts=3)``. None: once.
            on: Which errors are tried again.

        Raises:
            ValueError: another step has the name.
        """
        if any(step.name == name for step in self.steps):
            raise ValueError(f"steps {self.name!r} have a step {name!r} already; give this one another name")
        longer: Steps[Any, Any] = Steps(self.name, object)
        longer.steps = (*self.steps, Step(name, function, when, retry or _ONCE, on))
        return longer

    def __repr__(self) -> str:
        return f"<Steps {self.name!r}: {', '.join(step.name for step in self.steps) or 'none'}>"

    async def run(self, value: InT) -> StepsRun[OutT]:
        """Go through the steps, until the first that fails. Always a checkpoint.

        What a step raises is in the result. Cancelling this cancels the step at work, and is never tried again.
        """
        await trio.lowlevel.checkpoint()
        current: Any = value
        reports = [StepReport(step.name) for step in self.steps]
        for at, step in enumerate(self.steps):
            began = trio.current_time()
            attempt = 1
            try:
                if step.when is not None and not step.when(current):
                    reports[at] = StepReport(step.name, "skipped")
                    continue
                while True:
                    pause = await _try(step, attempt, current)
                    if isinstance(pause, _Made):
                        break
                    await trio.sleep(pause)
                    attempt += 1
            except Exception as error:  # noqa: BLE001 - it is in the result
                reports[at] = StepReport(step.name, "failed", attempt, trio.current_time() - began)
                return StepsRun(self.name, tuple(reports), current, error)
            current = pause.value
            reports[at] = StepReport(step.name, "done", attempt, trio.current_time() - began)
        return StepsRun(self.name, tuple(reports), current)


@frozen
class _Made:
    value: Any


async def _try(step: Step, attempt: int, value: Any) -> _Made | float:
    """What a step makes of a value, or the seconds until the next try. Raises what the last try raised."""
    try:
        made = step.function(value)
        return _Made(await made if isawaitable(made) else made)
    except Exception as error:
        pause = next_pause(step.retry, attempt, error, step.on)
        if pause is None:
            raise
        return pause
