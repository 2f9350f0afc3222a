import os
from pathlib import Path
from typing import cast

import trio

from actrio.providers.local._llama_server import LlamaServer


def test_what_the_server_says_is_forgotten_once_it_is_much(tmp_path: Path) -> None:
    with (tmp_path / "words").open("a+b") as words:
        server = LlamaServer(cast("trio.Process", None), "http://127.0.0.1:1", words)
        os.write(words.fileno(), b"few")
        server.forget_words()
        assert os.fstat(words.fileno()).st_size == 3

        os.write(words.fileno(), b"x" * 100_000)
        server.forget_words()
        os.write(words.fileno(), b"new")

        assert os.fstat(words.fileno()).st_size == 3
