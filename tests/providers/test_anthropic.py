import json
import subprocess
import sys
from typing import Any, Final

import anthropic
import httpx2
import pytest
import trio
from anthropic.lib.bedrock import AsyncAnthropicBedrockMantle

from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    Connection,
    ContentRefused,
    Finished,
    JsonFormat,
    KeyMissing,
    ModelRequest,
    Overloaded,
    PackageMissing,
    ProviderError,
    RateLimited,
    TextDelta,
    Usage,
    UsageReported,
    User,
)
from actrio.providers._anthropic import AnthropicProvider
from actrio.providers.policy import Retry, Timeouts
from tests.providers.fault_server import (
    CHUNKED,
    Close,
    Hang,
    Reached,
    Script,
    Send,
    chunk,
    chunked,
    events,
    fault_server,
    sized,
)

KEY: Final = "sk-ant-very-secret-0123456789"
REQUEST: Final = ModelRequest([User("Hello.")])
BEGIN: Final = (
    b'{"type":"message_start","message":{"id":"m1","usage":{"input_tokens":3,"output_tokens":1}}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}',
)
END: Final = (
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}',
    b'{"type":"message_stop"}',
)
ANSWER: Final = Send(chunked(events(*BEGIN, *END)))
HELLO: Final = [TextDelta("hello"), UsageReported(Usage(3, 9)), Finished("stop", "m1")]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


async def read(connection: Connection, request: ModelRequest = REQUEST) -> list[Any]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


def refused(status: bytes, body: bytes, *headers: bytes) -> Send:
    return Send(sized(body, *headers, status=b"HTTP/1.1 " + status + b"\r\n"))


async def test_the_request_goes_to_the_server_as_it_wants_it_and_its_answer_comes_as_events() -> None:
    async with (
        fault_server([ANSWER]) as server,
        AnthropicProvider("m", base_url=server.url, api_key=KEY, max_tokens=77).open() as connection,
    ):
        assert await read(connection) == HELLO
        await read(connection, ModelRequest([User("a")], model="other", max_tokens=5))

    first, second = server.requests
    assert (first.method, first.target) == ("POST", "/v1/messages")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["anthropic-version"]
    assert first.headers["accept"] == "text/event-stream"
    bodies = [json.loads(request.body) for request in (first, second)]
    assert [(body["model"], body["max_tokens"]) for body in bodies] == [("m", 77), ("other", 5)]


async def test_the_environment_says_key_and_address_when_the_provider_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = AnthropicProvider("m")
    async with fault_server([ANSWER]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", f" {KEY}\n")
        async with provider.open() as connection:
            await read(connection)

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-token")
    async with (
        fault_server([ANSWER]) as server,
        AnthropicProvider("m", base_url=server.url, api_key=KEY).open() as connection,
    ):
        await read(connection)

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [None, "", " \n"])
@pytest.mark.parametrize("address", [None, "https://api.anthropic.com", "https://eu.anthropic.com/"])
async def test_anthropics_own_server_needs_a_key_and_the_error_says_where_to_put_it(
    key: str | None, address: str | None
) -> None:
    with pytest.raises(KeyMissing, match="ANTHROPIC_API_KEY"):
        async with AnthropicProvider("m", api_key=key, base_url=address).open():
            pytest.fail("it opened")


async def test_a_server_of_ones_own_needs_no_key() -> None:
    refusal = refused(b"400 No", b'{"type":"error","error":{"type":"invalid_request_error","message":"none of it"}}')
    async with (
        fault_server([ANSWER], [refusal]) as server,
        AnthropicProvider("m", base_url=server.url + "/gate").open() as connection,
    ):
        assert await read(connection) == HELLO
        with pytest.raises(BadRequest, match="none of it"):
            await read(connection)

    assert server.requests[0].target == "/gate/v1/messages"


@pytest.mark.parametrize("key", ["sk-ключ", "sk-a\nb", "sk-a\x00"])
async def test_what_cannot_be_a_key_is_an_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        async with AnthropicProvider("m", api_key=key).open():
            pytest.fail("it opened")
    assert key not in f"{caught.value!r}"


LEAKS: Final[dict[str, Script]] = {
    "a refusal": [refused(b"401 No", b'{"type":"error","error":{"message":"what is %s"}}' % KEY.encode())],
    "an error in the stream": [
        Send(
            chunked(
                events(
                    b'{"type":"error","error":{"type":"api_error","message":"%s?"},"request_id":"%s"}'
                    % (KEY.encode(), KEY.encode())
                )
            )
        )
    ],
    "garbage": [Send(chunked(events(b"<p>%s</p>" % KEY.encode())))],
    "a page": [Send(sized(b"<p>%s</p>" % KEY.encode(), b"content-type: text/html"))],
}


@pytest.mark.parametrize("script", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("own", [False, True], ids=["our client", "a client of the user's"])
async def test_the_key_is_in_no_repr_and_no_error_though_the_server_repeats_it(script: Script, own: bool) -> None:
    async with fault_server(script) as server, anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url) as client:
        given: Any = {"client": client} if own else {"api_key": KEY, "base_url": server.url}
        provider = AnthropicProvider("m", **given, retry=None)
        async with provider.open() as connection:
            with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
                await read(connection)
            assert KEY not in f"{provider!r} {connection!r} {caught.value!r} {vars(caught.value)}"


# Clients of the user's


async def test_a_client_of_the_users_stays_open_and_is_as_it_was() -> None:
    async with fault_server([ANSWER]) as server, httpx2.AsyncClient() as http_client:
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url, http_client=http_client)
        for provider in (
            AnthropicProvider("m", client=client),
            AnthropicProvider("m", base_url=server.url, http_client=http_client),
        ):
            async with provider.open() as connection:
                assert await read(connection) == HELLO
            with pytest.raises(trio.ClosedResourceError, match="not open any more"):
                await read(connection)
            assert not http_client.is_closed
            assert http_client.event_hooks == {"request": [], "response": []}


async def test_a_client_with_middleware_works() -> None:
    seen: list[str] = []

    async def watch(request: Any, call_next: Any) -> Any:
        seen.append(request.method)
        return await call_next(request)

    async with (
        fault_server([ANSWER]) as server,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url, middleware=[watch]) as client,
        AnthropicProvider("m", client=client).open() as connection,
    ):
        assert await read(connection) == HELLO
    assert seen == ["post"]


async def test_a_refused_request_is_not_sent_again_by_the_users_client() -> None:
    busy = refused(b"529 Busy", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    async with (
        fault_server([busy]) as server,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url, max_retries=5) as client,
        AnthropicProvider("m", client=client, retry=None).open() as connection,
    ):
        with pytest.raises(Overloaded, match="Overloaded"):
            await read(connection)
    assert len(server.requests) == 1


async def test_the_clients_for_other_clouds_find_their_way() -> None:
    async with (
        fault_server([ANSWER]) as server,
        AsyncAnthropicBedrockMantle(api_key=KEY, base_url=server.url, aws_region="eu-north-1") as amazon,
        anthropic.AsyncAnthropicFoundry(api_key=KEY, base_url=server.url + "/anthropic") as azure,
    ):
        for client in (amazon, azure):
            async with AnthropicProvider("m", client=client).open() as connection:
                assert await read(connection) == HELLO

    assert [request.target for request in server.requests] == ["/v1/messages", "/anthropic/v1/messages"]
    assert [request.headers.get("x-api-key") for request in server.requests] == [None, KEY]


async def test_a_client_that_speaks_another_interface_is_refused_with_the_one_to_take() -> None:
    async with (
        anthropic.AsyncAnthropicBedrock(api_key=KEY, aws_region="eu-north-1") as amazon,
        anthropic.AsyncAnthropicVertex(region="eu", project_id="p", access_token=KEY) as google,
    ):
        for client, instead in ((amazon, "AsyncAnthropicBedrockMantle"), (google, "AsyncAnthropicGoogleCloud")):
            given: Any = client
            with pytest.raises(ValueError, match=f"speaks another interface than Messages.* {instead}"):
                AnthropicProvider("m", client=given)


# What goes wrong


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ModelRequest([User("a")], seed=1), "seed="),
        (ModelRequest([User("a")], response_format=JsonFormat()), "JsonFormat"),
    ],
)
async def test_what_this_interface_has_no_field_for_is_a_bad_request_that_is_not_sent(
    request_: ModelRequest, words: str
) -> None:
    async with fault_server([ANSWER]) as server, AnthropicProvider("m", base_url=server.url).open() as connection:
        with pytest.raises(BadRequest, match=words):
            await read(connection, request_)
    assert server.requests == []


async def test_a_rate_limit_says_how_long_to_wait_and_which_request_it_was() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Not so fast."},"request_id":"req_7"}'
    refusal = refused(b"429 No", body, b"retry-after: 7", b"request-id: req_7")
    async with (
        fault_server([refusal]) as server,
        AnthropicProvider("m", base_url=server.url, retry=None).open() as connection,
    ):
        with pytest.raises(RateLimited, match=r"Not so fast\.") as caught:
            await read(connection)
    assert (caught.value.retry_after_s, caught.value.request_id) == (7, "req_7")


async def test_what_is_left_of_the_limits_comes_with_the_answer() -> None:
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nanthropic-ratelimit-requests-remaining: 49\r\n\r\n")
    answer = Send(head + chunk(events(*BEGIN, *END)) + b"0\r\n\r\n")
    async with (
        fault_server([answer]) as server,
        AnthropicProvider("m", base_url=server.url).open() as connection,
        connection.stream(REQUEST) as stream,
    ):
        quota: Any = getattr(stream, "quota", None)
    assert quota.requests_left == 49


async def test_a_refused_answer_has_the_text_that_had_come_and_is_asked_for_once() -> None:
    end = b'{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":9}}'
    script = [Send(chunked(events(*BEGIN, end, END[1])))]
    async with fault_server(script) as server, AnthropicProvider("m", base_url=server.url).open() as connection:
        with pytest.raises(ContentRefused) as caught:
            await read(connection)
    assert caught.value.received == "hello"
    assert len(server.requests) == 1


async def test_it_keeps_to_its_policy() -> None:
    busy = refused(b"529 Busy", b"")
    scripts: list[Script] = [[busy], [Close()], [ANSWER]]
    async with fault_server(*scripts) as server:
        provider = AnthropicProvider("m", base_url=server.url, retry=Retry(attempts=3, delay_s=0.001))
        async with provider.open() as connection:
            assert await read(connection) == HELLO
    assert len(server.requests) == 3


@pytest.mark.parametrize("sent", [b"", events(BEGIN[0]), events(*BEGIN)], ids=["nothing", "its beginning", "text"])
async def test_cancelling_closes_the_stream(sent: bytes) -> None:
    sent_all = trio.Event()
    script = [Send(CHUNKED + (chunk(sent) if sent else b"")), Reached(sent_all), Hang()]
    async with fault_server(script) as server, AnthropicProvider("m", base_url=server.url).open() as connection:
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read, connection)
                await sent_all.wait()
                nursery.cancel_scope.cancel()
            await server.visits[0].closed.wait()
        assert server.visits[0].closed_by_client_at is not None


async def test_the_sdk_missing_is_an_error_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "anthropic")
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(PackageMissing, match=r'pip install "actrio\[anthropic\]"') as caught:
        async with AnthropicProvider("m", api_key=KEY).open():
            pytest.fail("it opened")
    assert caught.value.package == "the anthropic SDK"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": ""}, "no name"),
        ({"model": "m", "base_url": "localhost:8080"}, "begins with https"),
        ({"model": "m", "max_tokens": 0}, "max_tokens must be at least 1"),
        ({"model": "m", "client": object(), "api_key": KEY}, "client= has its own api_key"),
        ({"model": "m", "client": object(), "base_url": "http://a"}, "client= has its own base_url"),
        ({"model": "m", "client": object(), "http_client": object()}, "client= has its own http_client"),
    ],
)
def test_what_does_not_go_together_is_an_error_that_says_so(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        AnthropicProvider(**arguments)
    assert KEY not in str(caught.value)


def test_providers_are_values() -> None:
    one, same = (AnthropicProvider("m", api_key=KEY, timeouts=Timeouts(total_s=9)) for _ in range(2))

    assert one == same
    assert len({one, same, AnthropicProvider("m"), AnthropicProvider("m", max_tokens=1)}) == 3


def test_a_provider_is_made_without_importing_the_sdk() -> None:
    program = (
        "import sys; from actrio.providers._anthropic import AnthropicProvider; AnthropicProvider('m');"
        "assert not {'anthropic', 'openai', 'httpx2', 'httpx', 'anyio', 'pydantic', 'h11'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
