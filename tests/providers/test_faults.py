"""What becomes of an answer when the server does what it should not: never a wrong one, never a hang."""

from collections.abc import Callable, Iterable
from typing import Final

import pytest
import trio
from attrs import evolve, field, frozen

from actrio.providers import (
    Connection,
    ConnectionLost,
    Finished,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    Retry,
    TextDelta,
    Timeouts,
    User,
)
from tests.providers.contract.speakers import KEY, SPEAKERS, TEXT, Speaker
from tests.providers.fault_server import (
    BROKEN_BODIES,
    BROKEN_HEADS,
    COMMENT,
    TRAILERS,
    Action,
    Close,
    Hang,
    Reset,
    Script,
    Send,
    chunk,
    fault_server,
    sized,
)

REQUEST: Final = ModelRequest([User("Where is it?")])

# How long an answer may take that should come at once, in seconds: a hang fails the test and does not stop it.
AT_ONCE_S: Final = 10.0


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return SPEAKERS[request.param]


def spoken(speaker: Speaker, pieces: Iterable[bytes] | None = None, trailers: bytes = b"") -> bytes:
    """A whole answer, in chunks; by default that which says TEXT."""
    body = b"".join(map(chunk, speaker.answer if pieces is None else pieces))
    return speaker.head + body + b"0\r\n" + trailers + b"\r\n"


def in_its_type(speaker: Speaker, script: Script) -> list[Action]:
    """The script, with answers of the speaker's type."""
    theirs = speaker.media_type.encode()
    return [
        evolve(action, data=action.data.replace(b"text/event-stream", theirs)) if isinstance(action, Send) else action
        for action in script
    ]


@frozen
class Outcome:
    """What came of a request."""

    events: list[ModelEvent] = field(factory=list[ModelEvent])
    error: ProviderError | None = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def whole(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], Finished)


async def ask(connection: Connection) -> Outcome:
    events: list[ModelEvent] = []
    error = None
    with trio.fail_after(AT_ONCE_S):
        try:
            async with connection.stream(REQUEST) as stream:
                async for event in stream:
                    events.append(event)  # noqa: PERF401 - what came before an error counts
        except ProviderError as raised:
            error = raised
    return Outcome(events, error)


async def ask_all(speaker: Speaker, scripts: list[list[Action]]) -> list[Outcome]:
    async with fault_server(*scripts) as server, speaker.provider(server.url).open() as connection:
        return [await ask(connection) for _ in scripts]


def check_broken_off(outcome: Outcome) -> None:
    assert not outcome.whole
    assert isinstance(outcome.error, ConnectionLost | ProtocolViolation)
    assert TEXT.startswith(outcome.text)
    if isinstance(outcome.error, ConnectionLost):
        assert outcome.error.received == outcome.text


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["closed", "reset"])
async def test_an_answer_cut_off_at_any_byte_is_an_error_with_what_had_come_and_never_a_whole_one(
    speaker: Speaker, end: Action
) -> None:
    answer = spoken(speaker)
    head = len(speaker.head)
    # Each answer is a whole one for its reader once its last event is there, whatever of the coding is still to come.
    needed = head + sum(len(chunk(piece)) for piece in speaker.answer) - len(b"\r\n")
    cuts = range(0, len(answer), 1 if isinstance(end, Close) else 7)
    outcomes = await ask_all(speaker, [[Send(answer[:cut]), end] for cut in cuts])

    for cut, outcome in zip(cuts, outcomes, strict=True):
        if cut < head:
            assert isinstance(outcome.error, ProviderUnreachable), cut
            assert not outcome.events, cut
        elif outcome.error is None:
            assert cut >= needed, cut
            assert outcome.whole, cut
            assert outcome.text == TEXT, cut
        else:
            check_broken_off(outcome)


@pytest.mark.parametrize("how", BROKEN_BODIES)
async def test_a_body_that_is_broken_is_an_error_with_what_had_come(speaker: Speaker, how: str) -> None:
    [outcome] = await ask_all(speaker, [in_its_type(speaker, BROKEN_BODIES[how])])

    check_broken_off(outcome)


@pytest.mark.parametrize("how", BROKEN_HEADS)
async def test_a_head_that_is_broken_is_a_server_that_cannot_be_reached(speaker: Speaker, how: str) -> None:
    [outcome] = await ask_all(speaker, [in_its_type(speaker, BROKEN_HEADS[how])])

    assert isinstance(outcome.error, ProviderUnreachable)
    assert not outcome.events


@pytest.mark.parametrize("garbage", [b"{", b"[1,2", b'{"a":nope}', b"\xff\xfe", b"[" * 100_000, b"<html>"])
async def test_what_is_not_json_is_a_violation_that_shows_it(speaker: Speaker, garbage: bytes) -> None:
    line = garbage + b"\n" if "ndjson" in speaker.media_type else b"data: " + garbage + b"\n\n"
    [outcome] = await ask_all(speaker, [[Send(spoken(speaker, [*speaker.answer[:2], line, *speaker.answer[2:]]))]])

    assert isinstance(outcome.error, ProtocolViolation)
    assert outcome.error.got.startswith(garbage[:10])
    assert outcome.text == "Hei, Ærøsk"


async def test_a_page_where_a_stream_should_be_is_a_violation_that_shows_it(speaker: Speaker) -> None:
    page = b"<html><h1>Sign in</h1></html>"
    [outcome] = await ask_all(speaker, [[Send(sized(page, b"content-type: text/html"))]])

    assert isinstance(outcome.error, ProtocolViolation)
    assert outcome.error.got == page


@pytest.mark.parametrize("before", [0, 16 * 1024 - 5])
async def test_the_key_is_in_no_error_even_if_the_server_repeats_it(speaker: Speaker, before: int) -> None:
    body = b"x" * before + KEY.encode()
    answers = [sized(body, status=b"HTTP/1.1 401 No\r\n"), sized(body), speaker.head + chunk(body)]
    for outcome in await ask_all(speaker, [[Send(answer), Close()] for answer in answers]):
        shown = f"{outcome.error} {outcome.error!r} {vars(outcome.error)}"
        assert outcome.error is not None
        assert KEY[:4] not in shown


async def test_a_line_that_never_ends_is_a_violation(speaker: Speaker) -> None:
    begin = speaker.head + chunk(b"".join(speaker.answer[:2]))
    endless: list[Action] = [Send(begin), Send(chunk(b'data: {"a":"') + chunk(b"x" * 1_000_000) * 6), Close()]
    [outcome] = await ask_all(speaker, [endless])

    assert isinstance(outcome.error, ProtocolViolation)
    assert "4194304 bytes" in outcome.error.expected
    assert outcome.text == "Hei, Ærøsk"


def byte_by_byte(speaker: Speaker) -> list[Action]:
    return [Send(spoken(speaker), cut=1)]


def chunk_by_byte(speaker: Speaker) -> list[Action]:
    body = b"".join(speaker.answer)
    return [Send(spoken(speaker, [body[at : at + 1] for at in range(len(body))]))]


def all_at_once(speaker: Speaker) -> list[Action]:
    return [Send(spoken(speaker, [b"".join(speaker.answer)]))]


def until_closed(speaker: Speaker) -> list[Action]:
    head = speaker.head.replace(b"transfer-encoding: chunked\r\n", b"connection: close\r\n")
    return [Send(head + b"".join(speaker.answer)), Close()]


def with_trailers(speaker: Speaker) -> list[Action]:
    return [Send(spoken(speaker, trailers=TRAILERS))]


def with_crlf(speaker: Speaker) -> list[Action]:
    return [Send(spoken(speaker, [piece.replace(b"\n", b"\r\n") for piece in speaker.answer]))]


def with_empty_lines(speaker: Speaker) -> list[Action]:
    return [Send(spoken(speaker, [b"\n\n" + piece for piece in speaker.answer]))]


def with_comments(speaker: Speaker) -> list[Action]:
    comment = b"" if "ndjson" in speaker.media_type else COMMENT
    return [Send(spoken(speaker, [comment + piece for piece in speaker.answer]))]


def after_an_interim_answer(speaker: Speaker) -> list[Action]:
    return [Send(b"HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n" + spoken(speaker))]


def with_a_long_line(speaker: Speaker) -> list[Action]:
    begin, *pieces, end = speaker.answer
    space = b" " * 1_000_000
    return [Send(spoken(speaker, [begin, *(piece.replace(b"{", b"{" + space, 1) for piece in pieces), end]))]


@pytest.mark.parametrize(
    "way",
    [
        byte_by_byte,
        chunk_by_byte,
        all_at_once,
        until_closed,
        with_trailers,
        with_crlf,
        with_empty_lines,
        with_comments,
        after_an_interim_answer,
        with_a_long_line,
    ],
)
async def test_however_an_answer_comes_it_is_the_same(speaker: Speaker, way: Callable[[Speaker], list[Action]]) -> None:
    [outcome] = await ask_all(speaker, [way(speaker)])

    assert outcome.error is None
    assert outcome.whole
    assert outcome.text == TEXT


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["closed", "reset"])
async def test_a_connection_that_the_server_ends_between_requests_is_no_error(speaker: Speaker, end: Action) -> None:
    script: list[Action] = [Send(spoken(speaker)), end]
    async with fault_server(script) as server, speaker.provider(server.url).open() as connection:
        for _ in range(3):
            outcome = await ask(connection)
            assert (outcome.error, outcome.text) == (None, TEXT)
            await server.all_closed()


async def test_a_request_that_meets_the_servers_close_is_sent_again_where_there_is_a_retry(speaker: Speaker) -> None:
    whole = [Send(spoken(speaker))]
    async with (
        fault_server(whole, [Close()], whole) as server,
        speaker.provider(server.url, Retry(delay_s=0)).open() as connection,
    ):
        outcomes = [await ask(connection) for _ in range(2)]

    assert [(outcome.error, outcome.text) for outcome in outcomes] == [(None, TEXT)] * 2
    assert len(server.requests) == 3


async def test_a_server_that_never_answers_is_a_time_out_that_says_so(speaker: Speaker) -> None:
    timeouts = Timeouts(first_event_s=0.05)
    async with fault_server([Hang()]) as server, speaker.provider(server.url, None, timeouts).open() as connection:
        outcome = await ask(connection)
        with trio.fail_after(1):
            await server.all_closed()

    assert isinstance(outcome.error, ProviderTimeout)
    assert outcome.error.phase == "first event"


async def test_an_answer_that_stalls_is_a_time_out_with_what_had_come(speaker: Speaker) -> None:
    begun: list[Action] = [Send(speaker.head + b"".join(map(chunk, speaker.answer[:2]))), Hang()]
    timeouts = Timeouts(between_events_s=0.05)
    async with fault_server(begun) as server, speaker.provider(server.url, None, timeouts).open() as connection:
        outcome = await ask(connection)
        with trio.fail_after(1):
            await server.all_closed()

    assert isinstance(outcome.error, ProviderTimeout)
    assert outcome.error.phase == "between events"
    assert outcome.error.received == outcome.text == "Hei, Ærøsk"


async def test_after_each_fault_the_next_request_is_answered(speaker: Speaker) -> None:
    whole: list[Action] = [Send(spoken(speaker))]
    scripts: list[list[Action]] = []
    for broken in (*BROKEN_BODIES.values(), *BROKEN_HEADS.values()):
        scripts += [in_its_type(speaker, broken), whole]
    outcomes = await ask_all(speaker, scripts)

    assert [outcome.text for outcome in outcomes[1::2]] == [TEXT] * (len(scripts) // 2)
    assert all(outcome.error for outcome in outcomes[::2])
