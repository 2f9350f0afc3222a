"""A program of the suite's own that runs beside what is measured, so that what it costs is not counted."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# How long a program whose input was closed may take to end, in seconds.
_ENDING_S: Final = 5.0


@contextmanager
def running(program: Path, *arguments: str) -> Generator[list[str]]:
    """Run it while the block runs; gives the words of the first line that it prints, by which it says that it is ready.

    It ends when its input is closed: with the block, or with this process.

    Raises:
        RuntimeError: it did not start; what it had to say is on standard error.
    """
    # -I: nothing but Python's own modules is needed, nor the folder of the program.
    command = [sys.executable, "-I", str(program), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own file
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline().split()
            if not said:
                raise RuntimeError(f"the benchmark's {program.name} did not start; what it had to say is above")
            yield said
        finally:
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_S)
            process.kill()
