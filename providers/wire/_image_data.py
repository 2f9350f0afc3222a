"""An image as its bytes, for formats that have a place for nothing else."""

import base64
from urllib.parse import unquote_to_bytes

from attrs import frozen

from actrio.providers._messages import Image


@frozen
class ImageData:
    """What an image is, such as "image/png", and its bytes in base64."""

    media_type: str
    base64: str


def image_data(image: Image) -> ImageData | None:
    """The bytes of an image; None if there is only an address that somebody would have to fetch.

    `data:` addresses are RFC 2397's.

    Raises:
        ValueError: it has a `data:` address without data.
    """
    if isinstance(image.source, bytes):
        return ImageData(image.media_type, base64.b64encode(image.source).decode())
    if not image.source.startswith("data:"):
        return None
    about, comma, data = image.source.removeprefix("data:").partition(",")
    if not comma:
        raise ValueError(f"the address of an image has no data: {image.source[:80]!r}")
    media_type, *parameters = about.split(";")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return ImageData(image.media_type or media_type, data)
