"""Messages and classes that the tests of handlers share."""

from typing import Any

from attrs import frozen

from actrio.mailbox import Request


@frozen
class Report:
    text: str = ""


@frozen
class Research(Request[Report]):
    topic: str = ""


@frozen
class DeepResearch(Research):
    depth: int = 1


@frozen
class Open(Request[Any]):
    pass
