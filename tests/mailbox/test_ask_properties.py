"""Random schedules of asks, tells, time-outs, failures and forgetfulness among actors: every ask ends, exactly once."""

from collections import defaultdict
from contextlib import nullcontext
from contextvars import copy_context
from itertools import count
from math import inf
from typing import Any, Literal

import trio
import trio.testing
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.mailbox import ActrioError, Envelope, Inbox, Overflow, Request, WaitCycleError, ask, ask_then
from actrio.mailbox._working import current_inbox
from tests.mailbox.mailroom import consume

ACTORS = 3
TIME_LIMIT = 100_000  # seconds of the mock clock, in which every schedule has ended unless somebody waits for ever


@frozen
class Job:
    """What to do for one message, and how it is to end."""

    steps: "tuple[Step, ...]"
    end: Literal["reply", "fail", "crash", "forget"] = "reply"
    tied: bool = True  # to the asker, by letter.work()


@frozen
class Step:
    """One thing to do. ``target``: an actor, by number. ``jobs``: asked or told, all at once.

    ``taskless``: an outsider asks without a task of Trio's that waits.
    """

    kind: Literal["ask", "tell", "sleep"]
    target: int
    jobs: tuple[Job, ...]
    timeout: float
    detached: bool = False
    taskless: bool = False


@frozen
class Parcel(Request[str]):
    """A job, with who sent it and how many it had sent before."""

    job: Job
    sender: int
    number: int


def jobs(steps: st.SearchStrategy[tuple[Step, ...]]) -> st.SearchStrategy[Job]:
    """Jobs of such steps."""
    return st.builds(Job, steps, st.sampled_from(["reply", "reply", "reply", "fail", "crash", "forget"]), st.booleans())


def steps_of(inner: st.SearchStrategy[Job]) -> st.SearchStrategy[Step]:
    """Steps that send such jobs."""
    return st.builds(
        Step,
        st.sampled_from(["ask", "ask", "tell", "sleep"]),
        st.integers(0, ACTORS - 1),
        st.lists(inner, min_size=1, max_size=2).map(tuple),
        st.sampled_from([0.5, 1.5, 3.0, inf, inf]),
        st.booleans(),
        st.booleans(),
    )


NAP = Step("sleep", 0, (), inf)
JOB = st.recursive(
    jobs(st.sampled_from([(), (NAP,)])),
    lambda inner: jobs(st.lists(steps_of(inner), min_size=1, max_size=3).map(tuple)),
    max_leaves=8,
)
SETTINGS = st.tuples(st.integers(1, 3), st.sampled_from(["wait", "wait", "reject", "drop_oldest", "drop_newest"]))


@frozen
class Office:
    """The actors, and what is noted of every ask: that it began, and each end it had."""

    inboxes: list[Inbox[Any]]
    downhill: bool  # each actor sends to those after it only
    ends: dict[int, list[object]] = field(factory=lambda: defaultdict(list))
    seen: dict[tuple[int, int], list[int]] = field(factory=lambda: defaultdict(list))  # {(sender, actor): numbers}
    refused: list[Exception] = field(factory=list[Exception])
    numbers: "count[int]" = field(factory=count)

    async def work(self, inbox: Inbox[Any]) -> None:
        """The life of one actor, which survives the crashes of its jobs."""
        while not inbox.stopped:
            try:
                async for letter in inbox:
                    with letter.work() if letter.message.job.tied else nullcontext():
                        await self.handle(letter)
            except ArithmeticError as crash:
                for letter in tuple(inbox.in_hand):
                    letter.break_off(crash)

    async def handle(self, letter: Envelope[Parcel]) -> None:
        """Do the job of one letter."""
        parcel, me = letter.message, self.inboxes.index(letter.inbox)
        self.seen[parcel.sender, me].append(parcel.number)
        await self.do(parcel.job.steps, me + 1 if self.downhill else 0)
        if parcel.job.end == "crash":
            raise ArithmeticError
        if letter.is_ask and parcel.job.end == "reply":
            letter.reply("done")
        elif letter.is_ask and parcel.job.end == "fail":
            letter.fail(LookupError())

    async def do(self, steps: tuple[Step, ...], first: int) -> None:
        """These steps, in order, sent to actors from ``first`` on."""
        sender = next(self.numbers)
        number = count()
        for step in steps:
            if step.kind == "sleep" or first >= ACTORS:
                await trio.sleep(1)
                continue
            target = self.inboxes[first + step.target % (ACTORS - first)]
            with trio.move_on_after(step.timeout):
                if step.kind == "tell":
                    await self.tell(target, Parcel(step.jobs[0], sender, next(number)))
                elif len(step.jobs) == 1:
                    ask = self.ask_then if step.taskless and current_inbox.get() is None else self.ask
                    await ask(target, Parcel(step.jobs[0], sender, next(number)), step.detached)
                else:
                    async with trio.open_nursery() as nursery:
                        for job in step.jobs:
                            nursery.start_soon(self.ask, target, Parcel(job, next(self.numbers), 0), step.detached)

    async def tell(self, target: Inbox[Any], parcel: Parcel) -> None:
        """Tell it, come what may."""
        try:
            await target.send(parcel)
        except ActrioError as error:
            self.refused.append(error)

    async def ask(self, target: Inbox[Any], parcel: Parcel, detached: bool) -> None:
        """Ask it, and note each end that the ask has."""
        ends = self.ends[next(self.numbers)]
        try:
            ends.append(await ask(target, parcel, detached=detached))
        except trio.Cancelled:
            ends.append("cancelled")
            raise
        except (ActrioError, LookupError, ArithmeticError) as error:
            ends.append(error)
            self.refused.append(error)

    async def ask_then(self, target: Inbox[Any], parcel: Parcel, detached: bool) -> None:
        """The same for an outsider who does not wait in a task, but is told; and who gives it up when cancelled."""
        ends = self.ends[next(self.numbers)]
        told = trio.Event()

        def then(value: object, error: Exception | None) -> None:
            ends.append(value if error is None else error)
            told.set()

        try:
            asked = ask_then(target, parcel, then, copy_context(), detached=detached)
        except ActrioError as error:
            ends.append(error)
            return
        if asked is None:
            ends.append("there was no room")
            return
        try:
            await told.wait()
        finally:
            asked.cancel()
            with trio.CancelScope(shield=True):
                await told.wait()

    async def run(self, schedule: tuple[tuple[Step, ...], ...]) -> None:
        """All of them at once, until all is done and every actor has stopped."""
        with trio.fail_after(TIME_LIMIT):
            async with trio.open_nursery() as actors:
                for inbox in self.inboxes:
                    actors.start_soon(consume, inbox, self.work)
                async with trio.open_nursery() as nursery:
                    for steps in schedule:
                        nursery.start_soon(self.do, steps, 0)
                await trio.sleep(TIME_LIMIT / 2)  # for what was told, and asked detached
                assert not any(inbox.queued or inbox.in_hand for inbox in self.inboxes)
                for inbox in self.inboxes:
                    inbox.close()


def run_office(actors: list[tuple[int, Overflow]], schedule: list[tuple[Step, ...]], *, downhill: bool) -> Office:
    """An office that has done all this, with its books in order."""

    async def main() -> Office:
        inboxes: list[Inbox[Any]] = [
            Inbox(f"actor {number}", capacity=capacity, overflow=overflow)
            for number, (capacity, overflow) in enumerate(actors)
        ]
        office = Office(inboxes, downhill)
        await office.run(tuple(schedule))
        for inbox in inboxes:
            statistics = inbox.statistics()
            assert statistics.balanced
            left = statistics.queued, statistics.in_hand, statistics.waiting_senders, statistics.asks_in_flight
            assert left == (0, 0, 0, 0)
        return office

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


schedules = st.lists(st.lists(steps_of(JOB), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)
offices = st.lists(SETTINGS, min_size=ACTORS, max_size=ACTORS)
brief = settings(max_examples=35, deadline=None)


@brief
@given(offices, schedules)
def test_every_ask_ends_exactly_once_and_nobody_waits_for_ever(
    actors: list[tuple[int, Overflow]], schedule: list[tuple[Step, ...]]
) -> None:
    office = run_office(actors, schedule, downhill=False)
    assert all(len(ends) == 1 for ends in office.ends.values())


@brief
@given(offices, schedules)
def test_ordering_messages_of_one_sender_to_one_actor_are_taken_in_the_order_in_which_they_were_sent(
    actors: list[tuple[int, Overflow]], schedule: list[tuple[Step, ...]]
) -> None:
    office = run_office(actors, schedule, downhill=False)
    assert all(numbers == sorted(set(numbers)) for numbers in office.seen.values())


@brief
@given(offices, schedules)
def test_no_wait_is_refused_where_no_circle_can_be(
    actors: list[tuple[int, Overflow]], schedule: list[tuple[Step, ...]]
) -> None:
    office = run_office(actors, schedule, downhill=True)
    assert not [error for error in office.refused if isinstance(error, WaitCycleError)]
