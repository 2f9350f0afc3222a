"""The hosts suite: what it costs a program that is not on Trio to use the runtime, beside anyio's blocking portal.

- `_measure`: a thread for the program that is measured, and its costs, on the clock and of the processor.
- `_calls`: the ways to have a function of the runtime called. `_ask`, `_noop`: what is called.
- `_streams`: the ways to read a stream of the runtime. `_text`, `_channel`: what is read.
"""

from actrio.benchmarks._harness import Suite
from actrio.benchmarks.hosts import _ask, _channel, _noop, _text

__all__ = ["SUITE"]

_NOTES = """\
ask, noop: a call, beside the same call through `anyio.from_thread.start_blocking_portal("trio")`. text, channel: an
item of a stream, beside an item of a memory channel between two tasks of one Trio run (-item), where nothing crosses;
or through the portal (-portal), a call an item, as it has no streams. Where 1.5 times the channel's item is more than
30 µs, that is enough (0.67). native: in Trio itself. blocking: `Host`. asyncio: `AsyncioHost`. guest: its mode. loop:
`GuestHost`, in a loop that is neither's. µs are time on the clock, which is what a caller waits; those of -cpu are
processor time of this process, all threads: with nothing else at work they are the same, as the threads take turns."""

SUITE: Suite = Suite(
    name="hosts",
    beside="anyio's blocking portal, and a memory channel",
    scenarios=(*_ask.SCENARIOS, *_noop.SCENARIOS, *_text.SCENARIOS, *_channel.SCENARIOS),
    notes=_NOTES,
)
