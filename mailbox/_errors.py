"""The errors of sending, asking and replying. Each carries its facts as attributes and says what to do next."""

import trio


class ActrioError(Exception):
    """Base of all errors actrio raises.

    Each subclass carries its facts as attributes and says in its text which actor or bound is meant, which rule was
    broken, and what to do next.
    """


class MailboxFull(ActrioError, trio.WouldBlock):
    """The mailbox had no room for the message, and its policy or the call forbade waiting.

    The message was not sent, unless the policy dropped an ask that was already queued: then its asker gets this.

    Attributes: ``actor`` (whose mailbox), ``capacity`` (in messages), ``overflow`` (the policy in force).
    """

    def __init__(self, actor: str, capacity: int, overflow: str) -> None:
        self.actor = actor
        self.capacity = capacity
        self.overflow = overflow
        super().__init__(
            f"mailbox of {actor!r} is full: capacity {capacity}, overflow {overflow!r}. Await tell() under the policy "
            f"'wait' for back-pressure, give the actor a larger capacity, or choose 'drop_oldest' or 'drop_newest'"
        )


class ActorStopped(ActrioError, trio.BrokenResourceError):
    """The actor has ended, or ended while the message was with it, so the message cannot be handled.

    Attributes: ``actor``, ``reason`` (why it stopped; one line).
    """

    def __init__(self, actor: str, reason: str) -> None:
        self.actor = actor
        self.reason = reason
        way_out = "Spawn it again, or watch() it to learn of its end"
        if "crashed" in reason:
            way_out += "; with restart='transient' its crashes are mended"
        super().__init__(f"actor {actor!r} has stopped ({reason}). {way_out}")


class NotInTrio(ActrioError, RuntimeError):
    """Something of the runtime's was used where its Trio does not run: in asyncio, in plain code, in another thread.

    Attributes: ``called`` (what was used, and where), ``way_out``.
    """

    def __init__(self, called: str, way_out: str) -> None:
        self.called: str = called
        self.way_out: str = way_out
        super().__init__(f"{called}. {way_out}")


def check_in_trio(called: str) -> None:
    """Refuse what only works inside a Trio run. Raises: NotInTrio."""
    if not trio.lowlevel.in_trio_run():
        raise NotInTrio(
            f"{called} outside of Trio",
            "Run the program with trio.run(main). In asyncio use `async with actrio.AsyncioHost() as host:`, in plain "
            "code `with actrio.Host() as host:`",
        )


def wrong_thread(actor: str) -> NotInTrio:
    """What is raised where an actor would be woken from where its tasks are not."""
    return NotInTrio(
        f"a message was sent to {actor!r} from outside of its runtime's thread",
        "Use trio.from_thread.run_sync(ref.tell_nowait, message), or the refs of actrio.Host, which any thread may use",
    )


class DeadlinePassed(ActrioError, trio.TooSlowError):
    """The work on an ask was cut off at the deadline it was asked with, while its asker, whose own had moved, waits.

    Attributes: ``actor``, ``deadline`` (Trio's clock, seconds).
    """

    def __init__(self, actor: str, deadline: float) -> None:
        self.actor: str = actor
        self.deadline: float = deadline
        super().__init__(
            f"actor {actor!r} was cut off at {deadline:g}, the deadline this was asked with. A deadline that is moved "
            f"while an ask is under way does not reach it: ask inside the scope with the later one"
        )


class NotAnswered(ActrioError):
    """The actor took an ask and went on to the next message without a reply.

    Attributes: ``actor``, ``message_type`` (the name of the asked message's class).
    """

    def __init__(self, actor: str, message_type: str) -> None:
        self.actor = actor
        self.message_type = message_type
        super().__init__(
            f"actor {actor!r} took the ask {message_type} and received its next message without answering. Call "
            f"letter.reply(value) or letter.fail(error) before the next receive"
        )


class NotAnAsk(ActrioError):
    """A reply was given to a message that was told: nobody waits for it.

    Attributes: ``actor``, ``message_type``.
    """

    def __init__(self, actor: str, message_type: str) -> None:
        self.actor = actor
        self.message_type = message_type
        super().__init__(
            f"actor {actor!r} replied to {message_type}, which was told, not asked. Check letter.is_ask first, or send "
            f"it with ref.ask()"
        )


class AlreadyAnswered(ActrioError):
    """A message was answered twice. The first answer stands.

    Attributes: ``actor``, ``message_type``, ``ended_as`` (how the message had ended).
    """

    def __init__(self, actor: str, message_type: str, ended_as: str) -> None:
        self.actor = actor
        self.message_type = message_type
        self.ended_as = ended_as
        super().__init__(
            f"{message_type} to {actor!r} has already ended as {ended_as}: an ask ends exactly once. Remove the second "
            f"reply() or fail()"
        )


class WaitCycleError(ActrioError):
    """Actors would wait for one another for ever. Raised where the cycle would have closed; the others go on.

    Attributes: ``cycle`` (the actors' names in order, the first again at the end).
    """

    def __init__(self, cycle: tuple[str, ...], verb: str) -> None:
        self.cycle = cycle
        super().__init__(
            f"this {verb} would close a cycle of actors that wait for each other: {' -> '.join(cycle)}. "
            f"Each of them handles one message at a time. Use tell_nowait() for one of the steps, reply later with a "
            f"message of its own, or give one of them a higher concurrency"
        )


class AskCycleError(WaitCycleError):
    """An ask would wait for an actor that, directly or through others, waits for the asker."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(cycle, "ask")


class TellCycleError(WaitCycleError):
    """A tell would wait for room in a mailbox whose actor, directly or through others, waits for the teller."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(cycle, "tell")
