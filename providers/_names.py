"""Models by their names: "openai:gpt-5-mini"."""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Final

from actrio.providers._errors import UnknownModel
from actrio.providers._provider import Provider

# {prefix: (module, class)}. A module is imported when a model of it is named: what it needs may not be installed.
_PROVIDERS: Final = {
    "anthropic": ("actrio.providers._anthropic", "AnthropicProvider"),
    "local": ("actrio.providers.local._local", "LocalProvider"),
    "ollama": ("actrio.providers._ollama", "OllamaProvider"),
    "openai": ("actrio.providers._openai", "OpenAIProvider"),
    "openai-responses": ("actrio.providers._openai", "OpenAIResponsesProvider"),
}
KNOWN_PREFIXES: Final = tuple(_PROVIDERS)

# How the names begin of models whose maker everybody knows.
_MAKERS: Final = {"gpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "claude-": "anthropic"}


def model_named(name: str) -> Provider:
    """The provider for a model's name: a prefix, a colon, and what the provider calls the model.

    ===========================  ==================================================
    ``openai:gpt-5-mini``        OpenAI, Chat Completions
    ``openai-responses:…``       OpenAI, Responses
    ``anthropic:…``              Anthropic
    ``ollama:llama3.2:1b``       an Ollama server; further colons are the model's
    ``local:``                   the small model of `LocalProvider`
    ``local:/path/model.gguf``   another one on this machine
    ===========================  ==================================================

    It is the provider with all else as it is by default: the key from the environment, the usual address. Equal names
    give equal providers, which a runtime opens once. Nothing is opened or asked here, so a name that the provider's
    server does not know shows with the first request.

    Raises:
        UnknownModel: there is no such prefix, or no model behind it; the error has those that there are, and a guess.
    """
    prefix, colon, model = name.partition(":")
    if not colon or prefix not in _PROVIDERS:
        problem = "begins with no known prefix" if colon else "has no prefix"
        raise UnknownModel(name, problem, KNOWN_PREFIXES, _guess(prefix, colon, model))
    if not model and prefix != "local":
        raise UnknownModel(name, "names no model after its prefix", KNOWN_PREFIXES)
    module, cls = _PROVIDERS[prefix]
    make: Callable[..., Provider] = getattr(import_module(module), cls)
    return make(model) if model else make()


def as_provider(model: str | Provider) -> Provider:
    """The provider itself, or the one of that name; see `model_named`."""
    return model_named(model) if isinstance(model, str) else model


def _guess(prefix: str, colon: str, model: str) -> str:
    """The name that was probably meant; empty if none is near."""
    if near := get_close_matches(prefix.strip().lower(), KNOWN_PREFIXES, n=1):
        return f"{near[0]}:{model}"
    if colon:
        return ""
    if prefix.endswith(".gguf"):
        return f"local:{prefix}"
    maker = next((maker for start, maker in _MAKERS.items() if prefix.startswith(start)), "")
    return maker and f"{maker}:{prefix}"
