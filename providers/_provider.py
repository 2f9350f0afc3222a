"""The protocol between agents and models: a request in, a stream of events out."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol, Self, runtime_checkable

from actrio.providers._events import ModelEvent
from actrio.providers._request import ModelRequest


class ModelStream(Protocol):
    """The events of one answer: an async iterator for one consumer, in a stream's `async with` block.

    - A successful answer ends with exactly one `Finished`; after it the iterator stops.
    - An answer that fails raises once, then the iterator stops. The events before the error were all delivered.
    - Iterating past the end raises StopAsyncIteration again, however often.
    - A `__anext__` that is cancelled ends the stream: what was on its way is lost, and the iterator stops.
    - Every wait for the model is a checkpoint. Events that arrived together are given out without one each.

    Raises:
        ProviderError: by `__anext__`, when the model, its server or the connection failed.
        trio.BusyResourceError: by `__anext__`, when another task is in it.
        trio.ClosedResourceError: by `__anext__`, when the `async with` block was left before the answer had ended.
    """

    def __aiter__(self) -> Self:
        """Give the stream itself: it is read once."""
        ...

    async def __anext__(self) -> ModelEvent:
        """Wait for the next event."""
        ...


class Connection(Protocol):
    """An open provider. Any number of streams may be open at once; where the model takes fewer, the others wait."""

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[ModelStream]:
        """Send the request and stream the answer.

        One call is one request: a provider never retries. The request is sent on entering the block, which may wait
        until the server has room for it. Leaving the block, early or at the end, by an error or by cancellation, closes
        the underlying stream before it returns, so that the model stops working for nobody; what the body of the block
        raised passes through as it is.

        Raises:
            ProviderError: on entering, when the request was refused or did not get through.
            trio.ClosedResourceError: on entering, when the provider's own block has been left.
        """
        ...


@runtime_checkable
class Provider(Protocol):
    """A model, or several behind one door. It is a description: only what `open()` gives holds resources.

    Invariant: a provider may be opened any number of times, also at once, and each time stands for itself.
    """

    @property
    def name(self) -> str:
        """The name that errors and metrics give it."""
        ...

    def open(self) -> AbstractAsyncContextManager[Connection]:
        """Start what the provider needs: a server, an HTTP client. A runtime does this once, when it is first used.

        Leaving the block stops it all: no task, thread, socket or process is left. Streams must have been left before,
        as nesting the blocks ensures. What the body raised passes through as it is. Cancelling while it opens stops
        what was started before Cancelled comes out.

        Raises:
            ProviderError: on entering, when it cannot be started; the message says what to do.
        """
        ...
