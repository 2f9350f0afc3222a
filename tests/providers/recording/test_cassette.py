import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    Finished,
    Image,
    JsonFormat,
    ModelEvent,
    ModelRequest,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    System,
    Text,
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
from actrio.providers._errors import CassetteBroken
from actrio.providers._events import Restarted
from actrio.providers.recording._cassette import Cassette
from actrio.providers.recording._recording import Recording
from actrio.providers.recording._request_lines import difference, request_lines
from actrio.providers.recording._scrub import Scrubber

HEADER = '{"cassette":"actrio","version":1}'
REQUEST = ('{"request":{}}', '{"user":"Hello?"}')
FINISHED = '{"at":1,"event":"Finished","reason":"stop"}'

NAMES = st.text(min_size=1, max_size=5)
COUNTS = st.integers(0, 10**9)
EVENTS: st.SearchStrategy[ModelEvent] = st.one_of(
    st.builds(TextDelta, NAMES),
    st.builds(ReasoningDelta, NAMES),
    st.builds(ReasoningFinished, st.builds(Reasoning, st.text(), origin=NAMES, token=st.text())),
    st.builds(ToolCallStarted, NAMES, NAMES),
    st.builds(ToolCallDelta, NAMES, NAMES),
    st.builds(ToolCallFinished, NAMES, NAMES, st.text()),
    st.builds(Restarted, st.text(), COUNTS),
    st.builds(UsageReported, st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS)),
)
TIMES = st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.jsonl"


@given(st.lists(st.tuples(TIMES, EVENTS), max_size=8), TIMES)
def test_a_recording_that_was_written_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[float, ModelEvent]], at: float
) -> None:
    path = tmp_path_factory.mktemp("cassette") / "c.jsonl"
    recording = Recording(REQUEST, (*events, (at, Finished("length", "r1"))), "finished", at)

    Cassette("p", path).add(recording)

    (read,) = Cassette("p", path).answers(REQUEST)
    assert (read.events, read.ending, read.at, read.line) == (recording.events, "finished", at, 2)


@pytest.mark.parametrize(
    ("lines", "number", "reason"),
    [
        (["{}"], 1, "not a cassette: its first line is"),
        (["hello"], 1, "not JSON: JSON is malformed"),
        (['{"cassette":"actrio","version":2}'], 1, "a cassette of version 2; known here is 1"),
        ([HEADER, "[1]"], 2, "not an object"),
        ([HEADER, '{"user":"a"}'], 2, "a part of a request where none is"),
        ([HEADER, FINISHED], 2, "an event before any request"),
        ([HEADER, *REQUEST, '{"at":"x","event":"Finished"}'], 4, "at is seconds, 0 or more, not 'x'"),
        ([HEADER, *REQUEST, '{"at":0,"event":"Telepathy"}'], 4, "unknown event 'Telepathy'; known here are TextDelta"),
        ([HEADER, *REQUEST, '{"at":0,"event":"TextDelta"}'], 4, "TextDelta: Object missing required field `text`"),
        ([HEADER, *REQUEST, '{"at":0,"event":"TextDelta","text":1}'], 4, r"TextDelta: Expected `str`, got `int`"),
        ([HEADER, *REQUEST, '{"at":0}'], 4, "neither an event nor an end"),
        ([HEADER, *REQUEST, '{"at":0,"failed":"Nope","message":"","attributes":{}}'], 4, "unknown error 'Nope'"),
        ([HEADER, *REQUEST, '{"at":0,"failed":"RateLimited","words":""}'], 4, "not an error's record"),
        ([HEADER, *REQUEST, "", '{"frog":1}'], 5, "no line of a cassette has the fields frog"),
        ([HEADER, *REQUEST, *REQUEST], 4, "the recording that begins in line 2 has no end"),
        ([HEADER, *REQUEST, '{"at":0,"ev', FINISHED], 4, "not JSON: "),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    path: Path, lines: list[str], number: int, reason: str
) -> None:
    path.write_text("\n".join(lines) + "\n")

    with pytest.raises(CassetteBroken, match=rf"provider 'p': .*c\.jsonl:{number}: {reason}") as caught:
        Cassette("p", path)

    assert (caught.value.path, caught.value.line) == (str(path), number)


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, f"{HEADER}\n", HEADER[:9]])
def test_a_file_without_recordings_is_empty_and_can_be_added_to(path: Path, text: str) -> None:
    path.write_text(text)

    assert Cassette("p", path).requests == []
    Cassette("p", path).add(Recording(REQUEST, ((1.0, Finished("stop")),), "finished", 1.0))
    assert Cassette("p", path).requests == [REQUEST]


@pytest.mark.parametrize("text", ["My only copy", '{"cassette":"other"', "[1, 2]\nand more"])
def test_another_file_named_by_mistake_stays_as_it_is(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(CassetteBroken, match=r"c\.jsonl:1: not "):
        Cassette("p", path)
    with pytest.raises(CassetteBroken, match=r"c\.jsonl:1: not a cassette, so it is not emptied"):
        Cassette.anew("p", path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text", ["", HEADER[:7], HEADER, f"{HEADER}\nnonsense\n", '{"cassette": "actrio", "version": 2}\n']
)
def test_a_cassette_begins_anew_whatever_is_wrong_with_it(path: Path, text: str) -> None:
    path.write_text(text)
    assert Cassette.anew("p", path).requests == []
    assert path.read_bytes() == b""


def test_of_two_who_find_the_end_torn_neither_drops_what_the_other_adds(path: Path) -> None:
    path.write_text(f'{HEADER}\n{REQUEST[0]}\n{{"at":1,')
    one, two = Cassette("p", path), Cassette("p", path)
    recording = Recording(REQUEST, ((1.0, Finished("stop")),), "finished", 1.0)
    one.add(recording)
    two.add(recording)
    assert len(Cassette("p", path).answers(REQUEST)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a limit for the size of files is POSIX's")
def test_a_recording_that_the_disk_has_no_room_for_leaves_no_piece_behind(path: Path) -> None:
    import resource

    recording = Recording(REQUEST, ((1.0, Finished("stop")),), "finished", 1.0)
    cassette = Cassette("p", path)
    cassette.add(recording)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            cassette.add(recording)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    cassette.add(recording)
    assert len(Cassette("p", path).answers(REQUEST)) == 2


def test_a_line_that_was_formatted_by_hand_is_the_same_request(path: Path) -> None:
    path.write_text(f'{HEADER}\n{{ "request" : {{}} }}\r\n\n  {{"user" :"Hello?"}}\n{FINISHED}\n')

    assert Cassette("p", path).requests == [REQUEST]


# Requests as lines


def lines_of(request: ModelRequest) -> tuple[str, ...]:
    return request_lines(request, Scrubber())


def test_a_request_is_its_settings_its_tools_and_its_messages() -> None:
    request = ModelRequest(
        [
            System("Be brief."),
            User(["What is it?", Image("https://a.example/b.png", detail="low")]),
            Assistant("", tool_calls=(ToolCall("1", "look", "{}"),), reasoning=(Reasoning("Hm.", origin="o"),)),
            ToolResult("1", "A cat", failed=True),
        ],
        tools=[ToolDefinition("look", "Look.", {"type": "object"})],
        tool_choice=UseTool("look"),
        response_format=JsonFormat(),
        stop="END",
        seed=1,
    )

    settings, tool, *messages = lines_of(request)

    assert settings == (
        '{"request":{"response_format":{"name":"answer","schema":null,"strict":true},"seed":1,"stop":["END"],'
        '"tool_choice":{"name":"look"}}}'
    )
    assert tool == '{"description":"Look.","parameters":{"type":"object"},"tool":"look"}'
    call = '{"arguments":"{}","id":"1","name":"look"}'
    assert messages == [
        '{"system":"Be brief."}',
        '{"user":[{"text":"What is it?"},{"detail":"low","image":"https://a.example/b.png"}]}',
        f'{{"assistant":"","reasoning":[{{"origin":"o","text":"Hm.","token":""}}],"tool_calls":[{call}]}}',
        '{"call_id":"1","failed":true,"result":"A cat"}',
    ]


def test_what_a_provider_wants_back_and_what_a_schema_calls_a_property_tells_requests_apart() -> None:
    thoughts = [Reasoning("Hm.", origin="o", token=token) for token in ("a", "b")]
    one, other = (ModelRequest([User("a"), Assistant("", reasoning=(thought,))]) for thought in thoughts)
    assert lines_of(one) != lines_of(other)

    tools = [ToolDefinition("t", "", {"properties": {"password": {"const": value}}}) for value in "ab"]
    one, other = (ModelRequest([User("a")], tools=[tool]) for tool in tools)
    assert lines_of(one) != lines_of(other)


def test_secrets_are_hidden_in_every_line() -> None:
    key = "sk-abcdefghijklmnop"
    request = ModelRequest(
        [System(key), User([key]), Assistant(key, tool_calls=(ToolCall("1", "t", key),)), ToolResult("1", key)],
        tools=[ToolDefinition("t", key)],
        stop=key,
        extra_body={"a": [key], "token": "short"},
    )

    assert key not in "".join(lines_of(request))
    assert "short" not in "".join(lines_of(request))


def test_what_is_not_sent_makes_no_difference() -> None:
    one = ModelRequest([User("a"), Assistant("b", interrupted="cancelled"), User("c")])
    other = ModelRequest([User("a"), Assistant("b"), User("c")], tool_choice="required")

    assert lines_of(one) == lines_of(other)
    assert lines_of(ModelRequest([User("a")])) != lines_of(ModelRequest([User([Text("a")])]))


def test_the_order_of_keys_makes_no_difference() -> None:
    one, other = ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})

    assert lines_of(ModelRequest([User("a")], extra_body=one)) == lines_of(ModelRequest([User("a")], extra_body=other))


def test_a_difference_shows_lines_that_are_missing_or_more_and_not_too_many() -> None:
    assert difference(("a", "b", "c"), ("a", "c", "d")).split() == ["-", "b", "+", "d"]

    many = difference((), tuple(map(str, range(30)))).splitlines()
    assert len(many) == 13
    assert many[-1].strip() == "… 18 more lines"
