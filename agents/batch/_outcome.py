"""How one input of a batch ended."""

from typing import Any, Generic, Literal, TypeAlias, TypeVar

import trio
from attrs import field, frozen

from actrio.mailbox import ActrioError

T_co = TypeVar("T_co", covariant=True)


@frozen
class Done(Generic[T_co]):
    """It was done, and this is what it gave.

    Attributes: ``index`` and ``input`` (which one of the batch, from 0), ``earlier`` (it was read from the file of a
    batch before). They take no part in comparisons.
    """

    value: T_co
    index: int = field(default=0, kw_only=True, eq=False)
    input: Any = field(default=None, kw_only=True, eq=False, repr=False)
    earlier: bool = field(default=False, kw_only=True, eq=False, repr=False)


@frozen
class Failed:
    """It raised, or took longer than it was given: ``ItemTimedOut``. Other attributes: as `Done`."""

    error: Exception
    index: int = field(default=0, kw_only=True, eq=False)
    input: Any = field(default=None, kw_only=True, eq=False, repr=False)
    earlier: bool = field(default=False, kw_only=True, eq=False, repr=False)


@frozen
class Cancelled:
    """The batch stopped before it was done. Other attributes: as `Done`."""

    index: int = field(default=0, kw_only=True, eq=False)
    input: Any = field(default=None, kw_only=True, eq=False, repr=False)
    earlier: Literal[False] = field(default=False, init=False, eq=False, repr=False)


Outcome: TypeAlias = Done[T_co] | Failed | Cancelled


class ItemTimedOut(ActrioError, trio.TooSlowError):
    """An input took longer than the batch gives each.

    Attributes: ``index`` (which one), ``timeout`` (seconds).
    """

    def __init__(self, index: int, timeout: float) -> None:
        self.index = index
        self.timeout = timeout
        super().__init__(
            f"input {index} was not done within timeout={timeout:g} s and was cancelled. Give the batch a longer "
            f"timeout, or fewer at once with max_concurrency"
        )


class SavedError(ActrioError):
    """What an input failed with in the batch that wrote the file.

    Attributes: ``kind`` (the name of the error's class), ``text``.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(f"{kind}: {text} (read from the file of an earlier batch; retry_failed=True tries it again)")


class BatchFull(ActrioError):
    """More was added to a batch than may wait.

    Attributes: ``most`` (how many inputs may wait).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(
            f"{most} inputs wait already, and no more may. Open the batch with an iterable: it is read only as far as "
            f"there is work for"
        )


class BatchStopped(ActrioError):
    """The batch takes no more inputs: it was stopped, or its block was left."""

    def __init__(self) -> None:
        super().__init__("the batch has stopped and takes no more inputs. Open another one")
