"""Agents as a client of the providers suite: the text of a turn in an ``async for``, from any number of agents."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef
from actrio.benchmarks.providers import KEY, MODEL, Ask, Client, Exchange
from actrio.providers import OpenAIProvider


def through_agents(agents: int) -> Client:
    """A client that spawns so many agents, with all their defaults, and asks the one that has been idle longest."""

    @asynccontextmanager
    async def client(exchange: Exchange) -> AsyncGenerator[Ask]:
        provider = OpenAIProvider(MODEL, base_url=exchange.base_url, api_key=KEY)
        (_, instructions), (_, question) = exchange.conversation()
        async with open_runtime() as runtime:
            idle: list[AgentRef] = [
                await runtime.spawn(Agent(f"agent-{number}", provider, instructions)) for number in range(agents)
            ]

            async def ask() -> float:
                tokens = 0
                first = started = perf_counter()
                ref = idle.pop(0)
                async with ref.run(question) as turn:
                    async for _ in turn.text():
                        tokens += 1
                        if tokens == 1:
                            first = perf_counter()
                    reply = await turn.result()
                idle.append(ref)
                exchange.check(tokens, reply.usage.input_tokens, reply.usage.output_tokens, reply.finish_reason)
                return first - started

            yield ask

    return client
