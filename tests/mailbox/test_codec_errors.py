"""The codec: its errors, and the bounds that keep it from harm."""

import copy
import subprocess
import sys
import threading
from typing import Any, cast

import pytest
from attrs import field, frozen, validators

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError, Problem
from tests.mailbox.orders import ORDER, Circle, Item, Order, Square, Tree, lines, make_codec


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


def test_threads_may_share_a_codec_from_its_first_use(codec: Codec) -> None:
    document = codec.encode(ORDER)
    fresh, results = make_codec(), list[object]()
    threads = [threading.Thread(target=lambda: results.append(fresh.decode(document))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [ORDER] * 8


def test_errors_survive_copies() -> None:
    error = CodecError([Problem("$.a", "b")])
    assert copy.copy(error).problems == error.problems
    assert str(copy.deepcopy(error)) == "$.a: b"


def test_a_program_with_no_edges_does_not_load_cattrs() -> None:
    program = "import sys, actrio.mailbox._codec; print('cattrs' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
