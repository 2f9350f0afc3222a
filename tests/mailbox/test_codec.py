"""The codec: its registry and its modes. What each type looks like: test_codec_types.py."""

from typing import Generic, TypeVar

import msgspec
import pytest
from attrs import frozen

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError, MessageTypeError, Problem
from actrio.mailbox._tags import Unknown
from tests.mailbox.orders import ORDER, Circle, Routed, Square, Tree, lines, make_codec

T = TypeVar("T")
ORDER_DATA = {
    "type": "Order",
    "items": [
        {"type": "Item", "name": "pen", "shape": {"type": "circle", "radius": 0.5}},
        {"type": "Item", "name": "pad", "shape": None},
    ],
    "note": "soon",
}


def test_a_message_becomes_plain_data_and_comes_back_equal(codec: Codec) -> None:
    assert codec.unstructure(ORDER) == ORDER_DATA
    assert codec.structure(ORDER_DATA) == ORDER
    assert codec.decode(codec.encode(ORDER)) == ORDER
    assert msgspec.json.decode(codec.encode(ORDER)) == ORDER_DATA


def test_a_document_may_be_bytes_bytearray_memoryview_or_str(codec: Codec) -> None:
    document = codec.encode(Square(3))
    for form in (document, bytearray(document), memoryview(document), document.decode()):
        assert codec.decode(form) == Square(3)


def test_the_tag_is_the_class_name_unless_given(codec: Codec) -> None:
    assert codec.tags[Tree] == "Tree"
    assert codec.tags[Circle] == "circle"


def test_register_is_a_decorator_with_and_without_arguments() -> None:
    codec = Codec()

    @codec.register
    @frozen
    class Plain:
        x: int

    @codec.register(tag="named", aliases=["old"])
    @frozen
    class Named:
        x: int

    assert codec.tags == {Plain: "Plain", Named: "named"}
    assert codec.structure({"type": "old", "x": 1}) == Named(1)


def test_an_alias_is_read_but_not_written(codec: Codec) -> None:
    assert codec.structure({"type": "box", "side": 2}) == Square(2)
    assert codec.structure({"type": "box", "side": 2}, as_type=Square) == Square(2)
    assert codec.unstructure(Square(2))["type"] == "square"


def test_the_same_class_may_be_registered_again_with_its_tag(codec: Codec) -> None:
    codec.register(Circle, tag="circle", aliases=["ring"])
    assert codec.structure({"type": "ring", "radius": 1.0}) == Circle(1.0)


def test_a_tag_of_another_class_is_refused_and_both_are_named(codec: Codec) -> None:
    with pytest.raises(MessageTypeError, match=r"^Square of .*orders needs a tag of its own: 'Tree' is .*\.Tree$"):
        codec.register(Square, tag="square", aliases=["Tree"])
    with pytest.raises(MessageTypeError, match="Circle is registered as 'circle' already; give 'o' as an alias"):
        codec.register(Circle, tag="o")


def test_a_refused_registration_changes_nothing(codec: Codec) -> None:
    @frozen
    class Late:
        x: int

    with pytest.raises(MessageTypeError):
        codec.register(Late, aliases=["late", "circle"])
    assert Late not in codec.tags
    with pytest.raises(CodecError, match="unknown tag 'late'"):
        codec.structure({"type": "late", "x": 1})


def test_what_cannot_be_a_message_is_refused_when_it_is_registered(codec: Codec) -> None:
    @frozen
    class Typed:
        type: str

    @frozen
    class Box(Generic[T]):
        content: T

    for cls, rule in (
        (int, "int messages are attrs classes or dataclasses"),
        (Unknown, "Unknown stands for every tag that is not registered"),
        (Box, "Box is generic; register a subclass"),
        (Typed, "Typed has a field 'type', which is the key of the tag"),
    ):
        with pytest.raises(MessageTypeError, match=rule):
            codec.register(cls)
    Codec(tag_key="kind").register(Typed)
    with pytest.raises(MessageTypeError, match="tags are non-empty str, not ''"):
        Codec().register(Circle, tag="")


def test_the_tag_key_can_be_chosen() -> None:
    codec = make_codec(tag_key="$kind")
    assert codec.unstructure(Square(1)) == {"$kind": "square", "side": 1}
    assert codec.structure({"$kind": "square", "side": 1}) == Square(1)


def test_a_class_that_is_not_registered_needs_as_type() -> None:
    codec = Codec()
    with pytest.raises(MessageTypeError, match="Circle is not registered with this codec"):
        codec.encode(Circle(1.0))
    assert codec.encode(Circle(1.0), as_type=Circle) == b'{"radius":1.0}'
    assert codec.decode(b'{"radius":1.0}', as_type=Circle) == Circle(1.0)
    assert codec.decode(b'[{"radius":2}]', as_type=list[Circle]) == [Circle(2.0)]


def test_a_known_class_may_come_with_its_tag_or_without_but_not_with_another(codec: Codec) -> None:
    assert codec.structure({"side": 1}, as_type=Square) == Square(1)
    assert codec.structure({"type": "square", "side": 1}, as_type=Square) == Square(1)
    with pytest.raises(CodecError, match=r"^\$\.type: expected 'square', got 'circle'$"):
        codec.structure({"type": "circle", "side": 1}, as_type=Square)
    with pytest.raises(CodecError, match=r"^\$\.type: expected 'square', got array$"):
        codec.structure({"type": [], "side": 1}, as_type=Square)


def test_a_union_needs_tags_and_takes_its_members_only(codec: Codec) -> None:
    either = Circle | Square | None
    assert codec.structure({"type": "circle", "radius": 1.0}, as_type=either) == Circle(1.0)
    assert codec.structure(None, as_type=either) is None
    with pytest.raises(CodecError, match=r"^\$: missing tag 'type'$"):
        codec.structure({"radius": 1.0}, as_type=either)
    with pytest.raises(CodecError, match=r"^\$\.type: unknown tag 'Tree'; known: 'box', 'circle', 'square'$"):
        codec.structure({"type": "Tree"}, as_type=either)
    with pytest.raises(CodecError, match=r"^\$: expected Circle or Square or null, got array$"):
        codec.structure([], as_type=either)


def test_a_union_of_classes_that_are_not_registered_is_an_error_of_the_program(codec: Codec) -> None:
    @frozen
    class Stranger:
        shape: Circle | Problem

    with pytest.raises(MessageTypeError, match=r"Stranger\.shape: .* needs Problem to be registered"):
        codec.structure({"shape": None}, as_type=Stranger)


def test_a_registration_counts_even_after_the_first_use(codec: Codec) -> None:
    with pytest.raises(MessageTypeError):
        codec.structure({}, as_type=Circle | Problem)
    codec.register(Problem)
    data = codec.unstructure(Problem("$", "x"))
    assert codec.structure(data, as_type=Circle | Problem) == Problem("$", "x")
    codec.register(Circle, tag="circle", aliases=["ring"])
    assert codec.structure({"type": "ring", "radius": 1.0}, as_type=Circle | Problem) == Circle(1.0)


def test_strict_mode_refuses_unknown_fields_and_tags(codec: Codec) -> None:
    with pytest.raises(CodecError) as error:
        codec.structure({"type": "Order", "items": [{"name": "x", "colour": 1, "age": 2}], "extra": 0})
    assert lines(error) == [
        "$.items[0]: unknown field 'age'",
        "$.items[0]: unknown field 'colour'",
        "$: unknown field 'extra'",
    ]
    with pytest.raises(CodecError, match=r"^\$\.type: unknown tag 'x'; known: 'Item', .* 'square'$"):
        codec.structure({"type": "x"})


def test_the_list_of_known_tags_is_cut() -> None:
    codec = Codec()
    for number in range(30):
        codec.register(frozen(type(f"M{number:02}", (), {})))
    with pytest.raises(CodecError, match=r"known: 'M00', .*'M09' and 20 more$"):
        codec.structure({"type": "x"})


def test_forward_compatible_mode_ignores_unknown_fields_and_keeps_unknown_messages() -> None:
    codec = make_codec(forward_compatible=True)
    data = {"type": "from.the.future", "payload": [1, {"a": None}]}
    message = codec.structure(data)
    assert message == Unknown("from.the.future", {"payload": [1, {"a": None}]})
    assert codec.unstructure(message) == data
    assert codec.structure({"type": "square", "side": 1, "colour": "red"}) == Square(1)


def test_each_call_may_choose_its_mode(codec: Codec) -> None:
    data = {"type": "Tree", "leaves": 5}
    assert codec.structure(data, forward_compatible=True) == Tree()
    with pytest.raises(CodecError):
        codec.structure(data)
    with pytest.raises(CodecError):
        make_codec(forward_compatible=True).structure(data, forward_compatible=False)


def test_a_field_keeps_unknown_members_only_where_its_type_says_so() -> None:
    codec = make_codec(forward_compatible=True)
    data = {"type": "Routed", "message": {"type": "hexagon", "side": 1}}
    assert codec.structure(data) == Routed(Unknown("hexagon", {"side": 1}))
    assert codec.structure(data, forward_compatible=False) == Routed(Unknown("hexagon", {"side": 1}))
    assert codec.unstructure(codec.structure(data)) == data
    with pytest.raises(CodecError, match=r"^\$\.shape\.type: unknown tag 'hexagon'"):
        codec.structure({"type": "Item", "name": "x", "shape": {"type": "hexagon"}})


def test_unknown_shows_no_content_and_must_not_hide_a_second_tag(codec: Codec) -> None:
    assert repr(Unknown("x", {"secret": "word"})) == "Unknown(tag='x', data=<1 fields>)"
    with pytest.raises(CodecError, match="Unknown needs a dict as its data, without 'type'"):
        codec.unstructure(Unknown("x", {"type": "y"}))


def test_check_finds_types_that_cannot_be_carried_before_any_message(codec: Codec) -> None:
    codec.check()

    @codec.register
    @frozen
    class Wave:
        amplitudes: list[complex]

    with pytest.raises(MessageTypeError, match=r"Wave\.amplitudes: complex is no type the codec can carry$"):
        codec.check()
    assert codec.structure({"type": "Tree"}) == Tree()


def test_annotations_that_cannot_be_resolved_are_an_error_of_the_program(codec: Codec) -> None:
    @codec.register
    @frozen
    class Lost:
        where: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  # on purpose

    with pytest.raises(MessageTypeError, match="Lost has annotations that cannot be resolved: name 'Nowhere'"):
        codec.check()


def test_nothing_in_data_names_a_class_to_import(codec: Codec) -> None:
    for tag in ("builtins.eval", "subprocess:Popen", f"{__name__}.Circle", "Problem"):
        with pytest.raises(CodecError, match="unknown tag"):
            codec.structure({"type": tag, "args": ["1"], "__reduce__": []})


def test_repr_says_how_many_types_and_which_mode() -> None:
    assert repr(make_codec()) == "<Codec: 6 message types, strict>"
    assert repr(Codec(forward_compatible=True)) == "<Codec: 0 message types, forward compatible>"
