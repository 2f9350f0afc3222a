"""How much dearer is a turn of a long conversation than of a short one, both through an agent? Processor time, µs."""

from collections.abc import Iterable
from time import process_time
from typing import Final

from actrio.actors import open_runtime
from actrio.agents import Agent, TurnMessages
from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers import KEY, MODEL, Exchange
from actrio.providers import Assistant, OpenAIProvider, User

_SHORT, _LONG = 2, 400  # messages

# A turn of a long conversation may cost 1.5 times one of a short one.
_FLAT: Final = 1 / 1.5


class _Past:
    """A store from which every conversation has so many messages."""

    def __init__(self, messages: int) -> None:
        said = [text for _, text in Exchange(messages=messages).conversation()]
        pairs = zip(said[::2], said[1::2], strict=True)
        self._turns: list[TurnMessages] = [(User(question), Assistant(answer)) for question, answer in pairs]

    async def load(self, agent: str, key: str) -> Iterable[TurnMessages]:
        return self._turns

    async def append(self, agent: str, key: str, turn: TurnMessages) -> None:
        pass

    async def replace(self, agent: str, key: str, turns: Iterable[TurnMessages]) -> None:
        pass


def _side(messages: int) -> Side:
    """Each turn is the next of a conversation that had so many messages before it was read from its store."""
    exchange = Exchange(tokens=4)

    async def side(size: int) -> float:
        provider = OpenAIProvider(MODEL, base_url=exchange.base_url, api_key=KEY)
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Agent("agent", provider, store=_Past(messages)))
            await ref.ask("Begin.", conversation="one")
            started = process_time()
            for number in range(size):
                reply = await ref.ask("Go on.", conversation="one")
                assert reply.usage.input_tokens == messages + 2 * (number + 1) + 1
            return (process_time() - started) / size * 1e6

    return side


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="history-flat",
        question=__doc__,
        unit="µs",
        kind="cost",
        actrio=_side(_LONG),
        baseline=_side(_SHORT),
        full=20,
        quick=10,
        reach=_FLAT,
    ),
)
