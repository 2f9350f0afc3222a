"""A trace of OpenTelemetry goes through a host, whatever runs where."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import actrio
from actrio.hosts import AsyncioHost, Host
from actrio.hosts.asyncio import Mode
from actrio.providers import ToolCall
from actrio.testing import Say
from tests.hosts.desk import run_asyncio


class Traces:
    """Spans as they ended, and a tracer that makes some."""

    def __init__(self) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        self._exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    @contextmanager
    def span(self, name: str) -> Generator[None]:
        with self.tracer.start_as_current_span(name):
            yield

    def parents(self) -> dict[str, str | None]:
        """Of each span that has ended the one it is in: {name: name}."""
        ended: tuple[ReadableSpan, ...] = self._exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in ended}
        return {span.name: None if span.parent is None else names[span.parent.span_id] for span in ended}


@pytest.fixture
def traces() -> Traces:
    return Traces()


class Ping(actrio.Request[None]):
    """Asked: make a span."""


def agent_of(traces: Traces) -> actrio.Agent:
    """An agent whose tools make spans, wherever they run."""

    @actrio.tool
    async def in_trio() -> None:
        with traces.span("in_trio"):
            await trio.lowlevel.checkpoint()

    @actrio.tool
    def in_thread() -> None:
        with traces.span("in_thread"):
            assert threading.current_thread() is not threading.main_thread()

    @actrio.tool(run_in="asyncio")
    async def in_asyncio() -> None:
        with traces.span("in_asyncio"):
            await asyncio.sleep(0)

    tools: list[actrio.Tool[..., Any]] = [in_trio, in_thread, in_asyncio]
    script = Say(tool_calls=tuple(ToolCall(one.name, one.name, "{}") for one in tools))
    return actrio.Agent("a", model=actrio.ScriptedProvider(script, "Done."), tools=tools)


def desk_of(traces: Traces) -> type[actrio.Actor]:
    class Desk(actrio.Actor):
        @actrio.handles
        async def ping(self, message: Ping) -> None:
            with traces.span("handler"):
                await trio.lowlevel.checkpoint()

    return Desk


EXPECTED: Final = {
    "request": None, "handler": "request", "in_trio": "request", "in_thread": "request", "in_asyncio": "request",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_a_span_of_asyncio_is_the_parent_of_those_in_handlers_and_tools(traces: Traces, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk, agent = await host.spawn(desk_of(traces)), await host.spawn(agent_of(traces))
            with traces.span("request"):
                await desk.ask(Ping())
                await agent.ask("Go.")

    run_asyncio(main)
    assert traces.parents() == EXPECTED


def test_a_span_of_a_thread_is_the_parent_of_those_in_handlers_and_tools(traces: Traces) -> None:
    with Host() as host:
        desk, agent = host.spawn(desk_of(traces)), host.spawn(agent_of(traces))
        with traces.span("request"):
            desk.ask(Ping())
            with agent.run("Go.") as turn:
                assert "".join(turn.text()) == "Done."
    assert traces.parents() == EXPECTED


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_a_span_of_the_runtime_is_the_parent_of_one_in_asyncio(traces: Traces, mode: Mode) -> None:
    async def errand() -> None:
        with traces.span("errand"):
            await asyncio.sleep(0)

    async def inside(errand: Any) -> None:
        with traces.span("inside"):
            await errand()

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            with traces.span("request"):
                await host.call(inside, host.on_loop(errand))

    run_asyncio(main)
    assert traces.parents() == {"errand": "inside", "inside": "request", "request": None}


def test_calls_at_once_keep_their_traces_apart(traces: Traces) -> None:
    class Desk(actrio.Actor):
        @actrio.handles
        async def name(self, message: Name) -> None:
            with traces.span(f"in {message.of}"):
                await trio.sleep(0.001)

    async def ask(desk: Any, of: str) -> None:
        with traces.span(of):
            await desk.ask(Name(of))

    async def main() -> None:
        async with AsyncioHost() as host:
            desk = await host.spawn(Desk, concurrency=8)
            await asyncio.gather(*(ask(desk, str(number)) for number in range(50)))

    run_asyncio(main)
    parents = traces.parents()
    assert {parents[f"in {number}"] == str(number) for number in range(50)} == {True}


class Name(actrio.Request[None]):
    """Asked: make a span inside that one."""

    def __init__(self, of: str) -> None:
        self.of = of
