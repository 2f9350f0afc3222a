"""Agents behind FastAPI: ``uvicorn fastapi_app:app``. A client that leaves cancels its own run, and no other.

curl "localhost:8000/ask?question=hi"; curl -N "localhost:8000/stream?question=hi"
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

import actrio
from actrio.hosts.asyncio import AgentRef

MODEL = actrio.ScriptedProvider("Hello from FastAPI.", cycle=True)  # or a name, such as "openai:gpt-5-mini"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, AgentRef]]:
    """One runtime for the life of the application."""
    async with actrio.AsyncioHost() as host:
        yield {"writer": await host.spawn(actrio.Agent("writer", model=MODEL, concurrency=200))}


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(request: Request, question: str) -> str:
    """The whole answer."""
    writer: AgentRef = request.state.writer
    return (await writer.ask(question)).text


@app.get("/stream")
async def stream(request: Request, question: str) -> StreamingResponse:
    """The answer as it comes."""
    writer: AgentRef = request.state.writer
    return StreamingResponse(writer.run(question).text(), media_type="text/plain")
