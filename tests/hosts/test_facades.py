"""What hosts offer is what the runtime offers, under the same names, written once."""

import ast
import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest

import actrio
import actrio.agents
import actrio.agents.batch
import actrio.hosts.asyncio as on_asyncio
from actrio.hosts import blocking
from tests.hosts.unasync import HOSTS, MADE, unasync

# What only code inside the runtime can use.
INSIDE: Final = {
    "Runtime": {
        "bury", "clock", "counts_of", "excuses", "fail", "forget", "log", "make_family", "make_node", "make_ref",
        "note", "nursery", "pool", "random", "resources", "restarts", "share", "shut_down", "spawn_under", "start",
        "stop_soon",
    },
    "ActorRef": {"notify"},
    "SupervisorRef": {"notify", "ask", "tell", "tell_nowait"},
    "AgentRef": {
        "account", "accounts", "conversations", "counts", "logs", "make_log", "notify", "running",
    },
    "Turn": {"log"},
    "Conversation": set[str](),
    "Batch": {"begin", "close", "save", "take_no_more"},
    "Topic": set[str](),
}  # fmt: skip
# What only hosts have.
OUTSIDE: Final = {
    "Runtime": {"batch", "call", "on_loop", "run", "runtime", "start", "stop", "turn"},
    "ActorRef": {"native"},
    "SupervisorRef": {"native", "ask", "tell", "tell_nowait"},
    "AgentRef": {"native"},
    "Turn": set[str](),
    "Conversation": set[str](),
    "Batch": set[str](),
    "Topic": set[str](),
}
PAIRS: Final = [
    (native, getattr(package, face))
    for package in (blocking, on_asyncio)
    for native, face in [
        (actrio.Runtime, "Host"),
        (actrio.ActorRef, "ActorRef"),
        (actrio.SupervisorRef, "SupervisorRef"),
        (actrio.AgentRef, "AgentRef"),
        (actrio.Turn, "Turn"),
        (actrio.agents.Conversation, "RemoteConversation"),
        (actrio.agents.batch.Batch, "Batch"),
        (actrio.Topic, "Topic"),
    ]
]


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def parameters(function: Callable[..., Any]) -> list[tuple[str, object, object]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(("native", "face"), PAIRS)
def test_a_face_has_every_name_of_what_it_stands_for(native: type, face: type) -> None:
    assert public(native) - INSIDE[native.__name__] == public(face) - OUTSIDE[native.__name__]


@pytest.mark.parametrize(("native", "face"), PAIRS)
def test_a_method_takes_what_the_runtimes_own_takes(native: type, face: type) -> None:
    for name in public(native) & public(face) - INSIDE[native.__name__]:
        own, faced = getattr(native, name), getattr(face, name)
        if callable(own) and callable(faced):
            assert parameters(faced) == parameters(own), name


@pytest.mark.parametrize("name", blocking.__all__)
def test_the_two_hosts_have_the_same_methods(name: str) -> None:
    if name not in {"fail_after", "Reader", "Listener"}:
        assert public(getattr(blocking, name)) == public(getattr(on_asyncio, name)) - {"on_loop"}


@pytest.mark.parametrize("name", MADE)
def test_the_blocking_face_is_made_from_the_one_for_asyncio(name: str) -> None:
    made = unasync((HOSTS / "asyncio" / name).read_text(encoding="utf-8"), name)
    kept = (HOSTS / "blocking" / name).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(kept)) == ast.dump(ast.parse(made)), "run: python tests/hosts/unasync.py"
