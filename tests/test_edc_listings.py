"""Page status, visits, verification, signatures, deviations: the EDC's listings as they come, known by their headers."""

from __future__ import annotations

import datetime
import shutil

import openpyxl
import pytest

from cdmlib import mart, scaffold, snapshot, tables
from cdmlib import study as studies

CUTOFF = "2025-11-14"


def columns(data, sql, path, cutoff=CUTOFF):
    """The rows of a SELECT on the tables made from the listings below `path`."""
    scaffold.new("abc", path, cutoff)
    snapshot.ingest(studies.load("abc"), cutoff)
    with mart.scratch("abc") as work:
        tables.build(work)
        return work.con.execute(sql).fetchall()


def test_the_rave_page_status_of_the_public_data_gives_its_known_counts(data, realdata, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("forms.csv", "visits.csv"):
        shutil.copy(realdata / "rave" / name, tmp_path / "in")
    sql = "SELECT count(*), count(CASE WHEN frozen = 'Y' AND locked = 'Y' THEN 1 END), count(CASE WHEN verified = 'Y' THEN 1 END), count(CASE WHEN signed = 'Y' THEN 1 END) FROM pages"
    assert columns(data, sql, tmp_path / "in", "2016-12-31") == [(23125, 317, 269, 4)]
    with mart.scratch("abc") as work:
        tables.build(work)
        counts = dict(work.con.execute("SELECT status, count(*) FROM visit_status GROUP BY status").fetchall())
    assert counts == {"completed": 596, "expected": 427, "missed": 59, "terminated": 56, "overdue": 48, "failed": 16}


# A workbook as operations sends it: trailing blanks and line breaks in headers, a site column of many spellings, dates of many kinds.
SHEETS = {
    "SDV": [
        ("Project Name", "Region", "Country", "Site ", "Subject Name", "Folder Name", "Data Page Name", "Visit Date", "Verification Status"),
        ("ABC", "EMEA", "DEU", "Site 101", "101-001", "Screening", "Demographics", "07 OCT 2025", "Verifed"),
        ("ABC", "EMEA", "DEU", "Site 101", "101-001", "Screening", "Vital Signs", "28OCT2025", "Require Verification"),
    ],
    "PI Signature Report": [
        ("Project Name", "Site ID", "Subject Name", "Visit Name", "Data Page Name", "Page Require Signature", "Audit Action", "Visit Date", "Date page entered/ Date last PI Sign", "No. of days"),
        ("ABC", "101", "101-001", "Screening", "Demographics", "Yes - Never Signed", "", "07 OCT 2025", datetime.date(2025, 10, 9), 36),
        ("ABC", "101", "101-001", "Screening", "Vital Signs", "Yes - Broken Signature", "", "28OCT2025", "24-SEP-2025", 51),
    ],
    "CRF Freeze": [
        ("Study Site", "Subject Name", "Folder Name", "Data Page Name", "Freeze", "Audit User"),
        ("101", "101-001", "Screening", "Demographics", "Freeze", "x"),
    ],
    "UnFreeze": [("Study Site", "Subject Name", "Folder Name", "Data Page Name", "UnFreeze", "Audit User"), ("101", "101-001", "Screening", "Vital Signs", "UnFreeze", "x")],
    "Locked": [("Study Site", "Subject Name", "Folder Name", "Data Page Name", "Lock and Unlock"), ("101", "101-001", "Screening", "Demographics", "Locked")],
    "Missing_Pages_14Nov25": [
        ("Form Details", "Country", "Site Number", "Subject Name", "Visit Name", "Page Name", "Visit date", "Subject Status", "# of Days Missing"),
        ("", "DEU", "101", "101-001", "Week 4", "Vital Signs", "13 Nov 2025 15:45:48", "Enrolled", 1),
    ],
    "Visit Projection (1)": [("Country", "Site", "Subject", "Visit", "Projected Date", "# Days Outstanding"), ("DEU", "101", "101-001", "Week 8", "13 Nov 2025", 1), ("DEU", "101", "101-001", "Week 12", "14NOV2025", 0)],
    "Protocol Deviation": [
        ("Study", "Site ID", "Subject Name", "Folder Name", "Data Page Name", "Log #", "PD Status", "Visit date"),
        ("ABC", "101", "101-001", "Week 4", "Deviations", 1, "PD Confirmed", ""),
        ("ABC", "101", "101-001", "Week 4", "Deviations", 2, "PD proposed", ""),
    ],
    "Missing_Lab_Name": [
        ("Country", "Site number", "Subject", "Visit", "Form Name", "Lab category", "Lab Date", "Test Name", "Test description", "Issue"),
        ("DEU", "101", "101-001", "Week 4", "Chemistry", "CHEM", "", "ALT", "", "Ranges/ Units not entered"),
    ],
    "Inactivated": [
        ("Country", "Study Site Number", "Subject", "Folder", "Form ", "Data on Form/\nRecord    ", "RecordPosition", "Audit Action"),
        ("DEU", "101", "101-001", "Screening", "Adverse Events", "Headache", 2, "Inactivated"),
    ],
}


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in SHEETS.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    folder = tmp_path / "in"
    folder.mkdir()
    book.save(folder / "CPID_EDC_Metrics.xlsx")
    return folder


def test_the_sheets_of_an_operational_workbook_become_pages_visits_and_issues(data, workbook):
    sql = "SELECT visit, form, expected, entered, verify_required, verified, sign_required, signed, signature_broken, frozen, locked FROM pages ORDER BY visit, form"
    assert columns(data, sql, workbook) == [
        ("Screening", "Demographics", "Y", "Y", "Y", "Y", "Y", "N", "N", "Y", "Y"),
        ("Screening", "Vital Signs", "Y", "Y", "Y", "N", "Y", "N", "Y", "N", None),
        ("Week 4", "Vital Signs", "Y", "N", None, None, None, None, None, None, None),
    ]
    with mart.scratch("abc") as work:
        tables.build(work)
        visits = work.con.execute("SELECT visit, status, planneddtc, days_overdue FROM visit_status ORDER BY visit").fetchall()
        issues = work.con.execute("SELECT kind, form, what, state FROM edc_issues ORDER BY kind, formrow").fetchall()
        dates = work.con.execute("SELECT form, visitdtc, entereddtc FROM pages ORDER BY visit, form").fetchall()
    assert visits == [("Week 12", "expected", "2025-11-14", None), ("Week 8", "overdue", "2025-11-13", 1)]
    assert issues == [
        ("deviation", "Deviations", None, "PD Confirmed"),
        ("deviation", "Deviations", None, "PD proposed"),
        ("inactivated", "Adverse Events", "Headache", "Inactivated"),
        ("lab range", "Chemistry", "Ranges/ Units not entered", None),
    ]
    assert dates == [("Demographics", "2025-10-07", "2025-10-09"), ("Vital Signs", "2025-10-28", "2025-09-24"), ("Vital Signs", "2025-11-13T15:45:48", None)]


def test_a_page_status_with_counts_says_what_is_expected_and_entered(data, tmp_path):
    (tmp_path / "in").mkdir()
    text = "sitename,subjectname,foldername,formname,pagesexpected_total,pagesexpected_todate,pagesentered\n101,101-001,Week 1,VS,1,1,1\n101,101-001,Week 4,VS,1,1,0\n101,101-001,Week 8,VS,1,0,0\n"
    (tmp_path / "in" / "page_status.csv").write_text(text, encoding="utf-8")
    assert columns(data, "SELECT visit, expected, entered FROM pages ORDER BY visit", tmp_path / "in") == [("Week 1", "Y", "Y"), ("Week 4", "Y", "N"), ("Week 8", "N", "N")]


def test_a_study_without_such_listings_has_no_page_status_rather_than_a_clean_one(data, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "AE.csv").write_text("SUBJID,AETERM,AESTDAT\n001,Rash,2024-01-01\n", encoding="utf-8")
    scaffold.new("abc", tmp_path / "in", CUTOFF)
    snapshot.ingest(studies.load("abc"), CUTOFF)
    with mart.scratch("abc") as work:
        tables.build(work)
        assert "entered" not in tables.collected(work.con)["pages"]
        assert "status" not in tables.collected(work.con)["visit_status"]


PLAN = """
[[visits]]
name = "Week 1"
number = 1
day = 1
after = 2
[[visits]]
name = "Week 4"
number = 2
day = 29
after = 3
"""


@pytest.mark.parametrize(
    "cutoff, ended, expected",
    [
        ("2024-02-01", "", "expected"),  # first dose 2024-01-04, day 29 is 2024-02-01, the window ends on 2024-02-04
        ("2024-02-04", "", "expected"),
        ("2024-02-05", "", "overdue"),
        ("2024-02-05", "2024-02-03", "terminated"),
        ("2024-02-05", "2024-02-04", "overdue"),
    ],
)
def test_without_a_listing_the_plan_says_which_visits_are_overdue(data, tmp_path, cutoff, ended, expected):
    (tmp_path / "in").mkdir()
    files = {
        "DM": "SUBJID,SEX\n001,F\n",
        "EX": "SUBJID,EXTRT,EXDOSE,EXSTDAT\n001,Drug,10,2024-01-04\n",
        "SV": "SUBJID,VISIT,SVSTDAT\n001,Week 1,2024-01-04\n",
        "DS": f"SUBJID,DSTERM,DSDECOD,DSSTDAT\n001,{'left,WITHDRAWAL BY SUBJECT,' + ended if ended else 'consent,INFORMED CONSENT OBTAINED,2024-01-01'}\n",
    }
    for name, text in files.items():
        (tmp_path / "in" / f"{name}.csv").write_text(text, encoding="utf-8")
    scaffold.new("abc", tmp_path / "in", cutoff)
    with (data / "abc" / "study.toml").open("a", encoding="utf-8") as file:
        file.write(PLAN)
    snapshot.ingest(studies.load("abc"), cutoff)
    with mart.scratch("abc") as work:
        tables.build(work)
        found = work.con.execute("SELECT visit, status FROM visit_status ORDER BY visit").fetchall()
    assert found == [("Week 1", "completed"), ("Week 4", expected)]
