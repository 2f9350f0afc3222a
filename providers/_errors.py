"""What can go wrong between an agent and its model. Each error says whose fault it is."""

from typing import Final

from actrio.mailbox._errors import ActrioError

# How many characters of foreign text an error message shows; the attribute has all that was kept.
_SHOWN: Final = 200


def _excerpt(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


class ProviderError(ActrioError):
    """Base of what a provider raises. `provider` is its name."""

    def __init__(self, provider: str, explanation: str) -> None:
        super().__init__(f"provider {provider!r}: {explanation}")
        self.provider = provider


class PackageMissing(ProviderError):
    """The provider needs a package that is not installed. `install` has the commands that put it right."""

    def __init__(self, provider: str, package: str, install: tuple[str, ...], alternative: str = "") -> None:
        commands = "".join(f"\n    {command}" for command in install)
        super().__init__(
            provider, f"it needs {package}, which is not installed. Install it with{commands}{alternative}"
        )
        self.package = package
        self.install = install


class ModelNotLoaded(ProviderError):
    """The server could not load the model. `words` is what it said, as far as it was kept."""

    def __init__(self, provider: str, path: str, words: str) -> None:
        reason = words.partition("\n")[0].rstrip(".")
        super().__init__(
            provider,
            f"the model {path!r} could not be loaded: {_excerpt(reason)}. It must be a GGUF file that llama.cpp knows.",
        )
        self.path = path
        self.words = words


class ProviderUnreachable(ProviderError):
    """The request did not get through: nothing answered. Nothing was generated."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(provider, f"the server cannot be reached: {reason}")
        self.reason = reason


class RequestRefused(ProviderError):
    """The server understood and said no, before the answer or in the middle of it.

    `status` is the HTTP status, or the code the server gave in the stream, 0 if none; `words` is what it said.
    """

    def __init__(self, provider: str, status: int, words: str) -> None:
        super().__init__(
            provider, f"the server refused the request ({status}): {_excerpt(words) or 'it gave no reason'}"
        )
        self.status = status
        self.words = words


class ConnectionLost(ProviderError):
    """The answer broke off before its end. `received` is the text that had come."""

    def __init__(self, provider: str, reason: str, received: str) -> None:
        super().__init__(provider, f"the answer broke off after {len(received)} characters: {reason}")
        self.reason = reason
        self.received = received


class ProtocolViolation(ProviderError):
    """The server sent what the protocol does not allow. `expected` says what should have come, `got` is what did."""

    def __init__(self, provider: str, expected: str, got: bytes) -> None:
        super().__init__(
            provider, f"the server sent what its protocol does not allow: expected {expected}, got {got[:_SHOWN]!r}"
        )
        self.expected = expected
        self.got = got


class ScriptExhausted(ProviderError):
    """A scripted provider was asked more often than its script has lines."""

    def __init__(self, provider: str, lines: int) -> None:
        super().__init__(
            provider,
            f"request {lines + 1} came, but the script has {lines} line{'' if lines == 1 else 's'}. "
            "Add a line, or pass cycle=True to start over.",
        )
        self.lines = lines
