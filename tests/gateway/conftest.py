"""What the tests of the gateway share: all over real sockets, on loopback."""

from collections.abc import AsyncGenerator

import pytest

from actrio.actors import Runtime, open_runtime


@pytest.fixture
async def runtime() -> AsyncGenerator[Runtime]:
    async with open_runtime(seed=0) as runtime:
        yield runtime
