"""The `actrio` command: what each sub-command is given, and what a shell is told."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType

import pytest

from actrio.cli import INTERRUPTED, main

Install = Callable[[str, Callable[..., int]], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a module with the given `main` where a sub-command looks for its own."""

    def install(name: str, main: Callable[..., int]) -> None:
        module = ModuleType(name)
        vars(module)["main"] = main
        monkeypatch.setitem(sys.modules, name, module)

    return install


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"actrio {version('actrio')}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "one", "two"], ["chat", "--crash"]])
def test_arguments_that_cannot_be_read_end_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_help_imports_no_sub_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("actrio.demo", "actrio.chat", "actrio.benchmarks._command"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it would raise
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "bench" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], (None, False)), (["tea"], ("tea", False)), (["--crash"], (None, True)), (["tea", "--crash"], ("tea", True))],
)
def test_demo_is_given_its_topic_and_crash(install: Install, arguments: list[str], expected: object) -> None:
    given: list[tuple[str | None, bool]] = []

    def demo(topic: str | None, crash: bool) -> int:
        given.append((topic, crash))
        return 3

    install("actrio.demo", demo)
    assert main(["demo", *arguments]) == 3
    assert given == [expected]


def test_bench_is_given_all_that_follows_it(install: Install) -> None:
    given: list[list[str]] = []

    def bench(arguments: list[str]) -> int:
        given.append(arguments)
        return 0

    install("actrio.benchmarks._command", bench)
    assert main(["bench", "--help"]) == 0
    assert main(["bench", "kernel", "--json", "rows.json"]) == 0
    assert given == [["--help"], ["kernel", "--json", "rows.json"]]


@pytest.mark.parametrize(
    "interrupt",
    [KeyboardInterrupt(), BaseExceptionGroup("out of a nursery", [KeyboardInterrupt()])],
    ids=["bare", "group"],
)
def test_ctrl_c_is_a_status_and_no_traceback(install: Install, interrupt: BaseException) -> None:
    def chat() -> int:
        raise interrupt

    install("actrio.chat", chat)
    assert main(["chat"]) == INTERRUPTED


def test_errors_beside_ctrl_c_are_not_lost(install: Install) -> None:
    def chat() -> int:
        raise BaseExceptionGroup("out of a nursery", [KeyboardInterrupt(), ValueError("of a task")])

    install("actrio.chat", chat)
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="of a task")):
        main(["chat"])


def test_a_missing_terminal_library_is_named_with_its_remedy(
    capsys: pytest.CaptureFixture[str], install: Install
) -> None:
    def chat() -> int:
        raise ModuleNotFoundError("No module named 'rich'", name="rich")

    install("actrio.chat", chat)
    assert main(["chat"]) == 1
    assert capsys.readouterr().err == "actrio chat needs rich: pip install 'actrio[cli]'\n"


def test_another_missing_module_is_an_error_of_the_program(install: Install) -> None:
    def chat() -> int:
        raise ModuleNotFoundError("No module named 'nonesuch'", name="nonesuch")

    install("actrio.chat", chat)
    with pytest.raises(ModuleNotFoundError, match="nonesuch"):
        main(["chat"])
