"""Reading an agent's answer as a type of the client's."""

from contextlib import suppress
from typing import Any, Generic, cast

import msgspec
from typing_extensions import TypeVar

from actrio.agents.output import OutputInvalid, OutputType
from actrio.agents.tools import decode_model
from actrio.gateway._answers import End
from actrio.gateway._errors import OutputMismatch

T = TypeVar("T", default=Any)


class Typed(Generic[T]):
    """A type that an agent's answers are read as; what the gateway sends, unless one is given.

    Raises: InvalidOutputType: JSON cannot carry it.
    """

    def __init__(self, agent: str, kind: type[T] | None) -> None:
        self._agent = agent
        self._kind = kind
        self._output = None if kind is None or kind is str else OutputType(agent, kind)

    def read(self, end: End) -> T:
        """The answer. Raises: OutputMismatch."""
        if self._output is None:
            as_text = self._kind is str or end.data is None
            return cast("T", end.text if as_text else end.data)
        try:
            if end.data is not None:
                with suppress(TypeError):  # a union of classes: only the model's own words say which of them it is
                    return cast("T", msgspec.convert(end.data, self._kind, dec_hook=decode_model))
            return self._output.read(end.text)
        except (OutputInvalid, msgspec.ValidationError) as error:
            reason, at, path = str(error).rpartition(" - at `")
            problem = f"{path.rstrip('`')}: {reason}" if at else str(error)
            raise OutputMismatch(self._agent, self._kind, problem, end.text) from None
