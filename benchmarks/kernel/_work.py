"""The work that several scenarios share: a counter that is told, and a doubler that is asked, on both sides."""

import trio
from attrs import define, field, frozen

from actrio.actors import Actor, handles
from actrio.mailbox import Request


@frozen
class Add:
    """Add to a counter, and say so if somebody waits for it."""

    amount: int
    done: trio.Event | None = None


@frozen
class Total(Request[int]):
    """Ask a counter for its sum."""


class Counter(Actor):
    """Sums what it is told."""

    def __init__(self) -> None:
        self.total = 0

    @handles
    async def add(self, message: Add) -> None:
        """Count."""
        self.total += message.amount
        if message.done is not None:
            message.done.set()

    @handles
    async def answer(self, message: Total) -> int:
        """The sum so far."""
        return self.total


async def counter(receive: "trio.MemoryReceiveChannel[Add]", totals: list[int]) -> None:
    """The same in plain Trio: the state is a local variable, and goes to ``totals`` when the channel ends."""
    total = 0
    async for message in receive:
        total += message.amount
        if message.done is not None:
            message.done.set()
    totals.append(total)


@frozen
class Double(Request[int]):
    """Ask for twice a number."""

    number: int


class Doubler(Actor):
    """Answers."""

    @handles
    async def double(self, message: Double) -> int:
        """Twice the number."""
        return 2 * message.number


@define
class Question:
    """The same in plain Trio. An event and a slot are the fastest way to get an answer back.

    A reply channel for each question takes half as long again. One reply channel for each asker takes as long as this,
    and gives a late answer to the wrong question.
    """

    number: int
    done: trio.Event = field(factory=trio.Event)
    answer: int = 0


async def doubler(receive: "trio.MemoryReceiveChannel[Question]") -> None:
    """Answers."""
    async for question in receive:
        question.answer = 2 * question.number
        question.done.set()


async def ask(send: "trio.MemorySendChannel[Question]", number: int) -> int:
    """Twice the number, from a ``doubler``.

    As ``ref.ask`` it waits for room: with ``send_nowait`` it would be an eighth faster, and fail on a full channel.
    """
    question = Question(number)
    await send.send(question)
    await question.done.wait()
    return question.answer
