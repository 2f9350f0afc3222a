"""How much a mailbox holds, and what happens when that is reached."""

from typing import Literal, get_args

from actrio.mailbox._errors import ActrioError

Overflow = Literal["wait", "reject", "drop_oldest", "drop_newest"]
OVERFLOW_POLICIES: tuple[str, ...] = get_args(Overflow)

DEFAULT_CAPACITY = 1_000  # messages


class InvalidBound(ActrioError, ValueError):
    """A bound or policy that cannot be. Attributes: ``actor``, ``setting``, ``value``, ``rule``."""

    def __init__(self, actor: str, setting: str, value: object, rule: str) -> None:
        self.actor = actor
        self.setting = setting
        self.value = value
        self.rule = rule
        super().__init__(f"{setting}={value!r} of {actor!r}: {rule}")


def check_whole(actor: str, setting: str, value: object, *, least: int = 1) -> None:
    """Refuse what is not a whole number of at least ``least``. Raises: InvalidBound."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidBound(actor, setting, value, f"must be a whole number of at least {least}")


def check_mailbox(actor: str, capacity: object, overflow: object, concurrency: object) -> None:
    """Refuse bounds that no mailbox can have. Raises: InvalidBound."""
    check_whole(actor, "capacity", capacity)
    check_whole(actor, "concurrency", concurrency)
    if overflow not in OVERFLOW_POLICIES:
        raise InvalidBound(actor, "overflow", overflow, f"must be one of {', '.join(OVERFLOW_POLICIES)}")
