"""A runtime in a program of plain threads."""

import asyncio
import gc
import signal
import threading
import traceback
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from weakref import ref as weak

import pytest
import trio
from attrs import frozen

import actrio
from actrio.actors import current_runtime
from actrio.hosts import Host, RuntimeStopped, WrongHost, fail_after
from actrio.hosts._call import WINDOW
from actrio.hosts._streams import pump
from actrio.testing import Say, Stall
from tests.hosts.desk import Crash, Desk, Echo, Fail, Wait, Who, chatty, soon, user


@pytest.fixture
def host() -> Generator[Host]:
    with Host() as host:
        yield host


def test_three_lines_are_enough() -> None:
    with actrio.Host() as host:
        desk = host.spawn(Desk)
        assert desk.ask(Echo(7)) == 7


def test_a_program_tells_and_asks_in_the_order_it_does(host: Host) -> None:
    got: list[int] = []

    async def keep(inbox: actrio.Inbox[int]) -> None:
        async for letter in inbox:
            got.append(letter.message)  # noqa: PERF401 - it never ends

    keeper = host.spawn(keep)
    for number in range(100):
        keeper.tell(number)
    keeper.tell_nowait(100)
    soon(lambda: len(got) == 101)
    assert got == list(range(101))


def test_an_error_comes_as_it_is_with_the_traceback_it_had(host: Host) -> None:
    with pytest.raises(ValueError, match="the desk is on fire") as caught:
        host.spawn(Desk).ask(Fail())
    assert "explode" in [frame.name for frame in traceback.extract_tb(caught.tb)]


def test_context_variables_go_along(host: Host) -> None:
    desk = host.spawn(Desk)
    context = copy_context()
    context.run(user.set, "ada")
    assert context.run(desk.ask, Who()) == "ada"
    assert desk.ask(Who()) == "nobody"


def test_the_setup_runs_before_all_else_and_its_actors_are_found() -> None:
    async def setup(runtime: actrio.Runtime) -> None:
        await runtime.spawn(Desk, name="front")

    with Host(setup) as host:
        assert host.find("front").ask(Echo(1)) == 1


def test_a_setup_may_be_a_block_around_the_program() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def setup(runtime: actrio.Runtime) -> AsyncGenerator[None]:
        steps.append("in")
        yield
        steps.append("out")

    with Host(setup):
        steps.append("program")
    assert steps == ["in", "program", "out"]


def test_an_error_of_the_setup_comes_out_of_the_start_and_nothing_is_left() -> None:
    async def setup(runtime: actrio.Runtime) -> None:
        raise LookupError("no such database")

    with pytest.raises(LookupError, match="no such database"), Host(setup):
        pass


def test_tokens_are_read_with_a_plain_for(host: Host) -> None:
    writer = host.spawn(actrio.Agent("writer", model=chatty(3)))
    assert list(host.run(writer, "Go.").text()) == ["word", " word", " word"]
    assert writer.ask("Go.").text == "word word word"


def test_a_turn_is_read_steered_and_kept_in_its_conversation(host: Host) -> None:
    writer = host.spawn(actrio.Agent("writer", model=chatty(3)))
    with writer.run("Go.", conversation="u1") as turn:
        assert "".join(turn.text()) == turn.result().text
    assert [type(event).__name__ for event in turn.events()][-1] == "TurnCompleted"
    assert len(writer.conversation("u1").messages()) == len(writer.history("u1")) == 2
    writer.conversation("u1").clear()
    assert writer.conversation("u1").summary().turns == 0


def test_a_batch_and_a_sequence_run_in_the_runtime(host: Host) -> None:
    writer = host.spawn(actrio.Agent("writer", model=chatty(2)))
    assert [outcome.index for outcome in host.batch(writer, ["One?", "Two?"], max_concurrency=2)] == [0, 1]
    assert len(writer.sequence(["One?", "Two?"]).replies) == 2
    assert (writer.turns(), writer.steer("Go on.")) == ((), 0)
    assert "writer" in host.report()


def test_leaving_a_turn_early_closes_the_models_stream(host: Host) -> None:
    model = actrio.ScriptedProvider(Stall(after=1))
    writer = host.spawn(actrio.Agent("writer", model=model))
    with writer.run("Go.") as turn:
        next(turn.text())
    assert [type(event).__name__ for event in turn.events()][-1] == "TurnCancelled"
    assert (model.statistics().streams_open, model.statistics().streams_left_early) == (0, 1)


def test_dropping_an_iterator_closes_the_models_stream(host: Host) -> None:
    model = actrio.ScriptedProvider(Say("One two three.", token_s=0), Stall(after=1))
    writer = host.spawn(actrio.Agent("writer", model=model))
    list(host.run(writer, "Go.").text())
    for _ in host.run(writer, "Go.").text():
        break
    soon(lambda: model.statistics().streams_left_early == 1)


def test_closing_an_iterator_returns_when_the_stream_is_closed(host: Host) -> None:
    model = actrio.ScriptedProvider(Stall(after=1))
    tokens = host.run(host.spawn(actrio.Agent("writer", model=model)), "Go.").text()
    next(tokens)
    tokens.close()
    assert model.statistics().streams_left_early == 1
    assert list(tokens) == []


def test_closing_an_iterator_ends_the_wait_of_another_thread_for_it(host: Host) -> None:
    tokens = host.run(host.spawn(actrio.Agent("writer", model=actrio.ScriptedProvider(Stall(after=0)))), "Go.").text()
    with ThreadPoolExecutor(1) as other:
        read = other.submit(list[str], tokens)
        soon(lambda: tokens._call is not None and tokens._call.waiting)
        with fail_after(5):
            tokens.close()
        assert read.result(5) == []


def test_a_slow_reader_holds_its_source_back(host: Host) -> None:
    given: list[int] = []

    class Numbers:
        def __aiter__(self) -> "Numbers":
            return self

        async def __anext__(self) -> int:
            await trio.lowlevel.checkpoint()
            given.append(len(given))
            if len(given) > 10 * WINDOW:
                raise StopAsyncIteration
            return given[-1]

    numbers = host._crossing.read(pump, Numbers)
    assert next(numbers) == 0
    soon(lambda: len(given) >= WINDOW)
    host.call(trio.sleep, 0.01)
    assert len(given) <= WINDOW + 2
    assert list(numbers) == list(range(1, 10 * WINDOW))


def test_a_deadline_cancels_the_work_and_says_so(host: Host) -> None:
    desk, wait = host.spawn(Desk), Wait()
    with pytest.raises(trio.TooSlowError), fail_after(0.02):
        desk.ask(wait)
    assert wait.events == ["began", "cleaned up"]
    assert desk.ask(Echo(1)) == 1


def test_the_earliest_of_nested_deadlines_holds(host: Host) -> None:
    desk = host.spawn(Desk)
    with pytest.raises(trio.TooSlowError), fail_after(0.02), fail_after(60):
        desk.ask(Wait())
    with fail_after(60):
        assert desk.ask(Echo(1)) == 1


def test_an_exception_of_a_signal_handler_cancels_the_call_and_waits_for_its_end(host: Host) -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    desk, wait = host.spawn(Desk), Wait()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Alarm):
            desk.ask(wait)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert wait.events == ["began", "cleaned up"]


def test_many_threads_ask_at_once(host: Host) -> None:
    desk = host.spawn(Desk)
    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(lambda n: desk.ask(Echo(n)), range(1000))) == list(range(1000))


def test_a_thread_that_waits_when_the_host_stops_is_told(host: Host) -> None:
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            host.call(trio.sleep_forever)
        except RuntimeStopped as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    soon(lambda: host._crossing.bridge.open)
    host.stop()
    thread.join()
    assert len(ended) == 1
    with pytest.raises(RuntimeStopped, match="it was stopped"):
        host.call(trio.sleep, 0)


def test_after_a_crash_calls_say_so_and_the_block_raises_the_error() -> None:
    on_fire = pytest.RaisesExc(ValueError, match="the desk is on fire")
    with pytest.RaisesGroup(on_fire, flatten_subgroups=True), Host(intensity=0) as host:
        desk = host.spawn(Desk)
        desk.tell(Crash())
        soon(lambda: host._crossing.bridge.over)
        with pytest.raises(RuntimeStopped, match="crashed") as refused:
            desk.ask(Echo(1))
        assert refused.value.__cause__ is not None


def test_a_block_that_knows_of_the_crash_raises_what_it_raises() -> None:
    with pytest.raises(RuntimeStopped) as caught, Host() as host:  # noqa: PT012
        desk = host.spawn(Desk)
        desk.tell(Crash())
        host.call(trio.sleep_forever)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_an_error_of_the_block_cancels_all_at_once_and_comes_out_as_it_is() -> None:
    wait = Wait()
    with pytest.raises(KeyError, match="mine"), Host() as host:  # noqa: PT012
        host.spawn(Desk).tell(wait)
        soon(lambda: wait.events)
        raise KeyError("mine")
    assert wait.events == ["began", "cleaned up"]


def test_a_call_before_the_start_and_a_second_start_say_what_to_do() -> None:
    host = Host()
    with pytest.raises(RuntimeStopped, match="not been started"):
        host.spawn(Desk)
    with host, pytest.raises(RuntimeStopped, match="Make a new host"):
        host.start()
    host.stop()


def test_a_call_inside_a_running_asyncio_loop_names_the_async_one(host: Host) -> None:
    desk = host.spawn(Desk)

    async def main() -> None:
        with pytest.raises(WrongHost, match=r"ask\(\): .* actrio.AsyncioHost\(\)"):
            desk.ask(Echo(1))

    asyncio.run(main())


def test_a_call_inside_trio_names_the_runtime_itself(host: Host) -> None:
    desk = host.spawn(Desk)

    async def main() -> None:
        with pytest.raises(WrongHost, match=r"ask\(\): .* actrio.open_runtime\(\)"):
            desk.ask(Echo(1))

    trio.run(main)


def test_refs_go_in_and_come_out_as_what_each_side_uses(host: Host) -> None:
    class Forward(actrio.Actor):
        def __init__(self, to: actrio.ActorRef[Echo]) -> None:
            assert type(to) is actrio.ActorRef
            self.to = to

        @actrio.handles
        async def echo(self, message: Echo) -> int:
            return await self.to.ask(message)

    desk = host.spawn(Desk, name="desk")
    assert host.spawn(Forward, desk).ask(Echo(3)) == 3
    assert host.find("desk") == desk
    assert {host.find("desk"): 1}[desk] == 1


def test_a_supervisor_is_spawned_and_its_children_reached(host: Host) -> None:
    team = host.spawn(actrio.Supervisor("team", children=[actrio.child(Desk, name="one")]))
    assert team.child("one").ask(Echo(1)) == 1
    two = team.spawn(Desk, name="two")
    two.stop()
    assert two.watch().ref.name == "team/two"
    assert "team" in host.tree()
    assert host.metrics().totals.sent >= 1


def test_life_events_are_read_as_a_stream(host: Host) -> None:
    with host.events() as events:
        host.spawn(Desk, name="late")
        assert any(getattr(event, "actor", "") == "late" for event in events)


@frozen
class FromWhom(actrio.Request[str]):
    """Asked: who sent it."""


class Suspicious(actrio.Actor):
    @actrio.handles
    async def tell(self, message: FromWhom) -> str:
        return repr(self.ctx.sender)


def test_an_actor_that_uses_another_host_in_a_thread_is_no_sender_there(host: Host) -> None:
    class Bridge(actrio.Actor):
        @actrio.handles
        async def pass_on(self, message: FromWhom) -> str:
            return await trio.to_thread.run_sync(suspicious.ask, message)

    with Host() as other:
        suspicious = other.spawn(Suspicious)
        assert host.spawn(Bridge).ask(FromWhom()) == "None"


def test_what_a_host_calls_and_asks_knows_which_runtime_is_open(host: Host) -> None:
    class Which(actrio.Actor):
        @actrio.handles
        async def which(self, message: Who) -> str:
            return repr(current_runtime() is self.ctx.runtime)

    async def which() -> actrio.Runtime | None:
        return current_runtime()

    assert host.call(which) is host.runtime
    assert host.spawn(Which).ask(Who()) == "True"


def test_many_hosts_are_strangers_to_each_other() -> None:
    with Host() as one, Host() as other:
        first, second = one.spawn(Desk, name="desk"), other.spawn(Desk, name="desk")
        assert first != second
        assert (first.ask(Echo(1)), second.ask(Echo(2))) == (1, 2)


def test_a_host_that_is_dropped_stops_its_thread() -> None:
    host = Host().start()
    thread = host._crossing._thread
    assert thread is not None
    bridge = weak(host._crossing.bridge)
    del host
    gc.collect()
    thread.join(5)
    del thread
    gc.collect()
    assert bridge() is None


def test_a_thread_that_reads_beside_another_gets_other_items(host: Host) -> None:
    tokens = host.run(host.spawn(actrio.Agent("writer", model=chatty(500))), "Go.").text()
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda _: list(tokens), range(4)))
    assert sum(map(len, parts)) == 500
