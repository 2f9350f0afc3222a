"""With trio-websocket and nothing around it: a server that sends texts which are ready, a client that takes them.

The least that a program can do that wants the frames. There is no agent behind it; no JSON is written or read while it
is measured; nothing is kept, counted, bounded or resumed. The texts are those that the gateway sends, the same fields
in the same order: the beginning, the tokens, the usage, and the end with the whole answer. Either one frame a token, or
with as many tokens in each as the gateway's frames had when it was measured last.
"""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import accumulate
from typing import Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, open_websocket, serve_websocket

from actrio.benchmarks.gateway._flow import Course, Flow
from actrio.benchmarks.gateway._sides import Ask, Open, Server

# As the gateway's own: messages that were received and not taken yet. With trio-websocket's default of 1 it is slower.
_QUEUE: Final = 16

_ID: Final = "0123abcd-1"  # as long as the gateway's client makes them

# Gives how many tokens each frame of an answer has, of the answer with that place among all.
Cut = Callable[[int], Sequence[int]]


def frames(flow: Flow, sizes: Sequence[int]) -> list[str]:
    """The texts of an answer's frames, those of its text with so many tokens each."""
    texts, ends = flow.texts, [*accumulate(sizes)]
    usage = {"input_tokens": 1, "output_tokens": flow.tokens}
    said: list[dict[str, object]] = [
        {"type": "started", "seq": 0, "agent": "writer"},
        {"type": "step_started", "seq": 1, "step": 1},
        *[
            {"type": "text_chunk", "seq": end + 1, "count": size, "text": "".join(texts[end - size : end])}
            for size, end in zip(sizes, ends, strict=True)
        ],
        {"type": "usage", "seq": flow.tokens + 2, "usage": usage},
        {
            "type": "end",
            "seq": flow.tokens + 3,
            "text": "".join(texts),
            "tokens_used": 1 + flow.tokens,
            "usage": usage,
            "finish_reason": "stop",
            "time_to_first_token": 0.00012345678,
            "duration": 0.0012345678,
            "steps": 1,
            "cost": 0.0,
        },
    ]
    return [_text(one) for one in said]


def _text(frame: dict[str, object]) -> str:
    if frame.get("count") == 1:
        del frame["count"]
    kind = frame.pop("type")
    return json.dumps({"type": kind, "request_id": _ID, **frame}, separators=(",", ":"))


def one_each(flow: Flow) -> Cut:
    """A frame for each token."""
    return lambda _: [1] * flow.tokens


class _Answer:
    """The frames of one answer, ready before it is asked for."""

    def __init__(self, course: Course, sizes: Sequence[int]) -> None:
        self._course = course
        self._sizes = sizes
        self._frames = frames(course.flow, sizes)

    async def send(self, websocket: WebSocketConnection) -> None:
        started, step, *texts, usage, end = self._frames
        await websocket.send_message(started)
        await websocket.send_message(step)
        token = 0
        for text, size in zip(texts, self._sizes, strict=True):
            for _ in range(size):
                await self._course.wait(token)
                token += 1
            await websocket.send_message(text)
        await websocket.send_message(usage)
        await websocket.send_message(end)

    async def receive(self, websocket: WebSocketConnection) -> None:
        last, message = self._frames[-1], ""
        while message != last:
            message = str(await websocket.get_message())
            self._course.take(message)

    def settle(self) -> None:
        """Read what was taken, once nothing is measured any more. An answer that nobody asked for has nothing."""
        taken = self._course.taken
        read = [(json.loads(message), at) for message, at in taken]
        self._course.taken = [(frame["text"], at) for frame, at in read if frame["type"] == "text_chunk"]
        assert not taken or len(taken) == len(self._frames), f"{len(taken)} frames for {self._course.flow}"


def with_bare(cut: Cut) -> Server:
    """Makes the server of frames cut like that; see `Server`."""

    @asynccontextmanager
    async def server(courses: Mapping[str, Course]) -> AsyncGenerator[Open]:
        ready = {request_text(course): _Answer(course, cut(place)) for place, course in enumerate(courses.values())}

        async def handle(request: WebSocketRequest) -> None:
            websocket = await request.accept()
            with suppress(ConnectionClosed):
                while True:
                    await ready[str(await websocket.get_message())].send(websocket)

        @asynccontextmanager
        async def opened() -> AsyncGenerator[Ask]:
            async with open_websocket("127.0.0.1", port, "/", use_ssl=False, message_queue_size=_QUEUE) as websocket:

                async def ask(course: Course) -> None:
                    request = request_text(course)
                    await websocket.send_message(request)
                    await ready[request].receive(websocket)

                yield ask

        async with trio.open_nursery() as nursery:
            listen = partial(serve_websocket, handle, "127.0.0.1", 0, None, message_queue_size=_QUEUE)
            port = (await nursery.start(listen)).port
            yield opened
            nursery.cancel_scope.cancel()
        for answer in ready.values():
            answer.settle()

    return server


def request_text(course: Course) -> str:
    """What a client asks with."""
    return _text({"type": "user_message", "agent": "writer", "text": course.question})
