"""`actrio chat`: lines in, answers out, and what Ctrl-C means."""

import io
import os
import signal
from pathlib import Path

import pytest
import trio
from rich.console import Console

from actrio._terminal import Flow
from actrio.chat import HELP, INTERRUPTED, PipedLines, chat
from actrio.providers import Assistant, RequestRefused, User
from actrio.testing import Fail, ScriptedProvider, Stall


class Given:
    """Lines known beforehand."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    async def read(self) -> str | None:
        await trio.lowlevel.checkpoint()
        return self._lines.pop(0) if self._lines else None


class Waiting:
    """Nobody types."""

    async def read(self) -> str | None:
        await trio.sleep_forever()


def make_console(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def interrupt_when_quiet() -> None:
    await trio.testing.wait_all_tasks_blocked(0.01)
    os.kill(os.getpid(), signal.SIGINT)


async def test_answers_come_in_order_and_the_model_is_sent_what_was_said() -> None:
    console, model = make_console(), ScriptedProvider("Hello there.", "Still here.")
    assert await chat(model, Given("Hi", "", "Are you there?"), console) == 0
    assert shown(console) == "Hello there.\nStill here.\n"
    assert model.requests[1].messages[1:] == (User("Hi"), Assistant("Hello there."), User("Are you there?"))


async def test_ctrl_c_stops_the_answer_and_not_the_program_and_its_text_stays_in_the_history() -> None:
    console = make_console()
    model = ScriptedProvider(Stall(after=2, of="One two three four"), "Next.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt_when_quiet)
        assert await chat(model, Given("Count", "Go on"), console) == 0
    assert shown(console) == "One two [stopped]\nNext.\n"
    (kept,) = [one for one in model.requests[1].messages if isinstance(one, Assistant)]
    assert (kept.text, kept.interrupted) == ("One two", "turn.cancel() was called")
    assert model.statistics().streams_left_early == 1


async def test_ctrl_c_between_answers_leaves_with_status_130() -> None:
    model = ScriptedProvider()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt_when_quiet)
        assert await chat(model, Waiting(), make_console()) == INTERRUPTED


async def test_clear_forgets_and_quit_leaves() -> None:
    console, model = make_console(), ScriptedProvider("One.", "Two.")
    assert await chat(model, Given("first", "/clear", "second", "/quit", "third"), console) == 0
    assert shown(console) == "One.\nForgotten.\nTwo.\n"
    assert [type(one) for one in model.requests[1].messages[1:]] == [User]


async def test_another_command_is_answered_with_those_there_are() -> None:
    console = make_console()
    await chat(ScriptedProvider(), Given("/help"), console)
    assert shown(console) == HELP + "\n"


async def test_an_error_of_the_model_is_shown_and_the_chat_goes_on() -> None:
    console = make_console(300)
    model = ScriptedProvider(Fail(RequestRefused("scripted", 400, "too long"), after=0), "Better.")
    assert await chat(model, Given("a", "b"), console) == 0
    first, second = shown(console).splitlines()
    assert "refused" in first
    assert second == "Better."


async def test_lines_of_a_pipe_are_read_whole_however_they_arrive() -> None:
    reading, writing = os.pipe()
    lines = PipedLines(reading)
    got: list[str | None] = []

    async def read_all() -> None:
        while not got or got[-1] is not None:
            got.append(await lines.read())

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_all)
            for part in (b"on", b"e\ntwo\nth", b"ree"):
                await trio.testing.wait_all_tasks_blocked(0.01)
                os.write(writing, part)
            os.close(writing)
    finally:
        os.close(reading)
    assert got == ["one", "two", "three", None]


async def test_lines_of_a_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("one\ntwo")
    descriptor = os.open(tmp_path / "lines", os.O_RDONLY)
    try:
        lines = PipedLines(descriptor)
        assert [await lines.read() for _ in range(3)] == ["one", "two", None]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_text_wraps_at_words_in_whatever_pieces_it_comes(cut: int) -> None:
    console, text = make_console(21), "\n\nThe quick brown fox jumps\nover a supercalifragilisticexpialidocious dog."
    flow = Flow(console, "a ", "b ")
    for start in range(0, len(text), cut):
        flow.add(text[start : start + cut])
    flow.end()
    lines = shown(console).splitlines()
    assert lines[:3] == ["a The quick brown", "b fox jumps", "b over a"]
    assert "".join(line[2:] for line in lines[3:]) == "supercalifragilisticexpialidocious" + "dog."
    assert max(map(len, lines)) <= 20


@pytest.mark.parametrize(("wrap", "lines"), [(True, ["四" * 10] * 9), (False, ["四" * 95])])
def test_text_without_spaces_is_shown_as_it_comes(wrap: bool, lines: list[str]) -> None:
    console = make_console(21)
    flow = Flow(console, wrap=wrap)
    for _ in range(95):
        flow.add("四")
    assert shown(console).split("\n") == (lines if wrap else ["四" * 48])
    flow.end()
    assert shown(console).splitlines() == ([*lines, "四" * 5] if wrap else lines)


def test_what_a_model_says_does_not_steer_the_terminal() -> None:
    console = make_console()
    flow = Flow(console)
    flow.add("a\x1b]52;c;eA==\x07b\x9b2J\rc\td")
    flow.end()
    assert shown(console) == "a]52;c;eA==b2Jc d\n"


def test_a_mark_that_does_not_fit_goes_on_the_next_line() -> None:
    console = make_console(21)
    flow = Flow(console, "a ", "b ")
    flow.add("The quick brown")
    flow.end("[cut off]")
    assert shown(console) == "a The quick brown\nb [cut off]\n"


def test_nothing_said_is_nothing_shown() -> None:
    console = make_console()
    flow = Flow(console)
    flow.add(" \n")
    flow.end()
    assert shown(console) == ""
