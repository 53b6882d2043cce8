"""The cleaning workbook: whole, safe to open, the same for the same input, and readable when it comes back."""

import math
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from cdmlib import workbook
from cdmlib.errors import CdmError
from cdmlib.workbook import CheckSheet, ListingSheet, Workbook, write

KEYS = workbook.KEYS
ROW = ("101", "101-001", "Week 4", "Adverse Events", "1")
SHAPES = {"columns": (*KEYS, "aeterm", "aestdtc", "message", "finding_id"), "highlighted": frozenset({"aestdtc"})}


def check(id="AE004", n=1, terms=(), severity="major", rows=None, columns=SHAPES["columns"]):
    """A check with findings: the rows given (a generator must come with its n), or one per term."""
    terms = terms or ["Headache"] * n
    made = [(*ROW, term, "2024-03-05", "Please correct.", f"{id}-{i:04d}") for i, term in enumerate(terms)]
    n = n if rows is not None else len(made)
    note = "Partial dates are compared as far as known."
    rows, more = made if rows is None else rows, SHAPES | {"columns": columns}
    return CheckSheet(id, f"Title of {id}", "ae", severity, "query", "findings", n=n, note=note, rows=rows, **more)


def silent(id, outcome, reason="", severity="major"):
    return CheckSheet(id, f"Title of {id}", "ae", severity, "query", outcome, reason)


def listing(id="LAE", columns=(*KEYS, "aeterm"), rows=((*ROW, "Headache"),), n=None, note=""):
    return ListingSheet(id, f"Title of {id}", note, columns, len(rows) if n is None else n, rows)


def book(*checks, listings=(), **more):
    more = {"title": "A study", "cutoff": "2024-06-30", "facts": (("Subjects", 1234),)} | more
    return Workbook("ABC-301", run="r1", snapshot="2024-06-30-9f2c", checks=checks, listings=listings, **more)


@pytest.fixture
def written(tmp_path):
    def go(*checks, **more):
        path = tmp_path / "cleaning.xlsx"
        names = write(path, book(*checks, **more))
        xl = openpyxl.load_workbook(path)
        assert xl.sheetnames == names
        assert [p.name for p in tmp_path.iterdir()] == ["cleaning.xlsx"], "nothing else may be left in the folder"
        return xl

    return go


def named(sheet):
    """The column letter of each variable, from the last line of the header cells in row 3."""
    return {cell.value.split("\n")[-1]: cell.column_letter for cell in sheet[3]}


def table(sheet):
    """The table of checks in the contents: one dict per line, in order."""
    rows = list(sheet.iter_rows(values_only=True))
    top = next(i for i, row in enumerate(rows) if row[0] == "Check")
    lines = [dict(zip(rows[top], row, strict=True)) for row in rows[top + 1 :]]
    return lines[: next((i for i, line in enumerate(lines) if not line["Check"]), len(lines))]


def test_findings_come_first_by_severity_then_count_and_every_check_is_in_the_contents(written):
    xl = written(
        silent("CL1", "clean"), check("M1", 9, severity="minor"), silent("NR1", "not run", "ae.aeser is not collected"),
        check("A1", 2), check("A2", 5), silent("ER1", "error", "Conversion Error"), check("C1", 1, severity="critical"),
    )  # fmt: skip
    lines = table(xl["Contents"])
    assert [line["Check"] for line in lines] == ["C1", "A2", "A1", "M1", "ER1", "NR1", "CL1"]
    assert [line["Outcome"] for line in lines] == ["Findings"] * 4 + ["ERROR", "NOT RUN", "Clean"]
    assert [line["Findings"] for line in lines] == [1, 5, 2, 9, None, None, None]
    assert xl.sheetnames == ["Contents", "C1", "A2", "A1", "M1"]


def test_a_check_that_was_not_run_or_failed_gives_its_reason_and_never_looks_clean(written):
    reason = "column ae.aeser is not collected"
    xl = written(silent("CL1", "clean"), silent("NR1", "not run", reason), silent("ER1", "error", "Conversion Error"))
    sheet = xl["Contents"]
    fills = {
        row[8].value: row[8].fill.fgColor.rgb for row in sheet.iter_rows() if row[8].value not in (None, "Outcome")
    }
    assert {line["Check"]: line["Reason"] for line in table(sheet)} == {
        "ER1": "Conversion Error", "NR1": reason, "CL1": None,
    }  # fmt: skip
    assert len(set(fills.values())) == 3
    counts = {row[3].value: row[4].value for row in sheet.iter_rows(max_row=8) if row[3].value}
    assert counts == {"Outcome": "Checks", "Findings": 0, "ERROR": 1, "NOT RUN": 1, "Clean": 1}


def test_the_contents_say_what_was_run_on_what(written):
    text = [str(cell) for row in written(check())["Contents"].iter_rows(values_only=True) for cell in row]
    assert {"A study", "ABC-301", "2024-06-30", "r1", "2024-06-30-9f2c", "1234", "Query to site"} <= set(text)


def test_every_sheet_is_one_click_from_the_contents_and_back(written):
    xl = written(check(), listings=(listing(),))
    links = {cell.value: cell.hyperlink.location for (cell,) in xl["Contents"].iter_rows(max_col=1) if cell.hyperlink}
    assert links["AE004"] == "'AE004'!A1" and links["LAE"] == "'LAE'!A1"
    assert all(xl[name]["A1"].hyperlink.location == "'Contents'!A1" for name in ("AE004", "LAE"))


def test_a_header_cell_has_the_label_and_below_it_the_variable_name(written):
    sheet = written(check())["AE004"]
    assert [cell.value for cell in sheet[3]] == [
        "Site\nsiteid", "Subject\nsubjid", "Visit\nvisit", "Form\nform", "Row\nformrow", "Reported term\naeterm",
        "Start date\naestdtc", "Query text\nmessage", "Status\nreview_status", "Comment\nreview_comment",
        "Owner\nowner", "Waived until\nreview_expires", "Finding id\nfinding_id",
    ]  # fmt: skip


def test_a_column_without_a_label_is_called_by_its_name_in_words(written):
    sheet = written(listings=(listing(columns=("record_key", *KEYS[:2], "start_day"), rows=(("k", "1", "2", 3),)),))[
        "LAE"
    ]
    assert [cell.value for cell in sheet[3]][-1] == "Start day\nstart_day"
    assert sheet.freeze_panes == "D4"


def test_header_and_keys_are_frozen_and_every_column_can_be_filtered(written):
    sheet = written(check(n=3))["AE004"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("F4", "A3:M6")


def test_the_values_in_question_are_filled_even_when_they_are_empty(written):
    rows = [(*ROW, "Headache", None, "The start date is missing.", "f1")]
    sheet = written(check(rows=rows))["AE004"]
    assert sheet["G4"].fill.fgColor.rgb == "FFFFF4D6" and sheet["G4"].value is None
    assert sheet["F4"].fill.fill_type is None


def test_the_reviewer_has_unlocked_cells_and_a_list_to_choose_the_status_from(written):
    sheet = written(check(n=2))["AE004"]
    (rule,) = sheet.data_validations.dataValidation
    at = named(sheet)
    assert str(rule.sqref) == "I4:I5" and at["review_status"] == "I"
    assert rule.formula1 == '"Open,Query raised,Confirmed correct,Accepted discrepancy,Not an issue,Resolved,Waived"'
    for name in workbook.REVIEW:
        cell = sheet[f"{at[name]}4"]
        assert cell.value is None and not cell.protection.locked


def test_an_earlier_review_is_shown_to_be_gone_on_with_and_counted(written, tmp_path):
    columns = (*SHAPES["columns"][:-1], "review_status", "review_comment", "finding_id")
    rows = [(*ROW, "Headache", "2024", "Correct.", "Open", "Asked", "f1"), (*ROW, "Rash", "", "x", None, "", "f2")]
    xl = written(check(columns=columns, rows=rows, n=2))
    sheet, at = xl["AE004"], named(xl["AE004"])
    assert [sheet[f"{at[name]}4"].value for name in (*workbook.REVIEW, "finding_id")] == ["Open", "Asked", None, None, "f1"]
    assert table(xl["Contents"])[0]["Reviewed"] == "=COUNTA('AE004'!$I$4:$I$5)"
    with zipfile.ZipFile(tmp_path / "cleaning.xlsx") as file:
        assert b"</f><v>1</v>" in file.read("xl/worksheets/sheet1.xml"), "also for readers that do not compute"


def test_the_finding_id_is_the_last_column_and_whole(written):
    sheet = written(check(n=3))["AE004"]
    assert [row[-1].value for row in sheet.iter_rows(min_row=4)] == ["AE004-0000", "AE004-0001", "AE004-0002"]


TEXTS = ["=1+1", '=HYPERLINK("http://x","y")', "+1", "-5", "@SUM(A1)", "'quoted", "http://example.com", "12", "1e5"]
TEXTS += [
    "TRUE",
    "#N/A",
    "{=1}",
    "<r>bold</r>",
    "<r>&</r>",
    "<r>",
    "&amp;",
    " space ",
    "頭痛がする",
    "🙂",
    "a\nb",
    "]]>",
]
TEXTS += ["_x0041_"]


def test_text_stays_text_whatever_it_looks_like(written):
    sheet = written(check(terms=TEXTS))["AE004"]
    cells = [row[5] for row in sheet.iter_rows(min_row=4)]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert not any(cell.hyperlink for cell in cells)
    assert [cell.value.replace("_x005F_", "_") for cell in cells] == TEXTS, "openpyxl leaves Excel's escape in"
    assert all(cell.quotePrefix for cell in cells if cell.value[0] in "=+-@'"), "editing must not make it a formula"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x00b", "a\\x00b"), ("\x1f", "\\x1f"), ("a\x0bb", "a\\x0bb"), ("a\rb", "a\\rb"), ("a\r\nb", "a\nb"),
        ("\ud800", "\\ud800"), ("\ufffe", "\\ufffe"), (7, 7), (-0.5, -0.5), (Decimal("1.25"), 1.25), (True, "true"),
        (math.nan, "nan"), (math.inf, "inf"), (10**15, "1000000000000000"), (date(2024, 3, 5), "2024-03-05"),
        ("", None), (None, None),
    ],
)  # fmt: skip
def test_values_excel_cannot_hold_are_shown_as_text_and_numbers_stay_numbers(written, value, shown):
    cell = written(check(terms=[value]))["AE004"]["F4"]
    assert cell.value == shown and isinstance(cell.value, type(shown))


def test_a_text_longer_than_a_cell_is_whole_in_the_sheet_of_long_texts(written):
    long = "narrative 🙂 " * 9_000
    xl = written(check(terms=["short", long]))
    cell = xl["AE004"]["F5"]
    assert cell.hyperlink.location == "'Long text'!A4" and "Long text" in cell.value
    rows = list(xl["Long text"].iter_rows(min_row=4, values_only=True))
    assert "".join(row[3] for row in rows) == long
    assert {row[:2] for row in rows} == {("AE004", "F5")} and rows[0][2] == f"1 of {len(rows)}"


def test_more_rows_than_excel_can_hold_go_on_in_another_sheet_with_its_header(written, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_ROWS", 13)
    xl = written(check(n=25), check("AE005", n=10))
    assert xl.sheetnames == ["Contents", "AE004", "AE004 (2)", "AE004 (3)", "AE005"]
    parts = [xl[name] for name in xl.sheetnames[1:4]]
    assert [part.max_row for part in parts] == [13, 13, 8] and len({tuple(named(part)) for part in parts}) == 1
    assert [row[-1] for part in parts for row in part.iter_rows(min_row=4, values_only=True)][-1] == "AE004-0024"
    assert table(xl["Contents"])[0]["Reason"] == "on 3 sheets, to AE004 (3)"


@pytest.mark.parametrize("said", [2, 4])
def test_rows_lost_or_added_on_the_way_stop_the_workbook(tmp_path, said):
    path = tmp_path / "cleaning.xlsx"
    write(path, book(check()))
    before = path.read_bytes()
    with pytest.raises(CdmError, match=f"AE004: {said} rows were announced"):
        write(path, book(check(n=said, rows=[(*ROW, "x", "2024", "x", f"f{i}") for i in range(3)])))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["cleaning.xlsx"]


def test_a_run_that_fails_half_way_leaves_the_earlier_workbook_untouched(tmp_path):
    def breaks():
        yield (*ROW, "Headache", "2024", "x", "f1")
        raise RuntimeError("the database went away")

    path = tmp_path / "cleaning.xlsx"
    write(path, book(check()))
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write(path, book(check(rows=breaks(), n=2)))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["cleaning.xlsx"]


def test_rows_may_come_from_a_generator(written):
    rows = ((*ROW, f"term {i}", "2024", "x", f"f{i}") for i in range(450))
    assert written(check(rows=rows, n=450))["AE004"].max_row == 453


def test_sheet_names_are_valid_and_differ_whatever_the_ids_are(written):
    ids = ["Contents", "History", "Long text", "a/b", "a:b", "A?B", "'x'", "[1]", "", "  ", "\x00", "AE", "ae"]
    ids += ["ae (2)", "contents", "é" * 40, "é" * 41, "🙂", "-1+1", "R1C1", "A1"]
    xl = written(*(check(id) for id in ids))
    names = xl.sheetnames
    assert len({name.casefold() for name in names}) == len(names) == len(ids) + 1
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\'") for name in names)
    links = {cell.hyperlink.location for row in xl["Contents"].iter_rows(max_col=1) for cell in row if cell.hyperlink}
    assert links == {f"'{name}'!A1" for name in names[1:]}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    def once(name):
        write(tmp_path / name, book(check(n=5), silent("NR", "not run", "why"), listings=(listing(),)))
        return (tmp_path / name).read_bytes()

    assert once("a.xlsx") == once("b.xlsx")


def test_a_listing_has_no_reviewer_columns_and_one_that_was_not_made_says_why(written):
    not_made = listing("LNONE", (), (), note="table eg is not collected")
    xl = written(listings=(listing(), listing("LEMPTY", rows=()), not_made))
    assert list(named(xl["LAE"])) == [*KEYS, "aeterm"] and not xl["LAE"].data_validations.dataValidation
    assert (xl["LAE"].freeze_panes, xl["LAE"].auto_filter.ref, xl["LEMPTY"].max_row) == ("F4", "A3:F4", 3)
    lines = {row[0]: row for row in xl["Contents"].iter_rows(values_only=True)}
    assert lines["LEMPTY"][5] == 0 and lines["LNONE"][5:10] == (None, None, None, "NOT RUN", "table eg is not collected")
    assert "LNONE" not in xl.sheetnames


def test_a_sheet_prints_landscape_one_page_wide_with_its_header_and_a_footer(written):
    sheet = written(check(), cutoff="2024-06-30")["AE004"]
    assert sheet.page_setup.orientation == "landscape" and sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
    assert sheet.print_title_rows == "$3:$3" and "ABC-301 · data cut-off 2024-06-30" in sheet.oddFooter.left.text


def test_columns_are_as_wide_as_their_data_within_reason_and_long_texts_get_room(written):
    sheet = written(check(terms=["x", "word " * 60]))["AE004"]
    widths = [sheet.column_dimensions[cell.column_letter].width for cell in sheet[3]]
    assert all(8 <= width <= 61 for width in widths)
    assert sheet["F5"].alignment.wrap_text and sheet["F5"].alignment.vertical == "top"
    assert sheet.row_dimensions[5].height > 60 and not sheet.row_dimensions[4].height


def test_the_run_can_be_told_from_the_properties_of_a_workbook_that_comes_back(written):
    properties = {item.name: item.value for item in written(check()).custom_doc_props.props}
    assert properties == {"study": "ABC-301", "run": "r1", "snapshot": "2024-06-30-9f2c", "cutoff": "2024-06-30"}


def test_hundreds_of_sheets_do_not_keep_a_file_open_each(written):
    resource = pytest.importorskip("resource", reason="not on Windows")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/dev/fd").iterdir()) + 64, hard))  # beyond what the tests before left open
    try:
        assert len(written(*(check(f"AE{i}") for i in range(100))).sheetnames) == 101
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_wrong_column_count_in_a_row_is_an_error(tmp_path):
    row = (*ROW, "Headache", "2024", "x", "f1", "one more")
    with pytest.raises(ValueError, match="zip"):
        write(tmp_path / "x.xlsx", book(check(rows=[row])))
