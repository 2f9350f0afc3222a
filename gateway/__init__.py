"""A runtime's agents over WebSocket: a server, and a client with the turns that one has in process.

    gateway = await nursery.start(serve, runtime)

    async with connect(gateway.url) as client:
        async with client.run("writer", "A haiku, please.") as turn:
            async for piece in turn.text():
                print(piece, end="")

Between the two, without I/O:

- `_frames`, `_answers`: what either side says, as records; `docs/protocol.md` describes it. `_codec`: to text and back.
- `_mapping`: a turn's events as frames; `_content`: what an agent is asked; `_usage`.

The server:

- `_server`: listening and letting in; `_http`: the first request and the page; `_access`: who may what; `_limits`.
- `_house`: what connections share; `_requests`: what outlives them, to be resumed; `_watchers`: who follows agents.
- `_connection`: one of them; `_subscriptions`: what it follows. `_command`: `actrio serve`. `static`: the page.

The client:

- `_client`: what programs use; `_agent`: an agent. `_remote`: a turn as the client sees it; `_typed`: its answer.
- `_link`: one connection after another; `_dial`: getting one. `_pending`: requests without an end yet; `_outbox`: what
  waits to be sent; `_news`: what is followed.

On both sides `_socket`, one WebSocket, and `_errors`.
"""

from actrio.gateway._access import Authenticate, Identity
from actrio.gateway._agent import RemoteAgent
from actrio.gateway._answers import AgentInfo
from actrio.gateway._client import Client, connect
from actrio.gateway._errors import (
    ConnectFailed,
    ConnectionLost,
    EventsMissing,
    GatewayError,
    InvalidGateway,
    NotAuthorized,
    OutputMismatch,
    RemoteError,
    TooLarge,
)
from actrio.gateway._frames import ProtocolError
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._link import ClientNotice
from actrio.gateway._news import AgentEvent, RemoteStateChanged, RemoteTurnEnded, RemoteTurnStarted
from actrio.gateway._server import Gateway, serve

__all__ = [
    "AgentEvent",
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
    "OutputMismatch",
    "ProtocolError",
    "RemoteAgent",
    "RemoteError",
    "RemoteStateChanged",
    "RemoteTurnEnded",
    "RemoteTurnStarted",
    "TooLarge",
    "connect",
    "serve",
]
