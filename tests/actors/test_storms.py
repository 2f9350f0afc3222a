"""Nested supervisors in storms of crashes, stops, spawns, cancellations and Ctrl-C: no task and no error is lost."""

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.actors.crew import order_tasks_by
from tests.actors.storm_cast import Blow, Ending, Life, Role, Storm, Troupe, World
from tests.actors.storms import weather

restarts = st.sampled_from(["permanent", "permanent", "transient", "temporary"])
lives = st.builds(
    Life,
    start=st.sampled_from([0, 0, 0, 0.5]),
    fails=st.sampled_from([False, False, False, True]),
    stop=st.sampled_from([0, 0, 0.5, 3]),
    task=st.sampled_from([*[None] * 8, 0, 0.5, 1000]),
)
roles = st.builds(
    Role,
    coroutine=st.sampled_from([False, False, True]),
    restart=restarts,
    lives=st.lists(lives, min_size=1, max_size=3),
    concurrency=st.sampled_from([1, 1, 2]),
    redeliver=st.sampled_from([False, False, True]),
    grace=st.sampled_from([0, 1]),
)


def troupes(below: int) -> st.SearchStrategy[Troupe]:
    members = st.one_of(roles, troupes(below - 1)) if below else roles
    return st.builds(
        Troupe,
        strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
        restart=restarts,
        intensity=st.sampled_from([0, 1, 2, 5]),
        members=st.lists(members, min_size=1, max_size=3),
    )


hits = ["crash", "crash", "resist", "nap", "ask", "task", "child", "stop itself", "watch", "return"]
verbs = [
    *(f"{how} {hit}" for how in ("tell", "ask") for hit in hits),
    *["cancel", "stop", "watch", "spawn", "sleep"] * 2,
]
blows = st.builds(
    Blow,
    what=st.sampled_from(verbs),
    to=st.integers(0, 7),
    other=st.integers(0, 5),
    seconds=st.sampled_from([0, 0, 0.5, 1, 3]),
)
endings: list[Ending] = ["leave", "raise", "wait", "early", "cancel", "ctrl-c"]


def run(storm: Storm) -> World | None:
    """None if it was interrupted at its very end, when there is nobody left to take that."""
    order_tasks_by(storm.seed)

    async def main() -> World:
        with trio.fail_after(1e5):
            return await weather(storm)

    try:
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except KeyboardInterrupt:
        assert storm.ending == "ctrl-c"
        return None


@pytest.mark.parametrize("ending", endings)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(troupe=troupes(2), blows=st.lists(blows, max_size=14), at=st.integers(1, 400), seed=st.integers(0, 2**16))
def test_after_any_storm_nothing_is_left_and_every_error_has_reached_somebody(
    ending: Ending, troupe: Troupe, blows: list[Blow], at: int, seed: int
) -> None:
    run(Storm(troupe, blows, ending, at, seed))
