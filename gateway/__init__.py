"""A runtime's agents over WebSocket: a server, and a client with the turns that one has in process.

    gateway = await nursery.start(serve, runtime)

    async with connect(gateway.url) as client:
        async with client.run("writer", "A haiku, please.") as turn:
            async for piece in turn.text():
                print(piece, end="")

- `_frames`: the protocol, without I/O; `docs/protocol.md` describes it. `_mapping`: a turn's events as frames.
- `_server`: listening and letting in; `_http`: the first request and the page; `_access`: who may what; `_limits`.
- `_house`: what connections share; `_connection`: one of them; `_requests`: what outlives it, to be resumed.
- `_client`: the client; `_dial`: getting a connection; `_remote`: a request as the client sees it; `_agent`: an agent.
- `_socket`: one WebSocket, on either side. `_errors`: what can go wrong. `static`: the page for browsers.
"""

from actrio.gateway._access import Authenticate, Identity
from actrio.gateway._agent import RemoteAgent
from actrio.gateway._client import Client, ClientNotice, connect
from actrio.gateway._errors import (
    ConnectFailed,
    ConnectionLost,
    EventsMissing,
    GatewayError,
    InvalidGateway,
    NotAuthorized,
    RemoteError,
)
from actrio.gateway._frames import AgentInfo, ProtocolError
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._server import Gateway, serve

__all__ = [
    "AgentInfo",
    "Authenticate",
    "Client",
    "ClientNotice",
    "ConnectFailed",
    "ConnectionLost",
    "EventsMissing",
    "Gateway",
    "GatewayError",
    "GatewayLimits",
    "Identity",
    "InvalidGateway",
    "NotAuthorized",
    "ProtocolError",
    "RemoteAgent",
    "RemoteError",
    "connect",
    "serve",
]
