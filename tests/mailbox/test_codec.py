"""The codec's registry, its modes, its errors and its bounds. What each type looks like: test_codec_types.py."""

import copy
import subprocess
import sys
import threading
from typing import Any, Generic, TypeVar, cast

import msgspec
import pytest
from attrs import field, frozen, validators

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError, MessageTypeError, Problem
from actrio.mailbox._tags import Unknown

T = TypeVar("T")


@frozen
class Circle:
    radius: float


@frozen
class Square:
    side: int


@frozen
class Item:
    name: str
    shape: Circle | Square | None = None


@frozen
class Order:
    items: list[Item]
    note: str = ""


@frozen
class Routed:
    message: Circle | Unknown


@frozen
class Tree:
    children: "tuple[Tree, ...]" = ()


def make_codec(**options: Any) -> Codec:
    codec = Codec(**options)
    codec.register(Circle, tag="circle")
    codec.register(Square, tag="square", aliases=["box"])
    for cls in (Item, Order, Routed, Tree):
        codec.register(cls)
    return codec


@pytest.fixture
def codec() -> Codec:
    return make_codec()


def lines(error: pytest.ExceptionInfo[CodecError]) -> list[str]:
    return str(error.value).splitlines()


ORDER = Order([Item("pen", Circle(0.5)), Item("pad")], note="soon")
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
    with pytest.raises(MessageTypeError, match=r"^Square of .*test_codec needs a tag of its own: 'Tree' is .*\.Tree$"):
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


def test_every_problem_is_listed_with_its_path(codec: Codec) -> None:
    items: list[Any] = [{"name": 5}, {}, [], {"name": "", "shape": {"type": "box"}}]
    with pytest.raises(CodecError) as error:
        codec.structure({"type": "Order", "items": items, "note": None})
    assert lines(error) == [
        "$.items[0].name: expected str, got int",
        "$.items[1]: missing field 'name'",
        "$.items[2]: expected object, got array",
        "$.items[3].shape: missing field 'side'",
        "$.note: expected str, got null",
    ]
    assert error.value.problems[0] == Problem("$.items[0].name", "expected str, got int")


def test_problems_are_bounded_however_many_there_are(codec: Codec) -> None:
    with pytest.raises(CodecError) as error:
        codec.structure([[{"name": 1}] * 1000] * 1000, as_type=list[list[Item]])
    assert len(error.value.problems) == 20
    assert lines(error)[-1] == "$: and more problems, which are not listed"


def test_reading_stops_when_enough_problems_are_known() -> None:
    seen = list[int]()

    def refuse(instance: object, attribute: object, value: int) -> None:
        seen.append(value)
        raise ValueError

    @frozen
    class Picky:
        x: int = field(validator=refuse)

    with pytest.raises(CodecError, match="ValueError: refused by its class"):
        Codec().structure([{"x": number} for number in range(1000)], as_type=list[Picky])
    assert len(seen) == 21


def test_error_texts_name_types_and_cut_what_comes_from_outside(codec: Codec) -> None:
    secret = "secret" * 1000
    hidden: list[Any] = [{"type": "square", "side": secret}, [secret], {"type": "Item", "name": [secret]}]
    for data in hidden:
        with pytest.raises(CodecError) as error:
            codec.structure(data)
        assert "secret" not in str(error.value)
    shown: list[Any] = [{"type": secret}, {"type": "square", "side": 1, secret: 1}]
    for data in shown:
        with pytest.raises(CodecError) as error:
            codec.structure(data)
        assert len(str(error.value)) < 200


def test_odd_keys_are_quoted_in_paths(codec: Codec) -> None:
    with pytest.raises(CodecError) as error:
        codec.structure({"a b": 1, "ok": 1, "new\nline": 1}, as_type=dict[str, str])
    assert [problem.path for problem in error.value.problems] == ["$['a b']", "$.ok", r"$['new\nline']"]


def test_the_words_of_a_validator_are_quoted() -> None:
    @frozen
    class Age:
        years: int = field(validator=validators.ge(0))

    with pytest.raises(CodecError, match=r"^\$\[0\]: ValueError: 'years' must be >= 0: -1$"):
        Codec().structure([{"years": -1}], as_type=list[Age])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not JSON: ends too early"),
        (b"[1,", "not JSON: ends too early"),
        (b"[1 2]", "not JSON: expected ',' or ']' (byte 3)"),
        (b"NaN", "not JSON: invalid character (byte 0)"),
        (b"[1e999]", "not JSON: Number out of range - at `$[0]`"),
        (b'"\xff"', "not JSON: not UTF-8, invalid start byte"),
        ("\ud800", "not JSON: not UTF-8, surrogates not allowed"),
    ],
)
def test_what_is_not_json_is_a_codec_error(codec: Codec, document: bytes | str, reason: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.decode(document)
    assert error.value.problems == (Problem("$", reason),)


@pytest.mark.parametrize("document", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_deep_nesting_is_a_codec_error_even_at_100_000_levels(codec: Codec, document: bytes) -> None:
    with pytest.raises(CodecError, match=r"^\$: nested deeper than the stack that is left$"):
        codec.decode(document)


def test_nesting_is_bounded_in_both_directions() -> None:
    message, leaf = Tree((Tree(),)), {"type": "Tree", "children": list[Any]()}
    data = {"type": "Tree", "children": [leaf]}
    assert make_codec(max_depth=4).structure(data) == message
    assert make_codec(max_depth=4).unstructure(message) == data
    shallow = make_codec(max_depth=3)
    with pytest.raises(CodecError, match=r"^\$\.children\[0\]\.children: nested deeper than 3 levels$"):
        shallow.structure(data)
    with pytest.raises(CodecError, match=r"^\$\.children\[0\]\.children: nested deeper than 3 levels$"):
        shallow.unstructure(message)


def test_data_or_a_message_inside_itself_is_a_codec_error(codec: Codec) -> None:
    loop: list[Any] = []
    loop += [loop, loop]
    with pytest.raises(CodecError, match="nested deeper than 100 levels"):
        codec.structure(loop)
    tree = Tree()
    object.__setattr__(tree, "children", (tree,))
    with pytest.raises(CodecError, match="nested deeper than the stack that is left"):
        codec.encode(tree)


def test_the_length_of_documents_is_bounded_in_both_directions() -> None:
    codec = make_codec(max_bytes=30)
    assert codec.decode(codec.encode(Square(1))) == Square(1)
    with pytest.raises(CodecError, match=r"^\$: 40 bytes long, and max_bytes is 30$"):
        codec.decode(b" " * 40)
    with pytest.raises(CodecError, match="bytes long, and max_bytes is 30"):
        codec.encode(Square(10**20))
    with pytest.raises(ValueError, match="at least 1"):
        Codec(max_bytes=0)


def test_values_that_do_not_fit_their_fields_are_refused_with_their_paths(codec: Codec) -> None:
    item, order, nothing = cast(Any, Item), cast(Any, Order), float("nan")
    wrong = order([item(5, "circle"), Square(1), item("x", Circle(nothing))], note=b"")
    with pytest.raises(CodecError) as error:
        codec.encode(wrong)
    assert lines(error) == [
        "$.items[0].name: expected str, got int",
        "$.items[0].shape: expected Circle or Square or null, got str",
        "$.items[1]: expected Item, got Square",
        "$.items[2].shape.radius: nan has no JSON form",
        "$.note: expected str, got bytes",
    ]


def test_a_subclass_is_not_written_as_its_base(codec: Codec) -> None:
    @frozen
    class Ring(Circle):
        width: float = 1.0

    with pytest.raises(CodecError, match=r"^\$\.shape: expected Circle or Square, got Ring$"):
        codec.encode(Item("x", Ring(1.0)))
    with pytest.raises(CodecError, match=r"^\$: expected Circle, got Ring$"):
        codec.encode(Ring(1.0), as_type=Circle)


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


def test_threads_may_share_a_codec_from_its_first_use(codec: Codec) -> None:
    document = codec.encode(ORDER)
    fresh, results = make_codec(), list[object]()
    threads = [threading.Thread(target=lambda: results.append(fresh.decode(document))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [ORDER] * 8


def test_repr_says_how_many_types_and_which_mode() -> None:
    assert repr(make_codec()) == "<Codec: 6 message types, strict>"
    assert repr(Codec(forward_compatible=True)) == "<Codec: 0 message types, forward compatible>"


def test_errors_survive_copies() -> None:
    error = CodecError([Problem("$.a", "b")])
    assert copy.copy(error).problems == error.problems
    assert str(copy.deepcopy(error)) == "$.a: b"


def test_a_program_with_no_edges_does_not_load_cattrs() -> None:
    program = "import sys, actrio.mailbox._codec; print('cattrs' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
