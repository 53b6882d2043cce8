"""Weeks follow each other: the demo's four weeks against its answer key, and a reviewer's words from week to week."""

from __future__ import annotations

import csv
import shutil
from collections import Counter

import openpyxl
import pytest
from click.testing import CliRunner

from cdmlib import checks, cleaning, coding, demo, findings, journal, mart, reconcile, review, snapshot, tables
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError

WEEKS = ("2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25")


def run(cutoff):
    """A weekly run without its notebooks: the workbook's path."""
    study = studies.load("demo")
    snapshot.ingest(study, cutoff)
    work = mart.begin("demo", cutoff)
    tables.build(work)
    reconcile.build(work)
    coding.code(work)
    checks.run(work)
    findings.follow(work)
    path = cleaning.write(work)
    mart.publish(work)
    return path


def fill(source, target, entries):
    """A copy of a workbook in which a reviewer filled in cells: {finding id: {column: text}}."""
    book = openpyxl.load_workbook(source)
    for sheet in book:
        head = {str(cell.value).rsplit("\n", 1)[-1]: cell.column for cell in sheet[3] if cell.value}
        if "review_status" not in head:
            continue
        for row in range(4, sheet.max_row + 1):
            for column, text in entries.get(sheet.cell(row, head["finding_id"]).value, {}).items():
                sheet.cell(row, head[column]).value = text
    book.save(target)
    return target


def shown(path):
    """The reviewer columns, flag and changed cells of a workbook by finding id."""
    found = {}
    for sheet in openpyxl.load_workbook(path):
        head = [str(cell.value).rsplit("\n", 1)[-1] for cell in sheet[3] if cell.value]
        if "review_status" in head and "message" in head and sheet.title != "Since last week":
            for row in sheet.iter_rows(min_row=4, values_only=True):
                values = dict(zip(head, row, strict=False))
                found[values["finding_id"]] = values
    return found


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    """The demo after four weeks; before the second, the first week's workbook came back with a review of every 10th finding."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        patch.setenv("CDM_USER", "dm.one")
        demo.create(data / "demo")
        made = {WEEKS[0]: run(WEEKS[0])}
        ids = sorted(shown(made[WEEKS[0]]))
        entries = {
            id_: {"review_status": "Confirmed correct", "review_comment": f"seen {id_}", "owner": "Ana"}
            for id_ in ids[::10]
        }
        filled = fill(made[WEEKS[0]], data / "back.xlsx", entries)
        done = review.take_in(studies.load("demo"), filled)
        for cutoff in WEEKS[1:]:
            made[cutoff] = run(cutoff)
        yield studies.load("demo"), made, entries, filled, done


def statuses(study, cutoff):
    con = mart.open_run(study, f"{cutoff}-001")
    try:
        return {
            (row[0], row[1]): row[2:]
            for row in con.execute(
                "SELECT check_id, record_key, status, because, first_seen, last_seen FROM findings"
            ).fetchall()
        }
    finally:
        con.close()


@pytest.mark.parametrize("cutoff", WEEKS)
def test_the_life_of_every_planted_error_is_that_of_the_answer_key(weeks, cutoff):
    study, seen, wrong = weeks[0], statuses(weeks[0], cutoff), []
    planted = [row for row in demo.read_answer_key(study.folder) if row["check_id"] and row["first_week"] <= cutoff]
    for row in planted:
        status, because, first, last = seen.get((row["check_id"], row["record_key"]), ("absent", "", "", ""))
        if not row["last_week"] or cutoff <= row["last_week"]:
            expected = ("new",) if cutoff == row["first_week"] else ("open", "changed")
            dates = first == row["first_week"] and last == cutoff
        else:
            expected = ("resolved",) if row["how_resolved"] == "corrected" else ("deleted",)
            dates = first == row["first_week"] and last == row["last_week"]
            if row["how_resolved"] == "inactivated":
                dates = dates and because == "the record was inactivated in EDC"
            if row["how_resolved"] == "deleted":
                dates = dates and because == "the record left the extract"
        if status not in expected or not dates:
            wrong.append(
                (
                    row["error_id"],
                    row["check_id"],
                    row["record_key"],
                    row["how_resolved"],
                    expected,
                    status,
                    because,
                    first,
                    last,
                )
            )
    assert planted and not wrong


def test_what_a_reviewer_entered_in_the_first_week_stands_in_the_fourth(weeks):
    _, made, entries, _, done = weeks
    assert done.acts == 3 * len(entries) and not done.conflicts
    last = shown(made[WEEKS[3]])
    kept = [id_ for id_ in entries if id_ in last]
    assert len(kept) >= 5
    for id_ in kept:
        assert {name: last[id_][name] for name in entries[id_]} == entries[id_]


def test_the_same_workbook_again_is_a_no_op(weeks):
    study, _, entries, filled, _ = weeks
    before = journal.head(study)
    again = review.take_in(study, filled)
    assert (again.acts, again.already) == (0, 3 * len(entries)) and journal.head(study) == before


def test_a_cell_that_somebody_else_changed_meanwhile_is_a_conflict_and_stands(weeks, tmp_path):
    study, made, entries, _, _ = weeks
    id_ = sorted(entries)[0]
    other = fill(
        made[WEEKS[0]], tmp_path / "other.xlsx", {id_: {"review_comment": "I see it otherwise", "owner": "Ana"}}
    )
    done = review.take_in(study, other, "dm.two", "data manager")
    assert [(c.finding_id, c.field, c.given, c.stands, c.by) for c in done.conflicts] == [
        (id_, "comment", "I see it otherwise", f"seen {id_}", "dm.one")
    ]
    assert journal.state(study, "review")[(id_, "comment")].new == f"seen {id_}"


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("review_status", "Kind of fine", "must be one of Open"),
        ("finding_id", "0123456789abcdef", "must have been altered"),
        ("review_expires", "next year", "YYYY-MM-DD"),
    ],
)
def test_an_altered_id_and_an_unknown_status_are_refused_by_name_and_nothing_is_taken_in(
    weeks, tmp_path, column, text, words
):
    study, made, _, _, _ = weeks
    id_ = sorted(shown(made[WEEKS[3]]))[0]
    bad = fill(made[WEEKS[3]], tmp_path / "bad.xlsx", {id_: {"review_comment": "fine", column: text}})
    before = journal.head(study)
    with pytest.raises(CdmError) as caught:
        review.take_in(study, bad)
    assert words in str(caught.value) and text in str(caught.value) and "row" in str(caught.value)
    assert journal.head(study) == before


def test_rows_that_were_moved_or_deleted_are_still_matched_by_their_id(weeks, tmp_path):
    study, made, _, _, _ = weeks
    book = openpyxl.load_workbook(made[WEEKS[3]])
    sheet = next(s for s in book if s.title == "VI001")
    names = [str(cell.value).rsplit("\n", 1)[-1] for cell in sheet[3]]
    rows = [list(row) for row in sheet.iter_rows(min_row=4, values_only=True)]
    rows.reverse()
    rows[0][names.index("review_comment")] = "moved and still mine"
    for at, row in enumerate(rows[:-1], start=4):
        for col, value in enumerate(row, start=1):
            sheet.cell(at, col).value = value
    sheet.delete_rows(3 + len(rows))
    book.save(tmp_path / "moved.xlsx")
    done = review.take_in(study, tmp_path / "moved.xlsx")
    assert done.acts == 1 and done.absent >= 1
    assert journal.state(study, "review")[(rows[0][names.index("finding_id")], "comment")].new == "moved and still mine"


def test_a_review_is_outdated_when_a_value_changes_and_shows_old_and_new(weeks, monkeypatch, tmp_path):
    study = weeks[0]
    copy = tmp_path / "demo"
    shutil.copytree(study.folder, copy)
    monkeypatch.setenv("CDM_DATA", str(tmp_path))
    con = mart.open_published(study)
    id_, key = con.execute(
        "SELECT finding_id, record_key FROM findings WHERE check_id = 'AE004' AND gone_on IS NULL ORDER BY 1"
    ).fetchone()
    con.close()
    mine = fill(
        next((copy / "runs" / "2024-03-25-001").glob("cleaning_*.xlsx")),
        tmp_path / "f.xlsx",
        {id_: {"review_status": "Not an issue"}},
    )
    review.take_in(studies.load("demo"), mine, "dm.one", "data manager")
    later = copy / "incoming" / "2024-04-01"
    shutil.copytree(copy / "incoming" / "2024-03-25", later)
    with (later / "AE.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    head = lines[0]
    mine = next(line for line in lines if line[head.index("RecordId") :][:1] == [key.split("|")[1]])
    was, mine[head.index("AETERM")] = mine[head.index("AETERM")], "Vertigo corrected"
    with (later / "AE.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    row = shown(run("2024-04-01"))[id_]
    assert (row["flag"], row["review_status"]) == ("Changed", "Not an issue")
    assert row["aeterm"] == f"{was} → Vertigo corrected"
    con = mart.open_published(studies.load("demo"))
    assert con.execute("SELECT review_outdated FROM findings WHERE finding_id = ?", [id_]).fetchone() == (True,)
    con.close()


def changed_extract(folder, old, new, record, **values):
    """The extract of another date, with values of one AE record changed."""
    later = folder / "incoming" / new
    shutil.copytree(folder / "incoming" / old, later)
    with (later / "AE.csv").open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    row = next(line for line in lines if line[head.index("RecordId") :][:1] == [record])
    was = {name: row[head.index(name)] for name in values}
    for name, value in values.items():
        row[head.index(name)] = value
    with (later / "AE.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])
    return was


def test_a_finding_that_comes_back_is_reappeared_with_its_review_and_a_waiver_ends_on_its_day(weeks, monkeypatch, tmp_path):
    copy = tmp_path / "demo"
    shutil.copytree(weeks[0].folder, copy)
    monkeypatch.setenv("CDM_DATA", str(tmp_path))
    study = studies.load("demo")
    with mart.open_published(study) as con:
        id_, key, first = con.execute(
            "SELECT finding_id, record_key, first_seen FROM findings WHERE check_id = 'AE004' AND gone_on IS NULL ORDER BY 1"
        ).fetchone()
        other = con.execute("SELECT max(finding_id) FROM findings WHERE check_id <> 'AE004' AND gone_on IS NULL").fetchone()[0]
    record, dates = key.split("|")[1], ("AEENDAT", "AEENDAT_RAW", "AEENDAT_INT")
    entries = {
        id_: {"review_status": "Open", "review_comment": "asked the site", "owner": "Ana"},
        other: {"review_status": "Waived", "review_comment": "as agreed", "review_expires": "2024-04-05"},
    }
    filled = fill(next((copy / "runs" / f"{WEEKS[3]}-001").glob("*.xlsx")), tmp_path / "f.xlsx", entries)
    assert review.take_in(study, filled, "dm.one", "data manager").acts == 6
    was = changed_extract(copy, WEEKS[3], "2024-04-01", record, **dict.fromkeys(dates, ""))  # no end date: nothing to compare
    row = shown(run("2024-04-01"))
    assert row[other]["review_status"] == "Waived" and row[other]["review_expires"] == "2024-04-05"
    with mart.open_published(study) as con:
        assert con.execute("SELECT status, gone_on, because FROM findings WHERE finding_id = ?", [id_]).fetchone() == (
            "resolved", "2024-04-01", "the check no longer finds it",
        )  # fmt: skip
    changed_extract(copy, "2024-04-01", "2024-04-08", record, **was)
    path = run("2024-04-08")
    row = shown(path)
    assert (row[id_]["flag"], row[id_]["review_status"], row[id_]["review_comment"]) == ("Reappeared", "Open", "asked the site")
    assert (row[other]["review_status"], row[other]["review_comment"]) == (findings.EXPIRED, "as agreed")
    with mart.open_published(study) as con:
        assert con.execute("SELECT status, first_seen, last_seen, gone_on FROM findings WHERE finding_id = ?", [id_]).fetchone() == (
            "reappeared", first, "2024-04-08", None,
        )  # fmt: skip
    again = fill(path, tmp_path / "g.xlsx", {other: {"owner": "Ben"}})
    done = review.take_in(study, again, "dm.one", "data manager")
    assert (done.acts, done.conflicts) == (1, ()), "the words Waiver expired are the workbook's own"
    assert journal.state(study, "review")[(other, "status")].new == "Waived"


def test_two_people_may_fill_in_different_cells_of_one_row(weeks, tmp_path):
    study, made, _, _, _ = weeks
    id_ = sorted(shown(made[WEEKS[3]]))[-2]
    one = fill(made[WEEKS[3]], tmp_path / "one.xlsx", {id_: {"owner": "Ana"}})
    two = fill(made[WEEKS[3]], tmp_path / "two.xlsx", {id_: {"review_comment": "see source"}})
    assert review.take_in(study, one, "dm.one", "data manager").acts == 1
    done = review.take_in(study, two, "dm.two", "data manager")
    assert (done.acts, done.conflicts) == (1, ())
    stands = journal.state(study, "review")
    assert (stands[(id_, "owner")].new, stands[(id_, "comment")].new) == ("Ana", "see source")
    assert (stands[(id_, "owner")].actor, stands[(id_, "comment")].actor) == ("dm.one", "dm.two")


def test_rows_that_are_filtered_out_of_sight_are_taken_in_too(weeks, tmp_path):
    study, made, _, _, _ = weeks
    id_ = sorted(shown(made[WEEKS[3]]))[-3]
    filled = fill(made[WEEKS[3]], tmp_path / "a.xlsx", {id_: {"review_comment": "hidden but mine"}})
    book = openpyxl.load_workbook(filled)
    for sheet in book:
        for row in range(4, sheet.max_row + 1):
            sheet.row_dimensions[row].hidden = True
    book.save(tmp_path / "filtered.xlsx")
    assert review.take_in(study, tmp_path / "filtered.xlsx", "dm.one", "data manager").acts == 1
    assert journal.state(study, "review")[(id_, "comment")].new == "hidden but mine"


def test_new_is_green_changed_is_yellow_with_old_and_new_gone_is_grey_and_they_stand_first(weeks):
    order = ["New", "Reappeared", "Changed", "Review outdated", "Not checked", None, "Resolved", "Deleted"]
    fills, arrows = {}, set()
    for cutoff in WEEKS[1:]:
        for sheet in openpyxl.load_workbook(weeks[1][cutoff]):
            head = [str(cell.value).rsplit("\n", 1)[-1] for cell in sheet[3]]
            if "review_status" not in head or sheet.title == "Since last week":
                continue
            flags = []
            for row in sheet.iter_rows(min_row=4):
                flag = row[head.index("flag")]
                flags.append(flag.value or None)
                fills.setdefault(flag.value or None, set()).add(flag.fill.fgColor.rgb)
                if flag.value == "Changed":
                    arrows |= {cell.fill.fgColor.rgb for cell in row if " → " in str(cell.value)}
            assert flags == sorted(flags, key=order.index), sheet.title
    assert fills["New"] == {"FFCFEBD4"} and fills["Changed"] == {"FFFFE98A"} and arrows == {"FFFFE98A"}
    assert fills["Resolved"] == fills["Deleted"] == {"FFEEF0F3"}


def test_the_review_command_takes_a_workbook_back_and_reports_each_conflict(weeks, monkeypatch, tmp_path):
    study, made, _, _, _ = weeks
    monkeypatch.setenv("CDM_DATA", str(study.folder.parent))
    id_ = sorted(shown(made[WEEKS[3]]))[-4]

    def cdm(user, *arguments):
        monkeypatch.setenv("CDM_USER", user)
        return CliRunner().invoke(main, ["review", "demo", *map(str, arguments)])

    mine = fill(made[WEEKS[3]], tmp_path / "mine.xlsx", {id_: {"review_comment": "mine"}})
    theirs = fill(made[WEEKS[3]], tmp_path / "theirs.xlsx", {id_: {"review_comment": "theirs"}})
    done = cdm("dm.one", "import", mine)
    assert done.exit_code == 0 and "1 entries taken in by dm.one" in done.output
    assert "0 entries taken in" in cdm("dm.one", "import", mine).output
    conflict = cdm("dm.two", "import", theirs)
    assert conflict.exit_code == 1
    assert f"conflict: finding {id_}, comment: the workbook had '' and says 'theirs'; dm.one entered 'mine' meanwhile" in conflict.output
    unknown = cdm("dm.one", "export", mine)
    assert unknown.exit_code == 2 and "'export' is not 'import'" in unknown.output


def test_a_check_that_is_not_run_resolves_nothing(weeks, monkeypatch, tmp_path):
    copy = tmp_path / "demo"
    shutil.copytree(weeks[0].folder, copy)
    monkeypatch.setenv("CDM_DATA", str(tmp_path))
    before = Counter(
        status
        for (check, _), (status, *_) in statuses(weeks[0], WEEKS[3]).items()
        if check == "AE004" and status not in findings.GONE
    )
    shutil.copytree(copy / "incoming" / WEEKS[3], copy / "incoming" / "2024-04-01")
    (copy / "incoming" / "2024-04-01" / "note.txt").write_text(
        "a file more, so that the extract is another", encoding="utf-8"
    )
    text = (copy / "study.toml").read_text(encoding="utf-8")
    (copy / "study.toml").write_text(
        text + '\n[off]\nAE004 = "switched off for this test"\n'
        if "[off]" not in text
        else text.replace("[off]", '[off]\nAE004 = "switched off for this test"'),
        encoding="utf-8",
    )
    run("2024-04-01")
    con = mart.open_published(studies.load("demo"))
    rows = con.execute(
        "SELECT status, flag, because FROM findings WHERE check_id = 'AE004' AND gone_on IS NULL"
    ).fetchall()
    con.close()
    assert len(rows) == sum(before.values()) > 0
    assert set(rows) == {
        ("open", "Not checked", "not checked: not run, switched off in study.toml: switched off for this test")
    }


def test_the_journal_of_the_demo_verifies_against_the_heads_its_runs_recorded(weeks):
    assert journal.verify(weeks[0]).ok
