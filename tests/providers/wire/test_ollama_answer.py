"""Ollama: streamed bytes to events."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    ConnectionLost,
    Finished,
    ModelEvent,
    ProtocolViolation,
    ProviderError,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    ServerFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers.wire._ollama_chat import OllamaChatDecoder


def line(text: str = "", thinking: str | None = None, calls: list[Any] | None = None, **more: Any) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking is not None:
        message["thinking"] = thinking
    if calls is not None:
        message["tool_calls"] = calls
    said = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False, **more}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def end(reason: str | None = "stop", **more: Any) -> bytes:
    said = {**more, "done": True, "done_reason": reason}
    return line(**{name: value for name, value in said.items() if value is not None})


def decode(*chunks: bytes, taken: frozenset[str] = frozenset()) -> list[ModelEvent]:
    decoder = OllamaChatDecoder("desk", taken)
    events: list[ModelEvent] = []
    for chunk in chunks:
        decoder.feed(chunk, events.append)
    decoder.end(events.append)
    return events


def feed(decoder: OllamaChatDecoder, chunk: bytes) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    decoder.feed(chunk, events.append)
    return events


def ids_in(events: list[ModelEvent]) -> list[str]:
    return [event.call_id for event in events if isinstance(event, ToolCallFinished)]


ANSWER = b"".join(
    [
        line(thinking="Ol"),
        line(thinking="é?"),
        line("Grü"),
        b"\r\n",
        line("ße").replace(b"\n", b"\r\n"),
        line(calls=[call("weather", {"city": "Oslo"}), call("news", {}, id="call_x")]),
        end(prompt_eval_count=120, eval_count=30),
    ]
)
EVENTS = [
    ReasoningDelta("Ol"),
    ReasoningDelta("é?"),
    TextDelta("Grü"),
    TextDelta("ße"),
    ToolCallStarted("call_0", "weather"),
    ToolCallDelta("call_0", '{"city": "Oslo"}'),
    ToolCallFinished("call_0", "weather", '{"city": "Oslo"}'),
    ToolCallStarted("call_x", "news"),
    ToolCallDelta("call_x", "{}"),
    ToolCallFinished("call_x", "news", "{}"),
    ReasoningFinished(Reasoning("Olé?", origin="ollama-chat")),
    UsageReported(Usage(120, 30)),
    Finished("tool_calls"),
]


@pytest.mark.parametrize("answer", [ANSWER, ANSWER.removesuffix(b"\n")], ids=["ended", "without its last line end"])
def test_an_answer_cut_at_every_byte_gives_the_same_events(answer: bytes) -> None:
    assert decode(answer) == EVENTS
    assert decode(*(bytes([byte]) for byte in answer)) == EVENTS
    for cut in range(len(answer)):
        assert decode(answer[:cut], answer[cut:]) == EVENTS


@given(st.lists(st.text(min_size=1)), st.data())
def test_the_text_comes_out_as_it_went_in(pieces: list[str], data: st.DataObject) -> None:
    stream = b"".join(map(line, pieces)) + end()
    cut = data.draw(st.integers(0, len(stream)))

    assert decode(stream[:cut], stream[cut:]) == [*map(TextDelta, pieces), Finished("stop")]


@pytest.mark.parametrize(
    ("said", "reason"), [("stop", "stop"), ("length", "length"), ("load", "other"), ("", "other"), (None, "other")]
)
def test_the_reason_of_the_end_is_told_in_our_words(said: str | None, reason: str) -> None:
    assert decode(line("a"), end(said))[-1] == Finished(reason)  # type: ignore[arg-type] # one of them


def test_text_and_a_call_may_come_with_the_end() -> None:
    events = decode(line("a", calls=[call("news", {})], done=True, done_reason="length", eval_count=3))

    assert events[0] == TextDelta("a")
    assert events[-2:] == [UsageReported(Usage(0, 3)), Finished("length")]
    assert ids_in(events) == ["call_0"]


def test_nothing_comes_after_the_end() -> None:
    assert decode(ANSWER, line("late"), ANSWER) == EVENTS


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"n": 1.0, "a": [1, 2]}, '{"n": 1.0, "a": [1, 2]}'), ('{"n": 1}', '{"n": 1}'), ("", "{}"), (None, "{}")],
)
def test_arguments_come_out_as_the_text_that_the_server_wrote(arguments: Any, text: str) -> None:
    events = decode(line(calls=[call("news", arguments)]), end())

    assert events[1:3] == [ToolCallDelta("call_0", text), ToolCallFinished("call_0", "news", text)]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=5), st.frozensets(st.sampled_from(["call_0", "call_3", "x"])))
def test_ids_made_here_are_another_for_every_call_of_a_conversation_and_always_the_same(
    turns: list[int], taken: frozenset[str]
) -> None:
    def conversation() -> list[str]:
        ids: list[str] = []
        for calls in turns:
            answer = [line(calls=[call("news", {})])] * calls
            # Of a long conversation only the newest part may be sent.
            ids += ids_in(decode(*answer, end(), taken=frozenset(ids[-1:]) or taken))
        return ids

    ids = conversation()

    assert len({*ids, *taken}) == sum(turns) + len(taken)
    assert conversation() == ids


@pytest.mark.parametrize("theirs", ["call_", "call_x", "call_-1", "call_٣", "call_" + "9" * 5000, "my_call_7"])
def test_ids_of_other_forms_are_not_counted(theirs: str) -> None:
    assert ids_in(decode(line(calls=[call("news", {})]), end(), taken=frozenset([theirs]))) == ["call_0"]


def test_an_error_in_the_stream_is_the_servers_fault_after_the_events_before_it() -> None:
    events: list[ModelEvent] = []
    error = b'{"error":"the model runner has unexpectedly stopped"}\n'

    with pytest.raises(ServerFailed, match="the model runner has unexpectedly stopped"):
        OllamaChatDecoder("desk").feed(line("a") + error, events.append)
    assert events == [TextDelta("a")]


def test_an_error_that_repeats_the_key_does_not_show_it() -> None:
    for said in (b'{"error":"sk-secret?"}\n', b"sk-secret\n"):
        decoder = OllamaChatDecoder("desk")
        decoder.secret = "sk-secret"
        with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
            feed(decoder, said)
        assert "sk-secret" not in f"{caught.value!r}{vars(caught.value)}"


@pytest.mark.parametrize("half", [b"", b"{", line("more")[:-1], line("more")[:-2], end()[:-2]])
def test_a_stream_that_ends_before_it_is_done_was_lost_with_what_had_come(half: bytes) -> None:
    with pytest.raises(ConnectionLost) as caught:
        decode(line("Hel"), line("lo"), half)

    assert caught.value.received == ("Hellomore" if half == line("more")[:-1] else "Hello")


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>\n",
        b"[]\n",
        b'{"message": 1}\n',
        b'{"message": {"content": 1}}\n',
        b'{"message": {"content": "\xff"}}\n',
        line(calls=[call("", {})]),
        line(calls=[{}]),
        line(calls=[call("news", [1])]),
        line(calls=[call("news", 7)]),
        b'{"message":{"tool_calls":[{"function":{"name":"a","arguments":{"b":"\xff"}}}]}}\n',
        b"[" * 100_000 + b"\n",
        b"x" * 5_000_000,
    ],
    ids=[
        "html",
        "list",
        "message",
        "content",
        "utf-8",
        "nameless call",
        "no function",
        "arguments list",
        "arguments number",
        "arguments utf-8",
        "deep",
        "huge",
    ],
)
def test_garbage_is_a_protocol_violation_that_shows_it(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"provider 'desk': .* expected .*, got b'"):
        decode(garbage)


MEMBERS = ("message", "done", "done_reason", "error", "prompt_eval_count", "eval_count")
INSIDE = ("content", "thinking", "tool_calls", "function", "name", "arguments", "id")
NAMES = st.sampled_from([*MEMBERS, *INSIDE])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "a", "stop"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": st.text() | VALUES,
        "thinking": st.text() | VALUES,
        "tool_calls": st.lists(st.builds(call, st.sampled_from(["", "a"]), VALUES) | VALUES, max_size=3),
    },
)
LINES = st.fixed_dictionaries(
    {}, optional={"message": MESSAGES | VALUES, "done": st.booleans(), "done_reason": VALUES, "eval_count": VALUES}
)


@given(st.lists(LINES | VALUES, max_size=8))
def test_whatever_lines_come_no_other_error_goes_out_and_our_events_are_sound(payloads: list[Any]) -> None:
    decoder = OllamaChatDecoder("desk")
    events: list[ModelEvent] = []
    with suppress(ProviderError):
        for payload in payloads:
            decoder.feed(json.dumps(payload).encode() + b"\n", events.append)
        decoder.end(events.append)

    for event in events:
        assert msgspec.convert(msgspec.to_builtins(event), type(event)) == event
        assert not isinstance(event, TextDelta | ReasoningDelta) or event.text
    assert [event for event in events[:-1] if isinstance(event, Finished)] == []


@given(st.lists(st.binary() | st.sampled_from([ANSWER, b"\n", b"\r", b'{"message":', b"}", line("a"), end()])))
def test_whatever_bytes_come_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)
