"""The messages of a conversation, as every provider takes them."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

# How the first bytes of a file tell what it is: (offset, bytes, media type). These four are what models take.
_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
)


@frozen
class ToolCall:
    """A call of a tool, as the model asked for it.

    `arguments` is the JSON text exactly as the model wrote it, valid or not.
    """

    id: str
    name: str
    arguments: str


@frozen
class Text:
    """A piece of text among other parts of a message."""

    text: str


def _outline(source: str | bytes) -> str:
    return f"<{len(source)} bytes>" if isinstance(source, bytes) else repr(source[:80])


@frozen
class Image:
    """A picture among other parts of a message.

    Args:
        source: Its bytes, or an address that begins with ``https://``, ``http://`` or ``data:``.
        media_type: Of the bytes, such as "image/png"; found out from them for PNG, JPEG, GIF and WebP.
        detail: How closely the model should look, where it can be told. None: as it likes.

    Raises:
        ValueError: the address is none, or what the bytes are cannot be seen from them.
    """

    source: str | bytes = field(repr=_outline)
    media_type: str = ""
    detail: Literal["low", "high"] | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.source, str):
            if not self.source.startswith(("https://", "http://", "data:")):
                raise ValueError(
                    f"an image's address begins with https://, http:// or data:, not as {self.source[:80]!r}. "
                    "For a file, use Image.read(path)."
                )
        elif not self.media_type:
            object.__setattr__(self, "media_type", _media_type_of(self.source))

    @classmethod
    def read(cls, path: Path | str, *, detail: Literal["low", "high"] | None = None) -> "Image":
        """Read a file, blocking for as long as that takes. Raises OSError, and ValueError as the class does."""
        return cls(Path(path).read_bytes(), detail=detail)

    @property
    def url(self) -> str:
        """The address, or the bytes written as one: ``data:image/png;base64,…``."""
        if isinstance(self.source, str):
            return self.source
        return f"data:{self.media_type};base64,{base64.b64encode(self.source).decode()}"


def _media_type_of(data: bytes) -> str:
    for offset, signature, media_type in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return media_type
    raise ValueError(
        f"what kind of image begins with {data[:12]!r} is not known here: say it, Image(data, 'image/tiff')"
    )


Part: TypeAlias = Text | Image


def _as_content(content: "str | Part | Iterable[str | Part]") -> "str | tuple[Part, ...]":
    if isinstance(content, str):
        return content
    parts = (content,) if isinstance(content, Text | Image) else content
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


@frozen
class System:
    """Instructions for the model, usually the first message."""

    text: str


@frozen
class User:
    """What the model is asked: a text, or texts and images in their order, ``User(["What is this?", Image(data)])``."""

    content: str | tuple[Part, ...] = field(converter=_as_content)

    @property
    def text(self) -> str:
        """The text of it, its parts joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))


@frozen
class Reasoning:
    """What a model thought before it answered.

    Some models want it back, unchanged, when their conversation goes on. It says nothing to another one, so a provider
    sends only what its own `origin` wrote, and leaves out the rest.

    Attributes:
        text: As far as it may be read.
        origin: The wire format it came in, such as "anthropic-messages".
        token: What has to be sent back, as that format has it; opaque, and empty where nothing has to.
    """

    text: str
    origin: str = field(default="", kw_only=True)
    token: str = field(default="", kw_only=True, repr=False)


@frozen
class Assistant:
    """What the model answered.

    `interrupted` is None for a whole answer. Otherwise the turn was cut off, the text is what had come by then, and
    `interrupted` says why. Providers send the text alone: the mark is for who reads the history.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = field(default=(), kw_only=True)
    reasoning: tuple[Reasoning, ...] = field(default=(), kw_only=True)
    interrupted: str | None = field(default=None, kw_only=True)


@frozen
class ToolResult:
    """What a tool gave for the call with this id; `failed` if that is an error, which some models are told."""

    call_id: str
    text: str
    failed: bool = field(default=False, kw_only=True)


Message: TypeAlias = System | User | Assistant | ToolResult
