"""The file of a batch is one batch's at a time, and nobody's file is emptied by mistake."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import trio

from actrio.agents.batch import BatchFileInUse, BrokenBatchFile, Done, batch, open_batch
from actrio.agents.batch._file import BatchFile
from actrio.agents.batch._form import PlainForm

# Holds the file open until it is told to go on, or is killed.
HOLDER: Final = """
import sys, trio
from actrio.agents.batch import open_batch

async def double(number):
    return number * 2

async def main():
    async with open_batch(double, [1], resume=sys.argv[1]) as running:
        await anext(running)
        print("there", flush=True)
        sys.stdin.read()

trio.run(main)
"""


async def double(number: int) -> int:
    await trio.lowlevel.checkpoint()
    return number * 2


def hold(path: Path) -> "subprocess.Popen[str]":
    """A process that has the file."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "there\n"
    return holder


@pytest.mark.parametrize("retry_failed", [False, True])
async def test_a_second_process_is_refused_and_told_why(tmp_path: Path, retry_failed: bool) -> None:
    path = tmp_path / "out.jsonl"
    with hold(path) as holder:
        before = path.read_bytes()
        with pytest.raises(
            BatchFileInUse, match=r"another batch writes to .*out\.jsonl .* a file of its own"
        ) as caught:
            await batch(double, [1, 2], resume=path, retry_failed=retry_failed)
        assert caught.value.path == path
        assert path.read_bytes() == before
        holder.communicate("")
    assert await batch(double, [1, 2], resume=path) == [Done(2), Done(4)]


async def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with hold(path) as holder:
        holder.kill()
    assert await batch(double, [1, 2], resume=path) == [Done(2), Done(4)]


async def test_a_second_batch_of_the_same_program_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    async with open_batch(double, resume=path):
        with pytest.raises(BatchFileInUse):
            await batch(double, [2], resume=path)
        async with open_batch(double, [3]) as other:
            with pytest.raises(BatchFileInUse):
                other.save(path)
    assert await batch(double, [2], resume=path) == [Done(4)]


async def test_what_failed_is_taken_out_by_the_one_who_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await batch(double, [1, 2], resume=path)
    async with open_batch(double, [3], resume=path, retry_failed=True) as running:
        with pytest.raises(BatchFileInUse):
            await batch(double, [2], resume=path)
        assert [outcome async for outcome in running] == [Done(6)]
    assert len(path.read_bytes().splitlines()) == 3
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - of any path


@pytest.mark.skipif(os.name == "nt", reason="Windows replaces no file that is open, so there is a moment")
async def test_nobody_gets_the_file_in_the_moment_when_the_failed_are_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    await batch(double, [1], resume=path)
    replace = Path.replace
    refused: list[Path] = []

    def replace_while_another_comes(new: Path, old: Path) -> Path:
        with pytest.raises(BatchFileInUse):
            BatchFile(old, PlainForm())
        refused.append(old)
        return replace(new, old)

    monkeypatch.setattr(Path, "replace", replace_while_another_comes)
    assert await batch(double, [1], resume=path, retry_failed=True) == [Done(2)]
    assert refused == [path]


@pytest.mark.parametrize("text", ["My only copy", '{"key": 1', "\ufeff", '["key"]'])
@pytest.mark.parametrize("retry_failed", [False, True])
async def test_another_file_named_by_mistake_stays_as_it_is(tmp_path: Path, text: str, retry_failed: bool) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BrokenBatchFile, match=r"notes\.txt:1: no outcome of a batch"):
        await batch(double, [1], resume=path, retry_failed=retry_failed)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a limit for the size of files is POSIX's")
async def test_a_line_that_the_disk_has_no_room_for_leaves_no_piece_behind(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "out.jsonl"
    await batch(double, [1], resume=path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await batch(double, [1, 2], resume=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert await batch(double, [1, 2], resume=path) == [Done(2), Done(4)]
