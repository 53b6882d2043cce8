"""A locked study stays as it was signed: frozen tables, passwords, late data, and unlocks within their scope."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from argon2 import PasswordHasher

from cdmlib import checks, digests, journal, lock, mart, people, readiness, snapshot, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError, Held

pytestmark = pytest.mark.requirement("R11", "R12", "R13", "R14", "R16", "R17")

WEEK1, WEEK2 = "2024-03-04", "2024-03-11"
PEOPLE = {"dora": "data manager", "lena": "lead", "mark": "medical", "stan": "statistician", "carl": "coder"}
TOML = """[study]
id = "abc"
title = "A study"

[sources.edc]
layout = "csv"
subject = "SUBJID"
keys = {{ "*" = ["ID"] }}
{}"""
DM = """/*
title: Demographics
from:  edc.DM
*/
SELECT 'DM|' || ID AS record_key, SITE AS siteid, SUBJID AS subjid, 'Screening' AS visit, 'Demographics' AS form, NULL AS formrow,
       source, dataset, source_row, SEX AS sex
FROM   edc.DM
"""
VS = """/*
title: Vital signs
from:  edc.VS
*/
SELECT 'VS|' || ID AS record_key, NULL AS siteid, SUBJID AS subjid, VISIT AS visit, 'Vital signs' AS form, NULL AS formrow,
       source, dataset, source_row, 'WEIGHT' AS vstestcd, VSDAT AS vsdat, iso_date(VSDAT) AS vsdtc, WEIGHT AS vsorres, 'kg' AS vsorresu, num(WEIGHT) AS vsstresn
FROM   edc.VS
"""
DM_ROWS = "ID,SITE,SUBJID,SEX\n1,01,001,F\n2,01,002,M\n3,02,003,F\n"
VS_ROWS = "ID,SUBJID,VISIT,VSDAT,WEIGHT\n1,001,Week 1,05-JAN-2024,70\n2,002,Week 1,06-JAN-2024,81.5\n3,003,Week 1,06-JAN-2024,64\n"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    """Passwords that cost nothing to check, and a checklist that is clear; test_readiness.py is about the checklist."""
    monkeypatch.setattr(readiness, "blocking", lambda study, stage, on: [])
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def arrive(study, cutoff, dm=DM_ROWS, vs=VS_ROWS):
    folder = study.incoming / cutoff
    folder.mkdir(parents=True)
    (folder / "DM.csv").write_text(dm, encoding="utf-8")
    (folder / "VS.csv").write_text(vs, encoding="utf-8")


def results(study, cutoff):
    """The part of a weekly run that a lock needs."""
    lock.ingest(study, cutoff)
    work = mart.begin(study.id, cutoff)
    tables.build(work)
    checks.run(work)
    mart.publish(work)


@pytest.fixture
def study(data):
    folder = data / "abc"
    (folder / "tables").mkdir(parents=True)
    listed = "".join(f'[[people]]\nid = "{i}"\nname = "{i.title()} Example"\nrole = "{role}"\n' for i, role in PEOPLE.items())
    (folder / "study.toml").write_text(TOML.format(listed), encoding="utf-8")
    (folder / "tables" / "dm.sql").write_text(DM, encoding="utf-8")
    (folder / "tables" / "vs.sql").write_text(VS, encoding="utf-8")
    study = studies.load("abc")
    for person in PEOPLE:
        people.set_password(study, person, f"correct horse {person[::-1]}")
    arrive(study, WEEK1)
    results(study, WEEK1)
    return study


def word(person):
    return f"correct horse {person[::-1]}"


def sign_all(study):
    for person, function in (("dora", "data management"), ("mark", "clinical"), ("stan", "biostatistics")):
        lock.sign(study, person, word(person), function, "I confirm that the data are complete and clean")


@pytest.fixture
def locked(study):
    lock.soft(study, "dora", "data manager")
    sign_all(study)
    lock.final(study, "lena", "lead")
    return study


def unlock(study, days=1, **scope):
    asked = lock.ask_unlock(study, "lena", "lead", scope, days, "an SAE arrived late")
    for person in ("mark", "stan"):
        lock.decide_unlock(study, person, word(person), asked.id, True)


def test_what_is_frozen_is_what_the_published_tables_hold_and_every_fact_of_it_can_be_worked_out_again(study):
    made = lock.soft(study, "dora", "data manager")
    rows = duckdb.execute(f"SELECT record_key, vsorres FROM read_parquet('{made.parquet('vs')}') ORDER BY 1").fetchall()
    assert rows == [("VS|1", "70"), ("VS|2", "81.5"), ("VS|3", "64")]
    assert {"dm", "vs", "subjects", "visits", "findings", "check_runs"} <= set(made.manifest["tables"])
    for name, facts in made.manifest["tables"].items():
        assert digests.of_parquet(made.parquet(name)) == facts["digest"]
        assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{made.parquet(name)}')").fetchone()[0] == facts["rows"]
    assert journal.stands(study).digest == made.digest


def test_nothing_is_frozen_while_the_checklist_blocks_or_the_results_are_not_of_the_newest_extract(study, monkeypatch):
    def holds(study, stage, on):
        return [f"line 6, no open query: 3 to clear ({stage})"]

    with monkeypatch.context() as patch:
        patch.setattr(readiness, "blocking", holds)
        with pytest.raises(CdmError, match=r"the checklist says:\n  - line 6, no open query: 3 to clear \(soft\)"):
            lock.soft(study, "dora", "data manager")
    arrive(study, WEEK2, vs=VS_ROWS.replace("70", "71"))
    lock.ingest(study, WEEK2)
    with pytest.raises(CdmError, match=r"are of snapshot 2024-03-04-\w+, but 2024-03-11-\w+ came since"):
        lock.soft(study, "dora", "data manager")
    assert not (study.folder / "locks" / "L001").exists() and journal.stands(study).state == "open"


def test_a_soft_lock_by_somebody_without_the_role_leaves_nothing_behind(study):
    with pytest.raises(CdmError, match="set by a data manager or lead; carl is coder"):
        lock.soft(study, "carl", "coder")
    assert not (study.folder / "locks" / "L001").exists()


def test_three_different_people_sign_and_then_it_is_locked(locked):
    verified = lock.verify(locked)
    assert verified.ok and verified.standing.state == "locked"
    page = lock.signature_page(locked, verified)
    assert [(s["name"], s["role"], s["function"], s["holds"]) for s in page] == [
        ("Dora Example", "data manager", "data management", "yes"),
        ("Mark Example", "medical", "clinical", "yes"),
        ("Stan Example", "statistician", "biostatistics", "yes"),
    ]
    assert all(s["utc"].endswith("+00:00") and s["meaning"] and s["digest"] == verified.standing.digest for s in page)


def test_without_all_signatures_or_with_an_open_line_it_is_not_locked(study, monkeypatch):
    lock.soft(study, "dora", "data manager")
    lock.sign(study, "dora", word("dora"), "data management", "complete")
    with pytest.raises(CdmError, match="L001 is not signed by clinical, biostatistics"):
        lock.final(study, "lena", "lead")
    sign = lock.sign(study, "mark", word("mark"), "clinical", "complete")
    assert (sign.name, sign.function) == ("Mark Example", "clinical")
    lock.sign(study, "stan", word("stan"), "biostatistics", "complete")
    with pytest.raises(CdmError, match=r"line 33: not attested \(final\)"):
        monkeypatch.setattr(readiness, "blocking", lambda study, stage, on: [f"line 33: not attested ({stage})"])
        lock.final(study, "lena", "lead")


@pytest.mark.parametrize("change", ["byte", "table", "manifest", "differences", "missing", "more"])
def test_any_change_of_a_locked_set_is_found_and_named(locked, change):
    held = lock.frozen(locked)
    path = held.parquet("vs")
    if change == "byte":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif change == "table":
        duckdb.execute(f"COPY (SELECT * REPLACE ('99' AS vsorres) FROM read_parquet('{path}')) TO '{path}.new' (FORMAT parquet)")
        path.with_name("vs.parquet.new").replace(path)
    elif change == "manifest":
        manifest = held.folder / "manifest.json"
        facts = json.loads(manifest.read_text(encoding="utf-8"))
        duckdb.execute(f"COPY (SELECT * REPLACE ('99' AS vsorres) FROM read_parquet('{path}')) TO '{path}.new' (FORMAT parquet)")
        path.with_name("vs.parquet.new").replace(path)
        facts["tables"]["vs"] |= {"sha256": digests.of_file(path), "digest": digests.of_parquet(path)}
        manifest.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    elif change == "differences":
        (held.folder / "differences.csv").write_text("nothing\n", encoding="utf-8")
    elif change == "missing":
        path.unlink()
    else:
        (held.folder / "data" / "zz.parquet").write_bytes(b"")
    faults = lock.verify(locked).faults
    expected = {
        "byte": "vs.parquet of L001 was changed after it was frozen",
        "table": "vs.parquet of L001 was changed after it was frozen",
        "manifest": "manifest.json of L001 is not the one that was frozen",
        "differences": "differences.csv of L001 is not the one",
        "missing": "vs.parquet of L001 is missing",
        "more": "data/zz.parquet of L001 was not frozen with it",
    }
    assert len(faults) == 1 and expected[change] in faults[0]


def test_what_was_changed_after_it_was_frozen_can_not_be_signed(study):
    made = lock.soft(study, "dora", "data manager")
    made.parquet("vs").write_bytes(b"something else")
    with pytest.raises(CdmError, match=r"L001 can't be signed:\n  - vs.parquet of L001 was changed"):
        lock.sign(study, "mark", word("mark"), "clinical", "complete")


def test_a_signature_copied_from_another_lock_does_not_count(study):
    lock.soft(study, "dora", "data manager")
    lock.sign(study, "mark", word("mark"), "clinical", "complete")
    copied = next(entry for entry in journal.read(study) if entry.act == "lock.sign")
    lock.reopen(study, "dora", "data manager", "one more query")
    arrive(study, WEEK2, vs=VS_ROWS.replace("70", "71"))
    results(study, WEEK2)
    lock.soft(study, "dora", "data manager")
    for subject in ("L001", "L002"):
        with pytest.raises(CdmError, match="signature is of another set"):
            journal.append(study, "mark", "medical", [journal.Act("lock.sign", subject, "clinical", "", copied.new)])
    assert "clinical" in journal.stands(study).missing()


def test_a_wrong_password_signs_nothing_is_kept_and_five_of_them_lock_the_person_out(study):
    lock.soft(study, "dora", "data manager")
    for number in range(1, 6):
        with pytest.raises(CdmError, match="The password of mark is wrong"):
            lock.sign(study, "mark", "wrong", "clinical", "complete")
        assert len(journal.read(study, act="password.failed")) == number
    with pytest.raises(CdmError, match=r"mark must wait until .* UTC after 5 wrong passwords"):
        lock.sign(study, "mark", word("mark"), "clinical", "complete")
    assert not journal.stands(study).signatures


def test_after_the_wait_the_right_password_works_and_clears_the_count(study, monkeypatch):
    for _ in range(5):
        with pytest.raises(CdmError):
            people.check_password(study, "mark", "wrong")
    monkeypatch.setattr(people, "datetime", type("later", (datetime,), {"now": classmethod(lambda cls, tz: datetime.now(UTC) + timedelta(minutes=16))}))
    people.check_password(study, "mark", word("mark"))


def test_passwords_are_kept_as_argon2_hashes_readable_by_the_owner_alone(study, data):
    path = data / "passwords.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert word("mark").encode() not in path.read_bytes() and b"$argon2id$" in path.read_bytes()
    with pytest.raises(CdmError, match="The password of mark is wrong"):
        people.set_password(study, "mark", "a new long password", old="not it")
    with pytest.raises(CdmError, match="must have 12 characters at least and not hold the user name"):
        people.set_password(study, "mark", "mark mark mark", old=word("mark"))


def test_a_password_is_reset_by_a_lead_for_somebody_else_with_a_reason(study):
    with pytest.raises(CdmError, match=r"password.reset may be done by lead; dora is data manager"):
        people.reset_password(study, "mark", "dora", "data manager", "forgotten")
    with pytest.raises(CdmError, match="reset by somebody else"):
        people.reset_password(study, "lena", "lena", "lead", "forgotten")
    people.reset_password(study, "mark", "lena", "lead", "forgotten")
    assert not people.has_password("mark")
    people.set_password(study, "mark", "another long password")
    people.check_password(study, "mark", "another long password")


def test_an_id_never_passes_to_somebody_else(study, monkeypatch):
    people.record(study)
    path = study.folder / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("Mark Example", "Markus Other"), encoding="utf-8")
    with pytest.raises(CdmError, match=r"the id 'mark' belongs to Mark Example since .* and can't pass to Markus Other"):
        people.record(studies.load("abc"))


def test_people_who_come_change_their_role_or_leave_are_in_the_journal(study):
    people.record(study)
    path = study.folder / "study.toml"
    text = path.read_text(encoding="utf-8").replace('role = "coder"', 'role = "cra"')
    path.write_text(text[: text.index('[[people]]\nid = "stan"')] + text[text.index('[[people]]\nid = "carl"') :], encoding="utf-8")
    people.record(studies.load("abc"))
    said = [(e.subject, e.field, e.old, e.new) for e in journal.read(study, act="person")][-2:]
    assert said == [("carl", "role", "coder", "cra"), ("stan", "role", "statistician", "")]


def test_an_act_that_nobody_is_allowed_is_refused(study, monkeypatch):
    monkeypatch.setenv("CDM_USER", "carl")
    with pytest.raises(CdmError, match=r"something\.new may be done by nobody; carl is coder"):
        people.acting(study, "something.new")
    with pytest.raises(CdmError, match=r"waive may be done by lead or medical; carl is coder"):
        people.acting(study, "waive")
    assert people.acting(study, "coding.decide") == ("carl", "coder")


def test_late_data_of_a_locked_study_are_kept_word_for_word_and_change_nothing(locked):
    before = sorted(path.name for path in (locked.folder / "snapshots").iterdir())
    arrive(locked, WEEK2, vs=VS_ROWS.replace("70", "71"))
    with pytest.raises(Held, match="The extract of 2024-03-11 was not taken in: study abc is locked as L001"):
        lock.ingest(locked, WEEK2)
    assert sorted(path.name for path in (locked.folder / "snapshots").iterdir()) == before
    kept = next((locked.folder / "late").glob("2024-03-11-*"))
    assert (kept / "extract" / "VS.csv").read_bytes() == (locked.incoming / WEEK2 / "VS.csv").read_bytes()
    facts = json.loads((kept / "manifest.json").read_text(encoding="utf-8"))
    assert facts["refused"].startswith("study abc is locked") and len(facts["files"]) == 2
    assert lock.verify(locked).ok


def test_every_writer_refuses_a_locked_study(locked):
    with pytest.raises(CdmError, match="its results are not made anew"):
        mart.begin("abc", WEEK1)
    with pytest.raises(CdmError, match="the study is locked as L001"):
        journal.append(locked, "dora", "data manager", [journal.Act("review", "f1", "status", "", "Confirmed correct")])
    with pytest.raises(CdmError, match="only an open or unlocked study can be soft locked"):
        lock.soft(locked, "dora", "data manager")
    with pytest.raises(Held):
        arrive(locked, WEEK2, vs=VS_ROWS + "4,003,Week 2,13-JAN-2024,64\n")
        snapshot.ingest(locked, WEEK2)


def test_an_unlock_lets_in_what_it_was_approved_for_leaves_the_differences_and_is_signed_anew(locked):
    unlock(locked, subjects=["001"], forms=["vs"])
    arrive(locked, WEEK2, vs=VS_ROWS.replace("70", "71"))
    results(locked, WEEK2)
    made = lock.soft(locked, "dora", "data manager")
    with (made.folder / "differences.csv").open(encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines == [
        "table,record_key,subjid,form,field,kind,old,new",
        "vs,VS|1,001,Vital signs,vsorres,value changed,70,71",
        "vs,VS|1,001,Vital signs,vsstresn,value changed,70.0,71.0",
    ]
    assert journal.stands(locked).missing() == ("data management", "clinical", "biostatistics")
    sign_all(locked)
    assert lock.final(locked, "lena", "lead").lock == "L002"
    assert lock.verify(locked).ok


@pytest.mark.parametrize(
    "scope, vs, outside",
    [
        ({"subjects": ["002"]}, VS_ROWS.replace("70", "71"), "vs 001 VS|1 vsorres value changed 70 → 71"),
        ({"subjects": ["001"], "fields": ["vsdat"]}, VS_ROWS.replace("70", "71"), "vs 001 VS|1 vsorres value changed 70 → 71"),
        ({"forms": ["dm"]}, VS_ROWS + "4,001,Week 2,13-JAN-2024,71\n", "vs 001 VS|4 record added"),
        ({"subjects": ["001"]}, VS_ROWS.replace("3,003,Week 1,06-JAN-2024,64\n", ""), "vs 003 VS|3 record removed"),
    ],
)
def test_an_unlock_keeps_out_what_it_was_not_approved_for_and_names_it(locked, scope, vs, outside):
    unlock(locked, **scope)
    arrive(locked, WEEK2, vs=vs)
    with pytest.raises(Held) as refused:
        lock.ingest(locked, WEEK2, "two thirds of the rows is right")
    assert "changes more than U001 allows" in str(refused.value) and outside in str(refused.value)
    assert len(list((locked.folder / "snapshots").iterdir())) == 1
    assert len(list((locked.folder / "late").iterdir())) == 1


def test_a_field_of_the_scope_allows_what_is_derived_from_it(locked):
    unlock(locked, subjects=["001"], fields=["vsdat"])
    arrive(locked, WEEK2, vs=VS_ROWS.replace("05-JAN-2024", "04-JAN-2024"))
    assert lock.ingest(locked, WEEK2).stored


def test_an_unlocked_study_takes_in_nothing_past_the_lock(locked):
    unlock(locked, subjects=["001"])
    arrive(locked, WEEK2, vs=VS_ROWS.replace("81.5", "71"))
    with pytest.raises(Held, match="nobody looked whether the extract keeps to it"):
        snapshot.ingest(locked, WEEK2)


def test_an_expired_unlock_is_refused_and_said(locked, monkeypatch):
    asked = lock.ask_unlock(locked, "lena", "lead", {"subjects": ["001"]}, 1, "an SAE arrived late")
    for person in ("mark", "stan"):
        lock.decide_unlock(locked, person, word(person), asked.id, True)
    later = datetime.now(UTC) + timedelta(days=2)
    clock = type("later", (datetime,), {"now": classmethod(lambda cls, tz=None: later)})
    monkeypatch.setattr(snapshot, "datetime", clock)
    monkeypatch.setattr(lock, "datetime", clock)
    arrive(locked, WEEK2, vs=VS_ROWS.replace("70", "71"))
    with pytest.raises(Held, match=r"study abc is unlocked .* until"):
        lock.ingest(locked, WEEK2)
    assert "unlock U001 expired on" in lock.verify(locked).faults[0]


def test_a_scope_names_only_what_the_locked_tables_have(locked):
    with pytest.raises(CdmError, match="The locked tables have no subjects 999, fields wieght"):
        lock.ask_unlock(locked, "lena", "lead", {"subjects": ["001", "999"], "fields": ["wieght"]}, 1, "an SAE arrived late")


def test_a_soft_lock_that_was_cut_off_before_the_journal_leaves_the_study_open_and_the_next_one_goes_through(study):
    stale = study.folder / "locks" / "L001"
    stale.mkdir(parents=True)
    (stale / "manifest.json").write_text("{", encoding="utf-8")
    assert lock.soft(study, "dora", "data manager").manifest["lock"] == "L001"
    assert lock.verify(study).ok


def test_the_digest_of_a_table_is_that_of_its_rows_in_any_order_with_any_number_of_threads():
    found = set()
    for threads in (1, 2):
        with duckdb.connect(config={"threads": threads}) as con:
            con.execute("CREATE TABLE t AS SELECT i, CASE WHEN i % 3 > 0 THEN 'a|' || i END AS v, i / 7 AS x FROM range(5000) r(i)")
            found |= {digests.of_table(con, "t"), digests.of_table(con, "(FROM t ORDER BY hash(i))")}
            con.execute("UPDATE t SET v = NULL WHERE i = 4711")
            assert digests.of_table(con, "t") not in found
    assert len(found) == 1


def test_digests_tell_an_empty_value_from_a_missing_one_and_a_separator_from_two_columns():
    with duckdb.connect() as con:
        values = ["SELECT 'a' AS x, 'b|c' AS y", "SELECT 'a|b' AS x, 'c' AS y", "SELECT '' AS x, NULL AS y", "SELECT NULL AS x, '' AS y", "SELECT 'a' AS y, 'b|c' AS x"]
        assert len({digests.of_table(con, f"({sql})") for sql in values}) == len(values)
