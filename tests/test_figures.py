"""Figures are pure: what is drawn is what stands in the frame, and text from data stays text."""

from __future__ import annotations

import holoviews as hv
import pandas as pd
import pytest

from cdmlib import figures
from cdmlib.errors import CdmError

hv.extension("bokeh", inline=False)


def drawn(element: hv.Element, kind: type) -> list[hv.Element]:
    return [part for part in element.traverse(lambda x: x) if isinstance(part, kind)]


def test_a_bar_is_as_high_as_its_number_and_says_it():
    frame = pd.DataFrame({"age": ["0-7", "0-7", ">28"], "status": ["open", "answered", "open"], "queries": [5, 3, 2]})
    figure = figures.bars(frame, "age", "queries", "status")
    (bars,), (labels,) = drawn(figure, hv.Bars), drawn(figure, hv.Labels)
    assert bars.data[["age", "status", "queries"]].values.tolist() == [["0-7", "open", 5], ["0-7", "answered", 3], [">28", "open", 2]]
    assert labels.data[["age", "queries", "shown"]].values.tolist() == [["0-7", 8, "8"], [">28", 2, "2"]]
    hv.render(figure)


def test_the_limits_of_a_funnel_plot_are_those_of_the_textbook():
    # 30 of 200 in all: 15 %. Site A, 10 of 100: error sqrt(.15 * .85 / 100) = 0.0357, distance (.10 - .15) / .0357 = -1.40.
    # Site B, 20 of 100: +1.40. So that both are within two; the limits of two are 15 +- 7.14, those of three 15 +- 10.71.
    rows = figures.funnel_numbers(pd.DataFrame({"site": ["A", "B"], "numerator": [10, 20], "denominator": [100, 100]}))
    assert rows.value.tolist() == [10.0, 20.0]
    assert rows.expected.tolist() == [15.0, 15.0]
    assert rows.distance.tolist() == [-1.4, 1.4]
    assert rows[["low_2", "high_2", "low_3", "high_3"]].iloc[0].tolist() == [7.86, 22.14, 4.29, 25.71]
    assert rows.stands.tolist() == ["as expected", "as expected"]


@pytest.mark.parametrize(
    ("numerator", "denominator", "stands"),
    [(50, 100, "beyond 3"), (10, 20, "too few"), (18, 100, "as expected"), (0, 0, None)],
    ids=["far out", "ten of twenty: four are expected", "close", "nothing to count"],
)
def test_a_site_stands_out_only_for_its_size(numerator, denominator, stands):
    # the large site of 2,000 holds the rate at about 18 %
    frame = pd.DataFrame({"site": ["big", "one"], "numerator": [360, numerator], "denominator": [2000, denominator]})
    rows = figures.funnel_numbers(frame)
    assert rows[rows.site == "one"].stands.tolist() == ([stands] if stands else [])


def test_sites_that_are_all_alike_or_have_nothing_are_drawn_without_an_error():
    rows = figures.funnel_numbers(pd.DataFrame({"site": ["A", "B"], "numerator": [0, 0], "denominator": [9, 5]}))
    assert rows.distance.tolist() == [0.0, 0.0]
    hv.render(figures.funnel(rows, "queries"))


def test_a_number_that_is_not_a_share_is_refused():
    with pytest.raises(CdmError, match="site A is greater than its denominator"):
        figures.funnel_numbers(pd.DataFrame({"site": ["A"], "numerator": [3], "denominator": [2]}))


def test_text_from_data_is_never_read_as_a_formula_and_has_an_end():
    hostile = ["$$x^2$$", "\\(a\\)", None, "x" * 400]
    shown = figures.words(hostile)
    assert "$$" not in shown[0] and "\\(" not in shown[1]
    assert shown[2] == "(none)" and len(shown[3]) == 60
    hv.render(figures.bars(pd.DataFrame({"site": ["<script>", "$$x$$"], "n": [1, 2]}), "site", "n"))


def test_a_subjects_events_stand_in_their_lanes_and_never_run_backwards():
    frame = pd.DataFrame(
        {"lane": ["Visits", "AE", "AE"], "start": ["2024-01-01", "2024-01-05", "2024-02-01"], "end": [None, "2024-01-09", "2024-01-01"],
         "label": ["V1", "Rash", "Cough"], "told": ["V1", "Rash", "Cough"]}
    )  # fmt: skip
    figure = figures.timeline(frame, since="2024-01-01")
    bars = pd.concat([s.data for s in drawn(figure, hv.Segments)])
    assert bars[["label", "start", "until"]].astype(str).values.tolist() == [["Rash", "2024-01-05", "2024-01-09"]]
    assert sum(len(p.data) for p in drawn(figure, hv.Points)) == 3
    hv.render(figure)


def test_a_value_outside_its_own_range_is_a_diamond():
    frame = pd.DataFrame({"day": ["2024-01-01", "2024-01-08", "2024-01-15"], "value": [3.0, 9.0, 9.0], "low": [2.0, 2.0, None], "high": [8.0, 8.0, None]})
    figure = figures.ranges(frame, "ALT", "U/L")
    inside, outside = drawn(figure, hv.Points)
    assert inside.data.value.tolist() == [3.0, 9.0] and outside.data.value.tolist() == [9.0]
    hv.render(figure)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: figures.lines(pd.DataFrame({"week": ["2024-01-01", "2024-01-08"], "n": [1, 2], "s": ["major", "major"]}), "week", "n", "s"),
        lambda: figures.burn_down(pd.DataFrame({"day": ["2024-01-01", "2024-01-08"], "left": [10.0, None], "low": [None, 3.0], "high": [None, 7.0]})),
        lambda: figures.burn_down(pd.DataFrame({"day": ["2024-01-01"], "left": [10.0], "low": [None], "high": [None]}).astype({"low": float, "high": float})),
        lambda: figures.heat_map(pd.DataFrame({"c": ["A", "B"], "s": ["1", "2"], "v": [1, 5]}), "c", "s", "v"),
        lambda: figures.timeline(pd.DataFrame(columns=["lane", "start", "end", "label", "told"])),
    ],
    ids=["lines", "burn down", "no forecast", "heat map", "empty timeline"],
)
def test_each_figure_renders(figure):
    hv.render(figure())


def rendered(figure, kind):
    """The marks of a kind in a figure, as the browser is told to draw them."""
    return [renderer for renderer in hv.render(figure).renderers if type(renderer.glyph).__name__ == kind]


def test_the_parts_of_a_bar_differ_in_more_than_colour():
    frame = pd.DataFrame({"site": ["A", "A", "B"], "status": ["open", "answered", "closed"], "n": [3, 2, 5]})
    (bars,) = rendered(figures.bars(frame, "site", "n", "status"), "VBar")
    hatches = dict(zip(bars.data_source.data["status"], bars.data_source.data["hatch"], strict=True))
    assert bars.glyph.hatch_pattern == "hatch" and len(set(hatches.values())) == 3


def test_bars_that_lie_on_their_side_say_their_number_too():
    (labels,) = rendered(figures.bars(pd.DataFrame({"owner": ["DM", "site"], "n": [1446, 5]}), "owner", "n", across=True), "Text")
    assert [text.strip() for text in labels.data_source.data["shown"]] == ["1,446", "5"]
    assert isinstance(labels.glyph.x, str) and isinstance(labels.glyph.y, str), "HoloViews would move them along the wrong axis"


def test_the_first_and_last_mark_of_a_line_are_drawn_whole():
    frame = pd.DataFrame({"day": ["2024-03-04", "2024-03-25"], "n": [1, 2]})
    across = hv.render(figures.lines(frame, "day", "n")).x_range
    assert pd.to_datetime(across.start, unit="ms") < pd.Timestamp("2024-03-04") and pd.to_datetime(across.end, unit="ms") > pd.Timestamp("2024-03-25")


def test_a_site_without_any_is_drawn_above_the_edge_of_a_funnel_plot():
    numbers = figures.funnel_numbers(pd.DataFrame({"site": ["A", "B"], "numerator": [0, 4], "denominator": [400, 500]}))
    assert hv.render(figures.funnel(numbers)).y_range.start < 0
