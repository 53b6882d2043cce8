"""What the pages are made of, without a server: numbers, tables, states, and the history of a subject's values."""

from __future__ import annotations

import csv
import gc
import io
import weakref

import pandas as pd
import pytest

from cdmlib.board import Denied, NotThere, Rows
from cdmlib.errors import CdmError
from dashboards import app, parts, subjects


def html(viewable) -> str:
    return "".join(pane.object for pane in viewable.select(parts.pn.pane.HTML))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"numerator": 3, "denominator": 12, "unit": "percent"}, ["25.0 %", "3 of 12"]),
        ({"numerator": 3, "denominator": 12, "value": 4.5, "unit": "days"}, ["4.5 days", "3 of 12"]),
        ({"numerator": 0, "denominator": 0, "unit": "percent"}, [">none<", "0 of 0"]),
        ({"numerator": None, "denominator": 12}, ["not known"]),
        ({"numerator": float("nan"), "denominator": None}, ["not known"]),
        ({"numerator": 1234, "change": "4 fewer"}, ["1,234", "4 fewer"]),
    ],
    ids=["share", "a value of its own", "nothing to count", "missing", "not a number", "change"],
)
def test_a_number_shows_what_it_is_made_of(given, shown):
    made = html(parts.number("Clean", definition="Subjects < 3 & clean", **given))
    assert all(text in made for text in shown)
    assert "Subjects &lt; 3 &amp; clean" in made, "the definition is there, and is text"


@pytest.mark.parametrize(
    ("error", "word"),
    [(Denied("not you"), "not allowed"), (NotThere("not run: no table x"), "not run"), (CdmError("too many rows"), "can't be shown"), (ValueError("<secret>"), "error")],
)
def test_a_part_that_fails_says_so_in_its_place_and_an_unforeseen_error_tells_nothing_of_the_data(error, word):
    def build():
        raise error

    made = html(parts.guarded(build))
    assert f"<b>{parts.text(word)}</b>" in made
    assert "secret" not in made


class Reader:
    """A reader whose person may export, or may not."""

    def __init__(self, may: bool) -> None:
        self.study_id, self.as_of, self.allowed = "abc", "2024-03-25", may

    def may(self, _: str) -> bool:
        return self.allowed

    def require(self, act: str) -> None:
        if not self.allowed:
            raise Denied(act)


ROWS = pd.DataFrame({"site": ["A", "B", "C"], "text": ["=1+1", "<b>x</b>", None], "n": [2, 10, 1]})


def exported(table: parts.Table) -> list[dict]:
    return list(csv.DictReader(io.StringIO(table.export.callback().read().decode("utf-8-sig"))))


def test_the_export_is_what_the_table_shows_searched_and_sorted():
    table = parts.held(Reader(True), ROWS, "rows")
    table.grid.sorters = [{"field": "n", "dir": "desc"}]
    assert table.grid.value.site.tolist() == ["B", "A", "C"]
    assert [row["site"] for row in exported(table)] == ["B", "A", "C"]
    table.search.value = "<B>"
    assert table.grid.value.site.tolist() == ["B"] and [row["site"] for row in exported(table)] == ["B"]
    assert "rows 1 to 1 of 1 found" in table.told.object
    table.search.value = "nobody"
    assert exported(table) == [] and "nothing found" in table.told.object


def test_a_formula_is_exported_as_text():
    assert exported(parts.held(Reader(True), ROWS, "rows"))[0]["text"] == "'=1+1"


def test_somebody_who_may_not_export_has_no_button_and_gets_nothing():
    table = parts.held(Reader(False), ROWS, "rows")
    assert table.export not in table.place.select()
    with pytest.raises(Denied):
        table._export()


def test_a_table_turns_its_pages():
    rows = pd.DataFrame({"n": range(40)})
    table = parts.held(Reader(True), rows, "rows", size=15)
    assert table.turn.count == 3 and "rows 1 to 15 of 40" in table.told.object
    table.turn.value = 2
    assert table.grid.value.n.tolist() == list(range(30, 40)) and "rows 31 to 40 of 40" in table.told.object


def test_of_several_readings_the_one_asked_for_last_is_shown_whichever_comes_first():
    table = parts.held(Reader(True), pd.DataFrame({"n": range(40)}), "rows", size=15)
    table.turn.value = 1
    late, table.asked = table.asked, lambda: Rows(pd.DataFrame({"n": [7]}), 1)
    table._take(late, late)
    assert table.grid.value.n.tolist() == list(range(15, 30)), "an answer that nobody waits for any more changes nothing"
    table._take(table.asked, table.asked)
    assert table.grid.value.n.tolist() == [7]


def test_a_table_that_can_not_be_read_says_why_and_shows_again_once_it_can():
    table = parts.held(Reader(True), pd.DataFrame({"n": range(40)}), "rows", size=15)

    def refused():
        raise Denied("not you")

    table.asked = refused
    table._take(refused, refused)
    assert "not you" in html(table.problem)
    table.turn.value = 1
    assert html(table.problem) == "" and table.grid.value.n.tolist() == list(range(15, 30))


def test_a_page_does_not_hear_of_what_other_sessions_do_and_is_let_go():
    page = parts.pmui.Page(title="x")
    app._unheard(page)
    parts.pn.state._add_busy_event("of another session")
    try:
        assert parts.pn.state.busy and not page.busy
    finally:
        parts.pn.state._remove_busy_event("of another session")
    gone = weakref.ref(page)
    del page
    gc.collect()
    assert gone() is None


def items(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of the table items: record, field, value."""
    return pd.DataFrame([("edc", "AE", record, "Week 1", "Adverse Events", field, value) for record, field, value in rows], columns=["source", "dataset", "record_key", "visit", "form", "field", "value"])


def test_the_history_says_what_changed_when_and_in_which_snapshot():
    states = [
        ("2024-03-04", "s1", items(("AE|1", "aeterm", "Headache"), ("AE|1", "aesev", "MILD"), ("AE|2", "aeterm", "Rash"))),
        ("2024-03-11", "s2", items(("AE|1", "aeterm", "Headache"), ("AE|1", "aesev", "SEVERE"), ("AE|2", "aeterm", "Rash"))),
        ("2024-03-18", "s3", items(("AE|1", "aeterm", "Headache"), ("AE|1", "aesev", "SEVERE"), ("AE|1", "aeout", "RECOVERED"), ("AE|3", "aeterm", "Cough"))),
    ]
    told = subjects.differences(states)[["when", "record_key", "field", "what", "old", "new", "snapshot"]]
    assert told.values.tolist() == [
        ["2024-03-18", "AE|1", "aeout", "value changed", "", "RECOVERED", "s3"],
        ["2024-03-18", "AE|2", "", "record removed", "", "", "s3"],
        ["2024-03-18", "AE|3", "", "record added", "", "", "s3"],
        ["2024-03-11", "AE|1", "aesev", "value changed", "MILD", "SEVERE", "s2"],
    ]


def test_nothing_changed_is_an_empty_history():
    same = items(("AE|1", "aeterm", "Headache"))
    assert subjects.differences([("2024-03-04", "s1", same), ("2024-03-11", "s2", same)]).empty


@pytest.mark.parametrize(
    ("date", "first"),
    [("2024-03-05", "2024-03-05"), ("2024-03", "2024-03-01"), ("2024", "2024-01-01"), ("2024-03-05T10:30", "2024-03-05"), ("", None), (None, None), (float("nan"), None), ("2024-02-30", None)],
)
def test_a_date_known_in_part_is_drawn_at_the_first_day_that_it_can_be(date, first):
    assert subjects._first_day(date) == first
