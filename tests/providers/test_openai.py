import json
import subprocess
import sys
from typing import Any, Final

import httpx2
import openai
import pytest
import trio

from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    Connection,
    Finished,
    KeyMissing,
    ModelRequest,
    TextDelta,
    User,
)
from actrio.providers._openai import OpenAIProvider, OpenAIResponsesProvider
from actrio.providers.policy import Retry, Timeouts
from tests.providers.fault_server import Close, Script, Send, chunked, events, fault_server, sized

KEY: Final = "sk-very-secret-0123456789"
REQUEST: Final = ModelRequest([User("Hello.")], max_tokens=9)
CHAT: Final = Send(
    chunked(
        events(
            b'{"id":"x","choices":[{"delta":{"content":"hello"}}]}',
            b'{"id":"x","choices":[{"delta":{},"finish_reason":"stop"}]}',
            b"[DONE]",
        )
    )
)
RESPONSE: Final = Send(
    chunked(
        events(
            b'{"type":"response.output_text.delta","delta":"hello"}',
            b'{"type":"response.completed","response":{"id":"x"}}',
        )
    )
)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


async def read(connection: Connection, request: ModelRequest = REQUEST) -> list[Any]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


async def test_a_server_of_ones_own_needs_no_key_and_gets_the_request_at_its_address() -> None:
    async with fault_server([CHAT]) as server, OpenAIProvider("m", base_url=server.url + "/v1").open() as connection:
        assert await read(connection) == [TextDelta("hello"), Finished("stop", "x")]
        await read(connection, ModelRequest([User("a")], model="other"))

    first, second = server.requests
    assert first.target == "/v1/chat/completions"
    assert json.loads(first.body)["model"] == "m"
    assert json.loads(first.body)["max_tokens"] == 9
    assert json.loads(second.body)["model"] == "other"


async def test_the_responses_interface_is_at_its_own_address() -> None:
    async with (
        fault_server([RESPONSE]) as server,
        OpenAIResponsesProvider("m", base_url=server.url + "/v1").open() as connection,
    ):
        assert await read(connection) == [TextDelta("hello"), Finished("stop", "x")]

    assert server.requests[0].target == "/v1/responses"
    assert json.loads(server.requests[0].body)["max_output_tokens"] == 9


async def test_the_environment_says_key_and_address_when_the_provider_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = OpenAIProvider("m")
    async with fault_server([CHAT]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
        monkeypatch.setenv("OPENAI_ORG_ID", "org")
        async with provider.open() as connection:
            await read(connection)

    headers = server.requests[0].headers
    assert (headers["authorization"], headers["openai-organization"]) == (f"Bearer {KEY}", "org")


async def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    async with fault_server([CHAT]) as server:
        provider = OpenAIProvider("m", base_url=server.url, api_key=KEY, organization="o", project="p")
        async with provider.open() as connection:
            await read(connection)

    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (headers["openai-organization"], headers["openai-project"]) == ("o", "p")


@pytest.mark.parametrize("key", [None, "", " \n"])
@pytest.mark.parametrize("address", [None, "https://eu.api.openai.com/v1", "https://mine.openai.azure.com/openai/v1/"])
async def test_openais_own_server_needs_a_key_and_the_error_says_where_to_put_it(
    key: str | None, address: str | None
) -> None:
    with pytest.raises(KeyMissing, match="OPENAI_API_KEY"):
        async with OpenAIProvider("m", api_key=key, base_url=address).open():
            pytest.fail("it opened")


@pytest.mark.parametrize("key", ["sk-ключ", "sk-a\nb", "sk-a\x00"])
async def test_what_cannot_be_a_key_is_an_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        async with OpenAIProvider("m", api_key=key).open():
            pytest.fail("it opened")
    assert key not in f"{caught.value!r}"


async def test_the_key_is_in_no_repr_and_no_error_though_the_server_repeats_it() -> None:
    refusal = sized(b'{"error":{"message":"what is %s"}}' % KEY.encode(), status=b"HTTP/1.1 401 No\r\n")
    async with fault_server([Send(refusal)]) as server:
        provider = OpenAIProvider("m", api_key=KEY, base_url=server.url)
        async with provider.open() as connection:
            with pytest.raises(AuthenticationFailed, match=r"what is \*\*\*") as caught:
                await read(connection)
            assert KEY not in f"{provider!r} {connection!r} {caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize("key", [None, "x"])
async def test_what_is_no_secret_is_not_cut_out_of_errors(key: str | None) -> None:
    refusal = sized(b'{"error":"none of the next 6 fields"}', status=b"HTTP/1.1 400 No\r\n")
    async with (
        fault_server([Send(refusal)]) as server,
        OpenAIProvider("m", api_key=key, base_url=server.url).open() as connection,
    ):
        with pytest.raises(BadRequest, match="none of the next 6 fields"):
            await read(connection)


async def test_the_key_of_a_client_of_the_users_is_not_shown_either() -> None:
    refusal = sized(b'{"error":{"message":"what is %s"}}' % KEY.encode(), status=b"HTTP/1.1 401 No\r\n")
    async with fault_server([Send(refusal)]) as server, openai.AsyncOpenAI(api_key=KEY, base_url=server.url) as client:
        provider = OpenAIProvider("m", client=client)
        async with provider.open() as connection:
            with pytest.raises(AuthenticationFailed, match=r"what is \*\*\*"):
                await read(connection)
            assert KEY not in f"{provider!r} {connection!r}"


async def test_a_client_of_the_users_stays_open_and_is_as_it_was() -> None:
    async with fault_server([CHAT]) as server, httpx2.AsyncClient() as http_client:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=server.url, http_client=http_client)
        for provider in (
            OpenAIProvider("m", client=client),
            OpenAIProvider("m", base_url=server.url, http_client=http_client),
        ):
            async with provider.open() as connection:
                await read(connection)
            with pytest.raises(trio.ClosedResourceError, match="not open any more"):
                await read(connection)
            assert not http_client.is_closed
            assert http_client.event_hooks == {"request": [], "response": []}


async def test_a_client_that_the_user_has_closed_is_closed() -> None:
    client = openai.AsyncOpenAI(api_key=KEY)
    async with OpenAIProvider("m", client=client).open() as connection:
        await client.close()
        with pytest.raises(trio.ClosedResourceError, match="not open any more"):
            await read(connection)


@pytest.mark.parametrize("deployment", [None, "fixed"])
async def test_azure_has_an_address_for_each_deployment(deployment: str | None) -> None:
    async with (
        fault_server([CHAT], [RESPONSE]) as server,
        openai.AsyncAzureOpenAI(
            api_key=KEY, azure_endpoint=server.url, api_version="v", azure_deployment=deployment
        ) as client,
    ):
        async with OpenAIProvider("my gpt", client=client).open() as connection:
            await read(connection)
        async with OpenAIResponsesProvider("my gpt", client=client).open() as connection:
            await read(connection)

    chat, response = server.requests
    assert chat.target == f"/openai/deployments/{deployment or 'my%20gpt'}/chat/completions?api-version=v"
    assert response.target == "/openai/responses?api-version=v"
    assert chat.headers["api-key"] == KEY
    assert json.loads(chat.body)["max_completion_tokens"] == 9


async def test_what_the_responses_interface_has_no_field_for_is_a_bad_request_that_is_not_sent() -> None:
    async with (
        fault_server([RESPONSE]) as server,
        OpenAIResponsesProvider("m", base_url=server.url).open() as connection,
    ):
        with pytest.raises(BadRequest, match="seed="):
            await read(connection, ModelRequest([User("a")], seed=1))
    assert server.requests == []


async def test_it_keeps_to_its_policy() -> None:
    busy = sized(b"", status=b"HTTP/1.1 500 No\r\n")
    scripts: list[Script] = [[Send(busy)], [Close()], [CHAT]]
    async with fault_server(*scripts) as server:
        provider = OpenAIProvider("m", base_url=server.url, retry=Retry(attempts=3, delay_s=0.001))
        async with provider.open() as connection:
            assert len(await read(connection)) == 2
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": ""}, "no name"),
        ({"model": "m", "base_url": "localhost:8080"}, "begins with https"),
        ({"model": "m", "client": object(), "api_key": KEY}, "client= has its own api_key"),
        ({"model": "m", "client": object(), "base_url": "http://a"}, "client= has its own base_url"),
    ],
)
def test_what_does_not_go_together_is_an_error_that_says_so(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        OpenAIProvider(**arguments)
    assert KEY not in str(caught.value)


def test_providers_are_values() -> None:
    one, same = (OpenAIProvider("m", api_key=KEY, timeouts=Timeouts(total_s=9)) for _ in range(2))

    assert one == same
    assert len({one, same, OpenAIProvider("m"), OpenAIResponsesProvider("m")}) == 3


def test_a_provider_is_made_without_importing_the_sdk() -> None:
    program = (
        "import sys; from actrio.providers._openai import OpenAIProvider; OpenAIProvider('m');"
        "assert not {'openai', 'httpx2', 'httpx', 'anyio', 'pydantic', 'h11'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
