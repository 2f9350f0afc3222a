"""Messages that the tests of the codec share."""

from typing import Any

import pytest
from attrs import frozen

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError
from actrio.mailbox._tags import Unknown


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


def lines(error: pytest.ExceptionInfo[CodecError]) -> list[str]:
    return str(error.value).splitlines()


ORDER = Order([Item("pen", Circle(0.5)), Item("pad")], note="soon")
