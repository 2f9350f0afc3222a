"""What is streamed, and what is noted of one answer: when each token was given, and when it was in hand."""

import random
from time import perf_counter
from typing import Final

import trio
from attrs import define, field, frozen

SEED: Final = 1873

# The next token comes after this many times the pace, drawn anew for each.
_LEAST_GAP, _MOST_GAP = 0.5, 1.5


@frozen
class Flow:
    """How answers are streamed.

    Attributes:
        tokens: How many an answer has, each of five characters that tell which it is.
        pace_ms: From one token to the next, in the mean. 0: each follows the one before at once.
        spread_ms: Within how long an answer is asked for, so that not all of them begin at once.
    """

    tokens: int
    pace_ms: float = 0.0
    spread_ms: float = 0.0

    @property
    def texts(self) -> tuple[str, ...]:
        """The tokens."""
        return tuple(f" {number:04}" for number in range(self.tokens))

    def courses(self, size: int) -> "list[Course]":
        """So many answers. Their tokens come at times that are drawn, the same in every run and on either side."""
        draw = random.Random(SEED)  # noqa: S311 - a made-up distribution, not a secret
        return [Course(self, str(number), self._times(draw)) for number in range(size)]

    def _times(self, draw: random.Random) -> tuple[float, ...]:
        now = draw.uniform(0, self.spread_ms) / 1e3
        times = [now]
        for _ in range(self.tokens):
            now += draw.uniform(_LEAST_GAP, _MOST_GAP) * self.pace_ms / 1e3
            times.append(now)
        return tuple(times)


@define(eq=False)
class Course:
    """One answer under way, on either side. Its clock is that of `perf_counter`.

    Attributes:
        flow: How it is streamed.
        question: What asks for it, unlike all others.
        times: When it is asked for, then when each token comes, in seconds on Trio's clock.
        asked: When it was asked for.
        given: When the model had each token.
        taken: What the client had in hand, and when: pieces of one token or more.
    """

    flow: Flow
    question: str
    times: tuple[float, ...]
    asked: float = 0.0
    given: list[float] = field(factory=list[float])
    taken: list[tuple[str, float]] = field(factory=list[tuple[str, float]])
    _began: float = 0.0

    async def ask(self) -> None:
        """Wait until it is to be asked for."""
        if self.times[0]:
            await trio.sleep(self.times[0])
        self.asked = perf_counter()

    async def wait(self, number: int) -> None:
        """Wait until token ``number`` is there. No checkpoint where all are."""
        if self.flow.pace_ms:
            if number == 0:
                self._began = trio.current_time() - self.times[0]
            await trio.sleep_until(self._began + self.times[number + 1])
        self.given.append(perf_counter())

    def take(self, piece: str) -> None:
        """Note that a piece is in hand."""
        self.taken.append((piece, perf_counter()))

    def check(self) -> None:
        """Assert that every token arrived, in order and once."""
        got, wanted = "".join([piece for piece, _ in self.taken]), "".join(self.flow.texts)
        assert got == wanted, f"{got!r} for {self.flow}"
        assert len(self.given) == self.flow.tokens, f"{len(self.given)} tokens given for {self.flow}"

    def pieces(self) -> list[int]:
        """How many tokens each piece was of."""
        return [len(piece) // len(self.flow.texts[0]) for piece, _ in self.taken]

    def first_s(self) -> float:
        """From the question to the first token."""
        return self.taken[0][1] - self.asked

    def late_s(self) -> list[float]:
        """How long each token took from the model to the client's hand."""
        at = [time for (_, time), tokens in zip(self.taken, self.pieces(), strict=True) for _ in range(tokens)]
        return [taken - given for given, taken in zip(self.given, at, strict=True)]
