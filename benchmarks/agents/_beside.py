"""Scenarios with one measurement of agents and both baselines, a row for each."""

from typing import Final

from actrio.benchmarks._harness import Scenario, Side

# At most 1.5 times what the bare provider takes.
BARE_REACH: Final = 1 / 1.5


def beside_both(
    name: str,
    question: str,
    sides: tuple[Side, Side, Side],
    *,
    full: int,
    quick: int | None,
    reach: float | None = BARE_REACH,
) -> tuple[Scenario, Scenario]:
    """The two scenarios, named ``name-bare`` and ``name-sdk``; all measurements are costs in µs.

    Args:
        name: Of what is measured.
        question: What is asked, and its unit.
        sides: That of agents, of the bare provider, of the SDK.
        full: The size of a round.
        quick: The same with `--quick`; None if that leaves it out.
        reach: The ratio that agents should have beside the bare provider.
    """
    actrio, bare, sdk = sides

    def beside(suffix: str, baseline: Side, wanted: float | None) -> Scenario:
        return Scenario(
            name=f"{name}-{suffix}",
            question=question,
            unit="µs",
            kind="cost",
            actrio=actrio,
            baseline=baseline,
            full=full,
            quick=quick,
            reach=wanted,
        )

    return beside("bare", bare, reach), beside("sdk", sdk, None)
