"""Promise 14: with a scripted provider, a mock clock and a seed, a run is the same to the byte."""

from typing import Any

import pytest
import trio
from trio._core import _run  # pyright: ignore[reportPrivateUsage]  # what the helper changes
from trio.testing import MockClock

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef
from actrio.testing import Say, ScriptedProvider, deterministic_schedule


async def team(log: list[str]) -> None:
    """Three agents talk, each about what it was told: three rounds at once, all events noted with their times."""

    async def follow(ref: AgentRef, text: str, key: str) -> str:
        async with ref.run(text, conversation=key) as turn:
            async for event in turn.events():
                log.append(f"{trio.current_time()} {ref.name} {key} {event}")  # noqa: PERF401 - one log for all
        return (await turn.result()).text

    async def pass_round(refs: list[AgentRef], key: str) -> None:
        text = f"Begin with {key}."
        for ref in refs:
            text = await follow(ref, text, key)

    async with open_runtime(seed=1) as runtime:
        refs: list[AgentRef] = []
        for name in ("researcher", "writer", "editor"):
            model = ScriptedProvider(lambda r: Say(f"I heard: {r.messages[-1].text}", token_s=0.25), cycle=True)
            refs.append(await runtime.spawn(Agent(name, model, f"You are the {name}.", concurrency=2)))
        async with trio.open_nursery() as nursery:
            for key in ("u1", "u2", "u3"):
                nursery.start_soon(pass_round, refs, key)
        log.append(str(runtime.metrics().totals))


def event_log(seed: int) -> bytes:
    log: list[str] = []
    with deterministic_schedule(seed):
        trio.run(team, log, clock=MockClock(autojump_threshold=0))
    return "\n".join(log).encode()


def test_the_event_log_of_a_seeded_run_is_the_same_to_the_byte() -> None:
    first, second = event_log(7), event_log(7)

    assert first == second
    assert first.count(b"TurnCompleted") == 9


def test_another_seed_is_another_schedule_of_the_same_talk() -> None:
    logs = [event_log(seed) for seed in range(4)]

    assert len(set(logs)) > 1
    assert len({log.count(b"\n") for log in logs}) == 1


def test_the_schedulers_state_is_put_back() -> None:
    scheduler: Any = _run
    allowed, state = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()

    with pytest.raises(KeyError), deterministic_schedule(1):
        raise KeyError(scheduler._r.random())

    assert allowed == scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    assert state == scheduler._r.getstate()


def test_a_trio_without_the_switch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING")

    with pytest.raises(RuntimeError, match="cannot be made deterministic"), deterministic_schedule(1):
        pytest.fail("it went on")
