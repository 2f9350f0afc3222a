"""The errors of defining, spawning and supervising actors."""

from actrio.mailbox import ActrioError


class HandlerError(ActrioError, TypeError):
    """An actor class whose handlers cannot work. Raised when the class is made.

    Attributes: ``actor_class``, ``handler`` (names), ``problem``.
    """

    def __init__(self, actor_class: str, handler: str, problem: str) -> None:
        self.actor_class = actor_class
        self.handler = handler
        self.problem = problem
        super().__init__(f"{actor_class}.{handler}: {problem}")


class NoHandler(ActrioError, TypeError):
    """An actor was asked something that none of its handlers takes.

    Attributes: ``actor``, ``message_type``, ``handled_types`` (names).
    """

    def __init__(
        self, actor: str, message_type: str, handled_types: tuple[str, ...], way_out: str | None = None
    ) -> None:
        self.actor = actor
        self.message_type = message_type
        self.handled_types = handled_types
        way_out = way_out or f"Add an @actrio.handles method whose message is annotated with {message_type}"
        super().__init__(
            f"actor {actor!r} has no handler for {message_type}; it handles: {', '.join(handled_types) or 'nothing'}. "
            f"{way_out}"
        )


class NameTaken(ActrioError):
    """Two living actors of one runtime would have the same name. Attribute: ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the name {name!r} is taken by a living actor. Choose another, or stop that one")


class UnknownActor(ActrioError, LookupError):
    """No living actor has this name. Attributes: ``name``, ``known`` (some of the names there are)."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"no actor is named {name!r}; there are: {', '.join(known) or 'none'}")


class InvalidSpec(ActrioError, ValueError):
    """Something that cannot be spawned. Attributes: ``name``, ``problem``."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"cannot spawn {name!r}: {problem}")


class RestartsExceeded(ActrioError):
    """Children of a supervisor crashed more often than it may restart them. The last crash is its ``__cause__``.

    Attributes: ``supervisor``, ``child`` (names), ``intensity``, ``period`` (seconds).
    """

    def __init__(self, supervisor: str, child: str, intensity: int, period: float) -> None:
        self.supervisor = supervisor
        self.child = child
        self.intensity = intensity
        self.period = period
        super().__init__(
            f"supervisor {supervisor!r} gives up: {child!r} crashed, and that would be more than {intensity} restarts "
            f"in {period:g} s. Mend the crash (the cause of this error), or raise intensity or period"
        )


class RuntimeClosed(ActrioError):
    """The runtime is closing or closed, so nothing can be spawned or shared in it."""

    def __init__(self) -> None:
        super().__init__("this runtime is closing or closed: spawn inside `async with open_runtime()`")
