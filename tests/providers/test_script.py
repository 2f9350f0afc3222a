import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Fail,
    Finished,
    Line,
    ModelRequest,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    Say,
    Stall,
    System,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
    User,
)
from actrio.providers._script import events_of, split_words

REQUEST = ModelRequest([System("Be brief."), User("Who are you?")])


@given(st.text())
def test_the_words_of_a_text_joined_are_the_text(text: str) -> None:
    words = split_words(text)

    assert "".join(words) == text
    assert all(words)


def test_an_answer_is_words_then_usage_then_the_end() -> None:
    assert list(events_of(Say("I am a\nscript."), REQUEST)) == [
        TextDelta("I"),
        TextDelta(" am"),
        TextDelta(" a"),
        TextDelta("\nscript."),
        UsageReported(Usage(input_tokens=5, output_tokens=4)),
        Finished("stop"),
    ]


def test_tool_calls_come_in_fragments_and_end_the_answer_for_their_results() -> None:
    call = ToolCall("c1", "search", '{"query": "trio"}')

    assert list(events_of(Say("Wait.", tool_calls=(call,)), REQUEST)) == [
        TextDelta("Wait."),
        ToolCallStarted("c1", "search"),
        ToolCallDelta("c1", '{"query":'),
        ToolCallDelta("c1", ' "trio"}'),
        ToolCallFinished("c1", "search", '{"query": "trio"}'),
        UsageReported(Usage(input_tokens=5, output_tokens=3)),
        Finished("tool_calls"),
    ]


def test_tokens_usage_and_reason_can_be_given() -> None:
    line = Say(tokens=("H", "i"), usage=Usage(7, 8), finish="length")

    assert list(events_of(line, REQUEST)) == [
        TextDelta("H"),
        TextDelta("i"),
        UsageReported(Usage(7, 8)),
        Finished("length"),
    ]


def test_reasoning_comes_first_and_its_words_are_told_apart_in_the_usage() -> None:
    assert list(events_of(Say("Four.", reasoning="Two, four."), REQUEST)) == [
        ReasoningDelta("Two,"),
        ReasoningDelta(" four."),
        TextDelta("Four."),
        UsageReported(Usage(input_tokens=5, output_tokens=3, reasoning_tokens=2)),
        Finished("stop"),
    ]


def test_reasoning_that_its_provider_wants_back_is_given_whole_after_its_words() -> None:
    wanted = Reasoning("Hm.", origin="anthropic-messages", token="signed")

    assert list(events_of(Say("Four.", reasoning=wanted), REQUEST))[:3] == [
        ReasoningDelta("Hm."),
        ReasoningFinished(wanted),
        TextDelta("Four."),
    ]


def test_words_of_the_reasoning_are_tokens_after_which_a_line_can_break_off() -> None:
    line = Stall(after=2, of=Say("c", reasoning="a b"))

    assert list(events_of(line, REQUEST)) == [ReasoningDelta("a"), ReasoningDelta(" b")]


def test_what_the_server_calls_the_answer_comes_with_its_end() -> None:
    assert list(events_of(Say("Hi.", response_id="r1"), REQUEST))[-1] == Finished("stop", "r1")


@pytest.mark.parametrize("line", [Fail(ValueError, after=2, of="a b c"), Stall(after=2, of="a b c")])
def test_a_line_that_breaks_off_gives_so_many_tokens_and_no_end(line: Line) -> None:
    assert list(events_of(line, REQUEST)) == [TextDelta("a"), TextDelta(" b")]


def test_a_line_that_breaks_off_needs_nothing_to_be_part_of() -> None:
    assert list(events_of(Stall(after=2), REQUEST)) == [TextDelta("word"), TextDelta(" word")]


def test_nonsense_in_a_script_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="has only 2 tokens"):
        Fail(ValueError, after=3, of="a b")
    with pytest.raises(ValueError, match="0 or more"):
        Stall(after=-1)
    with pytest.raises(ValueError, match="not both"):
        Say("a", tokens=("b",))
    with pytest.raises(ValueError, match="no token is empty"):
        Say(tokens=("a", ""))
    with pytest.raises(ValueError, match="seconds to wait"):
        Say("a", token_s=-1)
