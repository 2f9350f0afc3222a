"""What the three say to one another."""

from attrs import frozen

from actrio.mailbox import Request


@frozen
class Article:
    """What it is all for."""

    title: str
    text: str


@frozen
class Commission(Request[Article]):
    """You to the editor: have an article written."""

    topic: str


@frozen
class Findings:
    """What the researcher found: which note, facts from it, the most surprising first."""

    topic: str
    source: str
    facts: tuple[str, ...]


@frozen
class Research(Request[Findings]):
    """The editor to the researcher: what do we know?"""

    topic: str


@frozen
class Fact:
    """One more fact."""

    text: str


@frozen
class OneMore(Request[Fact]):
    """The writer to the researcher: a fact beside these."""

    topic: str
    known: tuple[str, ...]


@frozen
class Draft:
    """What the writer made of which facts."""

    text: str
    facts: tuple[str, ...]


@frozen
class Write(Request[Draft]):
    """The editor to the writer: write about this."""

    findings: Findings


@frozen
class Rewrite(Request[Draft]):
    """The editor to the writer: not like this, because of the problem."""

    topic: str
    draft: Draft
    problem: str
