"""Who may use a gateway, and what of it."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from inspect import isawaitable
from ipaddress import ip_address
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from attrs import field, frozen

from actrio.gateway._errors import InvalidGateway

_log = logging.getLogger("actrio.gateway")


def _as_names(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _as_set(names: Collection[str]) -> frozenset[str]:
    return frozenset(names)


@frozen
class Identity:
    """Somebody who was recognised.

    Attributes:
        name: Who. Sessions and conversations belong to it: one identity's are out of reach of another.
        agents: The names of the agents and actors that it may use, of those that the gateway shows. None: all.
        topics: The same of topics.
    """

    name: str
    agents: frozenset[str] | None = field(default=None, converter=_as_names)
    topics: frozenset[str] | None = field(default=None, converter=_as_names)

    def conversation(self, key: str | None) -> str | None:
        """What an agent calls this identity's conversation. No two identities have one in common."""
        if key is None or not self.name:
            return key
        return f"{quote(self.name, safe='')}/{key}"


ANYBODY: Final = Identity("")  # on a gateway without authentication

# A token for all, or a function of a token that gives whose it is, or None. It may be async.
Authenticate: TypeAlias = str | Callable[[str], "Identity | Awaitable[Identity | None] | None"]

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@frozen
class Gate:
    """The rules of one gateway. Made by ``serve``, which raises what is wrong with them."""

    host: str
    authenticate: Authenticate | None = field(default=None, repr=False)
    origins: frozenset[str] = field(factory=frozenset[str], converter=_as_set)

    def __attrs_post_init__(self) -> None:
        if self.authenticate is None and not is_loopback(self.host):
            raise InvalidGateway(
                f"host={self.host!r} can be reached from other machines, and there is no authentication. Give "
                f"authenticate= a token, or a function of a token; or serve on 127.0.0.1"
            )
        if isinstance(self.authenticate, str) and len(self.authenticate) < 8:
            raise InvalidGateway("a token has at least 8 characters; secrets.token_urlsafe() makes a good one")

    @property
    def open(self) -> bool:
        """Whether anybody may come in."""
        return self.authenticate is None

    async def identify(self, token: str) -> Identity | None:
        """Whose token it is. Raises nothing: a function that fails knows nobody."""
        authenticate = self.authenticate
        if authenticate is None:
            return ANYBODY
        if isinstance(authenticate, str):
            # Of bytes, since it takes no other text than ASCII; in constant time.
            known = hmac.compare_digest(token.encode(errors="replace"), authenticate.encode())
            return Identity("token") if known else None
        try:
            found = authenticate(token)
            return await found if isawaitable(found) else found
        except Exception:  # noqa: BLE001 - the user's function; whatever it raises, nobody gets in
            _log.exception("the authenticate function of a gateway failed; its client was not let in")
            return None

    def allows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page from there may connect. Other programs than browsers have no origin.

        A page of this gateway itself may, where it is served on loopback and under a name of that: a site that has its
        own name point to 127.0.0.1 does not get in.
        """
        if origin is None or origin in self.origins:
            return True
        parts = urlsplit(f"//{host}")
        own = {f"http://{host}", f"https://{host}"}
        return is_loopback(self.host) and parts.hostname in _LOCAL_NAMES and origin in own


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bearer(header: str | None) -> str | None:
    """The token of an ``Authorization`` header."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
