"""Random schedules of telling, asking, cancelling, crashing and stopping, against what must always hold."""

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.mailbox import ActrioError
from tests.actors.crew import order_tasks_by
from tests.actors.plays import FAILURES, NAMES, Act, Cast, Play, World, perform

casts = st.builds(
    Cast,
    coroutine=st.sampled_from([False, False, True]),
    restart=st.sampled_from(["permanent", "permanent", "transient", "temporary"]),
    slow=st.booleans(),
    flaky=st.booleans(),
    concurrency=st.sampled_from([1, 1, 2]),
    capacity=st.integers(1, 4),
    overflow=st.sampled_from(["wait", "reject", "drop_oldest", "drop_newest"]),
    redeliver=st.sampled_from([False, False, True]),
)
verbs = [
    *["tell", "ask", "sleep"] * 3,
    *["detached", "cancel", "stop", "checkpoint", "task", "child"],
]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    cast = draw(st.lists(casts, min_size=2, max_size=4))
    names = NAMES[: len(cast)]
    acts = st.builds(
        Act,
        what=st.sampled_from(verbs),
        to=st.sampled_from(names),
        seconds=st.sampled_from([0, 0, 0.5, 1, 3]),
        fails=st.sampled_from([False, False, False, True]),
        via=st.text(names + names.upper(), max_size=3),
    )
    return Play(
        strategy=draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        nested=draw(st.booleans()),
        cast=cast,
        acts=draw(st.lists(acts, min_size=5, max_size=40)),
        seed=draw(st.integers(0, 2**16)),
    )


def run(play: Play) -> World:
    order_tasks_by(play.seed)
    return trio.run(perform, play, clock=trio.testing.MockClock(autojump_threshold=0))


@settings(max_examples=100, deadline=None)
@given(plays())
def test_whatever_the_schedule_order_and_conservation_hold_and_every_ask_ends_once(play: Play) -> None:
    run(play)


@settings(max_examples=25, deadline=None)
@given(plays())
def test_the_same_schedule_and_seed_give_the_same_log(play: Play) -> None:
    assert run(play).log == run(play).log


def test_the_schedules_reach_every_outcome() -> None:
    """Else the tests above would say nothing of them."""
    seen = set[str]()

    @settings(max_examples=500, deadline=None, database=None, derandomize=True)
    @given(plays())
    def collect(play: Play) -> None:
        for outcomes in run(play).outcomes.values():
            seen.update(outcomes)

    collect()
    assert seen >= {"reply", "ValueError", "ActorStopped", "MailboxFull", "AskCycleError", "cancelled"}


def test_errors_of_actrio_are_told_apart_from_those_of_handlers() -> None:
    assert all(issubclass(error, ActrioError) for error in FAILURES[2:])
