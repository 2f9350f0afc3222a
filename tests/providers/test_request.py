import pytest

from actrio.providers import ModelRequest, User


def test_messages_of_any_iterable_are_kept_as_a_tuple() -> None:
    request = ModelRequest([User("a"), User("b")], stop=["x", "y"])

    assert request.messages == (User("a"), User("b"))
    assert request.stop == ("x", "y")
    assert hash(request) == hash(ModelRequest(iter(request.messages), stop=("x", "y")))


def test_one_text_to_stop_at_is_not_taken_for_its_letters() -> None:
    assert ModelRequest([User("a")], stop="END").stop == ("END",)


def test_a_request_without_messages_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one message"):
        ModelRequest([])


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"temperature": -0.1}, "temperature must be 0 or more"),
        ({"temperature": float("nan")}, "temperature must be 0 or more"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_the_rule(setting: dict[str, float], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ModelRequest([User("a")], **setting)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point
