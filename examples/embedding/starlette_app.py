"""Agents behind Starlette, with the runtime in its lifespan: ``uvicorn starlette_app:app``."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import actrio
from actrio.hosts.asyncio import AgentRef

MODEL = actrio.ScriptedProvider("Hello from Starlette.", cycle=True)  # or a name, such as "openai:gpt-5-mini"


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[dict[str, AgentRef]]:
    """One runtime for the life of the application."""
    async with actrio.AsyncioHost() as host:
        yield {"writer": await host.spawn(actrio.Agent("writer", model=MODEL, concurrency=200))}


async def ask(request: Request) -> Response:
    """The whole answer."""
    writer: AgentRef = request.state.writer
    return PlainTextResponse((await writer.ask(request.query_params["question"])).text)


async def stream(request: Request) -> Response:
    """The answer as it comes."""
    writer: AgentRef = request.state.writer
    return StreamingResponse(writer.run(request.query_params["question"]).text(), media_type="text/plain")


app = Starlette(lifespan=lifespan, routes=[Route("/ask", ask), Route("/stream", stream)])
