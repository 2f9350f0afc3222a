"""The file of a batch: what is done stays done, whatever ends the program."""

from pathlib import Path

import msgspec
import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent
from actrio.agents.batch import BrokenBatchFile, Done, Failed, SavedError, batch, open_batch
from actrio.mailbox import CodecError
from actrio.testing import ScriptedProvider


@frozen
class Word:
    text: str
    length: int


class Worker:
    """Doubles numbers, but for those that fail, and knows what it was asked."""

    def __init__(self, *failing: int) -> None:
        self.asked: list[int] = []
        self.failing = set(failing)

    async def __call__(self, number: int) -> int:
        self.asked.append(number)
        await trio.lowlevel.checkpoint()
        if number in self.failing:
            raise OSError(f"no {number}")
        return number * 2


async def test_nothing_that_is_in_the_file_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await batch(Worker(2), [1, 2, 3], resume=path)
    again = Worker()

    one, two, three, four = await batch(again, [1, 2, 3, 4], resume=path)

    assert again.asked == [4]
    assert (one, three, four) == (Done(2), Done(6), Done(8))
    assert isinstance(two, Failed)
    assert isinstance(two.error, SavedError)
    assert (two.error.kind, two.error.text) == ("OSError", "no 2")


async def test_what_failed_is_done_again_if_so_wanted(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await batch(Worker(2), [1, 2, 3], resume=path)
    again = Worker()
    assert await batch(again, [1, 2, 3], resume=path, retry_failed=True) == [Done(2), Done(4), Done(6)]
    assert again.asked == [2]
    assert len(path.read_bytes().splitlines()) == 3


async def test_inputs_are_known_by_what_they_are_and_not_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await batch(Worker(), [1, 2, 2], resume=path)
    again = Worker()
    assert await batch(again, [2, 9, 2, 2, 1], resume=path) == [Done(4), Done(18), Done(4), Done(4), Done(2)]
    assert sorted(again.asked) == [2, 9]


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), inputs=st.lists(st.integers(0, 3), max_size=6))
def test_a_torn_last_line_is_cut_off_and_its_input_done_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int, inputs: list[int]
) -> None:
    path = tmp_path_factory.mktemp("torn") / "out.jsonl"

    async def main() -> None:
        await batch(Worker(), inputs, resume=path)
        whole = path.read_bytes()
        path.write_bytes(whole[: max(0, len(whole) - cut)])
        left = path.read_bytes().count(b"\n")
        again = Worker()
        assert await batch(again, inputs, resume=path) == [Done(number * 2) for number in inputs]
        assert len(again.asked) == len(inputs) - left
        lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        assert sorted(line["input"] for line in lines) == sorted(inputs)

    trio.run(main)


async def test_a_line_that_no_batch_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"key": "0000000000000000", "index": 0, "input": 1, "done": 2}\nHello.\n')
    with pytest.raises(BrokenBatchFile, match=r"out\.jsonl:2: no outcome of a batch"):
        await batch(Worker(), [1], resume=path)
    assert path.read_text().endswith("Hello.\n")


async def test_values_of_a_type_come_back_as_that_type(tmp_path: Path) -> None:
    async def measure(text: str) -> Word:
        await trio.lowlevel.checkpoint()
        return Word(text, len(text))

    path = tmp_path / "out.jsonl"
    await batch(measure, ["rain", "sea"], resume=path, value_type=Word)
    assert await batch(measure, ["sea", "rain"], resume=path, value_type=Word) == [
        Done(Word("sea", 3)),
        Done(Word("rain", 4)),
    ]
    plain = await batch(measure, ["sea"], resume=path)
    assert plain == [Done({"text": "sea", "length": 3})]  # type: ignore[comparison-overlap]  # as it says


async def test_a_value_that_cannot_be_written_ends_the_batch_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CodecError):
        await batch(Worker(), [1, 2], resume=tmp_path / "out.jsonl", value_type=str)  # type: ignore[arg-type]  # wrong on purpose


async def test_an_input_is_known_by_what_it_was_before_the_function_had_it(tmp_path: Path) -> None:
    asked: list[int] = []

    async def use_up(order: dict[str, int]) -> int:
        await trio.lowlevel.checkpoint()
        asked.append(order.pop("number"))
        return asked[-1]

    path = tmp_path / "out.jsonl"
    for _ in range(2):
        assert await batch(use_up, [{"number": 1}, {"number": 2}], resume=path) == [Done(1), Done(2)]

    assert asked == [1, 2]
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["input"] for line in lines] == [{"number": 1}, {"number": 2}]


class Mute(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(("error", "text"), [(ValueError("no \udcff"), "no ?"), (Mute(), "")])
async def test_whatever_an_error_says_its_input_has_failed_and_the_others_go_on(
    tmp_path: Path, error: Exception, text: str
) -> None:
    async def work(number: int) -> int:
        await trio.lowlevel.checkpoint()
        if number == 1:
            raise error
        return number

    path = tmp_path / "out.jsonl"
    assert await batch(work, [1, 2, 3], resume=path) == [Failed(error), Done(2), Done(3)]
    (again, *_) = await batch(work, [1, 2, 3], resume=path)
    assert isinstance(again, Failed)
    assert isinstance(again.error, SavedError)
    assert again.error.text == text


async def test_replies_of_an_agent_come_back_from_the_file(
    tmp_path: Path, runtime: Runtime, autojump_clock: MockClock
) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider('{"text": "rain", "length": 4}'), output=Word))
    path = tmp_path / "out.jsonl"
    (first,) = await ref.batch(["A word."], resume=path)
    (second,) = await ref.batch(["A word."], resume=path)
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert second.value.data == first.value.data == Word("rain", 4)
    assert second.value.usage == first.value.usage
    assert (first.earlier, second.earlier) == (False, True)


async def test_an_answer_with_half_a_character_can_be_written_and_comes_back(
    tmp_path: Path, runtime: Runtime, autojump_clock: MockClock
) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider('{"text": "a\\ud83d", "length": 4}'), output=Word))
    path = tmp_path / "out.jsonl"
    (first,) = await ref.batch(["A word."], resume=path)
    (again,) = await ref.batch(["A word."], resume=path)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert first.value.data == again.value.data == Word("a\ufffd", 4)


async def test_save_writes_from_the_beginning_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    async with open_batch(Worker(), [1, 2]) as running:
        running.save(path)
        assert len([outcome async for outcome in running]) == 2
        with pytest.raises(RuntimeError, match=r"written to .* already"):
            running.save(path)
    assert len(path.read_bytes().splitlines()) == 2
    async with open_batch(Worker(), [1, 2]) as running:
        with pytest.raises(FileExistsError, match="resume="):
            running.save(path)
        await anext(running)
        with pytest.raises(RuntimeError, match="first in the block"):
            running.save(tmp_path / "other.jsonl")
