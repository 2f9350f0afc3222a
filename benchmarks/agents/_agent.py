"""Agents as a client of the providers suite: the text of a turn in an ``async for``, from any number of agents."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef, Tool
from actrio.benchmarks.providers import KEY, MODEL, Ask, Client, Exchange
from actrio.providers import OpenAIProvider

# At most 1.5 times what the bare provider takes.
BARE_REACH: Final = 1 / 1.5


@asynccontextmanager
async def idle_agents(
    exchange: Exchange, number: int, tools: Sequence[Tool[..., Any]] = ()
) -> AsyncGenerator[tuple[deque[AgentRef], str]]:
    """So many agents, with all their defaults, and what to ask them. Who asks one takes the first, and puts it last."""
    provider = OpenAIProvider(MODEL, base_url=exchange.base_url, api_key=KEY)
    (_, instructions), (_, question) = exchange.conversation()
    async with open_runtime() as runtime:
        agents = [Agent(f"agent-{one}", provider, instructions, tools=tools) for one in range(number)]
        yield deque([await runtime.spawn(agent) for agent in agents]), question


def through_agents(agents: int) -> Client:
    """A client that spawns so many agents, with all their defaults, and asks the one that has been idle longest."""

    @asynccontextmanager
    async def client(exchange: Exchange) -> AsyncGenerator[Ask]:
        async with idle_agents(exchange, agents) as (idle, question):

            async def ask() -> float:
                tokens = 0
                first = started = perf_counter()
                ref = idle.popleft()
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
