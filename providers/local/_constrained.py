"""Tools for a model that was taught none: it is told of them in words, and held to the form of a call by a grammar.

Pure. A request with tools becomes one whose answer is to be JSON of a certain schema; `_chosen` turns that answer, as
it comes, into the events of a call or of a text. The model writes one of::

    {"name": "weather", "arguments": {"city": "Oslo"}}
    {"answer": "It is cold."}

and `[{"name": …}, …]` where calls may be made in parallel.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec
from attrs import evolve

from actrio.providers._messages import Assistant, Message, System, ToolCall, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolDefinition, UseTool

# The most calls in one answer. Without a bound a small model goes on and on.
MAX_CALLS: Final = 8

# Where the schema of an answer in words is defined; no tool's name has a dot.
_ANSWER: Final = "answer."


def is_choice(request: ModelRequest) -> bool:
    """Whether the answer will be a choice among tools, for which `ChoiceDecoder` is needed."""
    return bool(request.tools) and request.tool_choice != "none"


def constrain(request: ModelRequest) -> ModelRequest:
    """The same request for a model that knows of no tools: they are told in words, and so is the history."""
    messages = tuple(render_history(request.messages))
    if not is_choice(request):
        return evolve(request, messages=messages, tools=(), tool_choice="auto", parallel_tool_calls=None)
    return evolve(
        request,
        messages=tell(messages, describe_tools(request)),
        tools=(),
        tool_choice="auto",
        parallel_tool_calls=None,
        response_format=JsonFormat(choice_schema(request), name="choice"),
    )


def _choosable(request: ModelRequest) -> tuple[ToolDefinition, ...]:
    choice = request.tool_choice
    return tuple(tool for tool in request.tools if not isinstance(choice, UseTool) or tool.name == choice.name)


# What the model is held to


def choice_schema(request: ModelRequest) -> dict[str, Any]:
    """The JSON schema of all answers that the request allows."""
    tools = _choosable(request)
    definitions = {tool.name: _moved(tool.parameters, _place(tool.name)) for tool in tools}
    choice = _any_of([_object(name={"const": tool.name}, arguments={"$ref": _place(tool.name)}) for tool in tools])
    if request.parallel_tool_calls:
        choice = {"type": "array", "items": choice, "minItems": 1, "maxItems": MAX_CALLS}
    if request.tool_choice == "auto":
        definitions[_ANSWER] = _moved(_answer_schema(request.response_format), _place(_ANSWER))
        choice = _any_of([choice, _object(answer={"$ref": _place(_ANSWER)})])
    return {**choice, "$defs": definitions}


def _answer_schema(wanted: JsonFormat | None) -> Mapping[str, Any]:
    if wanted is None:
        return {"type": "string"}
    return {"type": "object"} if wanted.schema is None else wanted.schema


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _object(**properties: Any) -> dict[str, Any]:
    # llama.cpp writes properties in the order in which they are here.
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _place(name: str) -> str:
    return f"#/$defs/{name}"


def _moved(schema: Any, place: str) -> Any:
    """A schema that stands at another place of a larger one: what it refers to within itself is there."""
    if isinstance(schema, Mapping):
        members = cast("Mapping[str, Any]", schema)
        return {key: _moved_reference(key, value, place) for key, value in members.items()}
    return [_moved(item, place) for item in cast("list[Any]", schema)] if isinstance(schema, list | tuple) else schema


def _moved_reference(key: str, value: Any, place: str) -> Any:
    if key == "$ref" and isinstance(value, str) and value.startswith("#"):
        return place + value[1:]
    return _moved(value, place)


# What the model is told


def tell(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """Put the text into the first system message, after what is there; if there is none, it becomes the first."""
    for place, message in enumerate(messages):
        if isinstance(message, System):
            return (*messages[:place], System(f"{message.text}\n\n{text}"), *messages[place + 1 :])
    return (System(text), *messages)


def describe_tools(request: ModelRequest) -> str:
    """How to answer, a line a way, with the tools in short.

    Of nine ways to put it, this is the one with which SmolLM2 chose best: the form of each call as it is to be written,
    the types in the place of values, the plain answer first. It took the right tool, with the right arguments, for
    seven of eight questions that were for one; and it called one for three of four that were for none.
    """
    lines = [_describe(tool) for tool in _choosable(request)]
    if request.tool_choice == "auto":
        lines.insert(0, 'To talk, explain or answer, write {"answer": "your words"}.')
    if request.parallel_tool_calls:
        lines.append("To use more than one, write [the first, the second].")
    return "\n".join(lines)


def _describe(tool: ToolDefinition) -> str:
    properties = {name: _members(schema) for name, schema in _members(tool.parameters.get("properties")).items()}
    required = tool.parameters.get("required") or ()
    arguments = ", ".join(
        f'"{name}": {_describe_type(schema)}{"" if name in required else " (optional)"}'
        for name, schema in properties.items()
    )
    notes = [f"{name}: {schema['description']}" for name, schema in properties.items() if schema.get("description")]
    about = " ".join(" ".join([tool.description, *notes]).split())
    form = f'{{"name": "{tool.name}", "arguments": {{{arguments}}}}}'
    return f"To use the tool {tool.name}, write {form}" + (f": {about}" if about else "")


def _members(schema: Any) -> dict[str, Any]:
    """The schema, if it is an object: it may be `true`, too."""
    return dict(cast("Mapping[str, Any]", schema)) if isinstance(schema, Mapping) else {}


def _describe_type(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return msgspec.json.encode(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(msgspec.json.encode(value).decode() for value in schema["enum"])
    kind: str | list[str] = schema.get("type", "any")
    return kind if isinstance(kind, str) else " | ".join(kind)


def render_history(messages: tuple[Message, ...]) -> Iterator[Message]:
    """Calls as the text that the model wrote, and their results as what the user says next."""
    names: dict[str, str] = {}  # {id of a call: name of its tool}
    results: list[str] = []
    for message in messages:
        if isinstance(message, ToolResult):
            what = "Error of" if message.failed else "Result of"
            results.append(f"{what} {names.get(message.call_id, message.call_id)}: {message.text}")
            continue
        # One message for all of them: many models want user and assistant to take turns.
        if results:
            yield User("\n".join(results))
            results.clear()
        if isinstance(message, Assistant) and message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            yield Assistant("\n".join(filter(None, [message.text, _render_calls(message.tool_calls)])))
        else:
            yield message
    if results:
        yield User("\n".join(results))


def _render_calls(calls: tuple[ToolCall, ...]) -> str:
    texts = [f'{{"name": "{call.name}", "arguments": {call.arguments or "{}"}}}' for call in calls]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
