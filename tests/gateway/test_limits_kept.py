"""What a gateway keeps of requests that are over, and of whom: in virtual time, over connections through memory."""

import json

import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.gateway import GatewayLimits
from actrio.mailbox import Codec, Request
from tests.gateway.kit import served
from tests.gateway.wire import answered, resumed, wired, writing

WORDS = " ".join(f"word{n}" for n in range(20))


async def test_of_requests_that_are_over_the_last_few_keep_their_events_and_more_their_end(
    autojump_clock: object, runtime: Runtime
) -> None:
    await writing(runtime, WORDS)
    async with served(runtime, limits=GatewayLimits(kept_requests=2)) as gateway, wired(gateway) as wire:
        session = (await wire.hear())["session"]
        for n in range(12):
            await answered(wire, f"r{n}")
        kinds = await resumed(gateway, session, *[f"r{n}" for n in range(12)])
    assert kinds[:2] == [["error"]] * 2, "2 whole and 8 ends are kept: these are forgotten"
    assert kinds[2:10] == [["gap", "end"]] * 8
    assert all(one[0] == "started" and one[-1] == "end" and "gap" not in one for one in kinds[10:])


async def test_events_go_once_they_have_been_kept_for_their_time(autojump_clock: object, runtime: Runtime) -> None:
    await writing(runtime, WORDS)
    async with served(runtime, limits=GatewayLimits(kept_s=2.0)) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            await answered(wire, "r")
        await trio.sleep(1.9)
        assert "gap" not in (await resumed(gateway, session, "r"))[0]
        await trio.sleep(1.2)  # it is looked after every half of the time
        assert await resumed(gateway, session, "r") == [["gap", "end"]]
        await trio.sleep(2.0)
        assert await resumed(gateway, session, "r") == [["error"]]


@frozen
class Fetched:
    text: str


@frozen
class Fetch(Request[Fetched]):
    size: int


class Shelf(Actor):
    @handles
    async def fetch(self, message: Fetch) -> Fetched:
        return Fetched("x" * message.size)


def shelf_codec() -> Codec:
    codec = Codec()
    codec.register(Fetch)
    codec.register(Fetched)
    return codec


async def test_what_is_kept_of_replies_is_bounded_in_bytes(autojump_clock: object, runtime: Runtime) -> None:
    await runtime.spawn(Shelf, name="shelf")
    limits = GatewayLimits(kept_bytes=50_000)
    kept = 0
    async with served(runtime, codec=shelf_codec(), expose=["shelf"], limits=limits) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            for n in range(20):
                await wire.say("ask", request_id=f"r{n}", agent="shelf", message={"type": "Fetch", "size": 10_000})
                assert (await wire.hear_end(f"r{n}"))[-1]["data"]
        async with wired(gateway) as wire:
            await wire.hear()
            await wire.come_back(session)
            for n in range(20):
                await wire.say("resume", request_id=f"r{n}", after=-1)
                kept += sum(len(json.dumps(frame)) for frame in await wire.hear_end(f"r{n}"))
    assert kept < 100_000


async def test_the_ends_that_are_kept_are_bounded_in_bytes_too(autojump_clock: object, runtime: Runtime) -> None:
    await writing(runtime, "x" * 10_000)
    kept = 0
    async with served(runtime, limits=GatewayLimits(kept_bytes=50_000)) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            for n in range(40):
                await answered(wire, f"r{n}")
        async with wired(gateway) as wire:
            await wire.hear()
            await wire.come_back(session)
            for n in range(40):
                await wire.say("resume", request_id=f"r{n}", after=-1)
                kept += sum(len(json.dumps(frame)) for frame in await wire.hear_end(f"r{n}"))
    assert kept < 150_000


async def test_a_request_that_was_forgotten_is_told_from_one_that_never_arrived(
    autojump_clock: object, runtime: Runtime
) -> None:
    """Else a client that has heard nothing of it would have it carried out again."""
    await writing(runtime, "Done.")
    codes: list[str] = []
    async with served(runtime, limits=GatewayLimits(kept_requests=1)) as gateway, wired(gateway) as wire:
        await wire.hear()
        for request_id in ("never", "never0"):
            await wire.say("resume", request_id=request_id, after=-1)
            codes.append((await wire.hear())["code"])
            for n in range(10):
                await answered(wire, f"{request_id}{n}")
    assert codes == ["unknown_request", "forgotten"]


async def test_the_session_that_was_away_longest_is_forgotten_first(autojump_clock: object, runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    sessions: list[str] = []
    async with served(runtime, limits=GatewayLimits(max_sessions=3)) as gateway:
        for _ in range(5):
            async with wired(gateway) as wire:
                sessions.append((await wire.hear())["session"])
                await answered(wire, "r")
        # Asking for one opens one, which for a moment is the third: two are left of the five.
        async with wired(gateway) as wire:
            await wire.hear()
            known = [await wire.come_back(session) for session in sessions[:3]]
        async with wired(gateway) as wire:
            await wire.hear()
            known += [await wire.come_back(sessions[4])]
    assert known == [False, False, False, True]


async def test_a_session_is_not_forgotten_while_its_client_is_there(autojump_clock: object, runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with served(runtime, limits=GatewayLimits(max_sessions=1)) as gateway, wired(gateway) as first:
        sessions = [(await first.hear())["session"]]
        await answered(first, "r")
        async with wired(gateway) as second:
            sessions.append((await second.hear())["session"])
            await answered(second, "r")
            async with wired(gateway) as third:
                await third.hear()
                assert await third.come_back(sessions[1]), "it is connected, as is the first"
                await third.say("resume", request_id="r", after=-1)
                assert (await third.hear_end("r"))[-1]["type"] == "end"
