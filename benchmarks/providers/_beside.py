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
    """The two scenarios, named ``name-bare`` and ``name-sdk``.

    Args:
        name: Of what is measured.
        question: What is asked, and its unit.
        side: Makes of a client what measures it. All measurements are costs in µs.
        full: The size of a round.
        quick: The same with `--quick`; None if that leaves it out.
        reach_bare: The ratio that actrio should have beside the bare client.
        reach_sdk: The same beside the SDK.
    """
    actrio = side(with_actrio)

    def beside(suffix: str, client: Client, reach: float | None) -> Scenario:
        return Scenario(
            name=f"{name}-{suffix}",
            question=question,
            unit="µs",
            kind="cost",
            actrio=actrio,
            baseline=side(client),
            full=full,
            quick=quick,
            reach=reach,
        )

    return beside("bare", bare, reach_bare), beside("sdk", with_sdk, reach_sdk)
