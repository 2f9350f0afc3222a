"""Which charts there are of a run, and that they are drawn."""

from xml.etree import ElementTree as ET

import pytest

from actrio.benchmarks._charts import axis_end, groups, png, svg
from actrio.benchmarks._page import page
from actrio.benchmarks._record import Record
from actrio.benchmarks._row import Row, summarise


def row(name: str, ours: float, theirs: float) -> Row:
    return summarise(name, "µs", "cost", [(ours, theirs), (ours * 1.1, theirs)])


PEERS = [row("ask-pykka", 1.0, 4.0), row("ask-xoscar", 1.0, 0.5)]
CURVE = [row("turns-100", 3.0, 2.0), row("turns-1000", 4.0, 2.0)]
ALONE = [row("restart", 5.0, 1.0), row("tell-await", 2.0, 2.0)]


def record(*rows: Row) -> Record:
    return Record("kernel", "<others>", {"python": "CPython & co"}, rows)


def test_rows_of_one_measurement_are_bars_and_rows_of_a_number_a_curve() -> None:
    made = groups([*ALONE, *PEERS, *CURVE])
    assert [(one.title, one.shape, len(one.rows)) for one in made] == [
        ("beside the baseline", "ratios", 2),
        ("turns", "curve", 2),
        ("ask", "bars", 2),
    ]


def test_each_row_is_in_one_chart() -> None:
    rows = [*ALONE, *PEERS, *CURVE]
    shown = [one.scenario for group in groups(rows) for one in group.rows]
    assert sorted(shown) == sorted(one.scenario for one in rows)


def test_a_picture_is_well_formed_and_the_same_run_makes_the_same() -> None:
    found = record(*ALONE, *PEERS, *CURVE)
    assert ET.fromstring(svg(found)).tag.endswith("svg")
    assert png(found).startswith(b"\x89PNG")
    assert png(found) == png(found)


def test_a_run_without_rows_makes_an_empty_picture() -> None:
    assert png(record()).startswith(b"\x89PNG")


def test_the_page_has_the_table_and_escapes_what_it_shows() -> None:
    text = page(record(*ALONE)).decode()
    assert "<td>restart</td>" in text
    assert "&lt;others&gt;" in text
    assert "CPython &amp; co" in text
    assert 'class="behind"' in text
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


@pytest.mark.parametrize(
    ("values", "end"), [([1.0, 2.0, 30.0], 30.0), ([1.0, 2.0, 60.0], 2.6), ([5.0], 5.0), ([0.0, 5.0], 5.0)]
)
def test_a_bar_that_would_hide_all_others_is_cut_off(values: list[float], end: float) -> None:
    assert axis_end(values) == pytest.approx(end)
