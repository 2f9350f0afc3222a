import pytest

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    ModelRequest,
    System,
    ToolCall,
    ToolDefinition,
    ToolResult,
    Usage,
    User,
)
from actrio.providers.policy._estimate import cost_of, estimate_tokens

PICTURE = "https://example.org/a.png"


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (ModelRequest([User("x" * 400)], max_tokens=50), 150),
        (ModelRequest([User("x" * 400)]), 600),
        (ModelRequest([System("x" * 40), User("x" * 40), Assistant("x" * 40), ToolResult("c", "x" * 40)]), 540),
        (ModelRequest([User(""), Assistant(tool_calls=(ToolCall("c", "x" * 10, "y" * 30),))], max_tokens=1), 11),
        (ModelRequest([User(["x" * 40, Image(PICTURE)])], max_tokens=1), 1011),
        (ModelRequest([User([Image(PICTURE, detail="low"), Image(PICTURE)])], max_tokens=1), 1101),
        (ModelRequest([User("")], max_tokens=1), 1),
    ],
)
def test_text_images_and_the_answer_are_counted(request_: ModelRequest, tokens: int) -> None:
    assert estimate_tokens(request_) == tokens


def test_what_the_model_is_told_of_tools_and_the_answers_form_counts_too() -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string", "description": "x" * 400}}}
    bare = ModelRequest([User("")])

    assert estimate_tokens(ModelRequest([User("")], tools=[ToolDefinition("say", "Say it.", schema)])) > 600
    assert estimate_tokens(ModelRequest([User("")], response_format=JsonFormat(schema))) > 600
    assert estimate_tokens(ModelRequest([User("")], response_format=JsonFormat())) == estimate_tokens(bare) == 500


def test_a_schema_with_what_json_does_not_have_is_counted_all_the_same() -> None:
    odd = ToolDefinition("odd", parameters={"default": object(), "enum": {1, 2}})

    assert estimate_tokens(ModelRequest([User("")], tools=[odd])) > 500


def test_a_call_costs_what_was_read_and_written() -> None:
    assert cost_of(Usage(10, 5, cached_tokens=9, reasoning_tokens=4)) == 15
