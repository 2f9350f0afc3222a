import subprocess
import sys
from pathlib import Path

import pytest

from actrio.mailbox import ActrioError
from actrio.providers import LocalProvider, ScriptedProvider
from actrio.providers._errors import UnknownModel
from actrio.providers._names import KNOWN_PREFIXES, as_provider, model_named


def test_local_is_the_small_model_or_a_file() -> None:
    assert model_named("local:") == LocalProvider()
    assert model_named("local:/models/a:b.gguf") == LocalProvider(Path("/models/a:b.gguf"))


@pytest.mark.parametrize(
    ("name", "module", "cls"),
    [
        ("openai:gpt-5-mini", "_openai", "OpenAIProvider"),
        ("openai-responses:gpt-5-mini", "_openai", "OpenAIResponsesProvider"),
        ("anthropic:claude-sonnet-4-5", "_anthropic", "AnthropicProvider"),
        ("ollama:llama3.2:1b", "_ollama", "OllamaProvider"),
    ],
)
def test_a_name_gives_the_provider_of_its_prefix_with_the_rest_as_the_model(name: str, module: str, cls: str) -> None:
    provider = model_named(name)

    assert (type(provider).__module__, type(provider).__name__) == (f"actrio.providers.{module}", cls)
    assert vars_of(provider)["model"] == name.partition(":")[2]


def vars_of(provider: object) -> dict[str, object]:
    return {name: getattr(provider, name) for name in dir(provider) if not name.startswith("_")}


@pytest.mark.parametrize("name", ["local:", *(f"{prefix}:m" for prefix in KNOWN_PREFIXES)])
def test_equal_names_give_equal_providers(name: str) -> None:
    assert model_named(name) == model_named(name)
    assert hash(model_named(name)) == hash(model_named(name))


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("opneai:gpt-5", "openai:gpt-5"),
        ("OpenAI:gpt-5", "openai:gpt-5"),
        ("openai_responses:gpt-5", "openai-responses:gpt-5"),
        ("gpt-5-mini", "openai:gpt-5-mini"),
        ("claude-opus-4-5", "anthropic:claude-opus-4-5"),
        ("local", "local:"),
        ("models/tiny.gguf", "local:models/tiny.gguf"),
        ("xyzzy:m", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_is_an_error_with_the_prefixes_there_are_and_what_was_probably_meant(
    name: str, guess: str
) -> None:
    with pytest.raises(UnknownModel, match="anthropic, local, ollama, openai, openai-responses") as caught:
        model_named(name)

    assert (caught.value.model, caught.value.guess) == (name, guess)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ActrioError)


def test_a_prefix_without_a_model_is_an_error() -> None:
    with pytest.raises(UnknownModel, match="'openai:' names no model after its prefix"):
        model_named("openai:")


def test_a_provider_is_itself() -> None:
    provider = ScriptedProvider()

    assert as_provider(provider) is provider
    assert as_provider("local:") == LocalProvider()


def test_naming_a_model_imports_only_its_own_provider() -> None:
    program = """if True:
        import sys
        from actrio.providers._names import model_named
        model_named("local:")
        print(sorted({"openai", "anthropic", "httpx2"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
