"""A run as plain data, and back."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, cast

import attrs

from actrio.agents.flow._errors import InvalidFlow
from actrio.agents.flow._reaction import Emission, Emitted, Handler, Paused, Put, Reaction
from actrio.mailbox import Codec, MessageTypeError

if TYPE_CHECKING:
    from actrio.agents.flow._run import FlowRun

FORMAT = 1
_PLAIN = "plain"  # the key of a signal that is plain data itself


def register(codec: Codec, kind: type) -> None:
    """Let signals of a type be saved, if they can be."""
    if kind in codec.tags or not (attrs.has(kind) or is_dataclass(kind)):
        return
    with suppress(MessageTypeError):  # a flow that is never saved can do with it; saving says what is wrong
        codec.register(kind)


def write(codec: Codec, signal: object) -> dict[str, Any]:
    """A signal as plain data. Raises: MessageTypeError, CodecError."""
    if type(signal) in codec.tags or attrs.has(type(signal)) or is_dataclass(signal):
        return codec.unstructure(signal)
    return {_PLAIN: codec.unstructure(signal, Any)}


def read(codec: Codec, data: Any) -> Any:
    """The signal. Raises: CodecError."""
    if not isinstance(data, dict):
        return codec.structure(cast("object", data))
    known = cast("dict[str, Any]", data)
    return known[_PLAIN] if _PLAIN in known and codec.tag_key not in known else codec.structure(known)


def tag_of(codec: Codec, kind: type) -> str:
    """What a type is called in data."""
    return codec.tags.get(kind, kind.__qualname__)


def write_run(
    codec: Codec,
    flow: str,
    state: dict[str, Any],
    signals: int,
    reactions: Iterable[Reaction],
    joins: dict[str, tuple[Any, ...]],
) -> dict[str, Any]:
    """A run. Raises: MessageTypeError, CodecError."""
    return {
        "flow": flow,
        "format": FORMAT,
        "state": codec.unstructure(state, dict[str, Any]),
        "signals": signals,
        "reactions": [_write_reaction(codec, one) for one in reactions],
        "joins": {name: [write(codec, one) for one in waiting] for name, waiting in joins.items()},
    }


def _write_reaction(codec: Codec, reaction: Reaction) -> dict[str, Any]:
    """A reaction that has not ended."""
    return {
        "handler": reaction.handler.name,
        "signals": [write(codec, signal) for signal in reaction.signals],
        "emission": reaction.emission.number,
        "journal": [_write_entry(codec, entry) for entry in reaction.journal],
        "trail": list(reaction.trail),
    }


def _write_entry(codec: Codec, entry: Emitted | Put | Paused) -> dict[str, Any]:
    if isinstance(entry, Emitted):
        return {"emitted": entry.number}
    if isinstance(entry, Put):
        return {"put": entry.times}
    data: dict[str, Any] = {"paused": entry.kind, "key": entry.key, "status": entry.status}
    if entry.status == "answered":
        data["answer"] = entry.answer if entry.raw else write(codec, entry.answer)
    return data


def read_reaction(codec: Codec, data: dict[str, Any], run: "FlowRun", handler: Handler, emission: Emission) -> Reaction:
    """A reaction that had not ended, to be begun again. Raises: CodecError."""
    signals = tuple(read(codec, signal) for signal in data["signals"])
    return Reaction(run, handler, signals, emission, tuple(data["trail"]), _read_journal(data["journal"]))


def _read_journal(entries: Iterable[dict[str, Any]]) -> list[Emitted | Put | Paused]:
    """What a reaction did before it was saved."""
    journal: list[Emitted | Put | Paused] = []
    for entry in entries:
        if "emitted" in entry:
            journal.append(Emitted(entry["emitted"]))
        elif "put" in entry:
            journal.append(Put(entry["put"]))
        else:
            journal.append(Paused(entry["paused"], entry["key"], entry["status"], entry.get("answer"), raw=True))
    return journal


def check(flow: str, handlers: dict[str, Handler], data: Any) -> dict[str, Any]:
    """The snapshot itself. Raises: InvalidFlow: it is none of this flow."""
    if not isinstance(data, dict) or "reactions" not in data:
        raise InvalidFlow(flow, "this is no snapshot; give what run.save() gave")
    saved = cast("dict[str, Any]", data)
    if saved.get("flow") != flow or saved.get("format") != FORMAT:
        raise InvalidFlow(flow, f"the snapshot is of flow {saved.get('flow')!r}, format {saved.get('format')!r}")
    named = {*saved["joins"], *(one["handler"] for one in saved["reactions"])}
    missing = sorted(named - set(handlers))
    if missing:
        raise InvalidFlow(flow, f"the snapshot has handlers that the flow has not: {', '.join(missing)}")
    return saved
