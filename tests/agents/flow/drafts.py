"""Signals that the tests of flows share."""

from attrs import frozen


@frozen
class Topic:
    name: str


@frozen
class Fact:
    text: str
