"""Charts of a run, by matplotlib, which is imported here alone: `pip install 'actrio[bench]'`.

A chart for each kind of row: bars beside the peers where several baselines share a measurement, curves where a row's
name ends with a number, and for the rest one chart of all ratios with their spread.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, Literal

from attrs import frozen
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from actrio.benchmarks._record import Record
from actrio.benchmarks._row import Row

_OURS: Final = "#0f766e"
_THEIRS: Final = "#cbd5e1"
_BEHIND: Final = "#b45309"
_INK: Final = "#1e293b"
_FAINT: Final = "#94a3b8"

_WIDTH: Final = 10.0  # inches
_ROW: Final = 0.32
_COLUMNS: Final = 2

# A bar more than so many times the second longest is cut off.
_OUTLIER: Final = 20.0


@frozen
class Group:
    """Rows that are one chart.

    Attributes:
        title: What is measured.
        shape: ``bars`` beside other systems, ``curve`` over a number, ``ratios`` of unlike rows.
        rows: At least one.
    """

    title: str
    shape: Literal["bars", "curve", "ratios"]
    rows: tuple[Row, ...]


def groups(rows: Sequence[Row]) -> list[Group]:
    """Which charts there are, in the order of the rows."""
    curves: dict[str, list[Row]] = {}
    beside: dict[str, list[Row]] = {}
    for row in rows:
        stem, _, last = row.scenario.rpartition("-")
        if stem and last.isdecimal():
            curves.setdefault(stem, []).append(row)
    for row in rows:
        # Rows of one measurement of actrio, beside one system each, have the very same rounds on its side.
        mates = [one for one in rows if one is not row and _ours(one) == _ours(row) and one.rounds]
        if mates:
            beside.setdefault(_common([row, *mates]), []).append(row)
    curved = {name: found for name, found in curves.items() if len(found) > 1}
    used = {row.scenario for found in (*curved.values(), *beside.values()) for row in found}
    rest = [row for row in rows if row.scenario not in used]
    made = [Group(name, "curve", tuple(found)) for name, found in curved.items()]
    made += [Group(name, "bars", tuple(found)) for name, found in beside.items()]
    return [*([Group("beside the baseline", "ratios", tuple(rest))] if rest else []), *made]


def _ours(row: Row) -> tuple[float, ...]:
    return tuple(actrio for actrio, _ in row.rounds)


def _common(rows: Sequence[Row]) -> str:
    """What their names begin with, up to a hyphen."""
    first, last = min(row.scenario for row in rows), max(row.scenario for row in rows)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same].rpartition("-")[0] or first


def svg(record: Record) -> bytes:
    """All charts of the run as one SVG."""
    return _picture(record, "svg")


def png(record: Record) -> bytes:
    """The same as a PNG, for screens of high resolution."""
    return _picture(record, "png")


def _picture(record: Record, form: str) -> bytes:
    figure = _figure(record)
    target = BytesIO()
    # No date in the file: the same run makes the same picture.
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    figure.savefig(target, format=form, dpi=160, metadata=metadata, bbox_inches="tight", facecolor="white")
    return target.getvalue()


def _figure(record: Record) -> Any:
    made = groups(record.rows)
    ratios = [one for one in made if one.shape == "ratios"]
    others = [one for one in made if one.shape != "ratios"]
    lines = -(-len(others) // _COLUMNS)
    tall = max((len(one.rows) for one in others), default=0)
    heights = [max(1.6, _ROW * (len(one.rows) + 2)) for one in ratios] + [max(2.4, _ROW * (tall + 3))] * lines
    # Any: what matplotlib says of its types ends at the first keyword.
    figure: Any = Figure(figsize=(_WIDTH, sum(heights) + 0.9), layout="constrained")
    grid = figure.add_gridspec(max(1, len(heights)), _COLUMNS, height_ratios=heights or [1])
    figure.suptitle(f"actrio {record.suite}: beside {record.beside}", fontsize=14, fontweight="bold", color=_INK)
    for place, group in enumerate(ratios):
        _draw_ratios(figure.add_subplot(grid[place, :]), group)
    for place, group in enumerate(others):
        axes = figure.add_subplot(grid[len(ratios) + place // _COLUMNS, place % _COLUMNS])
        (_draw_bars if group.shape == "bars" else _draw_curve)(axes, group)
    found = record.environment
    said = f"{found.get('python')}, {found.get('processor')}, {found.get('system')}, {found.get('measured')}"
    figure.supxlabel(said, fontsize=7.5, color=_FAINT)
    return figure


def _draw_ratios(axes: Any, group: Group) -> None:
    """A line from 1 to each ratio, so that ahead and behind go to different sides; whiskers for the rounds."""
    rows = group.rows[::-1]
    places = range(len(rows))
    colours = [_OURS if row.ratio >= 1 else _BEHIND for row in rows]
    axes.hlines(places, [1] * len(rows), [row.ratio for row in rows], color=colours, linewidth=7, alpha=0.9)
    axes.hlines(places, [row.min for row in rows], [row.max for row in rows], color=_INK, linewidth=1)
    axes.axvline(1, color=_INK, linewidth=1)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.set_yticks(places, [row.scenario for row in rows])
    right = max(row.max for row in rows)
    axes.set_xlim(min(0.5, *(row.min for row in rows)) / 1.1, right * 1.5)
    for place, row in zip(places, rows, strict=True):
        axes.text(max(row.max, 1) * 1.04, place, f"{row.ratio:.2f}", va="center", fontsize=8, color=_INK)
    _dress(axes, "times as good as the baseline (right of the line: actrio is ahead)", grid="x")


def _draw_bars(axes: Any, group: Group) -> None:
    """Actrio first, then the others, the best first."""
    first = group.rows[0]
    best_first = sorted(group.rows, key=lambda row: row.baseline, reverse=first.kind == "rate")
    labels = ["actrio", *(row.scenario.removeprefix(f"{group.title}-") for row in best_first)]
    values = [first.actrio, *(row.baseline for row in best_first)]
    places = [-place for place in range(len(values))]
    end = axis_end(values)
    axes.barh(places, [min(value, end) for value in values], color=[_OURS, *[_THEIRS] * len(best_first)], height=0.72)
    axes.set_yticks(places, labels)
    axes.set_xlim(0, end * 1.28)
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    for place, value in zip(places, values, strict=True):
        said = _short(value) if value <= end else f"{_short(value)}, cut off"
        axes.text(min(value, end) + end * 0.015, place, said, va="center", fontsize=8, color=_INK)
    better = "higher" if first.kind == "rate" else "lower"
    _dress(axes, f"{group.title}: {first.unit}, {better} is better", grid="x")


def axis_end(values: Sequence[float]) -> float:
    """Where the longest bar ends: at the greatest value, unless that would leave nothing to be seen of the others."""
    *_, second, greatest = [0.0, *sorted(values)]
    return second * 1.3 if 0 < _OUTLIER * second < greatest else greatest


def _draw_curve(axes: Any, group: Group) -> None:
    """Over the number at the end of the names, both logarithmic; a band from the least to the greatest round."""
    rows = sorted(group.rows, key=_number)
    numbers = [_number(row) for row in rows]
    least, most = ([choose(_ours(row)) for row in rows] for choose in (min, max))
    axes.fill_between(numbers, least, most, color=_OURS, alpha=0.18, linewidth=0)
    axes.plot(numbers, [row.actrio for row in rows], color=_OURS, marker="o", markersize=4, linewidth=1.8)
    axes.axhline(rows[0].baseline, color=_FAINT, linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = min(*least, rows[0].baseline), max(*most, rows[0].baseline)
    axes.set_ylim(low / 1.8, high * 1.8)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))
    for number, row in zip(numbers, rows, strict=True):
        axes.annotate(
            _short(row.actrio), (number, row.actrio), (0, 7), textcoords="offset points", ha="center", fontsize=8
        )
    _dress(axes, f"{group.title}: {rows[0].unit} by N (dashed: the baseline)", grid="both")


def _number(row: Row) -> int:
    return int(row.scenario.rpartition("-")[2])


def _dress(axes: Any, title: str, *, grid: str) -> None:
    axes.set_title(title, fontsize=9.5, loc="left", color=_INK)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    axes.grid(visible=True, axis=grid, color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _tick(value: float, _: int) -> str:
    return _short(value)


def _short(value: float) -> str:
    """1,234,000 as 1.23M."""
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"
