"""thespian: actors on its `simpleSystemBase`.

The fast path: that base runs every actor in the caller's process, one message after the other; the others start a
process for each actor. Messages are plain values. What its `tell` sends has been handled when it returns.
"""

from time import perf_counter

from program import measured_bytes
from thespian.actors import Actor, ActorSystem

ACTORS = 1_000
restart = "it gives a message that failed to the same actor again, and restarts nothing"


class Counter(Actor):
    total = 0

    def receiveMessage(self, message, sender):
        if message is None:
            self.send(sender, self.total)
        elif isinstance(message, int):
            self.total += message


class Doubler(Actor):
    def receiveMessage(self, message, sender):
        if isinstance(message, int):
            self.send(sender, 2 * message)


class Sender(Actor):
    def receiveMessage(self, message, sender):
        if isinstance(message, tuple):
            target, count = message
            for _ in range(count):
                self.send(target, 1)


class Asker(Actor):
    """Asks all, and answers with the sum of the answers."""

    def receiveMessage(self, message, sender):
        if isinstance(message, list):
            self.asker, self.left, self.total = sender, len(message), 0
            for number, target in enumerate(message):
                self.send(target, number)
        elif isinstance(message, int):
            self.total += message
            self.left -= 1
            if not self.left:
                self.send(self.asker, self.total)


class Member(Actor):
    after, visits = None, 0

    def receiveMessage(self, message, sender):
        if message is None:
            self.send(sender, self.visits)
        elif isinstance(message, int):
            self.visits += 1
            if message:
                self.send(self.after, message - 1)
        elif isinstance(message, tuple):
            (self.after,) = message


class _System:
    def __enter__(self):
        self.system = ActorSystem("simpleSystemBase")
        return self.system

    def __exit__(self, *_):
        self.system.shutdown()


def tell(bursts: int) -> float:
    with _System() as system:
        ref = system.createActor(Counter)
        started = perf_counter()
        for _ in range(bursts * 1_000):
            system.tell(ref, 1)
        total = system.ask(ref, None)
        seconds = perf_counter() - started
    assert total == bursts * 1_000
    return total / seconds


def fan_in(bursts: int) -> float:
    with _System() as system:
        ref = system.createActor(Counter)
        senders = [system.createActor(Sender) for _ in range(100)]
        started = perf_counter()
        for _ in range(bursts):
            for sender in senders:
                system.tell(sender, (ref, 10))
        total = system.ask(ref, None)
        seconds = perf_counter() - started
    assert total == 100 * bursts * 10
    return total / seconds


def ask(asks: int) -> float:
    with _System() as system:
        ref, total = system.createActor(Doubler), 0
        started = perf_counter()
        for number in range(asks):
            total += system.ask(ref, number)
        seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    return asks / seconds


def asks_100(waves: int) -> float:
    with _System() as system:
        asker, refs, total = system.createActor(Asker), [system.createActor(Doubler) for _ in range(100)], 0
        started = perf_counter()
        for _ in range(waves):
            total += system.ask(asker, refs)
        seconds = perf_counter() - started
    assert total == waves * 9_900
    return waves * 100 / seconds


def spawn(actors: int) -> float:
    with _System() as system:
        started = perf_counter()
        refs = []
        for _ in range(actors):
            ref = system.createActor(Counter)
            system.tell(ref, 1)
            refs.append(ref)
        seconds = perf_counter() - started
        assert sum(system.ask(ref, None) for ref in refs) == actors
    return seconds / actors * 1e6


def ring(hops: int) -> float:
    with _System() as system:
        refs = [system.createActor(Member) for _ in range(ACTORS)]
        for place, ref in enumerate(refs):
            system.tell(ref, (refs[(place + 1) % ACTORS],))
        started = perf_counter()
        system.tell(refs[0], hops - 1)
        seconds = perf_counter() - started
        assert sum(system.ask(ref, None) for ref in refs) == hops
    return hops / seconds


def idle_bytes(actors: int) -> float:
    refs = []
    with _System() as system:

        def add(count: int) -> None:
            for _ in range(count):
                refs.append(system.createActor(Counter))
                system.tell(refs[-1], 1)

        with measured_bytes() as in_use:
            add(500)
            before = in_use()
            add(actors)
            used = in_use() - before
    return used / actors
