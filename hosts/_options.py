"""What a host passes on to its runtime."""

from typing import TypedDict


class RuntimeOptions(TypedDict, total=False):
    """See :func:`actrio.open_runtime`."""

    intensity: int
    period: float
    seed: int | None
