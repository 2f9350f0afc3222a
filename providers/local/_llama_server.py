"""llama.cpp's server in a process of our own: started, asked for its address, and killed."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

import trio
from attrs import asdict, field, frozen

from actrio.providers._errors import ModelNotLoaded, ProviderUnreachable

_PROGRAM: Final = Path(__file__).with_name("_llama_program.py")

# How long the system may take to end a killed process, in seconds.
_KILLING_S: Final = 5.0

# How long to wait for the exit status of a process whose connections have just broken, in seconds.
_DYING_S: Final = 0.5

# The most bytes of the server's own words that are kept in a file, and shown.
_KEPT_WORDS: Final = 64 * 1024
_SHOWN_WORDS: Final = 4 * 1024

# llama.cpp begins a line with the time since its start and a letter for the level.
_LOG_PREFIX: Final = re.compile(r"^[\d.]+ [A-Z] ", re.MULTILINE)


@frozen
class LlamaSettings:
    """What the server is started with. `key` is what a request must show; it is never in a repr."""

    import_from: str
    model_path: str
    context_tokens: int
    parallel: int
    threads: int
    batch_tokens: int
    key: str = field(repr=False)


class LlamaServer:
    """A running server."""

    def __init__(self, process: trio.Process, address: str, words: "IO[bytes]") -> None:
        self.address = address
        self._process = process
        self._words = words
        self._end: str | None = None  # once it is known

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether its process has not ended."""
        return self._process.returncode is None

    async def wait_end(self) -> str:
        """Wait until its process has ended, and say how."""
        status = await self._process.wait()
        if self._end is None:
            last = "" if self._words.closed else _read_words(self._words).rpartition("\n")[2]
            self._end = f"its process {self.pid} {_describe_end(status)}"
            self._end += f"; the last it said was: {last}" if last else ""
        return self._end

    def forget_words(self) -> None:
        """Drop what the server said if it has become much. It appends to the file, so it goes on at the new end."""
        if os.fstat(self._words.fileno()).st_size > _KEPT_WORDS:
            self._words.truncate(0)

    async def cause_of_death(self) -> str | None:
        """Say how the process ended, None if it runs. Called when a connection broke, it waits for it a moment."""
        with trio.move_on_after(_DYING_S):
            return await self.wait_end()
        return None


@asynccontextmanager
async def run_llama_server(provider: str, settings: LlamaSettings) -> AsyncGenerator[LlamaServer]:
    """Start the server, load the model, and give it once it listens on 127.0.0.1.

    Loading is not bounded here: a large model on a slow disk takes minutes. Leaving the block, or cancelling while it
    loads, kills the process and waits until it is gone.

    A process and not a thread, because xllamacpp holds Python's global lock while it loads (0.4 s for the smallest
    model, no task runs meanwhile), cannot be interrupted then, hangs for ever when it is dropped before its loop has
    begun, leaves a thread behind when it ends, and takes the program with it when an assertion in llama.cpp fails.

    Raises:
        ModelNotLoaded: the file is not there, or is no model that llama.cpp can load.
        ProviderUnreachable: the process could not be started.
    """
    with tempfile.TemporaryFile("a+b") as words:
        process = await _start(provider, words)
        try:
            address = await _tell_settings(process, settings)
            if address is None:
                how = _describe_end(await process.wait())
                raise ModelNotLoaded(provider, settings.model_path, _read_words(words) or f"its process {how}")
            yield LlamaServer(process, address, words)
        finally:
            # The server keeps nothing that an orderly end would save.
            process.kill()
            with trio.move_on_after(_KILLING_S, shield=True):
                await _reap(process)


async def _start(provider: str, words: "IO[bytes]") -> trio.Process:
    try:
        return await trio.lowlevel.open_process(
            # -P: the folder of the program, which is a package's, is not on sys.path.
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            # A debugger that llama.cpp would call to print its stack has no place here.
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            # Ctrl-C in a terminal goes to every process of the group: the host decides what it ends.
            start_new_session=True,
        )
    except OSError as error:
        raise ProviderUnreachable(
            provider, f"its process could not be started with {sys.executable!r}: {error}"
        ) from error


async def _tell_settings(process: trio.Process, settings: LlamaSettings) -> str | None:
    """Send the settings and wait for the address; None if the process ended instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    answer = b""
    try:
        await process.stdin.send_all(json.dumps(asdict(settings)).encode() + b"\n")
        while not answer.endswith(b"\n"):
            more = await process.stdout.receive_some()
            if not more:
                return None
            answer += more
    except trio.BrokenResourceError:
        return None
    address: str = json.loads(answer)["address"]
    return address


async def _reap(process: trio.Process) -> None:
    await process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            await pipe.aclose()


def _describe_end(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _read_words(words: "IO[bytes]") -> str:
    words.seek(0, os.SEEK_END)
    words.seek(max(0, words.tell() - _SHOWN_WORDS))
    return _LOG_PREFIX.sub("", words.read().decode(errors="replace")).strip()
