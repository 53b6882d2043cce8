"""Snapshots: every row accounted for, the same files a no-op, and doubtful loads held."""

from __future__ import annotations

import json
import os

import duckdb
import pytest

from cdmlib import snapshot
from cdmlib import study as studies
from cdmlib.errors import CdmError, Held

pytestmark = pytest.mark.requirement("R19", "R20")

TOML = """[study]
id = "abc"
title = "A study"

[sources.edc]
layout = "csv"
subject = "SUBJID"
{more}
"""
WEEK1, WEEK2, WEEK3 = "2024-03-04", "2024-03-11", "2024-03-18"


@pytest.fixture
def study(data):
    def make(more=""):
        (data / "abc").mkdir(exist_ok=True)
        (data / "abc" / "study.toml").write_text(TOML.format(more=more), encoding="utf-8")
        return studies.load("abc")

    return make


def arrive(study, cutoff, **files):
    folder = study.incoming / cutoff
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text.encode() if isinstance(text, str) else text)


def rows(n, start=1, header="SUBJID,AETERM"):
    return header + "\n" + "".join(f"S{i:03d},Headache {i}\n" for i in range(start, start + n))


def test_rows_in_the_file_are_rows_stored_and_rows_quarantined(study):
    s = study()
    arrive(s, WEEK1, AE="SUBJID,AETERM\nS001,Rash\nS002,Cough,extra\nS003\nS004,Fever\n")
    done = snapshot.ingest(s)
    report = snapshot.load_report(done.snapshot).iloc[0]
    assert (report.rows_in_file, report.rows_stored, report.rows_quarantined, report.subjects) == (4, 2, 2, 2)
    quarantined = snapshot.quarantine(done.snapshot)
    assert list(quarantined.row) == [3, 4]
    assert "S002,Cough,extra" in quarantined.text[0]


def test_stored_text_is_what_the_file_holds_with_its_line(study):
    s = study()
    arrive(s, WEEK1, AE='SUBJID,AETERM,N\n001,"Rash, mild",1.50\n002,NA,\n')
    snap = snapshot.ingest(s).snapshot
    con = duckdb.connect()
    snapshot.attach(con, snap)
    assert con.execute("SELECT SUBJID, AETERM, N, source, dataset, source_file, source_row FROM edc.AE").fetchall() == [
        ("001", "Rash, mild", "1.50", "edc", "AE", "AE.csv", 2),
        ("002", "NA", None, "edc", "AE", "AE.csv", 3),
    ]


def test_the_same_files_again_are_a_no_op_and_said(study):
    s = study()
    arrive(s, WEEK1, AE=rows(5))
    first = snapshot.ingest(s)
    again = snapshot.ingest(s)
    assert first.stored and not again.stored
    assert "already stored" in again.said and again.snapshot.id == first.snapshot.id
    assert len(snapshot.list_all(s)) == 1


def test_a_declared_key_changes_nothing_that_was_read(study):
    s = study()
    arrive(s, WEEK1, AE=rows(3))
    first = snapshot.ingest(s).snapshot
    again = snapshot.ingest(study('keys = { AE = ["SUBJID"] }\nignore = ["AETERM"]'), WEEK1)
    assert not again.stored and again.snapshot.id == first.id


def test_what_a_killed_load_left_is_removed_by_the_next_and_that_of_one_at_work_is_not(study):
    s = study()
    arrive(s, WEEK1, AE=rows(3))
    killed, at_work = (s.folder / "snapshots" / f".{WEEK1}-abc.{n}" for n in (1, 2))
    for folder in (killed, at_work):
        folder.mkdir(parents=True)
        (folder / "edc.AE.parquet").write_bytes(b"half")
    held = snapshot.hold(at_work)
    snapshot.ingest(s)
    os.close(held)
    assert not killed.exists() and at_work.exists()


def test_a_corrected_declaration_reads_the_same_files_anew(study):
    s = study()
    arrive(s, WEEK1, AE="SUBJID,AETERM\nS001,Fi\xe8vre\nS002,Rash\n".encode("cp1252"))
    assert snapshot.load_report(snapshot.ingest(s).snapshot).rows_quarantined[0] == 1
    again = snapshot.ingest(study('encoding = "cp1252"'))
    assert again.stored and snapshot.load_report(again.snapshot).rows_quarantined[0] == 0


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"AE": rows(80), "DM": rows(100)}, "edc.AE lost 20 of 100 rows"),
        ({"AE": "SUBJID,AETERM\n", "DM": rows(100)}, "edc.AE had 100 rows and is now empty"),
        ({"AE": rows(100)}, "dataset edc.DM (100 rows) is missing"),
        (
            {"AE": rows(100, start=10), "DM": rows(100, start=10)},
            "9 of 100 subjects are gone (S001, S002, S003, S004, S005, …)",
        ),
    ],
)
def test_a_mass_deletion_is_held_until_confirmed_with_a_reason(study, second, words):
    s = study()
    arrive(s, WEEK1, AE=rows(100), DM=rows(100))
    snapshot.ingest(s)
    arrive(s, WEEK2, **second)
    with pytest.raises(Held) as held:
        snapshot.ingest(s, WEEK2)
    assert words in str(held.value) and "--confirm" in str(held.value)
    assert [snap.cutoff for snap in snapshot.list_all(s)] == [WEEK1]
    done = snapshot.ingest(s, WEEK2, confirm="site 01 withdrew its data")
    assert "site 01 withdrew its data" in done.snapshot.confirmed
    assert any(words in line for line in done.snapshot.differences)


def test_a_small_loss_is_let_through_and_said(study):
    s = study()
    arrive(s, WEEK1, AE=rows(100))
    snapshot.ingest(s)
    arrive(s, WEEK2, AE=rows(98))
    assert "edc.AE: 2 fewer rows than in 2024-03-04 (100 → 98)" in snapshot.ingest(s).snapshot.differences


def test_an_empty_transfer_is_held(study):
    s = study()
    arrive(s, WEEK1, AE="SUBJID,AETERM\n")
    with pytest.raises(Held, match="the transfer is empty: no dataset has a row that could be stored"):
        snapshot.ingest(s)


def test_a_transfer_of_which_every_row_is_quarantined_is_held_with_the_first_reason(study):
    s = study()
    arrive(s, WEEK1, AE="SUBJID,AETERM\nS001,Rash,1\nS002,Rash,2\n")
    with pytest.raises(Held, match=r"2 rows would be quarantined; the first, AE\.csv row 2: .*3"):
        snapshot.ingest(s)


def test_an_older_extract_after_a_newer_one_is_held(study):
    s = study()
    arrive(s, WEEK2, AE=rows(10))
    snapshot.ingest(s)
    arrive(s, WEEK1, AE=rows(9))
    with pytest.raises(Held, match=r"older \(2024-03-04\) than the last snapshot \(2024-03-11\)"):
        snapshot.ingest(s, WEEK1)


def test_an_older_extract_sent_again_under_a_new_date_is_held(study):
    s = study()
    arrive(s, WEEK1, AE=rows(10))
    snapshot.ingest(s)
    arrive(s, WEEK2, AE=rows(11))
    snapshot.ingest(s)
    arrive(s, WEEK3, AE=rows(10))
    with pytest.raises(Held, match="byte for byte, that of 2024-03-04"):
        snapshot.ingest(s, WEEK3)


def test_columns_added_removed_and_renamed_are_reported_and_the_load_goes_on(study):
    s = study()
    arrive(s, WEEK1, AE="SUBJID,AETERM,OLD,GONE\n" + "".join(f"S{i},T{i},v{i},g\n" for i in range(20)))
    snapshot.ingest(s)
    arrive(s, WEEK2, AE="SUBJID,AETERM,NEWNAME,ADDED\n" + "".join(f"S{i},T{i},v{i},a{i}\n" for i in range(20)))
    assert snapshot.ingest(s).snapshot.differences == [
        "edc.AE: column ADDED added",
        "edc.AE: column GONE removed; checks that need it will not run",
        "edc.AE: column OLD seems to be renamed NEWNAME",
    ]


def test_two_files_for_one_dataset_are_refused_by_name(study):
    s = study()
    arrive(s, WEEK1, AE=rows(2))
    (s.incoming / WEEK1 / "copy").mkdir()
    (s.incoming / WEEK1 / "copy" / "ae.csv").write_text(rows(3), encoding="utf-8")
    with pytest.raises(CdmError, match=r"AE\.csv.*ae\.csv|ae\.csv.*AE\.csv"):
        snapshot.ingest(s)


def test_a_load_that_fails_leaves_nothing_behind(study):
    s = study()
    arrive(s, WEEK1, AE=rows(3), DM='SUBJID,AETERM\nS001,"open\n')
    with pytest.raises(CdmError, match="quote"):
        snapshot.ingest(s)
    assert list((s.folder / "snapshots").iterdir()) == []


def test_the_manifest_says_where_everything_came_from(study):
    s = study()
    arrive(s, WEEK1, AE=rows(3))
    snap = snapshot.ingest(s).snapshot
    manifest = json.loads((snap.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"][0]["name"] == "AE.csv" and len(manifest["files"][0]["sha256"]) == 64
    assert manifest["datasets"][0]["columns"] == ["SUBJID", "AETERM"]
    assert snap.id.startswith(WEEK1 + "-")


@pytest.mark.parametrize("bad", ["04-03-2024", "../2024-03-04", "2024-3-4"])
def test_a_cut_off_date_must_be_a_date(study, bad):
    with pytest.raises(CdmError, match="YYYY-MM-DD"):
        snapshot.ingest(study(), bad)
