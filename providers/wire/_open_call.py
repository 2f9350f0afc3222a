"""A tool call whose arguments are still coming."""

import msgspec

from actrio.providers._events import Arrived, ToolCallDelta, ToolCallFinished


class OpenCall(msgspec.Struct):
    """A tool call that has begun and not ended.

    Attributes:
        id, name: Of the call.
        fragments: The pieces of its arguments that came.
    """

    id: str
    name: str
    fragments: list[str] = []

    def grow(self, fragment: str, arrived: Arrived) -> None:
        """Take a piece of the arguments, which may be empty, and hand it over."""
        if fragment:
            self.fragments.append(fragment)
            arrived(ToolCallDelta(self.id, fragment))

    def finished(self) -> ToolCallFinished:
        """The event for its end."""
        return ToolCallFinished(self.id, self.name, "".join(self.fragments))
