"""Calls of one turn that wait for a person."""

from collections.abc import Generator
from contextlib import contextmanager

import trio

from actrio.agents._errors import NoSuchApproval
from actrio.agents.tools import Verdict


class Approval:
    """One call that waits. The first verdict stands."""

    __slots__ = ("_given", "_verdict")

    def __init__(self) -> None:
        self._given = trio.Event()
        self._verdict: Verdict | None = None

    def give(self, verdict: Verdict) -> None:
        """Say it."""
        if self._verdict is None:
            self._verdict = verdict
            self._given.set()

    async def verdict(self) -> Verdict:
        """Wait for it."""
        await self._given.wait()
        assert self._verdict is not None
        return self._verdict


class Approvals:
    """Those of one turn, in any number and answered in any order."""

    __slots__ = ("_agent", "_conversation", "_waiting")

    def __init__(self, agent: str, conversation: str | None) -> None:
        self._agent = agent
        self._conversation = conversation
        self._waiting: dict[str, Approval] = {}  # {id of the call: …}

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids of the calls that wait."""
        return tuple(self._waiting)

    @contextmanager
    def open(self, call_id: str) -> Generator[Approval]:
        """Let a call wait inside the block."""
        approval = self._waiting[call_id] = Approval()
        try:
            yield approval
        finally:
            del self._waiting[call_id]

    def give(self, call_id: str, verdict: Verdict) -> None:
        """Say it to a call. Raises: NoSuchApproval."""
        approval = self._waiting.get(call_id)
        if approval is None:
            raise NoSuchApproval(self._agent, self._conversation, call_id, self.waiting)
        approval.give(verdict)
