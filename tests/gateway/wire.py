"""Connections to a gateway without a network: through memory, so that a clock that jumps can be used."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio_websocket
from trio.testing import MemoryReceiveStream, MemorySendStream, lockstep_stream_pair, memory_stream_pair

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef
from actrio.gateway import Gateway
from actrio.gateway._socket import Socket, SocketClosed, SocketReader
from actrio.testing import ScriptedProvider

MemoryStream = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


class Wire:
    """A WebSocket on which a test says what it likes; frames are dicts."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_} | fields))

    async def ask(self, request_id: str, agent: str, text: str = "?", **fields: Any) -> None:
        await self.say("user_message", request_id=request_id, agent=agent, text=text, **fields)

    async def hear(self) -> Any:
        return json.loads(await self.socket.receive())

    async def hear_until(self, *kinds: str) -> list[Any]:
        """All frames up to one of these kinds."""
        heard = [await self.hear()]
        while heard[-1]["type"] not in kinds:
            heard.append(await self.hear())
        return heard

    async def hear_end(self, request_id: str) -> list[Any]:
        """All frames up to the end of a request, or the error that it ends with."""
        heard: list[Any] = []
        while not heard or heard[-1]["type"] not in {"end", "error"} or heard[-1].get("request_id") != request_id:
            heard.append(await self.hear())
        return heard

    async def hear_close(self) -> SocketClosed:
        """How the gateway closes the connection, whatever it says before."""
        while True:
            try:
                await self.socket.receive()
            except SocketClosed as closed:
                return closed

    async def come_back(self, session: str, **fields: Any) -> bool:
        """Say hello, after the first status was heard; whether the session goes on."""
        await self.say("hello", version=1, session=session, **fields)
        answer = await self.hear()
        return bool(answer.get("session") == session)


@asynccontextmanager
async def wired(gateway: Gateway, *, token: str | None = None, lockstep: bool = False) -> AsyncGenerator[Wire]:
    """A connection that is cut at the end of the block. With ``lockstep`` a byte is sent only once it is received."""
    ours, theirs = lockstep_stream_pair() if lockstep else memory_stream_pair()
    headers = [] if token is None else [(b"Authorization", b"Bearer " + token.encode())]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.take, theirs)

        async def wrap(reader: Any) -> trio_websocket.WebSocketConnection:
            stream: Any = ours
            return await trio_websocket.wrap_client_stream(reader, stream, "localhost", "/", extra_headers=headers)

        socket = await SocketReader(nursery).shake_hands(wrap, ours)
        try:
            yield Wire(socket)
        finally:
            await socket.abort()  # noqa: ASYNC102 - it waits for nothing
            nursery.cancel_scope.cancel()


async def writing(runtime: Runtime, *lines: Any, name: str = "writer", concurrency: int = 100) -> AgentRef[str]:
    """An agent that says the lines over and over."""
    return await runtime.spawn(Agent(name, ScriptedProvider(*lines, cycle=True), concurrency=concurrency))


async def answered(wire: Wire, request_id: str) -> None:
    await wire.ask(request_id, "writer")
    assert (await wire.hear_end(request_id))[-1]["type"] == "end"


async def resumed(gateway: Gateway, session: str, *request_ids: str) -> list[list[str]]:
    """The kinds of frames with which each request is resumed from its beginning on a new connection."""
    found: list[list[str]] = []
    async with wired(gateway) as wire:
        await wire.hear()
        await wire.come_back(session)
        for request_id in request_ids:
            await wire.say("resume", request_id=request_id, after=-1)
            found.append([frame["type"] for frame in await wire.hear_end(request_id)])
    return found
