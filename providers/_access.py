"""Where a server is and by which key it is reached: what the fields of providers over HTTP have in common."""

from urllib.parse import urlsplit

from attrs import Attribute

from actrio.providers._errors import AuthenticationFailed


def check_address(_: object, attribute: "Attribute[str | None]", address: str | None) -> None:
    """The validator of a field for an address. Raises ValueError."""
    if address is not None and not address.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} begins with https:// or http://, not as {address!r}")


def show_address(address: str | None) -> str:
    """The `repr` of an address, in which no user and password are shown."""
    if address is None:
        return repr(address)
    hidden, at, _ = urlsplit(address).netloc.rpartition("@")
    return repr(address.replace(hidden + at, "***@", 1) if at else address)


def clean_key(provider: str, key: str | None) -> str:
    """The key without the space around it; empty if there is none.

    Raises:
        AuthenticationFailed: it has characters that no header can have.
    """
    key = (key or "").strip()
    if key and not (key.isascii() and key.isprintable()):
        words = "it has characters that no key has. Was it copied whole, and nothing else?"
        raise AuthenticationFailed(provider, 0, words, code="invalid_api_key")
    return key
