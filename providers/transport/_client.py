"""A client of httpx2 that uses the transport for what it can do."""

from typing import Any

import httpx2

from actrio.providers.transport._transport import DEFAULT_LIMITS, Http11Transport


class _Client(httpx2.AsyncClient):
    # httpx2 looks at the proxies of the environment only if it is given no transport, and makes a transport for each of
    # them. So this puts ours where the one without a proxy would be. Should httpx2 no longer call this method, then
    # the client works all the same, with httpx2's own transport; a test would tell.
    def _init_transport(
        self,
        verify: Any = True,
        cert: Any = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: httpx2.Limits = DEFAULT_LIMITS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> httpx2.AsyncBaseTransport:
        if transport is not None or http2 or not http1 or cert is not None:
            return super()._init_transport(verify, cert, trust_env, http1, http2, limits, transport)
        return Http11Transport(verify=verify, trust_env=trust_env, limits=limits)


def open_client(*, limits: httpx2.Limits = DEFAULT_LIMITS, **settings: Any) -> httpx2.AsyncClient:
    """An `httpx2.AsyncClient` over `Http11Transport`. Use it in `async with`, or call its `aclose`.

    All settings are httpx2's and mean the same. What the transport does not do goes through httpx2's own by itself:

    - requests for which there is a proxy, by `proxy=` or, unless `trust_env=False`, by `HTTP_PROXY`, `HTTPS_PROXY` and
      `ALL_PROXY`; hosts in `NO_PROXY` are reached directly, by this transport;
    - everything, with `http2=True` or `cert=`;
    - what `mounts=` and `transport=` name.

    Args:
        limits: As httpx2's, but by default with no bound on connections.
        **settings: As `httpx2.AsyncClient` takes them.
    """
    return _Client(limits=limits, **settings)
