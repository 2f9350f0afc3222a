"""With the gateway, as users have it: an agent, `serve` and `connect` with all their defaults, ``turn.text()``."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.benchmarks.gateway._flow import Course
from actrio.benchmarks.gateway._model import Model
from actrio.benchmarks.gateway._sides import Ask, Open
from actrio.gateway import connect, serve

AGENT = "writer"


@asynccontextmanager
async def with_gateway(courses: Mapping[str, Course]) -> AsyncGenerator[Open]:
    """See `Server`. One agent answers all, so that no turn waits for another."""
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        await runtime.spawn(Agent(AGENT, Model(courses), concurrency=len(courses)))
        gateway = await nursery.start(serve, runtime)

        @asynccontextmanager
        async def opened() -> AsyncGenerator[Ask]:
            async with connect(gateway.url) as client:

                async def ask(course: Course) -> None:
                    async with client.run(AGENT, course.question) as turn:
                        async for piece in turn.text():
                            course.take(piece)
                        reply = await turn.result()
                    assert reply.usage.output_tokens == course.flow.tokens

                yield ask

        yield opened
        gateway.stop()
