"""What an agent is asked, to frames and back. Pure."""

from typing import Any

from actrio.agents._prompt import Content, as_messages
from actrio.gateway._frames import ContentPart, ImagePart, ProtocolError, TextPart, UserMessage
from actrio.providers import Image, Part, Text, User


def parts_of(content: Content) -> tuple[str | None, tuple[ContentPart, ...]]:
    """The text of a request, or None and its parts.

    Raises:
        TypeError, ValueError: it is nothing that an agent can be asked from outside.
    """
    messages = as_messages(content)
    only = messages[0]
    if len(messages) > 1 or not isinstance(only, User):
        raise TypeError(
            "an agent of a gateway is asked a text, texts and images, or a record: one message of the user's. For what "
            "was said before give conversation=, which the agent remembers"
        )
    if isinstance(only.content, str):
        return only.content, ()
    return None, tuple(_to_part(part) for part in only.content)


def _to_part(part: Part) -> ContentPart:
    if isinstance(part, Text):
        return TextPart(part.text)
    if isinstance(part.source, str):
        return ImagePart(url=part.source, detail=part.detail)
    return ImagePart(data=part.source, media_type=part.media_type, detail=part.detail)


def content_of(frame: UserMessage) -> str | list[str | Part]:
    """What a frame asks. Raises: ProtocolError: a part of it is no picture."""
    if frame.text is not None:
        return frame.text
    return [_from_part(part, f"$.content[{number}]") for number, part in enumerate(frame.content)]


def _from_part(part: ContentPart, path: str) -> Part:
    if isinstance(part, TextPart):
        return Text(part.text)
    source: Any = part.url or part.data
    try:
        return Image(source, part.media_type, detail=part.detail)
    except ValueError as error:
        key = "url" if part.url else "data"
        reason = str(error).partition(", not as")[0] if part.url else "no PNG, JPEG, GIF or WebP; give its media_type"
        raise ProtocolError(f"{path}.{key}", reason) from None
