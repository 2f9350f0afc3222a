"""pykka: a thread for each `ThreadingActor`.

The fast path: `on_receive` with messages of one's own, `ref.tell` and `ref.ask`. Proxies, which its documentation shows
first, take several times as long.
"""

import threading
from time import perf_counter

import pykka
from program import measured_bytes

ACTORS = 1_000
restart = "it restarts no actor"


class Counter(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message):
        if message is None:
            return self.total
        amount, done = message
        self.total += amount
        if done is not None:
            done.set()


class Doubler(pykka.ThreadingActor):
    def on_receive(self, message):
        return 2 * message


class Member(pykka.ThreadingActor):
    def __init__(self, place, refs, done) -> None:
        super().__init__()
        self.after, self.refs, self.done, self.visits = (place + 1) % ACTORS, refs, done, 0

    def on_receive(self, message):
        if message is None:
            return self.visits
        self.visits += 1
        if message:
            self.refs[self.after].tell(message - 1)
        else:
            self.done.set()


def tell(bursts: int) -> float:
    ref, one = Counter.start(), (1, None)
    started = perf_counter()
    for _ in range(bursts):
        for _ in range(999):
            ref.tell(one)
        done = threading.Event()
        ref.tell((1, done))
        done.wait()
    seconds = perf_counter() - started
    assert ref.ask(None) == bursts * 1_000
    ref.stop()
    return bursts * 1_000 / seconds


def fan_in(bursts: int) -> float:
    ref, one = Counter.start(), (1, None)

    def sender() -> None:
        for _ in range(bursts * 10):
            ref.tell(one)

    threads = [threading.Thread(target=sender) for _ in range(100)]
    started = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = ref.ask(None)
    seconds = perf_counter() - started
    assert total == 100 * bursts * 10
    ref.stop()
    return total / seconds


def ask(asks: int) -> float:
    ref, total = Doubler.start(), 0
    started = perf_counter()
    for number in range(asks):
        total += ref.ask(number)
    seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    ref.stop()
    return asks / seconds


def asks_100(waves: int) -> float:
    refs, total = [Doubler.start() for _ in range(100)], 0
    started = perf_counter()
    for _ in range(waves):
        total += sum(pykka.get_all([ref.ask(n, block=False) for n, ref in enumerate(refs)]))
    seconds = perf_counter() - started
    assert total == waves * 9_900
    pykka.ActorRegistry.stop_all()
    return waves * 100 / seconds


def spawn(actors: int) -> float:
    started = perf_counter()
    refs = [Counter.start() for _ in range(actors)]
    events = [threading.Event() for _ in refs]
    for ref, event in zip(refs, events):
        ref.tell((1, event))
    for event in events:
        event.wait()
    seconds = perf_counter() - started
    pykka.ActorRegistry.stop_all()
    return seconds / actors * 1e6


def ring(hops: int) -> float:
    done, refs = threading.Event(), []
    refs.extend(Member.start(place, refs, done) for place in range(ACTORS))
    started = perf_counter()
    refs[0].tell(hops - 1)
    done.wait()
    seconds = perf_counter() - started
    assert sum(ref.ask(None) for ref in refs) == hops
    pykka.ActorRegistry.stop_all()
    return hops / seconds


def idle_bytes(actors: int) -> float:
    """Without the stacks of its threads, which the system lends."""
    refs = []

    def add(count: int) -> None:
        for _ in range(count):
            ref, done = Counter.start(), threading.Event()
            ref.tell((1, done))
            done.wait()
            refs.append(ref)

    with measured_bytes() as in_use:
        add(500)
        before = in_use()
        add(actors)
        used = in_use() - before
    pykka.ActorRegistry.stop_all()
    return used / actors
