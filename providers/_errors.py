"""What can go wrong between an agent and its model. Each error says whose fault it is."""

from typing import ClassVar, Final, Literal, TypeAlias

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


class KeyMissing(ProviderError):
    """The provider needs a key and found none. `variable` is the environment variable that it looked for."""

    def __init__(self, provider: str, variable: str) -> None:
        super().__init__(provider, f"it needs a key. Set the environment variable {variable}, or pass api_key=")
        self.variable = variable


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

    Its subclasses say whose fault it is: `BadRequest`, `AuthenticationFailed`, `NotFound` and `ContentRefused` are for
    the asker to put right, `RateLimited` for patience, `ServerFailed` for the server's people. Of no subclass if
    the server did not make clear what it means.

    Attributes:
        status: The HTTP status, or the code the server gave in the stream; 0 if none.
        words: What it said.
        code: Its own name for the kind of error, such as "context_length_exceeded"; empty if it gave none.
        retry_after_s: How many seconds it asks to wait; None if it did not say.
        request_id: What it calls the request, for its logs and its support; empty if it did not say.
    """

    _problem: ClassVar[str] = "the server refused the request"

    def __init__(
        self,
        provider: str,
        status: int,
        words: str,
        *,
        code: str = "",
        retry_after_s: float | None = None,
        request_id: str = "",
    ) -> None:
        known = ", ".join(filter(None, [str(status or ""), code, request_id]))
        named = f" ({known})" if known else ""
        wait = "" if retry_after_s is None else f" It asks to wait {retry_after_s:g} s."
        super().__init__(provider, f"{self._problem}{named}: {_excerpt(words) or 'it gave no reason'}{wait}")
        self.status = status
        self.words = words
        self.code = code
        self.retry_after_s = retry_after_s
        self.request_id = request_id


class BadRequest(RequestRefused):
    """The request has something that this server or model does not take. Sent again, it is refused again."""

    _problem: ClassVar[str] = "the request is not one that the server takes"


class AuthenticationFailed(RequestRefused):
    """The key is wrong, or may not do this."""

    _problem: ClassVar[str] = "the server does not accept the key for this"


class NotFound(RequestRefused):
    """There is no such model, or no such address on the server."""

    _problem: ClassVar[str] = "the server knows no such model or address"


class ContentRefused(RequestRefused):
    """The model or its server will not answer this content. `received` is the text that had come before."""

    _problem: ClassVar[str] = "the content was refused"
    received: str = ""


# What OpenAI, Azure and Anthropic call an account without credit.
_NO_CREDIT: Final = frozenset(
    {"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"}
)


class RateLimited(RequestRefused):
    """Too much was asked of the server in a while, or the account has no more credit."""

    _problem: ClassVar[str] = "the server's rate limit is reached"

    @property
    def out_of_credit(self) -> bool:
        """Whether what is missing is money, so that waiting brings none."""
        return self.code in _NO_CREDIT


class ServerFailed(RequestRefused):
    """The server could not do it just now, through no fault of the request."""

    _problem: ClassVar[str] = "the server failed"


class Overloaded(ServerFailed):
    """The server has too much to do."""

    _problem: ClassVar[str] = "the server is overloaded"


# What ran out: the time to reach the server, until the first event, from one event to the next, for the whole call.
TimeoutPhase: TypeAlias = Literal["connect", "first event", "between events", "whole call"]


class ProviderTimeout(ProviderError):
    """It took too long. `phase` says what did, `seconds` how long it may, `received` has the text that had come."""

    def __init__(self, provider: str, phase: TimeoutPhase, seconds: float, received: str = "") -> None:
        happened = {
            "connect": f"the server could not be reached within {seconds:g} s",
            "first event": f"nothing came for {seconds:g} s",
            "between events": f"the answer stalled: it was silent for {seconds:g} s",
            "whole call": f"the whole call took longer than {seconds:g} s",
        }[phase]
        super().__init__(provider, happened + (f", after {len(received)} characters" if received else ""))
        self.phase: TimeoutPhase = phase
        self.seconds = seconds
        self.received = received


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


class UnknownModel(ActrioError, ValueError):
    """The name of a model does not say which. `model` is the name, `known` are the prefixes that there are."""

    def __init__(self, model: str, problem: str, known: tuple[str, ...], guess: str = "") -> None:
        hint = f" Did you mean {guess!r}?" if guess else ""
        super().__init__(
            f"{model!r} {problem}.{hint} A name is a prefix, a colon and a model, such as 'openai:gpt-5-mini'; the "
            f"prefixes are {', '.join(known)}. Anything else is given as a provider: OpenAIProvider(...)"
        )
        self.model = model
        self.known = known
        self.guess = guess


class CassetteBroken(ProviderError, ValueError):
    """A cassette cannot be read. `path` and `line`, from 1, say where, `problem` says why."""

    def __init__(self, provider: str, path: str, line: int, problem: str) -> None:
        super().__init__(provider, f"{path}:{line}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


class NotRecorded(ProviderError):
    """A cassette has no answer to the request, or has none that goes so far, and there is nobody to ask.

    `path` is the cassette's; `difference` shows in what the nearest recorded request differs, empty if there is none.
    """

    def __init__(self, provider: str, path: str, problem: str, difference: str = "") -> None:
        shown = difference and "\n" + difference + "\n"
        super().__init__(
            provider,
            f"{problem}{shown or '. '}Record it: give RecordedProvider the provider to ask, with mode='once', which "
            "adds what is missing, or mode='record', which begins the cassette anew.",
        )
        self.path = path
        self.difference = difference


class ScriptExhausted(ProviderError):
    """A scripted provider was asked more often than its script has lines."""

    def __init__(self, provider: str, lines: int) -> None:
        super().__init__(
            provider,
            f"request {lines + 1} came, but the script has {lines} line{'' if lines == 1 else 's'}. "
            "Add a line, or pass cycle=True to start over.",
        )
        self.lines = lines


class FallbackExhausted(ProviderError):
    """None of a fallback's providers answered.

    Attributes:
        errors: The last error of each that has had one, in their order.
        retry_after_s: In how many seconds one of them is asked again; 0 if that is at once.
    """

    def __init__(self, provider: str, errors: tuple[ProviderError, ...], retry_after_s: float) -> None:
        again = f" None is asked again for {retry_after_s:.3g} s." if retry_after_s else ""
        super().__init__(provider, f"no provider answered.{again}" + "".join(f"\n    {error}" for error in errors))
        self.errors = errors
        self.retry_after_s = retry_after_s
