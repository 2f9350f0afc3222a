from collections.abc import Awaitable, Callable
from math import inf

import pytest
import trio
import trio.testing
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import ModelRequest, Quota, RateLimited, Usage, User
from actrio.providers.policy import Limits
from actrio.providers.policy._limiter import Limiter, Place


def asking(tokens: int) -> ModelRequest:
    """A request that is estimated to cost so many tokens."""
    return ModelRequest([User("")], max_tokens=tokens)


def refusal(seconds: float | None = None) -> RateLimited:
    return RateLimited("x", 429, "slow", retry_after_s=seconds)


class Crowd:
    """Tasks that ask a limiter, each noting when it was let through."""

    def __init__(self, limiter: Limiter, nursery: trio.Nursery) -> None:
        self.limiter = limiter
        self.entered: list[tuple[str, float]] = []
        self.places: dict[str, Place] = {}
        self._nursery = nursery

    async def ask(self, name: str, tokens: int = 1, hold_s: float = inf) -> trio.CancelScope:
        """Have a task ask, and let it get as far as it can."""
        scope = trio.CancelScope()
        self._nursery.start_soon(self._ask, name, tokens, hold_s, scope)
        await trio.testing.wait_all_tasks_blocked()
        return scope

    async def _ask(self, name: str, tokens: int, hold_s: float, scope: trio.CancelScope) -> None:
        with scope:
            place = await self.limiter.enter(asking(tokens))
            self.entered.append((name, trio.current_time()))
            self.places[name] = place
            place.answered(None)
            try:
                await trio.sleep(hold_s)
            finally:
                place.leave()


async def test_who_waits_first_goes_first(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(requests_per_minute=60, concurrent_requests=1)), nursery)
        for name in "abcd":
            await crowd.ask(name, hold_s=2)

    assert crowd.entered == [("a", 0), ("b", 2), ("c", 4), ("d", 6)]


async def test_a_big_request_at_the_head_is_not_overtaken(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(tokens_per_minute=600)), nursery)
        await crowd.ask("first", 500, hold_s=0)
        await crowd.ask("big", 600, hold_s=0)
        await crowd.ask("small", 1, hold_s=0)

    assert [name for name, _ in crowd.entered] == ["first", "big", "small"]
    assert [at for _, at in crowd.entered] == pytest.approx([0, 50, 50.1])


async def test_who_comes_when_others_wait_waits_behind_them(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(tokens_per_minute=600, concurrent_requests=5)), nursery)
        await crowd.ask("all", 600)
        big = await crowd.ask("big", 60)
        await trio.sleep(5.95)
        await crowd.ask("small", 1)
        assert [name for name, _ in crowd.entered] == ["all"]
        await trio.sleep(1)
        assert [name for name, _ in crowd.entered] == ["all", "big", "small"]
        big.cancel()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("leaver", [1, 2, 3])
async def test_who_leaves_the_queue_leaves_no_trace(leaver: int, autojump_clock: trio.testing.MockClock) -> None:
    limiter = Limiter(Limits(concurrent_requests=1))
    async with trio.open_nursery() as nursery:
        crowd = Crowd(limiter, nursery)
        scopes = [await crowd.ask(str(number), hold_s=10) for number in range(4)]
        await trio.sleep(1)

        scopes[leaver].cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert limiter.statistics().waiting == 2

    assert [name for name, _ in crowd.entered] == [str(number) for number in range(4) if number != leaver]
    assert [at for _, at in crowd.entered] == [0, 10, 20]


async def test_when_the_head_leaves_the_next_goes_at_once_if_it_may(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(tokens_per_minute=600)), nursery)
        await crowd.ask("first", 500, hold_s=0)
        big = await crowd.ask("big", 600)
        await crowd.ask("small", 50, hold_s=0)
        await trio.sleep(3)

        big.cancel()

    assert crowd.entered == [("first", 0), ("small", 3)]


async def test_a_place_is_free_in_the_moment_its_stream_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(concurrent_requests=1)), nursery)
        holder = await crowd.ask("holder")
        await crowd.ask("next", hold_s=0)
        await trio.sleep(4)

        holder.cancel()

    assert crowd.entered == [("holder", 0), ("next", 4)]


async def test_tokens_not_used_let_the_head_go_sooner(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Limiter(Limits(tokens_per_minute=600)), nursery)
        first = await crowd.ask("first", 600)
        await crowd.ask("next", 300, hold_s=0)
        await trio.sleep(3)
        crowd.places["first"].cost(Usage(100, 50))

        first.cancel()

    assert crowd.entered == [("first", 0), ("next", 3)]


async def test_a_request_that_was_not_answered_costs_no_tokens(autojump_clock: trio.testing.MockClock) -> None:
    limiter = Limiter(Limits(tokens_per_minute=600))
    unanswered = await limiter.enter(asking(400))
    answered = await limiter.enter(asking(200))
    answered.answered(None)

    unanswered.leave()
    answered.leave()

    assert limiter.statistics().tokens_available == 400


async def test_a_refusal_closes_the_gate_for_all_and_a_longer_one_for_longer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limiter = Limiter(Limits())
    first, second = await limiter.enter(asking(1)), await limiter.enter(asking(1))
    first.refused(refusal(5))
    async with trio.open_nursery() as nursery:
        crowd = Crowd(limiter, nursery)
        await crowd.ask("a", hold_s=0)
        await crowd.ask("b", hold_s=0)
        await trio.sleep(1)
        second.refused(refusal(9))
        assert limiter.statistics().closed_for_s == 9

    assert crowd.entered == [("a", 10), ("b", 10)]


async def test_an_answer_with_nothing_left_closes_the_gate_until_the_reset(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limiter = Limiter(Limits())
    place = await limiter.enter(asking(1))
    place.answered(Quota(requests_left=0, requests_reset_s=6))
    async with trio.open_nursery() as nursery:
        crowd = Crowd(limiter, nursery)
        await crowd.ask("next", hold_s=0)

    assert crowd.entered == [("next", 6)]


async def test_the_statistics_tell_how_full_it_is_and_what_it_cost(autojump_clock: trio.testing.MockClock) -> None:
    limiter = Limiter(Limits(requests_per_minute=2, tokens_per_minute=600))
    async with trio.open_nursery() as nursery:
        crowd = Crowd(limiter, nursery)
        for name in "abcd":
            await crowd.ask(name, 100)
        now = limiter.statistics()
        assert (now.waiting, now.in_flight, now.waits, now.waited_s) == (2, 2, 2, 0)
        assert (now.requests_available, now.tokens_available) == (0, 400)

        await trio.sleep(31)
        now = limiter.statistics()
        assert (now.waiting, now.in_flight, now.waits, now.waited_s) == (1, 3, 2, 30)

        nursery.cancel_scope.cancel()

    now = limiter.statistics()
    assert (now.waiting, now.in_flight, now.waits, now.waited_s) == (0, 0, 2, 61)


async def test_a_request_that_need_not_wait_does_not_even_checkpoint() -> None:
    limiter = Limiter(Limits(requests_per_minute=10))

    with trio.testing.assert_no_checkpoints():
        place = await limiter.enter(asking(1))

    place.leave()


@frozen
class Visit:
    """One request of a schedule. Times are such that no two things happen at once."""

    arrives_at: float
    holds_s: float
    leaves_queue_after_s: float


def visits(drawn: list[tuple[int, int, int]]) -> list[Visit]:
    arrives_at, schedule = 0.0, []
    for number, (gap, hold, patience) in enumerate(drawn):
        arrives_at += gap + 0.001
        schedule.append(Visit(arrives_at, hold + 0.0101 * (number + 1), patience + 0.3 + 0.000_37 * number))
    return schedule


schedules = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.sampled_from([0, 1, 5, 20, 1000])), max_size=25
).map(visits)


def foreseen(schedule: list[Visit], per_minute: int, concurrent: int) -> list[float | None]:
    """When each is let through, None for never, by the book: in order, one at a time, level by level."""
    entered: list[float | None] = []
    ends: list[float] = []
    level, level_at, turn_at = float(per_minute), 0.0, 0.0
    for visit in schedule:
        head_at = max(visit.arrives_at, turn_at)
        level = min(per_minute, level + (head_at - level_at) * per_minute / 60)
        level_at = head_at
        go_at = head_at + max(0.0, (1 - level) * 60 / per_minute)
        busy = sorted(end for end in ends if end > head_at)
        if len(busy) >= concurrent:
            go_at = max(go_at, busy[len(busy) - concurrent])
        leaves_at = visit.arrives_at + visit.leaves_queue_after_s
        if go_at > visit.arrives_at and leaves_at < go_at:
            entered.append(None)
            turn_at = max(turn_at, leaves_at)
            continue
        level = min(per_minute, level + (go_at - level_at) * per_minute / 60) - 1
        level_at = turn_at = go_at
        entered.append(go_at)
        ends.append(go_at + visit.holds_s)
    return entered


async def played(schedule: list[Visit], limiter: Limiter) -> list[float | None]:
    """When each is let through, in truth."""
    entered: list[float | None] = [None] * len(schedule)

    async def visit(number: int, visit: Visit) -> None:
        await trio.sleep_until(visit.arrives_at)
        with trio.move_on_at(visit.arrives_at + visit.leaves_queue_after_s) as patience:
            place = await limiter.enter(asking(1))
            patience.deadline = inf
            entered[number] = trio.current_time()
            try:
                await trio.sleep(visit.holds_s)
            finally:
                place.leave()

    async with trio.open_nursery() as nursery:
        for number, one in enumerate(schedule):
            nursery.start_soon(visit, number, one)
    return entered


def on_virtual_time(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@given(schedules, st.integers(1, 30), st.integers(1, 4))
def test_every_schedule_of_coming_waiting_giving_up_and_ending_goes_by_the_book(
    schedule: list[Visit], per_minute: int, concurrent: int
) -> None:
    async def main() -> None:
        limiter = Limiter(Limits(requests_per_minute=per_minute, concurrent_requests=concurrent))
        entered = await played(schedule, limiter)

        assert entered == [at if at is None else pytest.approx(at) for at in foreseen(schedule, per_minute, concurrent)]
        left = limiter.statistics()
        assert (left.waiting, left.in_flight) == (0, 0)

    on_virtual_time(main)


@given(schedules, st.data())
def test_whatever_happens_no_place_is_lost_and_none_is_made(schedule: list[Visit], data: st.DataObject) -> None:
    outcomes = data.draw(st.lists(st.sampled_from(["used", "unknown", "refused", "told"]), min_size=25, max_size=25))

    async def main() -> None:
        limiter = Limiter(Limits(requests_per_minute=20, tokens_per_minute=500, concurrent_requests=3))
        inside: set[int] = set()

        async def visit(number: int, visit: Visit) -> None:
            await trio.sleep_until(visit.arrives_at)
            with trio.move_on_after(visit.leaves_queue_after_s):
                place = await limiter.enter(asking(number * 9 + 1))
                inside.add(number)
                try:
                    await trio.sleep(visit.holds_s)
                    if outcomes[number] == "refused":
                        place.refused(refusal(None if number % 2 else visit.holds_s))
                    else:
                        place.answered(Quota(tokens_left=0, tokens_reset_s=2) if outcomes[number] == "told" else None)
                        if outcomes[number] == "used":
                            place.cost(Usage(number, 300))
                finally:
                    inside.remove(number)
                    place.leave()
                    assert limiter.statistics().in_flight == len(inside) <= 3

        async with trio.open_nursery() as nursery:
            for number, one in enumerate(schedule):
                nursery.start_soon(visit, number, one)
        left = limiter.statistics()
        assert (left.waiting, left.in_flight) == (0, 0)
        await trio.sleep(10_000)
        assert limiter.statistics().tokens_available == pytest.approx(500 * limiter.statistics().pace, abs=1)

    on_virtual_time(main)
