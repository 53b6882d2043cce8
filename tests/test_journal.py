"""The journal: what was decided is neither lost nor changed unseen, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdmlib import journal
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError
from cdmlib.journal import Act, Entry

pytestmark = pytest.mark.requirement("R01", "R02", "R03", "R05")

PROCESSES = multiprocessing.get_context("fork")
TOML = '[study]\nid = "{0}"\ntitle = "A study"\njournal = "{1}"\n\n[sources.edc]\nlayout = "csv"\n{2}'
ANNA = '[[people]]\nid = "anna"\nname = "Anna Lind"\nrole = "data manager"\n'
ACTS = [Act("review.status", f"F{n}", "status", f"old {n}", f"new {n}", f"because {n}") for n in range(1, 9)]
NUMBERS = itertools.count(1)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def server(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a program of PostgreSQL, which refuses to be root."""
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, **user)


@pytest.fixture(scope="module")
def postgresql():
    """A PostgreSQL server of these tests alone, reached by a socket in its own folder."""
    places = [Path(shutil.which("initdb") or "initdb").resolve().parent, *Path("/usr/lib/postgresql").glob("*/bin")]
    bins = next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)
    if bins is None:
        pytest.skip("no PostgreSQL server is installed (initdb is neither in PATH nor in /usr/lib/postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres", "postgres")
        except LookupError:
            pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
    data = str(folder / "data")
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    try:
        made = server(
            folder, str(bins / "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"
        )
        assert made.returncode == 0, made.stderr
        started = server(
            folder, str(bins / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"
        )
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        server(folder, str(bins / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def study_in(folder: Path, study_id: str = "abc", url: str = "", people: str = "") -> studies.Study:
    (folder / "study.toml").write_text(TOML.format(study_id, url, people), encoding="utf-8")
    return studies.read(folder / "study.toml")


def connect(url: str):
    import psycopg

    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def schema(socket: Path) -> str:
    """The address of an empty schema of its own."""
    url, name = f"postgresql+psycopg://postgres@/postgres?host={socket}", f"test{next(NUMBERS)}"
    with connect(url) as con:
        con.execute(f"CREATE SCHEMA {name}")
    return f"{url}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request, tmp_path):
    """Makes studies that keep their journal in SQLite, or in a PostgreSQL schema of this test."""
    url = ""
    if request.param == "postgresql":
        url = schema(request.getfixturevalue("postgresql"))

    def one(study_id: str = "abc", people: str = "", url: str = url) -> studies.Study:
        folder = tmp_path / study_id
        folder.mkdir()
        return study_in(folder, study_id, url, people)

    return one


def on_sqlite(study) -> bool:
    return not study.study.journal


def past(study, *statements: str | tuple, guards: bool = False) -> None:
    """Change the database past the program, with the triggers off meanwhile, unless the guards stay on."""
    if on_sqlite(study):
        with contextlib.closing(sqlite3.connect(study.folder / "journal.db", isolation_level=None)) as con:
            triggers = con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            con.execute("PRAGMA synchronous = OFF")
            con.execute("BEGIN")
            for name, _ in [] if guards else triggers:
                con.execute(f"DROP TRIGGER {name}")
            for statement, *values in (s if isinstance(s, tuple) else (s,) for s in statements):
                con.execute(statement, values)
            for _, sql in [] if guards else triggers:
                con.execute(sql)
            con.execute("COMMIT")
        return
    with connect(study.study.journal) as con, con.transaction():
        if not guards:
            con.execute("ALTER TABLE journal DISABLE TRIGGER journal_guard")
        for statement, *values in (s if isinstance(s, tuple) else (s,) for s in statements):
            con.execute(statement.replace("?", "%s"), values or None)
        if not guards:
            con.execute("ALTER TABLE journal ENABLE ALWAYS TRIGGER journal_guard")


def insert(entry: Entry) -> tuple:
    return (
        f"INSERT INTO journal ({', '.join(vars(entry))}) VALUES ({', '.join('?' * len(vars(entry)))})",
        *vars(entry).values(),
    )


def sealed(entry: Entry, **changes) -> Entry:
    """A forger's entry: changed, with the hash that fits."""
    values = vars(entry) | changes
    return Entry(**values | {"hash": journal._hash(values)})


def note_head(study, run: str) -> None:
    """What a run records of the journal."""
    seq, value = journal.head(study)
    (study.folder / "runs" / run).mkdir(parents=True)
    manifest = {"study": study.id, "run": run, "journal_head": {"seq": seq, "hash": value}}
    (study.folder / "runs" / run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


# --- what is written is kept, in order, and sealed


def test_each_act_becomes_an_entry_with_who_when_what_and_why_numbered_without_gaps(make):
    study = make()
    first = journal.append(study, "anna", "data manager", ACTS[:2], run="r1", batch="b1")
    second = journal.append(study, "ben", "coder", ACTS[2:3])
    entries = journal.read(study)
    assert entries == first + second and [entry.seq for entry in entries] == [1, 2, 3]
    assert [Act(e.act, e.subject, e.field, e.old, e.new, e.reason) for e in entries] == ACTS[:3]
    assert [(e.actor, e.role, e.run, e.batch) for e in entries] == [("anna", "data manager", "r1", "b1")] * 2 + [
        ("ben", "coder", "", "")
    ]
    assert entries[0].prev_hash == "" and [e.prev_hash for e in entries[1:]] == [e.hash for e in entries[:-1]]
    assert journal.head(study) == (3, entries[-1].hash)
    assert len(entries[0].utc) == 32 and entries[0].utc.endswith("+00:00") and entries[0].local_offset[0] in "+-"


def test_the_hash_can_be_worked_out_again_with_nothing_but_the_export(make, tmp_path):
    study = make()
    journal.append(study, "änna", "data manager", [*ACTS, Act("x", "ü\n😀")])
    journal.export(study, tmp_path / "out.jsonl")
    before = ""
    for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        value = row.pop("hash")
        assert row["prev_hash"] == before
        assert value == hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        before = value


def test_a_batch_is_written_once_however_often_it_is_given(make):
    study = make()
    first = journal.append(study, "anna", "lead", ACTS[:3], batch="workbook 1")
    assert journal.append(study, "anna", "lead", ACTS[:3], batch="workbook 1") == first
    assert journal.append(study, "anna", "lead", ACTS[4:], batch="workbook 1") == first
    assert journal.append(study, "anna", "lead", ACTS[3:4], batch="workbook 2")[0].seq == 4
    assert len(journal.read(study)) == 4


def test_entries_are_read_from_a_number_on_and_by_any_column(make):
    study = make()
    journal.append(study, "anna", "lead", ACTS, run="r1")
    journal.append(study, "ben", "coder", [Act("coding.chosen", "Headache", "code", "", "10019211")])
    assert [e.seq for e in journal.read(study, since=7)] == [8, 9]
    assert [e.seq for e in journal.read(study, act="review.status", subject="F3")] == [3]
    assert [e.actor for e in journal.read(study, role="coder")] == ["ben"]
    with pytest.raises(CdmError, match="no acter; there are study, seq, utc"):
        journal.read(study, acter="anna")


def test_what_stands_is_the_latest_entry_by_subject_and_field(make):
    study = make()
    steps = [("F1", "status", "a"), ("F2", "status", "b"), ("F1", "owner", "c"), ("F1", "status", "d")]
    journal.append(study, "anna", "lead", [Act("review", subject, field, "", new) for subject, field, new in steps])
    journal.append(study, "anna", "lead", [Act("other", "F2", "status", "", "not this one")])
    stands = {key: entry.new for key, entry in journal.state(study, "review").items()}
    assert stands == {("F1", "status"): "d", ("F2", "status"): "b", ("F1", "owner"): "c"}


def test_a_study_without_acts_has_an_empty_journal_and_reading_makes_no_file(make):
    study = make()
    assert (journal.read(study), journal.state(study, "x"), journal.head(study)) == ([], {}, (0, ""))
    assert journal.verify(study).ok and journal.verify(study).entries == 0
    assert [path.name for path in study.folder.iterdir()] == ["study.toml"]


def test_studies_that_share_a_database_have_their_own_entries(make):
    one, two = make("one"), make("two")
    for study in (one, two, one):
        journal.append(study, "anna", "lead", ACTS[:2], batch="the same name" if study is two else "")
    assert [len(journal.read(study)) for study in (one, two)] == [4, 2]
    assert journal.verify(one).ok and journal.verify(two).ok


HOSTILE = {
    "emoji": "👩‍⚕️ 😀", "quotes": "'\"`; DROP TABLE journal; --", "placeholders": "? %s %(a)s :seq {0} $1 $$",
    "lines": "a\r\nb\rc\n\x0b\u2028d", "backslashes": "\\x00 \\ \\N", "right to left": "\u202eabc", "formula": "=1+1",
    "composed or not": "é e\u0301",
    "controls": "\x01\x1b[31m\x7f", "spaces": "  \t ", "one megabyte": "ä" * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_kept_as_it_is(make, text, tmp_path):
    study = make()
    act = Act("review.comment", text[:400], text[:400], text, text, text)
    journal.append(study, "anna", "lead", [act])
    (entry,) = journal.read(study, subject=text[:400])
    assert Act(entry.act, entry.subject, entry.field, entry.old, entry.new, entry.reason) == act
    assert journal.verify(study).ok
    assert journal.export(study, tmp_path / "out.csv") == 1
    usual = csv.field_size_limit(10_000_000)
    try:
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            assert list(csv.reader(file)) == [list(vars(entry)), [str(value) for value in vars(entry).values()]]
    finally:
        csv.field_size_limit(usual)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"new": "a\0b"}, "new of act 2 can't be kept: character 2 is '\\\\x00'"),
        ({"reason": "\ud83d"}, "reason of act 2 can't be kept: character 1 is"),
        ({"subject": "x" * 501}, "subject of act 2 must have 500 characters at most; given 501"),
        ({"old": None}, "old of act 2 must be text; given None"),
        ({"new": 7}, "new of act 2 must be text; given 7"),
        ({"act": ""}, "act of act 2 must not be empty"),
    ],
)
def test_what_not_every_database_can_keep_is_refused_alike_and_nothing_is_written(make, changes, said):
    study = make()
    with pytest.raises(CdmError, match=said):
        journal.append(study, "anna", "lead", [ACTS[0], Act(**vars(ACTS[1]) | changes)])
    assert journal.read(study) == []


# --- nothing is changed or removed


def attempts(sqlite: bool) -> list[str]:
    columns = ", ".join(journal.NAMES)
    row = f"SELECT {columns.replace('old,', repr('forged') + ',')} FROM journal WHERE seq = 2"
    both = [
        "UPDATE journal SET new = 'x'",
        "UPDATE journal SET new = 'x' WHERE seq = 2",
        "DELETE FROM journal",
        f"INSERT INTO journal ({columns}) {row} ON CONFLICT (study, seq) DO UPDATE SET new = 'x'",
    ]
    if not sqlite:
        return [*both, "TRUNCATE journal", "SET session_replication_role = replica; DELETE FROM journal"]
    return [
        *both,
        "UPDATE OR IGNORE journal SET new = 'x'",
        f"INSERT OR REPLACE INTO journal ({columns}) {row}",
        f"INSERT INTO journal ({columns}) {row.replace(', seq', ', 9')}",
    ]


def test_the_database_refuses_to_change_or_remove_an_entry(make):
    study = make()
    entries = journal.append(study, "anna", "lead", ACTS[:3])
    for attempt in attempts(on_sqlite(study)):
        with pytest.raises(Exception, match="the journal only grows"):
            past(study, attempt, guards=True)
        assert journal.read(study) == entries, attempt


def without_guards(study) -> None:
    drop = (
        ["DROP TRIGGER journal_delete", "DROP TRIGGER journal_update"]
        if on_sqlite(study)
        else ["DROP TRIGGER journal_guard ON journal"]
    )
    past(study, *drop, guards=True)


def test_triggers_that_are_missing_are_reported_and_putting_them_back_is_itself_an_entry(make):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:1])
    without_guards(study)
    verification = journal.verify(study)
    assert not verification.ok and verification.first_bad is None and "is missing or changed" in verification.said
    (entry,) = journal.append(study, "anna", "lead", ACTS[1:2])
    assert (entry.seq, entry.subject) == (3, "F2")
    (guarded,) = journal.read(study, act="journal.guarded")
    assert guarded.actor == "cdmlib" and ("journal_delete" in guarded.subject or "journal_guard" in guarded.subject)
    assert journal.verify(study).ok
    with pytest.raises(Exception, match="the journal only grows"):
        past(study, "DELETE FROM journal", guards=True)


def test_a_trigger_that_was_emptied_or_switched_off_counts_as_missing(make):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:1])
    if on_sqlite(study):
        tricks = [
            [
                "DROP TRIGGER journal_delete",
                "CREATE TRIGGER journal_delete BEFORE DELETE ON journal BEGIN SELECT 1; END",
            ]
        ]
    else:
        tricks = [
            ["ALTER TABLE journal DISABLE TRIGGER journal_guard"],
            ["ALTER TABLE journal ENABLE TRIGGER journal_guard"],
            ["CREATE OR REPLACE FUNCTION journal_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"],
        ]
    for number, trick in enumerate(tricks, start=1):
        past(study, *trick, guards=True)
        assert "is missing or changed" in journal.verify(study).said, trick
        journal.append(study, "anna", "lead", ACTS[number : number + 1])
        assert journal.verify(study).ok


# --- every tampering is seen, and the first bad entry is named


@pytest.fixture
def eight(make, tmp_path):
    """Gives fresh studies with eight entries, as often as asked."""
    numbers = itertools.count()
    base = make("base") if make().study.journal == "" else None
    if base:
        journal.append(base, "anna", "lead", ACTS)

    def one() -> tuple[studies.Study, list[Entry]]:
        if base:
            folder = tmp_path / f"copy{next(numbers)}"
            shutil.copytree(base.folder, folder)
            study = studies.read(folder / "study.toml")
            return study, journal.read(study)
        study = make(f"s{next(numbers)}")
        return study, journal.append(study, "anna", "lead", ACTS)

    return one


def heads(entries: list[Entry], *numbers: int) -> list[tuple[int, str]]:
    return [(entry.seq, entry.hash) for entry in entries if not numbers or entry.seq in numbers]


def assert_seen(study, against, first_bad: int) -> None:
    verification = journal.verify(study, against)
    assert (verification.ok, verification.first_bad) == (False, first_bad), verification.said
    assert str(first_bad) in verification.said


def here(entry: Entry) -> str:
    return f"study = '{entry.study}' AND seq = {entry.seq}"


def renumber(study_id: str, start: int, by: int) -> list[str]:
    """Two statements that move the numbers from start on, without two entries ever having the same."""
    return [
        f"UPDATE journal SET seq = -seq WHERE study = '{study_id}' AND seq >= {start}",
        f"UPDATE journal SET seq = -seq + {by} WHERE study = '{study_id}' AND seq < 0",
    ]


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@SLOW
@given(column=st.sampled_from(journal.NAMES), number=st.integers(1, 8), text=TEXT, data=st.data())
def test_an_edit_of_any_column_of_any_entry_is_seen(eight, column, number, text, data):
    study, entries = eight()
    value = data.draw(st.sampled_from([-3, 0, 9, 1000])) if column == "seq" else text
    if value == vars(entries[number - 1])[column]:
        return
    past(study, (f"UPDATE journal SET {column} = ? WHERE {here(entries[number - 1])}", value))
    assert_seen(study, heads(entries, 8), min(value, number) if column == "seq" else number)


@SLOW
@given(pair=st.lists(st.integers(1, 8), min_size=2, max_size=2, unique=True))
def test_two_swapped_entries_are_seen(eight, pair):
    study, entries = eight()
    one, two = (entries[number - 1] for number in sorted(pair))
    past(
        study,
        *[
            f"UPDATE journal SET seq = {new} WHERE study = '{study.id}' AND seq = {old}"
            for old, new in ((one.seq, 99), (two.seq, one.seq), (99, two.seq))
        ],
    )
    assert_seen(study, heads(entries, 8), one.seq)


@SLOW
@given(number=st.integers(1, 8), close=st.booleans())
def test_a_removed_entry_is_seen_even_when_the_gap_is_closed(eight, number, close):
    study, entries = eight()
    past(
        study,
        f"DELETE FROM journal WHERE {here(entries[number - 1])}",
        *(renumber(study.id, number, -1) if close else []),
    )
    assert_seen(study, heads(entries, 8), number)


@SLOW
@given(number=st.integers(1, 9), count=st.integers(1, 3))
def test_forged_entries_put_in_between_are_seen(eight, number, count):
    study, entries = eight()
    statements, before = renumber(study.id, number, count), entries[number - 2].hash if number > 1 else ""
    for seq in range(number, number + count):
        forged = sealed(entries[0], seq=seq, reason="forged", prev_hash=before)
        statements.append(insert(forged))
        before = forged.hash
    past(study, *statements)
    if number < 9:
        assert_seen(study, heads(entries, 8), number)
    else:
        assert journal.verify(study, heads(entries, 8)).ok, "a well-made entry at the end can't be told from a true one"


@SLOW
@given(number=st.integers(1, 8))
def test_an_entry_changed_and_sealed_anew_is_seen(eight, number):
    study, entries = eight()
    forged = sealed(entries[number - 1], reason="forged")
    past(study, f"DELETE FROM journal WHERE {here(forged)}", insert(forged))
    assert_seen(study, heads(entries, 8), number)


@SLOW
@given(number=st.integers(1, 8), recorded=st.sets(st.integers(1, 8), min_size=1))
def test_a_chain_written_anew_from_an_entry_on_is_seen_by_the_next_recorded_head(eight, number, recorded):
    study, entries = eight()
    statements, before = (
        [f"DELETE FROM journal WHERE study = '{study.id}' AND seq >= {number}"],
        entries[number - 1].prev_hash,
    )
    for entry in entries[number - 1 :]:
        forged = sealed(entry, prev_hash=before, **({"reason": "forged"} if entry.seq == number else {}))
        statements.append(insert(forged))
        before = forged.hash
    past(study, *statements)
    later = [seq for seq in recorded if seq >= number]
    if later:
        assert_seen(study, heads(entries, *recorded), min(later))
    else:
        assert journal.verify(study, heads(entries, *recorded)).ok, (
            "after the last recorded head the chain alone can't tell"
        )


@SLOW
@given(number=st.integers(1, 8))
def test_a_tail_cut_off_is_seen_by_a_recorded_head(eight, number):
    study, entries = eight()
    past(study, f"DELETE FROM journal WHERE study = '{study.id}' AND seq >= {number}")
    assert_seen(study, heads(entries, 8), number)


@pytest.mark.parametrize("value", ["CAST(x'ff41' AS TEXT)", "x'fffe'", "x''", "3.5"])
def test_an_entry_whose_text_is_no_text_any_more_is_named_in_sqlite(tmp_path, value):
    study = study_in(tmp_path)
    journal.append(study, "anna", "lead", ACTS)
    past(study, f"UPDATE journal SET new = {value} WHERE seq = 5")
    assert_seen(study, [], 5)


def test_an_older_copy_put_back_is_seen_by_what_the_runs_recorded(make, tmp_path):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:3])
    note_head(study, "2024-03-04-001")
    if on_sqlite(study):
        shutil.copy(study.folder / "journal.db", tmp_path / "older")
    journal.append(study, "anna", "lead", ACTS[3:])
    note_head(study, "2024-03-11-001")
    good = journal.verify(study)
    assert good.ok and "8 entries" in good.said and "run 2024-03-11-001 vouches for the first 8" in good.said
    if on_sqlite(study):
        shutil.copy(tmp_path / "older", study.folder / "journal.db")
    else:
        past(study, "DELETE FROM journal WHERE seq > 3")
    bad = journal.verify(study)
    assert (bad.ok, bad.first_bad, bad.entries) == (False, 4, 3)
    assert bad.said == "Entries 4 to 8 are missing: run 2024-03-11-001 recorded entry 8."
    assert journal.verify(study, []).ok, "without a recorded head it can't be told"


def put_back(study, older: Path | None, keep: int) -> None:
    """The database as it was with its first entries, everything else in the folder as it is."""
    if on_sqlite(study):
        shutil.copy(older, study.folder / "journal.db")
    else:
        past(study, f"DELETE FROM journal WHERE seq > {keep}")


def test_acts_after_the_last_run_are_vouched_for_by_a_head_that_each_append_wrote_beside_the_journal(make, tmp_path):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:2])
    note_head(study, "2024-03-04-001")
    journal.append(study, "anna", "lead", ACTS[2:4])
    older = shutil.copy(study.folder / "journal.db", tmp_path / "older") if on_sqlite(study) else None
    journal.append(study, "anna", "lead", ACTS[4:6])
    journal.append(study, "anna", "lead", ACTS[6:8])
    good = journal.verify(study)
    assert good.ok and "journal.heads vouches for the first 8" in good.said
    lines = (study.folder / "journal.heads").read_text(encoding="utf-8").splitlines()
    assert [(line[0], int(line.split()[1])) for line in lines] == [("+", 2), ("+", 4), ("+", 6), ("+", 8)]
    entries = journal.read(study)
    assert [line.split()[2] for line in lines] == [entries[n - 1].hash for n in (2, 4, 6, 8)]
    put_back(study, older, 4)
    bad = journal.verify(study)
    assert (bad.ok, bad.first_bad) == (False, 5) and bad.said == "Entries 5 to 8 are missing: journal.heads recorded entry 8."


@SLOW
@given(number=st.integers(3, 8))
def test_a_tail_written_anew_after_the_last_run_is_seen(eight, number):
    study, entries = eight()
    if not (study.folder / "journal.heads").exists():
        return
    forged, before = [], entries[number - 2].hash
    for entry in entries[number - 1 :]:
        forged.append(sealed(entry, prev_hash=before, reason="forged"))
        before = forged[-1].hash
    past(study, f"DELETE FROM journal WHERE study = '{study.id}' AND seq >= {number}", *map(insert, forged))
    verification = journal.verify(study)
    assert not verification.ok and "recorded another entry 8" in verification.said


def test_a_head_that_was_announced_for_an_append_that_never_came_to_be_accuses_nobody(make):
    study = make()
    entries = journal.append(study, "anna", "lead", ACTS[:2])
    journal._announce(study, sealed(entries[1], seq=3, prev_hash=entries[1].hash))  # then the process was killed
    assert journal.verify(study).ok
    with (study.folder / "journal.heads").open("ab") as file:
        file.write(b"? 3 0123")  # and another found the disk full
    journal.append(study, "anna", "lead", ACTS[2:3])
    marks = [line.split()[:2] for line in (study.folder / "journal.heads").read_text("utf-8").splitlines()]
    assert marks == [["+", "2"], ["?", "3"], ["?", "3"], ["+", "3"]]
    assert journal.verify(study).ok and "vouches for the first 3" in journal.verify(study).said


def test_an_act_whose_head_can_not_be_recorded_does_not_happen(make):
    study = make()
    (study.folder / "journal.heads").mkdir()
    with pytest.raises(CdmError, match="can't be written to: "):
        journal.append(study, "anna", "lead", ACTS[:2])
    assert journal.read(study) == []


def test_a_file_of_heads_that_is_gone_or_damaged_is_told(make):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:2])
    heads = study.folder / "journal.heads"
    heads.rename(study.folder / "elsewhere")
    verification = journal.verify(study)
    assert "journal.heads is missing" in verification.said and "No recorded head vouches" in verification.said
    heads.write_text("+ 2 nonsense\n", encoding="utf-8")
    with pytest.raises(CdmError, match=r"journal\.heads can't say what it recorded of the journal: line 1"):
        journal.anchors(study)


def test_an_older_copy_of_the_whole_folder_is_seen_by_a_head_kept_elsewhere_and_by_nothing_else(data, tmp_path):
    folder = data / "abc"
    folder.mkdir()
    study = study_in(folder)
    journal.append(study, "anna", "lead", ACTS[:2])
    shutil.copytree(folder, tmp_path / "older")
    journal.append(study, "anna", "lead", ACTS[2:4])
    printed = CliRunner().invoke(main, ["journal", "verify", "abc"], catch_exceptions=False)
    head = printed.output.split("Head: ")[1].strip()
    assert printed.exit_code == 0 and head == "4:" + journal.head(study)[1]
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "older", folder)
    assert journal.verify(study).ok, "what remains: everything in the folder agrees with itself"
    seen = CliRunner().invoke(main, ["journal", "verify", "abc", "--head", head], catch_exceptions=False)
    assert seen.exit_code == 1 and "Entries 3 to 4 are missing" in seen.output
    wrong = CliRunner().invoke(main, ["journal", "verify", "abc", "--head", "4:abc"], catch_exceptions=False)
    assert wrong.exit_code == 1 and "is not a head" in wrong.output


def test_a_journal_that_was_lost_is_not_silently_begun_anew(make):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:3])
    note_head(study, "2024-03-04-001")
    if on_sqlite(study):
        (study.folder / "journal.db").unlink()
    else:
        past(study, "DROP TABLE journal", guards=True)
    assert journal.verify(study).first_bad == 1
    with pytest.raises(CdmError, match=r"has lost the entries that runs of abc, or journal\.heads, recorded"):
        journal.append(study, "anna", "lead", ACTS[:1])
    assert journal.read(study) == []


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", '{"journal_head": {"seq": 3}}', '{"journal_head": {"seq": "3", "hash": ""}}', '{"journal_head": 3}'],
)
def test_a_damaged_manifest_is_named_because_what_it_recorded_is_unknown(tmp_path, make, manifest):
    study = make()
    note_head(study, "r1")
    assert journal.anchors(study) == []
    (study.folder / "runs" / "r1" / "manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(CdmError, match=r"manifest\.json can't say what it recorded of the journal"):
        journal.anchors(study)


def test_a_clock_set_back_is_told_but_the_order_stands(make, monkeypatch):
    study = make()
    journal.append(study, "anna", "lead", ACTS[:1])
    monkeypatch.setattr(journal, "_now", lambda: ("2001-01-01T00:00:00.000000+00:00", "-05:00"))
    journal.append(study, "anna", "lead", ACTS[1:3])
    verification = journal.verify(study)
    assert verification.ok and [e.seq for e in journal.read(study)] == [1, 2, 3]
    assert verification.warnings == (
        "Entry 2 (2001-01-01T00:00:00.000000+00:00) is dated before the one before: a clock was set back.",
    )
    assert verification.warnings[0] in verification.said


@pytest.mark.parametrize("zone, offset", [("UTC", "+00:00"), ("XXX-05:45", "+05:45"), ("XXX+03:30", "-03:30")])
def test_the_local_offset_is_that_of_the_machine(monkeypatch, zone, offset):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert journal._now()[1] == offset
    finally:
        monkeypatch.undo()
        time.tzset()


# --- many writers, full disks, sudden ends


def write_many(study, name: str, batches: int, singles: int) -> None:
    for number in range(batches):
        journal.append(
            study, name, "lead", [Act("load", f"{name}-{number}-{n}") for n in range(10)], batch=f"{name}-{number}"
        )
    for number in range(singles):
        journal.append(study, name, "lead", [Act("load", f"{name}-single-{number}")])


def test_eight_processes_with_500_acts_each_lose_nothing(make):
    study = make()
    jobs = [PROCESSES.Process(target=write_many, args=(study, f"p{n}", 48, 20)) for n in range(8)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * 8
    entries = journal.read(study)
    assert [entry.seq for entry in entries] == list(range(1, 4001)) and len(
        {entry.subject for entry in entries}
    ) == 4000
    batches = [name for name, _ in itertools.groupby(entry.batch for entry in entries) if name]
    assert len(batches) == len(set(batches)) == 8 * 48, "each batch stands together"
    verification = journal.verify(study)
    assert verification.ok and not verification.warnings


def write_until_killed(study, run: str, told: int) -> None:
    for number in itertools.count():
        journal.append(
            study,
            "anna",
            "lead",
            [Act("load", f"{run}-{number}-{n}", new="x" * 500) for n in range(10)],
            batch=f"{run}-{number}",
        )
        os.write(told, f"{run}-{number}\n".encode())


def test_a_process_killed_at_any_moment_leaves_every_confirmed_act_and_a_whole_chain(make):
    study = make()
    chance = random.Random(1)
    journal.append(study, "anna", "lead", ACTS[:1])
    confirmed: set[str] = set()
    for run in range(24):
        listen, told = os.pipe()
        job = PROCESSES.Process(target=write_until_killed, args=(study, f"r{run}", told))
        job.start()
        os.close(told)
        time.sleep(chance.uniform(0.02, 0.25))
        os.kill(job.pid, signal.SIGKILL)
        job.join()
        with os.fdopen(listen) as pipe:
            confirmed |= set(pipe.read().split())
        if run % 6 == 5:
            assert journal.verify(study).ok
    journal.append(study, "anna", "lead", ACTS[1:2])
    entries = journal.read(study, act="load")
    sizes = {name: len(list(group)) for name, group in itertools.groupby(entries, key=lambda entry: entry.batch)}
    assert confirmed and confirmed <= sizes.keys() and set(sizes.values()) == {10}
    assert len(sizes) <= len(confirmed) + 24, (
        "at most the one batch at work each time was written without being confirmed"
    )
    assert journal.verify(study).ok


def unwritable(study, how: str) -> None:
    path = study.folder / "journal.db"
    if how == "a folder in its place":
        path.mkdir()
    elif how == "not a database":
        path.write_bytes(b"not a database" * 1000)
    elif how == "cut in half":
        journal.append(study, "anna", "lead", [Act("x", "y", new="z" * 50_000)])
        os.truncate(path, path.stat().st_size // 2)
    elif how == "no study folder":
        shutil.rmtree(study.folder)


@pytest.mark.parametrize("how", ["a folder in its place", "not a database", "cut in half", "no study folder"])
def test_a_journal_file_that_can_not_be_written_stops_the_act(tmp_path, how):
    (tmp_path / "abc").mkdir()
    study = study_in(tmp_path / "abc")
    unwritable(study, how)
    path = study.folder / "journal.db"
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(CdmError, match=r"journal\.db can't be written to: "):
        journal.append(study, "anna", "lead", ACTS)
    assert (path.read_bytes() if path.is_file() else None) == before
    if path.exists():
        assert not journal.verify(study).ok


@pytest.mark.parametrize(
    "how", ["a server that only reads", "a user who may not", "no server", "no such driver", "no such database"]
)
def test_a_database_that_can_not_be_written_stops_the_act(postgresql, tmp_path, how):
    url, role = schema(postgresql), f"reader{next(NUMBERS)}"
    name = url.rpartition("%3D")[2]

    entries = journal.append(study_in(tmp_path, url=url), "anna", "lead", ACTS[:2])
    with connect(url) as con:
        con.execute(f"CREATE ROLE {role} LOGIN")
        con.execute(f"GRANT USAGE ON SCHEMA {name} TO {role}; GRANT SELECT ON journal TO {role}")
    urls = {
        "a server that only reads": f"{url}%20-cdefault_transaction_read_only%3Don",
        "a user who may not": url.replace("postgres@", f"{role}@"),
        "no server": url.replace("host=", "host=/nowhere"),
        "no such driver": url.replace("psycopg", "nodriver"),
        "no such database": url.replace("/postgres?", "/none?"),
    }
    study = study_in(tmp_path, url=urls[how])
    with pytest.raises(CdmError, match="can't be written to: "):
        journal.append(study, "anna", "lead", ACTS)
    assert journal.read(study_in(tmp_path, url=url)) == entries


def test_a_user_who_may_only_add_and_read_can_work_with_the_journal_and_nothing_more(postgresql, tmp_path):
    url, role = schema(postgresql), f"writer{next(NUMBERS)}"
    study = study_in(tmp_path, url=url.replace("postgres@", f"{role}@"))
    with connect(url) as con:
        con.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {url.rpartition('%3D')[2]} TO {role}")
        with pytest.raises(CdmError, match="permission denied"):
            journal.append(study, "anna", "lead", ACTS)
        (tmp_path / "owner").mkdir()
        journal.append(study_in(tmp_path / "owner", "other", url), "dba", "programmer", ACTS[:1])
        con.execute(f"GRANT SELECT, INSERT ON journal TO {role}")
    assert len(journal.append(study, "anna", "lead", ACTS)) == 8 and journal.verify(study).ok


def append_with_little_room(study, room: int, answer) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        journal.append(study, "anna", "lead", [Act("x", str(n), new="y" * 20_000) for n in range(20)], batch="big")
        answer.put("written")
    except CdmError as error:
        answer.put(str(error))


def test_a_full_disk_stops_the_whole_batch_and_leaves_the_journal_as_it_was(tmp_path):
    study = study_in(tmp_path)
    entries = journal.append(study, "anna", "lead", ACTS)
    for room in (0, 10_000, 60_000, 200_000):
        answer = PROCESSES.SimpleQueue()
        job = PROCESSES.Process(target=append_with_little_room, args=(study, room, answer))
        job.start()
        job.join()
        assert "can't be written to" in answer.get()
        assert journal.read(study) == entries and journal.verify(study).ok
    assert len(journal.append(study, "anna", "lead", [Act("x", "y")], batch="big")) == 1


def test_a_batch_is_written_whole_or_not_at_all(make):
    study = make()
    entries = journal.append(study, "anna", "lead", ACTS[:2])
    for refusal in ("refuses", "swallows"):
        if on_sqlite(study):
            what = "RAISE(ABORT, 'no')" if refusal == "refuses" else "RAISE(IGNORE)"
            past(
                study,
                f"CREATE TRIGGER theirs BEFORE INSERT ON journal WHEN NEW.subject = 'F5' BEGIN SELECT {what}; END",
                guards=True,
            )
        else:
            what = "RAISE EXCEPTION 'no'" if refusal == "refuses" else "RETURN NULL"
            past(
                study,
                "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$BEGIN IF NEW.subject = 'F5' THEN {what}; END IF; RETURN NEW; END$$",
                "CREATE TRIGGER theirs BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION theirs()",
                guards=True,
            )
        assert journal.verify(study).warnings == ("Trigger theirs on the journal is not ours.",)
        with pytest.raises(CdmError, match=r"can't be written to: no|only grows|didn't keep what was written"):
            journal.append(study, "anna", "lead", ACTS[2:], batch="b")
        with pytest.raises(CdmError):
            journal.append(study, "anna", "lead", ACTS[4:5], batch="c")
        assert journal.read(study) == entries
        past(study, "DROP TRIGGER theirs" if on_sqlite(study) else "DROP FUNCTION theirs CASCADE", guards=True)
    assert len(journal.append(study, "anna", "lead", ACTS[2:], batch="b")) == 6


def test_a_password_is_never_in_a_message(tmp_path):
    with pytest.raises(CdmError, match=r"anna:\*\*\*@127") as caught:
        journal.append(study_in(tmp_path, url="postgresql+psycopg://anna:hunter2@127.0.0.1:1/db"), "anna", "lead", ACTS)
    assert "hunter2" not in str(caught.value)


# --- who acts, and what leaves


@pytest.mark.parametrize(
    "people, user, expected",
    [
        ("", "zoe", ("zoe", "unlisted")),
        (ANNA, "anna", ("anna", "data manager")),
        (ANNA, "zoe", "'zoe' is not one of the people in study.toml: anna \\(data manager\\)"),
        (ANNA, "Anna", "'Anna' is not one of the people"),
    ],
)
def test_the_acting_person_is_one_whom_the_study_lists(tmp_path, monkeypatch, people, user, expected):
    study = study_in(tmp_path, people=people)
    monkeypatch.setenv("CDM_USER", user)
    if isinstance(expected, tuple):
        assert journal.who(study) == expected
        monkeypatch.delenv("CDM_USER")
        monkeypatch.setattr(journal.getpass, "getuser", lambda: user)
        assert journal.who(study) == expected
    else:
        with pytest.raises(CdmError, match=expected):
            journal.who(study)


def test_somebody_without_a_name_can_not_act(tmp_path, monkeypatch):
    monkeypatch.delenv("CDM_USER", raising=False)
    monkeypatch.setattr(journal.getpass, "getuser", lambda: {}["uid"])
    with pytest.raises(CdmError, match="Set CDM_USER"):
        journal.who(study_in(tmp_path))


@pytest.mark.parametrize(
    "text, said",
    [
        (
            ANNA.replace('"anna"', '"Anna"'),
            "people.1.id \\(user name, as the person signs in\\): string should match pattern",
        ),
        (ANNA.replace("data manager", "boss"), "people.1.role .*given 'boss'"),
        (ANNA + ANNA, "anna must be listed only once"),
    ],
)
def test_a_person_is_listed_once_with_a_user_name_and_a_known_role(tmp_path, text, said):
    with pytest.raises(CdmError, match=said):
        study_in(tmp_path, people=text)


@pytest.mark.parametrize("url", ["sqlite:///elsewhere.db", "mysql://x/y", "journal.db", "postgresql://"])
def test_a_journal_is_in_the_study_folder_or_in_postgresql(tmp_path, url):
    with pytest.raises(CdmError, match=r"study\.journal"):
        study_in(tmp_path, url=url)


def test_an_export_is_a_csv_or_jsonl_file_made_whole(make, tmp_path):
    study = make()
    journal.append(study, "anna", "lead", ACTS)
    assert journal.export(study, tmp_path / "out.jsonl") == journal.export(study, tmp_path / "out.csv") == 8
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [Entry(**json.loads(line)) for line in lines] == journal.read(study)
    with pytest.raises(CdmError, match=r"out\.xlsx must end in \.csv or \.jsonl"):
        journal.export(study, tmp_path / "out.xlsx")
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.csv", "out.jsonl"]
