"""Batches that are read from a thread and from asyncio."""

import asyncio
import contextlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from trio.testing import wait_all_tasks_blocked

import actrio
from actrio.agents.batch import BatchStopped, Done, Progress
from actrio.hosts import AsyncioHost, Host
from actrio.testing import Say, Stall
from tests.hosts.desk import chatty, run_asyncio


def test_a_thread_reads_outcomes_as_they_come_and_adds_inputs() -> None:
    with Host() as host:
        writer = host.spawn(actrio.Agent("writer", model=chatty(2)))
        with writer.open_batch(["One?", "Two?"], max_concurrency=1) as batch:
            batch.add("Three?")
            assert {outcome.input for outcome in batch} == {"One?", "Two?", "Three?"}
            assert (batch.progress().done, batch.read, batch.stopped) == (3, 3, False)
            batch.add("Four?")
            assert [outcome.index for outcome in batch] == [3]
            batch.stop()
            with pytest.raises(BatchStopped):
                batch.add("Five?")


def test_asyncio_reads_outcomes_as_they_come_and_adds_inputs(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            writer = await host.spawn(actrio.Agent("writer", model=chatty(2)))
            async with writer.open_batch(["One?"], resume=tmp_path / "answers.jsonl") as batch:
                assert isinstance(await batch.progress(), Progress)
                await batch.add("Two?", priority=1)
                assert {outcome.index async for outcome in batch} == {0, 1}

    run_asyncio(main)
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 2


def test_a_wait_for_an_outcome_that_is_given_up_loses_none() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            model = actrio.ScriptedProvider(Say("word", token_s=0.001), cycle=True)
            writer = await host.spawn(actrio.Agent("writer", model=model))
            got: list[int] = []
            async with writer.open_batch(["Go."] * 200, max_concurrency=8) as batch:
                while len(got) < 200:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.0005):
                            async for outcome in batch:
                                got.append(outcome.index)  # noqa: PERF401 - it is cut off
            assert sorted(got) == list(range(200))

    run_asyncio(main)


def test_each_outcome_goes_to_one_of_the_threads_that_read() -> None:
    with Host() as host, ThreadPoolExecutor(8) as threads:
        writer = host.spawn(actrio.Agent("writer", model=chatty(1)))
        with writer.open_batch(["Go."] * 300, max_concurrency=20) as batch:
            parts = list(threads.map(lambda _: [outcome.index for outcome in batch], range(8)))
    assert sorted(index for part in parts for index in part) == list(range(300))


def test_a_slow_reader_holds_the_batch_back() -> None:
    model = chatty(1)
    with Host() as host:
        writer = host.spawn(actrio.Agent("writer", model=model))
        with writer.open_batch((f"{number}?" for number in range(10_000)), max_concurrency=4) as batch:
            assert isinstance(next(batch), Done)
            host.call(settle)
            assert batch.read <= 16
            assert len(model.requests) <= 16


async def settle() -> None:
    """Let the runtime do what it can without the host."""
    await wait_all_tasks_blocked(0.01)


def test_leaving_early_cancels_what_is_at_work_and_a_batch_is_entered_once() -> None:
    model = actrio.ScriptedProvider(Stall(after=1), cycle=True)
    with Host() as host:
        batch = host.spawn(actrio.Agent("writer", model=model)).open_batch(["Go."] * 3)
        with pytest.raises(RuntimeError, match="not begun"):
            batch.add("Go.")
        with batch:
            host.call(settle)
            assert model.statistics().streams_open > 0
        assert model.statistics().streams_open == 0
        with pytest.raises(RuntimeError, match="entered once"), batch:
            pass


def test_what_the_inputs_raise_comes_out_of_the_iteration() -> None:
    def inputs() -> Generator[str]:
        yield "One?"
        raise LookupError("no more")

    with Host() as host:
        writer = host.spawn(actrio.Agent("writer", model=chatty(1)))
        with writer.open_batch(inputs(), max_concurrency=1) as batch:
            assert isinstance(next(batch), Done)
            with pytest.raises(LookupError, match="no more"):
                next(batch)
