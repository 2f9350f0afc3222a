"""A run as one page of HTML: charts and table, with nothing to load from elsewhere."""

from html import escape
from typing import Final

from actrio.benchmarks._charts import svg
from actrio.benchmarks._record import Record
from actrio.benchmarks._row import NOISY_SPREAD, Row

_STYLE: Final = """\
body{font:15px/1.5 system-ui,sans-serif;color:#1e293b;max-width:72rem;margin:2rem auto;padding:0 1rem}
svg{max-width:100%;height:auto}h1{font-size:1.5rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}
dt{color:#64748b}dd{margin:0}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #e2e8f0}
th:first-child,td:first-child{text-align:left}
.behind{color:#b45309}.noisy{color:#94a3b8}"""


def page(record: Record) -> bytes:
    """The whole page."""
    facts = "".join(f"<dt>{escape(what)}</dt><dd>{escape(which)}</dd>" for what, which in record.environment.items())
    heads = "".join(f"<th>{name}</th>" for name in ("scenario", "unit", "actrio", "baseline", "ratio", "rounds"))
    rows = "".join(_table_row(row) for row in record.rows)
    title = f"actrio {escape(record.suite)}: beside {escape(record.beside)}"
    drawing = svg(record).decode()
    drawing = drawing[drawing.index("<svg") :]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><dl>{facts}</dl>{drawing}"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        "<p>actrio, baseline: the median over all rounds. ratio: above 1, actrio is better; rounds: the least and the "
        f"greatest ratio of one. Grey: the best round is more than {NOISY_SPREAD:g} times the worst, so trust no more "
        "of the ratio than its first digit.</p></body></html>\n"
    ).encode()


def _table_row(row: Row) -> str:
    kind = " ".join(name for name, holds in (("behind", row.ratio < 1), ("noisy", row.noisy)) if holds)
    cells = (
        escape(row.scenario),
        escape(row.unit),
        f"{row.actrio:,.4g}" if row.actrio < 1_000 else f"{row.actrio:,.0f}",
        f"{row.baseline:,.4g}" if row.baseline < 1_000 else f"{row.baseline:,.0f}",
        f"{row.ratio:.2f}",
        f"{row.min:.2f} to {row.max:.2f}",
    )
    return f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
