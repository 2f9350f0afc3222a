import json
import subprocess
import sys
from typing import Any, Final

import httpx2
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    AuthenticationFailed,
    BadRequest,
    Connection,
    Finished,
    Image,
    KeyMissing,
    ModelRequest,
    NotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    ServerFailed,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolDefinition,
    ToolResult,
    Usage,
    UsageReported,
    User,
)
from actrio.providers._ollama import OllamaProvider, parse_host
from actrio.providers.policy import Retry, Timeouts
from tests.providers.fault_server import END, OK, Close, Hang, Reached, Script, Send, chunk, fault_server, sized

KEY: Final = "very-secret-0123456789"
REQUEST: Final = ModelRequest([User("Hello.")])
STREAM: Final = OK + b"content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
TEXT: Final = b'{"model":"m","message":{"role":"assistant","content":"hello"},"done":false}\n'
DONE: Final = b'{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":9}\n'
CALL: Final = b'{"message":{"tool_calls":[{"function":{"name":"news","arguments":{}}}]},"done":false}\n'
HELLO: Final = [TextDelta("hello"), UsageReported(Usage(3, 9)), Finished("stop")]


def answer(*lines: bytes) -> Send:
    return Send(STREAM + b"".join(map(chunk, lines)) + END)


def refused(status: bytes, body: bytes) -> Send:
    return Send(sized(body, b"content-type: application/json", status=b"HTTP/1.1 " + status + b"\r\n"))


ANSWER: Final = answer(TEXT, DONE)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def read(connection: Connection, request: ModelRequest = REQUEST) -> list[Any]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


async def test_the_request_goes_to_the_server_as_it_wants_it_and_its_answer_comes_as_events() -> None:
    async with (
        fault_server([ANSWER]) as server,
        OllamaProvider("m", base_url=server.url + "/behind/", keep_alive=-1).open() as connection,
    ):
        assert await read(connection) == HELLO
        await read(connection, ModelRequest([User("a")], model="other", extra_body={"keep_alive": 0}))

    first, second = server.requests
    assert (first.method, first.target) == ("POST", "/behind/api/chat")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept"] == "application/x-ndjson"
    assert "authorization" not in first.headers
    bodies = [json.loads(request.body) for request in (first, second)]
    assert [(body["model"], body["keep_alive"]) for body in bodies] == [("m", -1), ("other", 0)]


async def test_calls_get_ids_that_no_other_call_of_the_conversation_has() -> None:
    tools = [ToolDefinition("news")]
    async with (
        fault_server([answer(CALL, CALL, DONE)]) as server,
        OllamaProvider("m", base_url=server.url).open() as connection,
    ):
        history: list[Any] = [User("a")]
        for _ in range(3):
            events = await read(connection, ModelRequest(history, tools=tools))
            calls = [event for event in events if isinstance(event, ToolCallFinished)]
            asked = tuple(ToolCall(call.call_id, call.name, call.arguments) for call in calls)
            history += [Assistant(tool_calls=asked), *(ToolResult(call.id, "none") for call in asked)]

    ids = [call.id for message in history if isinstance(message, Assistant) for call in message.tool_calls]
    assert len(set(ids)) == 6


# Where the server is


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box.example.com:80", "http://box.example.com:80"),
        (":1234", "http://127.0.0.1:1234"),
        ("192.168.0.7", "http://192.168.0.7:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("[::]", "http://[::1]:11434"),
        ("http://box", "http://box"),
        ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"),
        ("https://box/ollama/", "https://box/ollama"),
        ("box:1/ollama", "http://box:1/ollama"),
        (" 'box' \n", "http://box:11434"),
        ("ollama.com", "https://ollama.com"),
    ],
)
def test_every_form_that_ollama_takes_for_its_host_is_an_address(said: str, address: str) -> None:
    assert parse_host(said) == address


@pytest.mark.parametrize("said", ["ftp://box", "box:port", "box:99999", "1.2.3.999", "a:b:c", "box:"])
async def test_a_host_of_no_such_form_is_an_error_that_shows_it(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", said)

    with pytest.raises(ProviderUnreachable, match=f"OLLAMA_HOST of the environment: '{said}'"):
        async with OllamaProvider("m").open():
            pytest.fail("it opened")


@given(st.text())
def test_whatever_the_host_is_it_is_an_address_or_a_value_error(said: str) -> None:
    try:
        address = parse_host(said)
    except ValueError:
        return
    assert address.startswith(("http://", "https://"))


async def test_the_environment_says_where_the_server_is_when_the_provider_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = OllamaProvider("m")
    async with fault_server([ANSWER]) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://").replace("127.0.0.1", "0.0.0.0"))
        monkeypatch.setenv("OLLAMA_API_KEY", KEY)
        async with provider.open() as connection:
            assert await read(connection) == HELLO

    assert "authorization" not in server.requests[0].headers  # that key is for ollama.com


async def test_a_proxy_is_not_asked_for_what_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with fault_server([ANSWER]) as server, OllamaProvider("m", base_url=server.url).open() as connection:
        assert await read(connection) == HELLO


async def test_nobody_at_the_address_is_an_error_that_says_how_to_start_the_server() -> None:
    async with fault_server([ANSWER]) as server:
        pass
    provider = OllamaProvider("m", base_url=server.url.replace("//", f"//me:{KEY}@"), retry=None)
    async with provider.open() as connection:
        with pytest.raises(ProviderUnreachable, match=f"running at {server.url}.* ollama serve") as caught:
            await read(connection)
    assert KEY not in f"{caught.value!r} {provider!r}"


@pytest.mark.parametrize("script", [[Close()], [Send(b"HTTP/1.1 200"), Close()]], ids=["nothing", "half a head"])
async def test_a_server_that_is_there_and_does_not_answer_is_not_said_to_be_off(script: Script) -> None:
    async with (
        fault_server(script) as server,
        OllamaProvider("m", base_url=server.url, retry=None).open() as connection,
    ):
        with pytest.raises(ProviderUnreachable) as caught:
            await read(connection)
    assert "ollama serve" not in str(caught.value)


# What the server refuses


async def test_a_model_that_is_not_there_is_an_error_that_says_how_to_get_it() -> None:
    refusal = refused(b"404 No", b'{"error":"model \'llama3.2:1b\' not found"}')
    async with (
        fault_server([refusal]) as server,
        OllamaProvider("m", base_url=server.url).open() as connection,
    ):
        with pytest.raises(NotFound, match=r"'llama3\.2:1b' not found\. Get it by: ollama pull llama3\.2:1b") as caught:
            await read(connection, ModelRequest([User("a")], model="llama3.2:1b"))
    assert (caught.value.status, caught.value.provider) == (404, "ollama")


async def test_an_address_that_the_server_does_not_know_is_no_missing_model() -> None:
    refusal = Send(sized(b"404 page not found", b"content-type: text/plain", status=b"HTTP/1.1 404 No\r\n"))
    async with (
        fault_server([refusal]) as server,
        OllamaProvider("m", base_url=server.url + "/v1").open() as connection,
    ):
        with pytest.raises(NotFound, match="404 page not found") as caught:
            await read(connection)
    assert "pull" not in str(caught.value)


async def test_an_error_in_the_stream_is_the_servers_failure() -> None:
    failed = answer(TEXT, b'{"error":"the model runner has unexpectedly stopped"}\n')
    async with fault_server([failed]) as server, OllamaProvider("m", base_url=server.url).open() as connection:
        with pytest.raises(ServerFailed, match="the model runner has unexpectedly stopped"):
            await read(connection)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": [ToolDefinition("a")], "tool_choice": "required"}, "tool_choice='required'"),
        ({"tools": [ToolDefinition("a")], "parallel_tool_calls": False}, "parallel_tool_calls=False"),
        ({"messages": [User(Image("https://example.com/a.png"))]}, "does not fetch"),
    ],
)
async def test_what_the_server_cannot_do_is_a_bad_request_that_is_not_sent(fields: Any, words: str) -> None:
    async with fault_server([ANSWER]) as server, OllamaProvider("m", base_url=server.url).open() as connection:
        with pytest.raises(BadRequest, match=words):
            await read(connection, ModelRequest(**{"messages": [User("a")], **fields}))
    assert server.requests == []


async def test_it_keeps_to_its_policy() -> None:
    scripts: list[Script] = [[refused(b"503 Busy", b'{"error":"server busy"}')], [Close()], [ANSWER]]
    async with fault_server(*scripts) as server:
        provider = OllamaProvider("m", base_url=server.url, retry=Retry(attempts=3, delay_s=0.001))
        async with provider.open() as connection:
            assert await read(connection) == HELLO
    assert len(server.requests) == 3


async def test_a_server_that_cannot_be_reached_in_time_is_a_timeout_of_its_phase() -> None:
    class Slow(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            assert request.extensions["timeout"] == {"connect": 0.5, "read": None, "write": None, "pool": None}
            raise httpx2.ConnectTimeout("too slow", request=request)

    async with httpx2.AsyncClient(transport=Slow()) as client:
        provider = OllamaProvider("m", http_client=client, retry=None, timeouts=Timeouts(connect_s=0.5))
        async with provider.open() as connection:
            with pytest.raises(ProviderTimeout) as caught:
                await read(connection)
    assert (caught.value.phase, caught.value.seconds) == ("connect", 0.5)


# Keys


async def test_a_key_that_is_given_goes_to_the_server() -> None:
    async with (
        fault_server([ANSWER]) as server,
        OllamaProvider("m", base_url=server.url, api_key=f" {KEY}\n").open() as connection,
    ):
        await read(connection)

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_ollamas_own_server_needs_a_key_which_the_environment_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = OllamaProvider("m", base_url="https://ollama.com")
    with pytest.raises(KeyMissing, match="OLLAMA_API_KEY"):
        async with provider.open():
            pytest.fail("it opened")

    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    async with provider.open() as connection:
        assert KEY not in f"{connection!r}"


@pytest.mark.parametrize("key", ["ключ", "a\nb", "a\x00"])
async def test_what_cannot_be_a_key_is_an_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        async with OllamaProvider("m", api_key=key).open():
            pytest.fail("it opened")
    assert key not in f"{caught.value!r}"


LEAKS: Final[dict[str, Script]] = {
    "a refusal": [refused(b"401 No", b'{"error":"what is %s"}' % KEY.encode())],
    "a missing model": [refused(b"404 No", b'{"error":"model %s not found"}' % KEY.encode())],
    "an error in the stream": [answer(TEXT, b'{"error":"%s?"}\n' % KEY.encode())],
    "garbage": [answer(b"<p>%s</p>\n" % KEY.encode())],
    "a page": [Send(sized(b"<p>%s</p>" % KEY.encode(), b"content-type: text/html"))],
}


@pytest.mark.parametrize("script", LEAKS.values(), ids=LEAKS)
async def test_the_key_is_in_no_repr_and_no_error_though_the_server_repeats_it(script: Script) -> None:
    async with fault_server(script) as server:
        provider = OllamaProvider("m", base_url=server.url, api_key=KEY, retry=None)
        async with provider.open() as connection:
            with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
                await read(connection)
            assert KEY not in f"{provider!r} {connection!r} {caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize("key", [None, "none"])
async def test_what_is_no_secret_is_not_cut_out_of_errors(key: str | None) -> None:
    refusal = refused(b"400 No", b'{"error":"none of it"}')
    async with (
        fault_server([refusal]) as server,
        OllamaProvider("m", base_url=server.url, api_key=key).open() as connection,
    ):
        with pytest.raises(BadRequest, match="none of it"):
            await read(connection)


# Closing


async def test_a_client_of_the_users_stays_open() -> None:
    async with fault_server([ANSWER]) as server, httpx2.AsyncClient(base_url="http://127.0.0.1:1") as client:
        async with OllamaProvider("m", base_url=server.url, http_client=client).open() as connection:
            assert await read(connection) == HELLO
        with pytest.raises(trio.ClosedResourceError, match="not open any more"):
            await read(connection)
        assert not client.is_closed


async def test_a_client_that_the_user_has_closed_is_closed() -> None:
    client = httpx2.AsyncClient()
    async with OllamaProvider("m", http_client=client).open() as connection:
        await client.aclose()
        with pytest.raises(trio.ClosedResourceError, match="not open any more"):
            await read(connection)


@pytest.mark.parametrize("sent", [b"", TEXT[:9], TEXT], ids=["nothing", "half a line", "text"])
@pytest.mark.parametrize("own", [False, True], ids=["our client", "a client of the user's"])
async def test_cancelling_closes_the_stream(sent: bytes, own: bool) -> None:
    sent_all = trio.Event()
    script = [Send(STREAM + (chunk(sent) if sent else b"")), Reached(sent_all), Hang()]
    async with fault_server(script) as server, httpx2.AsyncClient() as client:
        provider = OllamaProvider("m", base_url=server.url, http_client=client if own else None)
        async with provider.open() as connection:
            with trio.fail_after(5):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(read, connection)
                    await sent_all.wait()
                    nursery.cancel_scope.cancel()
                await server.visits[0].closed.wait()
            assert server.visits[0].closed_by_client_at is not None


async def test_an_error_of_the_body_passes_through_as_it_is() -> None:
    mine = NotFound("mine", 404, "model gone")
    async with fault_server([ANSWER]) as server, OllamaProvider("m", base_url=server.url).open() as connection:
        with pytest.raises(NotFound) as caught:
            async with connection.stream(REQUEST):
                raise mine
    assert caught.value is mine


# Values


@pytest.mark.parametrize(
    ("arguments", "words"), [({"model": ""}, "no name"), ({"model": "m", "base_url": "localhost"}, "begins with https")]
)
def test_what_is_wrong_with_the_arguments_is_an_error_that_says_so(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OllamaProvider(**arguments)


def test_providers_are_values() -> None:
    one, same = (OllamaProvider("m", api_key=KEY, timeouts=Timeouts(total_s=9)) for _ in range(2))

    assert one == same
    assert len({one, same, OllamaProvider("m"), OllamaProvider("m", keep_alive="1h")}) == 3


def test_a_provider_is_made_without_importing_an_http_stack() -> None:
    program = (
        "import sys; from actrio.providers._ollama import OllamaProvider; OllamaProvider('m');"
        "assert not {'httpx2', 'httpx', 'anyio', 'h11', 'openai', 'anthropic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
