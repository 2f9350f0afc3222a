"""Scenarios with one measurement of actrio and both baselines, a row for each."""

from collections.abc import Callable
from typing import Final

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers._actrio import with_actrio
from actrio.benchmarks.providers._bare import bare
from actrio.benchmarks.providers._exchange import Client
from actrio.benchmarks.providers._sdk import with_sdk

# At most 1.3 times what the bare client takes, and at most an eighth of what the SDK takes.
BARE_REACH: Final = 1 / 1.3
SDK_REACH: Final = 8.0


def beside_both(
    name: str,
    question: str,
    side: Callable[[Client], Side],
    *,
    full: int,
    quick: int | None,
    reach_bare: float | None = BARE_REACH,
    reach_sdk: float | None = SDK_REACH,
) -> tuple[Scenario, Scenario]:
    """The two scenarios of what ``side`` makes of each client; else as :func:`beside_sides`."""
    sides = side(with_actrio), side(bare), side(with_sdk)
    return beside_sides(name, question, sides, full=full, quick=quick, reach_bare=reach_bare, reach_sdk=reach_sdk)


def beside_sides(
    name: str,
    question: str,
    sides: tuple[Side, Side, Side],
    *,
    full: int,
    quick: int | None,
    reach_bare: float | None,
    reach_sdk: float | None = None,
) -> tuple[Scenario, Scenario]:
    """The two scenarios, named ``name-bare`` and ``name-sdk``; all measurements are costs in µs.

    Args:
        name: Of what is measured.
        question: What is asked, and its unit.
        sides: That of actrio, of the bare client, of the SDK.
        full: The size of a round.
        quick: The same with `--quick`; None if that leaves it out.
        reach_bare: The ratio that actrio should have beside the bare client.
        reach_sdk: The same beside the SDK.
    """
    actrio, bare_side, sdk_side = sides

    def beside(suffix: str, baseline: Side, reach: float | None) -> Scenario:
        return Scenario(
            name=f"{name}-{suffix}",
            question=question,
            unit="µs",
            kind="cost",
            actrio=actrio,
            baseline=baseline,
            full=full,
            quick=quick,
            reach=reach,
        )

    return beside("bare", bare_side, reach_bare), beside("sdk", sdk_side, reach_sdk)
