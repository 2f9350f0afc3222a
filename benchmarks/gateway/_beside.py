"""The gateway beside bare trio-websocket, and beside itself, for one flow and number of connections."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from actrio.benchmarks._harness import Figures, Scenario, Side
from actrio.benchmarks._row import Kind
from actrio.benchmarks.gateway._bare import one_each, with_bare
from actrio.benchmarks.gateway._client import with_gateway
from actrio.benchmarks.gateway._flow import Flow
from actrio.benchmarks.gateway._sides import measure

# At most 1.5 times what bare trio-websocket takes.
REACH: Final = 1 / 1.5


@frozen(eq=False)
class Sides:
    """The sides of one flow over so many connections. The size is the number of answers.

    Attributes:
        gateway: Through the gateway.
        each: Bare, one frame a token, as a server sends them that does not join what is ready at once.
        same: Bare, the very frames that the gateway sent when it was measured last: as many tokens in each.
    """

    gateway: Side
    each: Side
    same: Side


def sides(flow: Flow, connections: int) -> Sides:
    """The sides of that flow."""
    cuts: list[Sequence[int]] = []

    async def gateway(size: int) -> Figures:
        figures, courses = await measure(with_gateway, flow, connections, size)
        cuts[:] = [course.pieces() for course in courses]
        return figures

    async def each(size: int) -> Figures:
        return (await measure(with_bare(one_each(flow)), flow, connections, size))[0]

    async def same(size: int) -> Figures:
        assert len(cuts) == size + 1, "the gateway is measured first"
        return (await measure(with_bare(cuts.__getitem__), flow, connections, size))[0]

    return Sides(gateway, each, same)


@frozen
class Question:
    """What one row asks.

    Attributes:
        name: Of the row.
        question: What is asked, without the unit.
        figure: Which figure of `measure` answers it.
        reach: The ratio that it should have.
    """

    name: str
    question: str
    figure: str
    reach: float | None = None

    def row(self, actrio: Side, baseline: Side, *, full: int, quick: int | None, rounds: int | None = None) -> Scenario:
        """The scenario of it, in so many rounds at most."""
        kind: Kind = "rate" if self.figure == "rate" else "cost"
        unit = "tokens/s" if kind == "rate" else "µs"
        return Scenario(
            name=self.name,
            question=f"{self.question}, {unit}.",
            unit=unit,
            kind=kind,
            actrio=actrio,
            baseline=baseline,
            full=full,
            quick=quick,
            reach=self.reach,
            figure=self.figure,
            rounds=rounds,
        )
