"""The end of the demo: what each actor did, in numbers, and whether every message is accounted for."""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actrio._terminal import Flow
from actrio.actors import ActorMetrics, RuntimeMetrics
from actrio.demo._stage import COLOURS, short
from actrio.mailbox import InboxStatistics

_MODEL: Final = "/model"
_AGENTS: Final = {_MODEL: "its agent", "/finder": "finder"}  # {end of the name: what the tables call it}
_ROOMY: Final = 72  # columns
_COUNTS: Final = ("sent", "handled", "failed", "dead", "abandoned", "queued", "in_hand")
_HEADS: Final = ("sent", "handled", "failed", "dead", "aban-\ndoned", "queued", "in\nhand")


def report(console: Console, metrics: RuntimeMetrics, tokens: dict[str, int]) -> bool:
    """Print the tables and the law; gives whether the law holds, for each actor and for all together."""
    order = list(metrics.actors)  # an agent below its owner, though a restart made it later than others
    actors = [one for one in metrics.actors.values() if one.kind != "supervisor"]
    actors.sort(key=lambda one: (order.index(_owner(one.name)), one.name))
    console.print(_messages(console, actors, metrics))
    console.print()
    console.print(_times(console, actors, tokens))
    console.print()
    holds = metrics.totals.balanced and all(one.mailbox.balanced for one in actors)
    totals = metrics.totals
    flow = Flow(console, style="green" if holds else "bold red")
    flow.add(
        f"{totals.sent} sent = {totals.handled} handled + {totals.failed} failed + {totals.dead} dead + "
        f"{totals.abandoned} abandoned + {totals.queued} queued + {totals.in_hand} in hand. "
        f"{'This holds for each row: no message is lost.' if holds else 'This does NOT hold for each row.'}"
    )
    flow.end()
    if totals.abandoned:
        flow = Flow(console, style="dim")
        flow.add("Abandoned: a turn of an agent that whoever asked for it no longer waits for, as it crashed.")
        flow.end()
    return holds


def _messages(console: Console, actors: list[ActorMetrics], metrics: RuntimeMetrics) -> Table:
    table = _table(console, "Where the messages ended", *_HEADS)
    for one in actors:
        table.add_row(_name(one), *_counts(one.mailbox))
    ended = [
        getattr(metrics.totals, count) - sum(getattr(one.mailbox, count) for one in metrics.actors.values())
        for count in _COUNTS
    ]
    if any(ended):
        table.add_row("(ended)", *map(str, ended), style="dim")
    table.add_section()
    table.add_row("all", *(str(getattr(metrics.totals, count)) for count in _COUNTS))
    return table


def _times(console: Console, actors: list[ActorMetrics], tokens: dict[str, int]) -> Table:
    table = _table(console, "How long they took", "state", "re-\nstarts", "queue\nmost", "p50", "p99", "max", "tokens")
    for one in actors:
        time = one.handling
        written = tokens.get(one.name.removesuffix(_MODEL)) if one.name.endswith(_MODEL) else None
        table.add_row(
            _name(one),
            one.state,
            str(one.restarts),
            str(one.mailbox.high_water),
            *(duration(seconds) for seconds in (time.p50, time.p99, time.max)),
            "" if written is None else str(written),
        )
    return table


def _table(console: Console, title: str, *heads: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    # The box has a column between columns; in a narrow terminal that must do.
    table.padding = (0, 1, 0, 0) if console.width >= _ROOMY else 0
    table.add_column("actor", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="left" if head == "state" else "right", no_wrap=True)
    return table


def _owner(name: str) -> str:
    for end in _AGENTS:
        name = name.removesuffix(end)
    return name


def _name(one: ActorMetrics) -> Text:
    name = short(one.name)
    for end, called in _AGENTS.items():
        if name.endswith(end):
            return Text(f"  {called}", style="dim")
    return Text(name, style=COLOURS.get(name, ""))


def _counts(box: InboxStatistics) -> list[str]:
    return [str(getattr(box, count)) for count in _COUNTS]


def duration(seconds: float) -> str:
    """A duration in three digits or so, at most six characters up to 999 s."""
    if seconds >= 1:
        return f"{seconds:.{2 if seconds < 10 else 1 if seconds < 100 else 0}f} s"
    return f"{seconds * 1e3:.0f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"
