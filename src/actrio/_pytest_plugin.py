"""The pytest plugin: fixtures from `actrio.testing`. pytest loads it by itself where actrio is installed.

Models and agents are not imported until a fixture is asked for. Those for async tests need a plugin that runs these on
Trio, such as pytest-trio.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from actrio.actors import Runtime
    from actrio.testing import Probe


@pytest.fixture
def no_orphans() -> Generator[None]:
    """Fail the test if a thread, a socket or, of a Trio run that goes on, a task of its own is left at its end."""
    from actrio.testing import assert_no_orphans

    with assert_no_orphans():
        yield


@pytest.fixture
async def actrio_runtime() -> "AsyncGenerator[Runtime]":
    """An open runtime with a seed. It is closed when the test is over, and all that runs in it has ended then."""
    from actrio.actors import open_runtime

    async with open_runtime(seed=1) as runtime:
        yield runtime


@pytest.fixture
async def spawn_probe(actrio_runtime: "Runtime") -> "Callable[[str], Awaitable[Probe]]":
    """A function that spawns a `Probe` of a name in `actrio_runtime`."""
    from actrio.testing import Probe

    async def spawn(name: str = "probe") -> Probe:
        return await Probe.spawn(actrio_runtime, name=name)

    return spawn
