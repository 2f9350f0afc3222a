"""What each provider can do: the one declaration from which both the tests and the table in docs/providers.md come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import field, frozen

from actrio.providers import (
    Finished,
    Image,
    JsonFormat,
    Message,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallFinished,
    ToolDefinition,
    Usage,
    UsageReported,
    User,
    UseTool,
)

PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
PICTURE: Final = "https://example.com/picture.png"
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Final = ToolDefinition(
    "weather",
    "The temperature in a city.",
    {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
NEWS: Final = ToolDefinition("news", "The news of a day.")
_TOOLS: Final = (WEATHER, NEWS)


def ask(messages: Sequence[Message] = (User("How warm is it in Oslo and in Rome?"),), **more: Any) -> ModelRequest:
    return ModelRequest(messages, **{"max_tokens": 60, **more})


def end_of(events: list[ModelEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Finished)
    return end.reason


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def any_answer(events: list[ModelEvent]) -> None:
    assert end_of(events)


def in_pieces(events: list[ModelEvent]) -> None:
    assert sum(isinstance(event, TextDelta) for event in events) > 1


def _both_calls(events: list[ModelEvent]) -> None:
    calls = [event for event in events if isinstance(event, ToolCallFinished)]
    assert [(call.name, call.arguments.replace(" ", "")) for call in calls] == [
        ("weather", '{"city":"Oslo"}'),
        ("weather", '{"city":"Rome"}'),
    ]
    assert end_of(events) == "tool_calls"


def _thoughts(events: list[ModelEvent]) -> None:
    thoughts = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert (thoughts, text_of(events)) == ("One, two.", "Two.")


def _thoughts_to_keep(events: list[ModelEvent]) -> None:
    [kept] = [event.reasoning for event in events if isinstance(event, ReasoningFinished)]
    assert kept.text == "One, two."
    assert kept.origin


def usage_of(events: list[ModelEvent]) -> Usage:
    [usage] = [event.usage for event in events if isinstance(event, UsageReported)]
    return usage


def _tokens(events: list[ModelEvent]) -> None:
    assert (usage_of(events).input_tokens, usage_of(events).output_tokens) == (120, 30)


def _cached_tokens(events: list[ModelEvent]) -> None:
    assert usage_of(events).cached_tokens == 100


def _reasoning_tokens(events: list[ModelEvent]) -> None:
    assert usage_of(events).reasoning_tokens == 20


def _cut_off(events: list[ModelEvent]) -> None:
    assert (text_of(events), end_of(events)) == ("It goes", "length")


def _response_id(events: list[ModelEvent]) -> None:
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.response_id == "answer-1"


@frozen
class Feature:
    """A row of the table.

    Attributes:
        row: What it is called there.
        request: A request that needs it.
        answer: Which transcript the server plays.
        check: Looks whether the events of the answer have it.
    """

    row: str
    request: ModelRequest
    answer: str = "costs"
    check: Callable[[list[ModelEvent]], None] = any_answer


FEATURES: Final[Mapping[str, Feature]] = {
    "streaming": Feature("text as it is written", ask(), "cut_off", in_pieces),
    "max_tokens": Feature("`max_tokens`, and `length` when it is reached", ask(), "cut_off", _cut_off),
    "temperature": Feature("`temperature`, `top_p`", ask(temperature=0.5, top_p=0.9)),
    "seed": Feature("`seed`", ask(seed=7)),
    "stop": Feature("`stop`", ask(stop="END")),
    "tools": Feature("tools, several calls at once", ask(tools=[WEATHER]), "calls", _both_calls),
    "one_call": Feature("`parallel_tool_calls=False`", ask(tools=[WEATHER], parallel_tool_calls=False)),
    "required": Feature('`tool_choice="required"`', ask(tools=[WEATHER], tool_choice="required"), "calls"),
    "no_call": Feature('`tool_choice="none"`', ask(tools=[WEATHER], tool_choice="none")),
    "one_tool": Feature(
        "`tool_choice=UseTool(…)`", ask(tools=[WEATHER, NEWS], tool_choice=UseTool("weather")), "calls"
    ),
    "schema": Feature("`response_format=JsonFormat(schema)`", ask(response_format=JsonFormat(SCHEMA))),
    "json": Feature("`JsonFormat()` without a schema", ask(response_format=JsonFormat())),
    "image": Feature("images as bytes", ask(messages=[User(["What is this?", Image(PIXEL)])])),
    "image_url": Feature("images by address", ask(messages=[User(["What is this?", Image(PICTURE)])])),
    "reasoning": Feature("reasoning as it is thought", ask(), "thoughts", _thoughts),
    "reasoning_back": Feature("reasoning given back", ask(tools=[WEATHER]), "thoughts_and_call", _thoughts_to_keep),
    "usage": Feature("tokens read and written", ask(), "costs", _tokens),
    "cached": Feature("tokens from a cache", ask(), "costs", _cached_tokens),
    "reasoning_tokens": Feature("tokens of reasoning", ask(), "costs", _reasoning_tokens),
    "response_id": Feature("the server's id of the answer", ask(), "cut_off", _response_id),
}


@frozen
class Yes:
    """It can, and this is what its server is sent for it: a part of the body, to any depth."""

    sent: Mapping[str, Any] = field(factory=dict[str, Any])
    shown: ClassVar[str] = "yes"


@frozen
class No:
    """It cannot, and a request for it raises BadRequest before anything is sent."""

    shown: ClassVar[str] = "no"


@frozen
class Absent:
    """Its server has nothing of the kind to say."""

    shown: ClassVar[str] = "silent"


Cell = Yes | No | Absent

_PIXEL_URL: Final = Image(PIXEL).url

_OPENAI: Final[Mapping[str, Cell]] = {
    "streaming": Yes({"stream": True}),
    "max_tokens": Yes({"max_tokens": 60}),
    "temperature": Yes({"temperature": 0.5, "top_p": 0.9}),
    "seed": Yes({"seed": 7}),
    "stop": Yes({"stop": ["END"]}),
    "tools": Yes({"tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER.parameters}}]}),
    "one_call": Yes({"parallel_tool_calls": False}),
    "required": Yes({"tool_choice": "required"}),
    "no_call": Yes({"tool_choice": "none"}),
    "one_tool": Yes({"tool_choice": {"type": "function", "function": {"name": "weather"}}}),
    "schema": Yes({"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}}),
    "json": Yes({"response_format": {"type": "json_object"}}),
    "image": Yes(
        {"messages": [{"content": [{"type": "text"}, {"type": "image_url", "image_url": {"url": _PIXEL_URL}}]}]}
    ),
    "image_url": Yes({"messages": [{"content": [{"type": "text"}, {"image_url": {"url": PICTURE}}]}]}),
    "reasoning": Yes(),
    "reasoning_back": Yes(),
    "usage": Yes({"stream_options": {"include_usage": True}}),
    "cached": Yes(),
    "reasoning_tokens": Yes(),
    "response_id": Yes(),
}

_RESPONSES: Final[Mapping[str, Cell]] = {
    "streaming": Yes({"stream": True, "store": False}),
    "max_tokens": Yes({"max_output_tokens": 60}),
    "temperature": Yes({"temperature": 0.5, "top_p": 0.9}),
    "seed": No(),
    "stop": No(),
    "tools": Yes({"tools": [{"type": "function", "name": "weather", "parameters": WEATHER.parameters}]}),
    "one_call": Yes({"parallel_tool_calls": False}),
    "required": Yes({"tool_choice": "required"}),
    "no_call": Yes({"tool_choice": "none"}),
    "one_tool": Yes({"tool_choice": {"type": "function", "name": "weather"}}),
    "schema": Yes({"text": {"format": {"type": "json_schema", "schema": SCHEMA, "strict": True}}}),
    "json": Yes({"text": {"format": {"type": "json_object"}}}),
    "image": Yes({"input": [{"content": [{"type": "input_text"}, {"type": "input_image", "image_url": _PIXEL_URL}]}]}),
    "image_url": Yes({"input": [{"content": [{"type": "input_text"}, {"image_url": PICTURE}]}]}),
    "reasoning": Yes(),
    "reasoning_back": Yes(),
    "usage": Yes(),
    "cached": Yes(),
    "reasoning_tokens": Yes(),
    "response_id": Yes(),
}


_ANTHROPIC: Final[Mapping[str, Cell]] = {
    "streaming": Yes({"stream": True}),
    "max_tokens": Yes({"max_tokens": 60}),
    "temperature": Yes({"temperature": 0.5, "top_p": 0.9}),
    "seed": No(),
    "stop": Yes({"stop_sequences": ["END"]}),
    "tools": Yes({"tools": [{"name": "weather", "input_schema": WEATHER.parameters}]}),
    "one_call": Yes({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
    "required": Yes({"tool_choice": {"type": "any"}}),
    "no_call": Yes({"tool_choice": {"type": "none"}}),
    "one_tool": Yes({"tool_choice": {"type": "tool", "name": "weather"}}),
    "schema": Yes({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    "json": No(),
    "image": Yes(
        {"messages": [{"content": [{"type": "text"}, {"source": {"type": "base64", "media_type": "image/png"}}]}]}
    ),
    "image_url": Yes({"messages": [{"content": [{"type": "text"}, {"source": {"type": "url", "url": PICTURE}}]}]}),
    "reasoning": Yes(),
    "reasoning_back": Yes(),
    "usage": Yes(),
    "cached": Yes(),
    "reasoning_tokens": Absent(),
    "response_id": Yes(),
}

_OLLAMA: Final[Mapping[str, Cell]] = {
    "streaming": Yes({"stream": True}),
    "max_tokens": Yes({"options": {"num_predict": 60}}),
    "temperature": Yes({"options": {"temperature": 0.5, "top_p": 0.9}}),
    "seed": Yes({"options": {"seed": 7}}),
    "stop": Yes({"options": {"stop": ["END"]}}),
    "tools": Yes({"tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER.parameters}}]}),
    "one_call": No(),
    "required": No(),
    "no_call": Yes(),
    "one_tool": No(),
    "schema": Yes({"format": SCHEMA}),
    "json": Yes({"format": "json"}),
    "image": Yes({"messages": [{"content": "What is this?", "images": [_PIXEL_URL.partition(",")[2]]}]}),
    "image_url": No(),
    "reasoning": Yes(),
    "reasoning_back": Yes(),
    "usage": Yes(),
    "cached": Absent(),
    "reasoning_tokens": Absent(),
    "response_id": Absent(),
}

_LOCAL: Final[Mapping[str, Cell]] = {
    **dict.fromkeys(FEATURES, Yes()),
    "image": No(),
    "image_url": No(),
    "reasoning": Absent(),
    "reasoning_back": Absent(),
    "reasoning_tokens": Absent(),
}

# {provider: {feature: what it makes of it}}; the columns of the table.
MATRIX: Final[Mapping[str, Mapping[str, Cell]]] = {
    "openai": _OPENAI,
    "openai-responses": _RESPONSES,
    "anthropic": _ANTHROPIC,
    "ollama": _OLLAMA,
    "local": _LOCAL,
}

TITLES: Final[Mapping[str, str]] = {
    "openai": "OpenAI",
    "openai-responses": "OpenAI Responses",
    "anthropic": "Anthropic",
    "ollama": "Ollama",
    "local": "Local",
}


def table() -> str:
    """The table, in Markdown."""
    rows = [["", *(TITLES[name] for name in MATRIX)], ["---"] * (len(MATRIX) + 1)]
    rows += [[feature.row, *(column[key].shown for column in MATRIX.values())] for key, feature in FEATURES.items()]
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |", 1) for row in rows)
