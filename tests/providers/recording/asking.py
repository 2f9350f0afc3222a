"""Asking a provider that records."""

from pathlib import Path

from actrio.providers import ModelEvent, ModelRequest, Provider, TextDelta, User

HELLO = ModelRequest([User("Hello?")])
BYE = ModelRequest([User("Bye?")])


def written(path: Path) -> bytes:
    return path.read_bytes()


async def ask(provider: Provider, request: ModelRequest = HELLO) -> list[ModelEvent]:
    async with provider.open() as connection, connection.stream(request) as stream:
        return [event async for event in stream]


async def ask_some(provider: Provider, *requests: ModelRequest) -> list[str]:
    """The texts of the answers, all over one connection."""
    texts: list[str] = []
    async with provider.open() as connection:
        for request in requests:
            async with connection.stream(request) as stream:
                texts.append("".join([event.text async for event in stream if isinstance(event, TextDelta)]))
    return texts


async def leave_after(provider: Provider, events: int, request: ModelRequest = HELLO) -> None:
    async with provider.open() as connection, connection.stream(request) as stream:
        for _ in range(events):
            await anext(stream)
