import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    ConnectionLost,
    Finished,
    Image,
    JsonFormat,
    Message,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    ProviderError,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    ServerFailed,
    System,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolDefinition,
    ToolResult,
    Usage,
    UsageReported,
    User,
    UseTool,
)
from actrio.providers.wire._ollama_chat import OllamaChatDecoder, encode_request

WEATHER = ToolDefinition("weather", "How warm it is.", {"type": "object", "properties": {"city": {"type": "string"}}})
OSLO = ToolCall("c1", "weather", '{"city": "Oslo"}')
NEWS = ToolCall("c2", "news", "")


def encoded(request: ModelRequest, **more: Any) -> Any:
    return json.loads(encode_request(request, **more))


def messages(*sent: Message) -> Any:
    return encoded(ModelRequest(sent))["messages"]


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


# Requests


def test_a_request_is_encoded_as_the_interface_wants_it() -> None:
    request = ModelRequest(
        [System("Be brief."), User("Search."), Assistant("Wait.", tool_calls=(OSLO, NEWS)), ToolResult("c1", "4")],
        model="m",
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        seed=1,
        stop="END",
        tools=[WEATHER],
    )

    assert encoded(request, keep_alive="1h") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Search."},
            {
                "role": "assistant",
                "content": "Wait.",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "weather", "arguments": {"city": "Oslo"}}},
                    {"id": "c2", "function": {"name": "news", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "4", "tool_call_id": "c1", "tool_name": "weather"},
        ],
        "stream": True,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "How warm it is.",
                    "parameters": WEATHER.parameters,
                },
            }
        ],
        "options": {"num_predict": 9, "temperature": 0.0, "top_p": 0.5, "seed": 1, "stop": ["END"]},
        "keep_alive": "1h",
    }


def test_what_a_request_does_not_say_is_not_sent() -> None:
    assert encoded(ModelRequest([User("a")])) == {"messages": [{"role": "user", "content": "a"}], "stream": True}


def test_a_result_has_the_name_of_the_tool_that_was_called_last_by_its_id() -> None:
    again = Assistant(tool_calls=(ToolCall("c1", "news", "{}"),))
    answer = Assistant(tool_calls=(OSLO,))

    got = messages(answer, ToolResult("c1", "4"), again, ToolResult("c1", "none"), ToolResult("c9", "lost"))

    assert [message.get("tool_name") for message in got if message["role"] == "tool"] == ["weather", "news", None]


def test_texts_of_a_message_are_joined_by_lines_and_its_images_go_beside_them() -> None:
    got = messages(User(["Look.", Image(b"GIF8"), "What is it?", Image("data:image/png;base64,iVBO")]))

    assert got == [{"role": "user", "content": "Look.\nWhat is it?", "images": ["R0lGOA==", "iVBO"]}]


def test_answers_with_nothing_in_them_are_left_out() -> None:
    assert messages(User("a"), Assistant("", interrupted="failed"), Assistant("b", interrupted="cancelled")) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


def test_thoughts_of_this_format_go_back_and_others_do_not() -> None:
    own, other = Reasoning("Hm.", origin="ollama-chat"), Reasoning("Ah.", origin="anthropic-messages", token="sig")
    [got] = messages(Assistant(tool_calls=(OSLO,), reasoning=(own, other)))

    assert got["thinking"] == "Hm."
    assert "thinking" not in messages(Assistant("a", reasoning=(other,)))[0]


def test_arguments_that_are_not_json_keep_the_conversation_valid() -> None:
    [got] = messages(Assistant(tool_calls=(ToolCall("c1", "weather", "[1"),)))

    assert got["tool_calls"][0]["function"]["arguments"] == {"INVALID_JSON": "[1"}


@pytest.mark.parametrize(
    ("wanted", "sent"), [(JsonFormat(), "json"), (JsonFormat({"type": "object"}), {"type": "object"})]
)
def test_the_form_of_the_answer_is_a_schema_or_json(wanted: JsonFormat, sent: Any) -> None:
    assert encoded(ModelRequest([User("a")], response_format=wanted))["format"] == sent


def test_options_of_the_server_are_joined_with_those_of_the_request_and_go_over_them() -> None:
    request = ModelRequest(
        [User("a")],
        temperature=0.5,
        seed=1,
        extra_body={"options": {"num_ctx": 9, "seed": 2}, "think": False},
    )

    body = encoded(request)

    assert body["options"] == {"temperature": 0.5, "seed": 2, "num_ctx": 9}
    assert body["think"] is False


def test_no_call_is_had_by_telling_of_no_tools() -> None:
    request = ModelRequest([User("a")], tools=[WEATHER], tool_choice="none", parallel_tool_calls=False)

    assert "tools" not in encoded(request)


def test_without_tools_nothing_said_of_them_is_in_the_way() -> None:
    assert set(encoded(ModelRequest([User("a")], tool_choice="required", parallel_tool_calls=False))) == {
        "messages",
        "stream",
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tool_choice": "required"}, r"no field for tool_choice='required'.* Leave it out"),
        ({"tool_choice": UseTool("weather")}, r"no field for tool_choice=UseTool\(name='weather'\)"),
        ({"parallel_tool_calls": False}, "no field for parallel_tool_calls=False. Leave it out"),
        ({"messages": [User(Image("https://example.com/a.png"))]}, r"does not fetch 'https://.*Image.read\(path\)"),
    ],
)
def test_what_would_be_lost_is_refused_with_the_way_out(fields: Any, words: str) -> None:
    request = ModelRequest(**{"messages": [User("a")], "tools": [WEATHER], **fields})

    with pytest.raises(ValueError, match=words):
        encode_request(request)


# Answers

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
