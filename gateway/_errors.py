"""What can go wrong between a client and a gateway."""

from actrio.mailbox import ActrioError


class GatewayError(ActrioError):
    """Base of what a client of a gateway raises."""


class InvalidGateway(ActrioError, ValueError):
    """A gateway cannot be served so; nothing listens."""


class ConnectFailed(GatewayError):
    """No connection came about, and no socket is left. Attributes: ``url``, ``reason``."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"no connection to the gateway at {url}: {reason}")


class NotAuthorized(ConnectFailed):
    """The gateway does not take the token, or wants one."""


class ConnectionLost(GatewayError):
    """The connection broke, and could not be had again in time, or the gateway has forgotten the request.

    What became of the request is not known: it may have been carried out. Attributes: ``url``, ``reason``.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"the connection to the gateway at {url} was lost: {reason}. Connect and ask again")


class RemoteError(GatewayError):
    """The gateway ended a request with an error. Attributes: ``code``, ``reason``, ``error_id`` (in its log)."""

    def __init__(self, code: str, reason: str, error_id: str = "") -> None:
        self.code = code
        self.reason = reason
        self.error_id = error_id
        known = f" (in the gateway's log: {error_id})" if error_id else ""
        super().__init__(f"{code}: {reason}{known}")


class EventsMissing(GatewayError):
    """The gateway no longer had all events of a request when the client came back. Attribute: ``first`` it has."""

    def __init__(self, first: int) -> None:
        self.first = first
        super().__init__(
            f"the client was away so long that the gateway had dropped what came before event {first}; raise kept_s, "
            f"kept_bytes or kept_requests of its GatewayLimits"
        )


class TooLarge(GatewayError, ValueError):
    """What was to be sent is larger than the gateway takes; nothing was. Attributes: ``size``, ``most``, in bytes."""

    def __init__(self, size: int, most: int) -> None:
        self.size = size
        self.most = most
        super().__init__(
            f"a frame of {size} bytes is more than the {most} that the gateway takes; raise max_frame_bytes of its "
            f"GatewayLimits, or give the address of a picture in place of its bytes"
        )


class OutputMismatch(GatewayError):
    """An agent's answer is not of the type that it was to be read as.

    Attributes: ``agent``, ``kind`` (the type), ``problem`` (``$.path: reason``), ``text`` (the answer as it came).
    """

    def __init__(self, agent: str, kind: object, problem: str, text: str) -> None:
        self.agent = agent
        self.kind = kind
        self.problem = problem
        self.text = text
        super().__init__(
            f"the answer of agent {agent!r} is not of output_type={getattr(kind, '__name__', kind)}: {problem}. Give "
            f"the type that the agent has as its output, or none, to have plain data"
        )
