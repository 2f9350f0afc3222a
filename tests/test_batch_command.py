"""`actrio batch`: from a file of questions to one of answers, however often it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actrio._batch_command import main
from actrio.providers import ServerFailed
from actrio.testing import Fail, ScriptedProvider

PROGRAM = """
import sys
from actrio._batch_command import main
from actrio.testing import Say, ScriptedProvider
sys.exit(main(sys.argv[1:], ScriptedProvider(*[Say("one two", token_s=0.01)] * 400)))
"""

# The whole `actrio`, with another model than the one that is named.
COMMAND = """
import sys
import actrio._batch_command
from actrio.cli import main
from actrio.testing import Say, ScriptedProvider
actrio._batch_command.as_provider = lambda name: ScriptedProvider(*[Say("one two", token_s=0.01)] * 400)
sys.exit(main(["batch", *sys.argv[1:]]))
"""


def questions(folder: Path, count: int) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": f"Question {number}?"}) + "\n" for number in range(count)))
    return path


def answered(path: Path) -> list[str]:
    """The questions of whole lines."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line)["input"] for line in lines]


def test_every_question_is_answered_into_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, out = questions(tmp_path, 3), tmp_path / "answers.jsonl"
    command = [str(asked), "--model", "local:", "--out", str(out), "--concurrency", "1"]

    assert main(command, ScriptedProvider("A.", "B.", "C.")) == 0

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["index"], line["input"], line["done"]["text"]) for line in lines] == [
        (0, "Question 0?", "A."),
        (1, "Question 1?", "B."),
        (2, "Question 2?", "C."),
    ]
    assert capsys.readouterr().err.startswith("[##############################] 3 of 3 ended, 0 running")
    assert main(command, ScriptedProvider()) == 0  # asks nothing
    assert len(out.read_text().splitlines()) == 3


def test_a_failure_gives_status_1_and_can_be_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, out = questions(tmp_path, 2), tmp_path / "answers.jsonl"
    command = [str(asked), "--model", "local:", "--out", str(out), "--concurrency", "1"]
    assert main(command, ScriptedProvider(Fail(ServerFailed("scripted", 500, "down")), "B.")) == 1
    said = capsys.readouterr().err
    assert "2 of 2 ended, 1 failed" in said
    assert "actrio batch: 1 failed: ServerFailed: provider 'scripted': the server failed (500): down\n" in said
    assert "--retry-failed asks them again" in said
    assert main(command, ScriptedProvider()) == 1
    assert "actrio batch: 1 failed: ServerFailed: provider" in capsys.readouterr().err  # though it was not asked again
    assert main([*command, "--retry-failed"], ScriptedProvider("A.")) == 0
    assert sorted(answered(out)) == ["Question 0?", "Question 1?"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.jsonl", '{"question": 1}\n', "q.jsonl:1: neither a text nor an object"),
        ("q.jsonl", "nonsense\n", "q.jsonl:1: not JSON"),
        ("q.jsonl", "[" * 100_000, "q.jsonl:1: not JSON"),
    ],
)
def test_a_question_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    command = [str(tmp_path / name), "--model", "local:", "--out", str(tmp_path / "out.jsonl")]
    assert main(command, ScriptedProvider()) == 1
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, out = tmp_path / "questions.txt", tmp_path / "out.jsonl"
    asked.write_bytes(b"Wer h\xf6rt?\n")
    assert main([str(asked), "--model", "local:", "--out", str(out)], ScriptedProvider()) == 1
    assert "questions.txt: not a text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "line"), [("q.jsonl", '{"question": "Who?"}'), ("q.txt", "Who?")])
def test_a_byte_order_mark_is_not_of_the_first_question(tmp_path: Path, name: str, line: str) -> None:
    asked, out = tmp_path / name, tmp_path / "answers.jsonl"
    asked.write_text(f"{line}\n", encoding="utf-8-sig")
    assert main([str(asked), "--model", "local:", "--out", str(out)], ScriptedProvider("A.")) == 0
    assert answered(out) == ["Who?"]


def test_without_a_model_the_reason_is_said_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    out = tmp_path / "answers.jsonl"
    assert main([str(questions(tmp_path, 3)), "--model", "openai:gpt-5-mini", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.count("it needs a key. Set the environment variable OPENAI_API_KEY") == 1
    assert not out.exists()


def test_lines_of_a_text_file_are_the_questions(tmp_path: Path) -> None:
    asked, out = tmp_path / "questions.txt", tmp_path / "answers.jsonl"
    asked.write_text("Who?\n\nWhy?\n")
    assert main([str(asked), "--model", "local:", "--out", str(out)], ScriptedProvider("A.", "B.")) == 0
    assert sorted(answered(out)) == ["Who?", "Why?"]


@pytest.mark.parametrize("wrong", [["--concurrency", "0"], ["--timeout", "-1"], ["--on-error", "maybe"]])
def test_arguments_that_cannot_be_read_end_with_status_2(tmp_path: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(questions(tmp_path, 1)), "--model", "local:", "--out", str(tmp_path / "out"), *wrong])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--concurrency", "few"], "--concurrency: must be a whole number, at least 1, not few"),
        (["--timeout", "soon"], "--timeout: must be a number of seconds, more than 0, not soon"),
    ],
)
def test_a_word_in_place_of_a_number_is_told_what_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main([str(questions(tmp_path, 1)), "--model", "local:", "--out", str(tmp_path / "out"), *wrong])
    assert said in capsys.readouterr().err


def test_a_model_that_there_is_not_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(questions(tmp_path, 1)), "--model", "none", "--out", str(tmp_path / "out")]) == 1
    assert "actrio batch: " in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_killed_in_the_middle_and_resumed_every_question_has_exactly_one_answer(tmp_path: Path) -> None:
    asked, out = questions(tmp_path, 300), tmp_path / "answers.jsonl"
    command = [sys.executable, "-c", PROGRAM, str(asked), "--model", "local:", "--out", str(out)]
    before = 0
    for least in (20, 60):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
            give_up = time.monotonic() + 60
            while len(answered(out)) < before + least and time.monotonic() < give_up:
                time.sleep(0.005)
            running.kill()
        assert running.returncode == -signal.SIGKILL
        before = len(answered(out))
        assert before < 300

    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    assert (done.returncode, "300 of 300 ended" in done.stderr) == (0, True)
    assert sorted(answered(out)) == sorted(f"Question {number}?" for number in range(300))
    assert out.read_bytes().endswith(b"\n")


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
def test_ctrl_c_leaves_what_is_answered_and_a_last_line(tmp_path: Path) -> None:
    asked, out = questions(tmp_path, 300), tmp_path / "answers.jsonl"
    command = [sys.executable, "-c", COMMAND, str(asked), "--model", "local:", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        give_up = time.monotonic() + 60
        while len(answered(out)) < 10 and time.monotonic() < give_up:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, "of 300 ended" in said, "Traceback" in said) == (130, True, False)
    assert 10 <= len(answered(out)) < 300
