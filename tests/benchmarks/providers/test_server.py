"""The mock server: what it answers, and that it ends with who started it, however that ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import httpx2
import msgspec
import pytest

from actrio.benchmarks.providers import _server
from actrio.benchmarks.providers._server import address, serving

TWO_MESSAGES = msgspec.json.encode({"messages": [{"role": "system"}, {"role": "user"}]})

# Says where the server is, and waits for its own end.
OWNER = """
from actrio.benchmarks.providers._server import address, serving
with serving():
    print(address(0), flush=True)
    input()
    raise SystemExit("an error")
"""


@contextmanager
def connected(base_url: str) -> Generator[socket.socket]:
    host, port = base_url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        yield stream


@contextmanager
def owner() -> "Generator[subprocess.Popen[str]]":
    command = [sys.executable, "-P", "-c", OWNER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def post(base_url: str) -> httpx2.Response:
    return httpx2.post(f"{base_url}/chat/completions", content=TWO_MESSAGES, trust_env=False)


@pytest.mark.usefixtures("server")
def test_an_answer_has_the_tokens_asked_for_and_counts_the_messages_that_came() -> None:
    *events, done, rest = post(address(3)).text.split("\n\n")
    chunks = [msgspec.json.decode(event.removeprefix("data: ")) for event in events]
    assert (done, rest) == ("data: [DONE]", "")
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]]
    assert texts == ["", " word", " word", " word", None]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


@pytest.mark.usefixtures("server")
def test_a_token_is_an_event_of_usual_size_in_a_chunk_of_its_own() -> None:
    with connected(address(2)) as stream:
        stream.sendall(b"POST /2/0/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += stream.recv(65_536)
    sizes = [int(size, 16) for size in re.findall(rb"\r\n([0-9a-f]+)\r\ndata: ", answer)]
    assert len(sizes) == 1 + 2 + 3
    assert all(200 <= size <= 260 for size in sizes[1:3])


@pytest.mark.usefixtures("server")
def test_with_a_pace_the_first_token_comes_alone() -> None:
    with connected(address(4)) as stream:
        stream.sendall(b"POST /4/2000/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert stream.recv(65_536).count(b" word") == 1


@pytest.mark.usefixtures("server")
def test_with_a_pace_the_same_answer_takes_as_long_as_its_tokens() -> None:
    started = monotonic()
    assert post(address(4, 20)).content == post(address(4)).content
    assert monotonic() - started >= 4 * 0.02


@pytest.mark.usefixtures("server")
def test_an_answer_larger_than_the_sockets_buffers_comes_whole_and_others_are_answered_meanwhile() -> None:
    with connected(address(0)) as slow:
        slow.sendall(b"POST /50000/0/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert post(address(1)).status_code == 200
        answer = bytearray()
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            piece = slow.recv(1024 * 1024)
            assert piece
            answer += piece
    assert answer.count(b"wor") == 50_000


@pytest.mark.usefixtures("server")
def test_a_request_it_does_not_understand_is_refused_and_it_goes_on() -> None:
    with connected(address(0)) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stream.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert post(address(1)).status_code == 200


def test_it_ends_with_its_block_and_its_address_with_it() -> None:
    with serving():
        base_url = address(1)
        assert post(base_url).status_code == 200
    with pytest.raises(ConnectionRefusedError), connected(base_url):
        pass
    with pytest.raises(LookupError):
        address(1)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_ends_when_its_owner_ends_however_it_does(death: signal.Signals | None) -> None:
    with owner() as process, connected(read_line(process)) as stream:
        # Half a request, so that the server waits for the rest.
        stream.sendall(b"POST /1/0/ HTTP/1.1\r\n")
        if death is None:
            process.communicate("leave by an error\n")
        else:
            os.kill(process.pid, death)
        with suppress(ConnectionResetError):
            assert stream.recv(1) == b""


def test_an_interrupt_from_the_terminal_is_left_to_its_owner() -> None:
    before = children(os.getpid())  # such as a helper that multiprocessing keeps
    with serving(), connected(address(1)) as stream:
        (pid,) = [int(one) for one in children(os.getpid()) if one not in before]
        os.kill(pid, signal.SIGINT)
        stream.sendall(b"POST /1/0/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert stream.recv(65_536).startswith(b"HTTP/1.1 200 ")


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_server_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_server, "_PROGRAM", tmp_path / "none.py")
    with pytest.raises(RuntimeError, match="did not start"), serving():
        pass
