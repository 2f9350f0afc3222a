"""A runtime for a program of plain threads."""

from types import TracebackType
from typing import Self, Unpack

from actrio.hosts._bridge import Setup
from actrio.hosts._options import RuntimeOptions
from actrio.hosts.blocking._calls import Calls
from actrio.hosts.blocking._crossing import Crossing


class Host(Calls):
    """A runtime in a thread of its own, for a program that does not know Trio: ``with actrio.Host(setup) as host``.

    Its methods, and those of the refs it gives, are the runtime's own without ``await``. They may be called in any
    thread but one that runs an event loop, by any number of threads at once. Each ends with the result, with the
    original exception and its traceback, or with :class:`RuntimeStopped`. Ctrl-C, or another exception of a signal
    handler, cancels the call it interrupts, and comes out when that has ended; a second one comes out at once. (On
    Windows a wait is not interrupted.) ``with fail_after(30):`` bounds the calls inside.

    Any number of hosts may run in one process. After a fork the child has none: calls there raise RuntimeStopped.

    When the block is left all actors have their grace; when an exception leaves it they are cancelled at once. Then no
    thread, task or socket of it is left. A host that is never stopped is stopped when it is dropped, or when the
    interpreter exits.

    Args:
        setup: ``async def setup(runtime)``, which runs in the runtime before anything else; or the same with
            ``@asynccontextmanager``, around all else.
        **options: Those of :func:`actrio.open_runtime`.

    Raises, from the block: what the setup raised; the errors that no asker, watcher or supervisor took, as
    :func:`actrio.open_runtime`.
    """

    def __init__(self, setup: Setup | None = None, **options: Unpack[RuntimeOptions]) -> None:
        self._crossing = Crossing(setup, dict(options))

    def start(self) -> Self:
        """Begin, where a ``with`` block does not fit; :meth:`stop` is the other end.

        Raises: what the setup raised; RuntimeStopped: it was started before.
        """
        self._crossing.start()
        return self

    def stop(self) -> None:
        """Stop all actors, with their grace, and the thread. Harmless when it has stopped.

        Raises: ExceptionGroup: what had ended the runtime before.
        """
        self._leave(None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(error)

    def __repr__(self) -> str:
        return f"<Host {self._crossing.bridge.outline()}>"
