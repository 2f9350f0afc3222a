"""The load on a model of the user's own: `actrio bench load --model openai:gpt-5-mini --agents 20`."""

import sys
from collections import Counter
from collections.abc import Callable
from time import process_time
from typing import Final

import trio
from attrs import field, frozen

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentMetrics, AgentRef, Reply
from actrio.benchmarks.providers._sides import percentile
from actrio.providers import Provider, ProviderError, UnknownModel, as_provider

_PROMPT: Final = "Write four sentences on what a lighthouse keeper does at night."
_INSTRUCTIONS: Final = "Answer briefly."
_PROGRESS_S: Final = 0.2
_BAR: Final = 30


@frozen
class ModelLoad:
    """What a load on a model came to.

    Attributes:
        replies: Of the turns that were answered.
        errors: {name of an error: how many turns it ended}.
        seconds, processor_s: All of it, on the clock and of this process.
        metrics: One agent's, for what the model's policy did; all share the model.
    """

    replies: tuple["Reply[str]", ...]
    errors: Counter[str]
    seconds: float
    processor_s: float
    metrics: AgentMetrics = field(repr=False)


async def drive_model(model: Provider, *, agents: int, turns: int, progress: Callable[[int, int], None]) -> ModelLoad:
    """So many agents, each with so many turns, one after the other. An error of the model ends that turn alone.

    Args:
        model: Asked by all agents, with its own retries and limits.
        agents: At once.
        turns: Of each.
        progress: Told how many turns are over, and how many of them failed, again and again.
    """
    replies: list[Reply[str]] = []
    errors: Counter[str] = Counter()

    async def ask(ref: "AgentRef[str]") -> None:
        for _ in range(turns):
            try:
                replies.append(await ref.ask(_PROMPT))
            except ProviderError as error:
                errors[type(error).__name__] += 1

    async def watch() -> None:
        while True:
            progress(len(replies) + errors.total(), errors.total())
            await trio.sleep(_PROGRESS_S)

    agent = Agent("agent", model, _INSTRUCTIONS)
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(agent, name=f"agent-{place}") for place in range(agents)]
        started, processor = trio.current_time(), process_time()
        async with trio.open_nursery() as watching:
            watching.start_soon(watch)
            async with trio.open_nursery() as asking:
                for ref in refs:
                    asking.start_soon(ask, ref)
            watching.cancel_scope.cancel()
        progress(len(replies) + errors.total(), errors.total())
        seconds, used = trio.current_time() - started, process_time() - processor
        return ModelLoad(tuple(replies), errors, seconds, used, refs[0].metrics())


def report(load: ModelLoad) -> str:
    """What a person reads."""
    turns = len(load.replies) + load.errors.total()
    tokens = sum(reply.usage.output_tokens for reply in load.replies)
    firsts = [reply.time_to_first_token for reply in load.replies if reply.time_to_first_token is not None]
    lines = [
        f"turns            {turns:,} in {load.seconds:.1f} s, {len(load.replies):,} answered",
        f"tokens written   {tokens:,}, {tokens / load.seconds:,.1f} a second"
        + ("" if tokens else " (the provider does not count them)"),
        f"first token      {_percentiles(firsts)}",
        f"whole turn       {_percentiles([reply.duration for reply in load.replies])}",
        f"processor time   {load.processor_s / turns * 1e3:.2f} ms a turn, of this process",
        f"errors           {', '.join(f'{name}: {count}' for name, count in load.errors.items()) or 'none'}",
    ]
    policy = load.metrics.model
    if policy is not None:
        lines.append(f"tried again      {policy.tries - policy.requests} times")
    if policy is not None and policy.limits is not None:
        limits = policy.limits
        lines.append(
            f"rate limits      {limits.waits} waits, {limits.waited_s:.1f} s in all; refused {limits.refusals} times"
        )
    return "\n".join(lines)


def _percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    return ", ".join(f"p{percent} {percentile(seconds, percent):.2f} s" for percent in (50, 90, 99))


def progress_line(done: int, failed: int, turns: int) -> str:
    """A bar, and how many turns are over."""
    filled = _BAR * done // turns
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {done:,} of {turns:,} turns" + (
        f", {failed} failed" if failed else ""
    )


def run_model(name: str, *, agents: int, turns: int) -> int:
    """Run the load and print what it came to.

    Returns:
        The exit status: 0; 1 if no turn at all was answered; 2 if there is no such model.
    """
    try:
        model = as_provider(name)
    except UnknownModel as error:
        print(f"actrio bench: {error}", file=sys.stderr)
        return 2
    shown = sys.stderr.isatty()

    def progress(done: int, failed: int) -> None:
        if shown:
            sys.stderr.write(f"\r{progress_line(done, failed, agents * turns)}\x1b[K")
            sys.stderr.flush()

    async def drive() -> ModelLoad:
        return await drive_model(model, agents=agents, turns=turns, progress=progress)

    print(f"load: {name}, {agents:,} agents at once, {turns} turns each.")
    load = trio.run(drive)
    if shown:
        sys.stderr.write("\n")
    print(report(load))
    return 0 if load.replies else 1
