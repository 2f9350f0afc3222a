"""A supervisor at work: the node that keeps its children alive by the rules of `_supervision`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from actrio.actors._errors import RestartsExceeded
from actrio.actors._lifecycle import Signal, State, advance
from actrio.actors._node import Node
from actrio.actors._supervision import RestartPolicy, RestartWindow, Strategy, affected

if TYPE_CHECKING:
    from actrio.actors._runtime import Runtime
    from actrio.actors._spec import ChildSpec


@frozen
class Crash:
    """A child that crashed, with what, and whether somebody got that error already."""

    child: Node
    error: Exception
    taken: bool = True


class SupervisorNode(Node):
    """One supervisor.

    Every restart is done by a mending task of the runtime's nursery: for ``one_for_one`` one for each crash, for the
    group strategies one at a time, which goes on until no crash is left. Ending the supervisor, and undoing a start of
    it that failed, cancels them first.

    Attributes: ``children``, in start order; ``policy``, ``strategy``, as given.
    """

    __slots__ = (
        "_crashes",
        "_has_run",
        "_mending",
        "_mending_group",
        "_quiet",
        "_window",
        "children",
        "policy",
        "strategy",
    )

    def __init__(
        self,
        runtime: "Runtime",
        parent: Node | None,
        spec: "ChildSpec",
        name: str,
        strategy: Strategy,
        policy: RestartPolicy,
    ) -> None:
        self.children: dict[str, Node] = {}
        self.strategy: Strategy = strategy
        self.policy: RestartPolicy = policy
        self._window = RestartWindow(policy)
        self._crashes: list[Crash] = []  # nobody mends these now; of group strategies, also those to be mended
        self._has_run = False
        self._mending: set[trio.CancelScope] = set()  # one for each task, from when it is told to start
        self._mending_group = False
        self._quiet: trio.Event | None = None
        super().__init__(runtime, parent, spec, name)

    def _build(self) -> Awaitable[None]:
        """Make the children that are not there, and start all in order; if one fails, end those before it."""
        self._window = RestartWindow(self.policy)
        self._crashes.clear()
        added = dict(self.children)
        for spec in self.spec.factory.children:
            name = f"{self.name}/{spec.base_name}"
            node = added.pop(name, None) or self.runtime.make_node(self, spec)
            self.children.pop(name, None)  # so that the order is the list's, whoever was retired meanwhile
            self.children[name] = node
        for name, node in added.items():
            self.children[name] = self.children.pop(name, node)
        return self._start_children()

    async def _start_children(self) -> None:
        for node in tuple(self.children.values()):
            if node.state in (State.NEW, State.DOWN) and not node.retiring:
                await node.start()

    async def _undo(self) -> None:
        # In a restart the children's refs and mail are to survive, as the next try may succeed.
        await self._end_children("a sibling did not start", for_good=self.for_good or not self._has_run)

    async def _dismantle(self, grace: float) -> None:
        await self._end_children(self.cut_reason, for_good=self.for_good)

    async def _end_children(self, reason: str, *, for_good: bool) -> None:
        """End those that are there. Crashes that no restart will follow go to who watches, or up."""
        if for_good:
            self.doom()  # before anything waits: no restart follows the ends that are under way, either
        for scope in self._mending:
            scope.cancel()
        if self._mending:
            self._quiet = trio.Event()
            await self._quiet.wait()
            self._quiet = None
        for node in reversed(tuple(self.children.values())):
            last = for_good or not _restarts(node)
            await node.end(reason, for_good=last)
            if last and node.state in (State.NEW, State.DOWN):
                self._retire(node, reason, self._crash_of(node))

    def _crash_of(self, node: Node) -> Crash | None:
        """What nobody has mended; forgotten when a restart of this begins."""
        return next((one for one in self._crashes if one.child is node), None)

    def _retire(self, node: Node, reason: str, crash: Crash | None) -> None:
        """Its crash, and other errors for which no restart came, go to who watches, or up."""
        errors = [*([] if crash is None or crash.taken else [crash.error]), *node.untold]
        first = crash.error if crash is not None else next(iter(errors), None)
        watched = node.retire(reason if first is None else f"crashed: {first!r}", first)
        if not watched:
            for error in errors:
                self.unhandled(error)

    def doom(self) -> None:
        super().doom()
        for node in self.children.values():
            node.doom()

    def retire(self, reason: str, error: Exception | None = None) -> bool:
        for node in reversed(tuple(self.children.values())):
            self._retire(node, reason, self._crash_of(node))
        return super().retire(reason, error)

    def lose(self, child: Node) -> None:
        self.children.pop(child.name, None)

    def offspring(self) -> tuple[Node, ...]:
        return tuple(self.children.values())

    @property
    def _mends(self) -> bool:
        """Whether it may restart children; else it is being ended, or will be."""
        return self.state in (State.STARTING, State.RUNNING) and not self.undoing

    # What children report

    def child_crashed(self, child: Node, error: Exception, *, taken: bool) -> None:
        """A child's instance failed: mend it. Called once a crash, in the step in which it happened."""
        crash = Crash(child, error, taken)
        alone = self.strategy == "one_for_one" or not _restarts(child)
        if alone and self._mends:
            self._mend_soon([crash], child.name)
            return
        self._crashes.append(crash)
        if self.state is State.RUNNING:
            self._mend_group_soon()

    def _running(self) -> None:
        self._has_run = True
        if self._crashes:  # of those that crashed while others were still being started
            self._mend_group_soon()

    def _mend_group_soon(self) -> None:
        if not self._mending_group:
            self._mending_group = True
            self._mend_soon(self._crashes, self.name)

    def _mend_soon(self, crashes: list[Crash], name: str) -> None:
        scope = trio.CancelScope()
        self._mending.add(scope)
        self.runtime.nursery.start_soon(self._mend, crashes, scope, name=f"mend {name}")

    def child_returned(self, child: Node) -> None:
        """A coroutine actor's function returned."""
        self.runtime.nursery.start_soon(self._after_return, child, name=f"mend {child.name}")

    def unhandled(self, error: Exception, *, ending: bool = False) -> None:
        self.runtime.fail(error, ending=ending)

    async def _after_return(self, child: Node) -> None:
        await child.end("returned")
        if child.state is State.DOWN:
            child.retire("returned")

    # Mending

    async def _mend(self, crashes: list[Crash], scope: trio.CancelScope) -> None:
        """Mend until no crash is left; more may be added meanwhile."""
        with scope:
            try:
                while crashes:
                    if not await self._mend_once(crashes):
                        break
                    await trio.lowlevel.checkpoint()  # also where there is no backoff and each start fails at once
            finally:
                if crashes is self._crashes:
                    self._mending_group = False
                else:
                    self._crashes += crashes  # for whoever ends this
                self._mending.discard(scope)
                if not self._mending and self._quiet is not None:
                    self._quiet.set()

    async def _mend_once(self, crashes: list[Crash]) -> bool:
        """End and start again whom the crashes concern. False: there is nobody to mend any more for this."""
        group = await self._end_group(crashes)
        if not crashes:
            return False  # this was restarted meanwhile, and its children with it
        if not self._mends:
            return False  # this is being ended, or will be: who does it tells what nobody has mended
        *others, crash = crashes
        now = trio.current_time()
        waits = [self._window.admit(now, self.runtime.random) for one in crashes if _restarts(one.child)]
        crashes.clear()
        self._retire_temporary(group, crash)
        if None in waits:
            crashes += others
            self._give_up(crash)
            return False
        for node in group:
            node.untold = ()
        wait = max((wait for wait in waits if wait is not None), default=0.0)
        if wait:
            await trio.sleep(wait)
        for node in group:
            if node.state is not State.DOWN or node.retiring:
                continue
            node.restarts += 1
            self.runtime.restarts += 1
            try:
                await node.start()
            except Exception as failed:  # noqa: BLE001 - a start that fails is one more crash of that child
                if not node.retiring:
                    crashes.append(Crash(node, failed, taken=False))
                    break
        return True

    async def _end_group(self, crashes: list[Crash]) -> list[Node]:
        """End all whom the crashes concern, and whom those concern that happen meanwhile."""
        ended: list[Node] = []
        while crashes:
            crash, group = crashes[-1], self._group(crashes)
            if all(node in ended for node in group):
                return group
            for node in reversed(group):
                mine = any(node is one.child for one in crashes)
                reason = f"crashed: {crash.error!r}" if node is crash.child else f"{crash.child.name} crashed"
                await node.end(reason, crashed=mine, for_good=not _restarts(node))
            ended = group
        return ended

    def _group(self, crashes: list[Crash]) -> list[Node]:
        crashed = [one.child for one in crashes]
        if not any(_restarts(child) for child in crashed):
            return crashed
        return affected(self.strategy, tuple(self.children.values()), crashed)

    def _retire_temporary(self, group: list[Node], crash: Crash) -> None:
        for node in group:
            if not _restarts(node):
                self._retire(node, f"{crash.child.name} crashed", crash if node is crash.child else None)

    def _give_up(self, crash: Crash) -> None:
        error = RestartsExceeded(self.name, crash.child.name, self.policy.intensity, self.policy.period)
        error.__cause__ = crash.error
        if self.parent is None:
            self.runtime.fail(error)
        else:
            self.crash(error, taken=False)

    def outline(self) -> str:
        restarts = f", {self.restarts} restarts" if self.restarts else ""
        return f"{self.name} [{self.strategy}] {self.state.value}{restarts}"


class Family(SupervisorNode):
    """The actors that one actor spawned through ``ctx.spawn``. What it cannot mend crashes that actor."""

    __slots__ = ()

    def move(self, signal: Signal) -> None:
        self.state = advance(self.state, signal)  # it is no actor of its own, so it makes no life events

    def unhandled(self, error: Exception, *, ending: bool = False) -> None:
        assert self.parent is not None
        if not self.runtime.excuses(error, ending=ending):
            self.parent.crash(error, taken=False)

    def crash(self, error: Exception, *, taken: bool) -> None:
        assert self.parent is not None
        self.parent.crash(error, taken=taken)


def _restarts(node: Node) -> bool:
    return node.spec.restart != "temporary"
