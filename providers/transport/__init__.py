"""HTTP/1.1 for models' streams: a transport for httpx2 whose cost per token and request is that of the socket.

    async with open_client(base_url="https://api.example.com") as client:
        async with client.stream("POST", "/v1/chat/completions", content=body) as response:
            async for piece in body_of(response) or response.aiter_bytes():
                ...

What is where:

- `_transport`: `Http11Transport`, what httpx2 calls. `_client`: `open_client`, a client with it and with proxies.
  `_body`: `ResponseBody`, and `body_of` to reach it.
- `_connection` opens a connection and carries exchanges over it; `_state` is the table of what may follow what.
  `_wire` and `_tls` read and write.
- `_pool` (which connection a request gets), `_framing` (heads, by h11), `_decoder` and `_chunked` (bodies) are pure.

Importing it imports httpx2 and h11, so nothing that `actrio.providers` imports does.
"""

from actrio.providers.transport._body import ResponseBody, body_of
from actrio.providers.transport._client import open_client
from actrio.providers.transport._pool import PoolStatistics
from actrio.providers.transport._transport import DEFAULT_LIMITS, Http11Transport

__all__ = ["DEFAULT_LIMITS", "Http11Transport", "PoolStatistics", "ResponseBody", "body_of", "open_client"]
