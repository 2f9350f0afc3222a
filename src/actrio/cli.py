"""The `actrio` command. A sub-command's modules are imported when it is chosen, so `--help` answers at once."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

# What a shell reports for a program that SIGINT ended.
INTERRUPTED: Final = 130

_TERMINAL_LIBRARIES: Final = frozenset({"prompt_toolkit", "rich"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv`, or with the arguments of this process.

    Returns:
        The exit status: the sub-command's own, 130 after Ctrl-C, 1 where a library it needs is not installed.

    Raises:
        SystemExit: `--help`, `--version` (status 0), or arguments that cannot be read (status 2).
    """
    status = INTERRUPTED
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
    except* KeyboardInterrupt:
        # Trio may deliver it inside an exception group. Other errors of that group go on.
        pass
    return status


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["bench"]:
        # Not through argparse, which would read the options meant for the suite.
        return _bench(arguments[1:])
    if arguments[:1] == ["batch"]:
        return _batch(arguments[1:])
    if arguments[:1] == ["serve"]:
        return _serve(arguments[1:])
    chosen = _parser().parse_args(arguments)
    try:
        return _chat() if chosen.command == "chat" else _demo(chosen.topic, crash=chosen.crash)
    except ModuleNotFoundError as missing:
        if missing.name not in _TERMINAL_LIBRARIES:
            raise
        print(f"actrio {chosen.command} needs {missing.name}: pip install 'actrio[cli]'", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="actrio", description="An actor-style multi-agent runtime on Trio.")
    parser.add_argument("--version", action="version", version=f"actrio {version('actrio')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="three agents at work on the embedded model")
    demo.add_argument("topic", nargs="?", help="what they should write about")
    demo.add_argument("--crash", action="store_true", help="let one agent crash, and see it restarted")
    commands.add_parser("chat", help="talk with the embedded model")
    commands.add_parser("batch", help="answer every question of a file (actrio batch --help)", add_help=False)
    commands.add_parser("serve", help="serve agents over WebSocket (actrio serve --help)", add_help=False)
    commands.add_parser("bench", help="measure a suite (actrio bench --help)", add_help=False)
    return parser


def _demo(topic: str | None, *, crash: bool) -> int:
    from actrio.demo import main as demo

    return demo(topic, crash)


def _chat() -> int:
    from actrio.chat import main as chat

    return chat()


def _batch(arguments: list[str]) -> int:
    from actrio._batch_command import main as batch

    return batch(arguments)


def _serve(arguments: list[str]) -> int:
    from actrio.gateway._command import main as serve

    return serve(arguments)


def _bench(arguments: list[str]) -> int:
    from actrio.benchmarks._command import main as bench

    return bench(arguments)
