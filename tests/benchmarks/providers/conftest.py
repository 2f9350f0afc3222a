"""The suite's own server, for the tests that need it."""

from collections.abc import Generator

import pytest

from actrio.benchmarks.providers._server import serving


@pytest.fixture
def server() -> Generator[None]:
    with serving():
        yield
