"""What the small model on this machine does, asked of it itself: the cells of its column in the table."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from actrio.providers import Finished, JsonFormat, ModelEvent, ModelRequest, ToolCallFinished, User, UseTool
from tests.providers.contract.features import (
    NEWS,
    SCHEMA,
    WEATHER,
    any_answer,
    ask,
    end_of,
    in_pieces,
    text_of,
    usage_of,
)


def _calls(events: list[ModelEvent]) -> list[tuple[str, Any]]:
    calls = [event for event in events if isinstance(event, ToolCallFinished)]
    return [(event.name, json.loads(event.arguments)) for event in calls]


def _calls_weather(events: list[ModelEvent]) -> None:
    assert {name for name, _ in _calls(events)} == {"weather"}
    assert end_of(events) == "tool_calls"


def _calls_once(events: list[ModelEvent]) -> None:
    assert len(_calls(events)) == 1


def _calls_nothing(events: list[ModelEvent]) -> None:
    assert text_of(events)
    assert not _calls(events)


def _is_of_schema(events: list[ModelEvent]) -> None:
    assert json.loads(text_of(events))["city"] in {"Oslo", "Rome"}


def _begins_as_json(events: list[ModelEvent]) -> None:
    # Where it has a choice it begins otherwise, and a small model does not soon come to an end.
    assert text_of(events).lstrip().startswith("{")


def _has_no_c(events: list[ModelEvent]) -> None:
    assert text_of(events)
    assert "C" not in text_of(events)


def _counts(events: list[ModelEvent]) -> None:
    assert usage_of(events).input_tokens > 10
    assert usage_of(events).output_tokens > 0


def _counts_cached(events: list[ModelEvent]) -> None:
    assert usage_of(events).cached_tokens > 10


def _has_an_id(events: list[ModelEvent]) -> None:
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.response_id


def _is_cut_off(events: list[ModelEvent]) -> None:
    assert end_of(events) == "length"


# {feature: a request to the real small model, and what its answer must have}
LOCAL_CHECKS: Final[Mapping[str, tuple[ModelRequest, Callable[[list[ModelEvent]], None]]]] = {
    "streaming": (ask(max_tokens=8), in_pieces),
    "max_tokens": (ask(max_tokens=2), _is_cut_off),
    "temperature": (ask(max_tokens=4, temperature=0.5, top_p=0.9), any_answer),
    "seed": (ask(max_tokens=4, seed=7, temperature=5), any_answer),
    "stop": (ask([User("Repeat: A B C D E F")], max_tokens=20, temperature=0, stop="C"), _has_no_c),
    "tools": (ask(tools=[WEATHER], tool_choice="required", parallel_tool_calls=True), _calls_weather),
    "one_call": (ask(tools=[WEATHER], tool_choice="required", parallel_tool_calls=False), _calls_once),
    "required": (ask(tools=[WEATHER], tool_choice="required"), _calls_weather),
    "no_call": (ask(max_tokens=4, tools=[WEATHER], tool_choice="none"), _calls_nothing),
    "one_tool": (ask(tools=[NEWS, WEATHER], tool_choice=UseTool("weather")), _calls_weather),
    "schema": (ask(response_format=JsonFormat(SCHEMA)), _is_of_schema),
    "json": (ask(max_tokens=6, response_format=JsonFormat()), _begins_as_json),
    "usage": (ask(max_tokens=4), _counts),
    "cached": (ask(max_tokens=4), _counts_cached),
    "response_id": (ask(max_tokens=4), _has_an_id),
}
