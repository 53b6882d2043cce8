"""Who may see what in the dashboard is decided where the data are read: persons, roles, studies, pages, exports and blinded columns."""

from __future__ import annotations

import json

import duckdb
import pandas as pd
import pytest
from argon2 import PasswordHasher

from cdmlib import board, checks, journal, people, readiness, standard, trace
from cdmlib import study as studies
from cdmlib.board import Denied, NotThere, Reader, View, Visitor
from cdmlib.errors import CdmError

ROLES = ("data manager", "lead", "coder", "medical", "cra", "statistician", "programmer", "auditor")
WEEK1, WEEK2 = "2024-03-04", "2024-03-11"
FINDINGS = checks.FINDINGS + (
    ", status VARCHAR, flag VARCHAR, first_seen VARCHAR, last_seen VARCHAR, gone_on VARCHAR, because VARCHAR, evidence_before JSON, review_status VARCHAR,"
    " review_comment VARCHAR, owner VARCHAR, review_expires VARCHAR, reviewer VARCHAR, reviewed_on VARCHAR, review_outdated BOOLEAN, query_id VARCHAR, query_status VARCHAR, query_text VARCHAR"
)
CHANGES = "source VARCHAR, dataset VARCHAR, record_key VARCHAR, subjid VARCHAR, field VARCHAR, kind VARCHAR, old VARCHAR, new VARCHAR, from_snapshot VARCHAR, to_snapshot VARCHAR"
SECRET = "VERUM-20"  # what only unblinded people may read
# Which roles see a page and export, as the issue of each page says; not read from permissions.csv.
EVERYBODY = set(ROLES)
SEE = {page: EVERYBODY for page in board.PAGES} | {"reconciliation": EVERYBODY - {"cra"}, "runs": {"data manager", "lead", "programmer", "auditor"}}
EXPORT = EVERYBODY - {"coder"}
ENTER = {  # who enters what, and how: an act that the data layer refuses before it looks at anything else
    "review": (EVERYBODY - {"auditor"}, lambda reader: reader.review("f2", {}, {"comment": "looked at"})),
    "comment": (EVERYBODY - {"auditor"}, lambda reader: reader.comment("2", "", "asked again")),
    "waive": ({"lead", "medical"}, lambda reader: reader.waive("line 8", "2024-06-30", "agreed with the sponsor")),
    "attest": ({"data manager", "lead"}, lambda reader: reader.attest(1, "the team was told")),  # line 1; other lines have other roles
}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def folder(data, study, persons, unblinding=(), unblinded=()):
    """A study that lists these persons by id and role."""
    path = data / study
    (path / "marts").mkdir(parents=True)
    listed = "".join(f'[[people]]\nid = "{i}"\nname = "{i.title()}"\nrole = "{role}"\n' + ("unblinded = true\n" if i in unblinded else "") for i, role in persons.items())
    access = f"[access]\nunblinding = {json.dumps(list(unblinding))}\n" if unblinding else ""
    (path / "study.toml").write_text(f'[study]\nid = "{study}"\ntitle = "Study {study}"\n[sources.edc]\nlayout = "csv"\n{access}{listed}', encoding="utf-8")
    return path


def publish(path, as_of=WEEK1, number=1, current=True):
    """Results with one subject, whose treatment stands in every place where a value can stand."""
    run = f"{as_of}-{number:03d}"
    mart = path / "marts" / f"{run}.duckdb"
    with standard.empty_database() as source, duckdb.connect(str(mart)) as con:
        for table in ("subjects", "ex", "ae", "queries"):
            columns = source.execute(f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position").fetchall()
            con.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns)})")
        for table, columns in (("findings", FINDINGS), ("check_runs", checks.CHECK_RUNS), ("readiness", readiness.READINESS), ("criteria", readiness.CRITERIA), ("blockers", readiness.BLOCKERS), ("changes", CHANGES)):
            con.execute(f"CREATE TABLE {table} ({columns})")
        con.execute("CREATE TABLE lock_checklist (line INTEGER, title VARCHAR, status VARCHAR)")
        con.execute("CREATE TABLE own_listing (subjid VARCHAR, remark VARCHAR)")
        con.execute("CREATE TABLE runs AS SELECT ? AS run, ? AS study, 'A study' AS title, ? AS as_of, 'snap' AS snapshot", [run, path.name, as_of])
        con.execute("INSERT INTO subjects (record_key, siteid, subjid) VALUES ('S1', '01', '001')")
        con.execute(f"INSERT INTO ex (record_key, siteid, subjid, form, dataset, extrt, exdose) VALUES ('EX1', '01', '001', 'Dosing', 'EX', '{SECRET}', 20)")
        con.execute("INSERT INTO ae (record_key, siteid, subjid, form, dataset, aeterm) VALUES ('AE1', '01', '001', 'Adverse events', 'AE', 'Headache')")
        con.execute(f"INSERT INTO queries (record_key, query_id, siteid, subjid, form, status, text) VALUES ('Q1', '1', '01', '001', 'Dosing', 'open', 'Is it {SECRET}?'), ('Q2', '2', '01', '001', 'Adverse events', 'open', '=1+1')")
        for id_, check, key, form, said in (("f1", "EX001", "EX1", "Dosing", SECRET), ("f2", "AE001", "AE1", "Adverse events", "<script>alert(1)</script>")):
            con.execute("INSERT INTO findings (finding_id, check_id, severity, siteid, subjid, form, record_key, message, evidence, status) VALUES (?, ?, 'major', '01', '001', ?, ?, ?, ?, 'new')", [id_, check, form, key, said, json.dumps({"value": said})])
        con.execute(f"INSERT INTO blockers (criterion, siteid, subjid, form, record_key, what, owner) VALUES ('RD05', '01', '001', 'Dosing', 'EX1', '{SECRET}', 'site')")
        con.execute(f"INSERT INTO changes VALUES ('edc', 'EX', 'EX1', '001', 'EXTRT', 'value changed', 'x', '{SECRET}', 'a', 'b'), ('edc', 'AE', 'AE1', '001', 'AETERM', 'value changed', 'Ache', 'Headache', 'a', 'b')")
        con.execute(f"CREATE TABLE reconciliation AS SELECT 'irt' AS recon, '001' AS subjid, '01' AS siteid, 'mismatch' AS result, 'kit' AS field, '{SECRET}' AS left_value, 'x' AS right_value")
        con.execute(f"INSERT INTO own_listing VALUES ('001', '{SECRET}')")
    (path / "runs" / run).mkdir(parents=True)
    (path / "runs" / run / "manifest.json").write_text(json.dumps({"run": run, "status": "complete", "as_of": as_of, "mart": mart.name, "started_at": f"{as_of}T10:00:00"}), encoding="utf-8")
    if current:
        (path / "marts" / "current").write_text(mart.name + "\n", encoding="utf-8")
    return run


@pytest.fixture
def two(data):
    """Study one lists a person of each role; study two lists others, and the lead of study one as its coder."""
    one = folder(data, "one", {role.replace(" ", "."): role for role in ROLES})
    two = folder(data, "two", {"somebody": "lead", "lead": "coder"})
    for path in (one, two):
        publish(path)
    return data


def person(role):
    return role.replace(" ", ".")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reads_the_pages_and_exports_that_are_theirs_in_their_studies_alone(two, role):
    visitor = Visitor(person(role), True)
    assert board.visible(visitor) == (["one", "two"] if role == "lead" else ["one"])
    listed = {"one": role} | ({"two": "coder"} if role == "lead" else {})
    for study in ("one", "two", "three", "../one", "one/../two", ""):
        for page in board.PAGES:
            mine = listed.get(study)
            if mine not in SEE[page]:
                with pytest.raises(Denied):
                    Reader(study, visitor, page=page)
                continue
            reader = Reader(study, visitor, page=page)
            assert reader.value("SELECT count(*) FROM subjects") == 1
            if mine in EXPORT:
                assert reader.export("SELECT subjid FROM subjects").getvalue() == b"\xef\xbb\xbfsubjid\r\n001\r\n"
            else:
                with pytest.raises(Denied, match="export"):
                    reader.export("SELECT subjid FROM subjects")
            for kept in (reader.journal, reader.runs, reader.chain):
                if mine in SEE["runs"]:
                    kept()
                else:
                    with pytest.raises(Denied):
                        kept()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_enters_what_is_its_own_on_every_page_that_it_sees_and_only_when_signed_in(two, role):
    for act, (allowed, enter) in ENTER.items():
        written = {"comment": "query.comment"}.get(act, act)
        for page in board.PAGES:
            if role not in SEE[page]:
                continue
            for signed_in in (False, True):
                reader, before = Reader("one", Visitor(person(role), signed_in), page=page), len(journal.read(studies.load("one"), act=written))
                if role in allowed and signed_in:
                    enter(reader)
                    continue
                with pytest.raises(CdmError, match=r"may be done by|is attested by|signed in"):
                    enter(reader)
                assert len(journal.read(studies.load("one"), act=written)) == before, "a refused attempt leaves nothing behind"
        entered = {(e.actor, e.role) for e in journal.read(studies.load("one"), act=written)}
        assert entered == ({(person(role), role)} if role in allowed else set()), act
        if role != "lead":  # who is a coder in study two
            with pytest.raises(Denied):
                enter(Reader("two", Visitor(person(role), True)))
        elif "coder" not in allowed:
            with pytest.raises(CdmError, match="lead is coder"):
                enter(Reader("two", Visitor("lead", True)))
        else:
            enter(Reader("two", Visitor("lead", True)))
            assert {(e.actor, e.role) for e in journal.read(studies.load("two"), act=written)} == {("lead", "coder")}


@pytest.mark.parametrize("visitor", [Visitor("", True), Visitor("stranger", True), Visitor("LEAD", True), Visitor("lead ", True), Visitor("")])
def test_nobody_unlisted_sees_a_study_and_is_told_the_same_as_when_there_is_none(two, visitor):
    assert board.visible(visitor) == []
    said = []
    for study in ("one", "zzz"):
        with pytest.raises(Denied) as told:
            Reader(study, visitor)
        said.append(str(told.value).replace(repr(study), "X"))
    assert said[0] == said[1]


def test_a_study_without_people_is_shown_on_ones_own_machine_but_never_to_somebody_who_signed_in(data):
    publish(folder(data, "own", {}))
    assert board.visible(Visitor("me")) == ["own"]
    assert board.visible(Visitor("me", True)) == []


def test_a_broken_study_file_shows_the_study_to_nobody(two):
    (two / "one" / "study.toml").write_text("[study\n", encoding="utf-8")
    assert board.visible(Visitor("lead", True)) == ["two"]


def test_a_person_taken_off_the_list_reads_nothing_more_though_the_page_is_open(two):
    reader = Reader("one", Visitor("lead", True))
    assert reader.value("SELECT count(*) FROM subjects") == 1
    path = two / "one" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('id = "lead"', 'id = "other"'), encoding="utf-8")
    for read in (lambda: reader.rows("SELECT 1 AS x FROM subjects"), reader.newer, reader.cutoffs, reader.columns, reader.checklist, reader.stands, reader.before, lambda: reader.attest(1, "it is so"), lambda: reader.export("SELECT 1 AS x FROM subjects")):  # fmt: skip
        with pytest.raises(Denied):
            read()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM read_csv('x.csv')", "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('published.main.ex')",
        "SELECT * FROM published.main.ex", "SELECT * FROM published.ex", "SELECT * FROM main.ex", "SELECT * FROM duckdb_views()", "SELECT 1; SELECT 2", "DROP VIEW ex",
        "UPDATE ex SET extrt = 'x'", "ATTACH 'x.duckdb'", "COPY ex TO 'x.csv'", "SELECT * FROM (SELECT * FROM published.main.ex)", "SELECT (SELECT extrt FROM published.main.ex)",
        "SET memory_limit = '1GB'", "INSTALL httpfs", "WITH x AS (SELECT * FROM published.main.ex) SELECT * FROM x", "SELECT * FROM glob('/*')", "",
    ],
)  # fmt: skip
def test_nothing_but_one_select_on_the_tables_is_run(two, sql):
    with pytest.raises(Denied):
        Reader("one", Visitor("lead", True)).rows(sql)


def test_a_table_or_column_that_is_not_there_is_not_run_and_says_so(two):
    reader = Reader("one", Visitor("lead", True))
    for sql in ("SELECT * FROM forecast", "SELECT nothing FROM ex"):
        with pytest.raises(NotThere, match="not run"):
            reader.rows(sql)
    assert not reader.has("forecast") and reader.has("ex")


@pytest.fixture
def blinded(data):
    """A study whose treatment only the statistician may see."""
    path = folder(data, "abc", {"dora": "data manager", "stan": "statistician", "lena": "lead"}, unblinding=["ex.extrt"], unblinded=("stan",))
    publish(path)
    journal.append(studies.load("abc"), "dora", "data manager", [journal.Act("review", "f1", "evidence", "", json.dumps({"extrt": SECRET}))])
    return data


def every_text(reader):
    """All that a person can read of a study."""
    found = {table: reader.rows(f"SELECT * FROM {table}").to_csv() for table in reader.columns()}
    return found | ({"journal": reader.journal().to_csv()} if reader.may("see.runs") else {})


def test_blinded_people_read_the_treatment_nowhere_and_unblinded_people_everywhere(blinded):
    assert [table for table, text in every_text(Reader("abc", Visitor("dora", True), page="runs")).items() if SECRET in text] == []
    seen = every_text(Reader("abc", Visitor("stan", True)))
    assert sorted(table for table, text in seen.items() if SECRET in text) == ["blockers", "changes", "ex", "findings", "own_listing", "queries", "reconciliation"]


def test_what_is_not_about_the_treatment_stays_readable_to_blinded_people(blinded):
    reader = Reader("abc", Visitor("dora", True))
    assert reader.value("SELECT aeterm FROM ae") == "Headache"
    assert reader.value("SELECT new FROM changes WHERE dataset = 'AE'") == "Headache"
    assert reader.rows("SELECT finding_id, message FROM findings ORDER BY 1").fillna("").values.tolist() == [["f1", ""], ["f2", "<script>alert(1)</script>"]]
    assert reader.rows("SELECT query_id, status, text FROM queries ORDER BY 1").fillna("").values.tolist() == [["1", "open", ""], ["2", "open", "=1+1"]]
    assert "own_listing" not in reader.columns()  # a table that we do not know


def test_blinded_people_cannot_search_export_or_sort_by_what_is_hidden(blinded):
    reader = Reader("abc", Visitor("dora", True))
    assert reader.page("SELECT * FROM ex", search="VERUM").total == 0
    assert reader.page("SELECT * FROM ex", contains={"extrt": "VERUM"}).total == 0
    assert SECRET.encode() not in reader.export("SELECT * FROM ex").getvalue()
    assert reader.value("SELECT count(*) FROM ex WHERE extrt IS NOT NULL") == 0


@pytest.mark.parametrize("order", [("stan", "dora"), ("dora", "stan")], ids=["who may see it first", "who may not first"])
def test_what_was_answered_to_one_person_is_never_given_to_one_from_whom_it_is_hidden(blinded, order):
    asked = "SELECT extrt FROM ex"
    told = {"stan": SECRET, "dora": None}
    for who in (*order, *order):
        reader = Reader("abc", Visitor(who, True))
        shown = [reader.value(asked), reader.rows(asked).extrt[0], reader.page(asked).rows.extrt[0]]
        assert [None if pd.isna(text) else text for text in shown] == [told[who]] * 3
        assert (SECRET.encode() in reader.export(asked).getvalue()) == (who == "stan")
        assert reader.page(asked, search="VERUM").total == (who == "stan")


def test_who_becomes_blinded_is_not_given_what_they_were_answered_before(blinded):
    asked, path = "SELECT extrt FROM ex", blinded / "abc" / "study.toml"
    reader = Reader("abc", Visitor("stan", True))
    assert reader.value(asked) == SECRET
    path.write_text(path.read_text(encoding="utf-8").replace("unblinded = true", "unblinded = false"), encoding="utf-8")
    assert (reader.value(asked), Reader("abc", Visitor("stan", True)).value(asked)) == (None, None)
    assert "own_listing" not in reader.columns()


def test_an_answer_is_authorised_each_time_it_is_given_again(two):
    asked = "SELECT count(*) FROM subjects"
    assert Reader("one", Visitor("lead", True), page="runs").value(asked) == 1  # kept from here on
    with pytest.raises(Denied):
        Reader("one", Visitor("cra", True), page="runs").value(asked)
    reader = Reader("one", Visitor("cra", True), page="queries")
    assert reader.value(asked) == 1
    path = two / "one" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('id = "cra"', 'id = "other"'), encoding="utf-8")
    for read in (reader.value, reader.rows, reader.page):
        with pytest.raises(Denied):
            read(asked)


def test_a_newer_run_answers_anew(two):
    asked, reader = "SELECT as_of FROM runs", Reader("one", Visitor("lead", True))
    assert reader.value(asked) == WEEK1
    publish(two / "one", WEEK2)
    assert (reader.value(asked), Reader("one", Visitor("lead", True)).value(asked)) == (WEEK1, WEEK2)
    reader.reopen()
    assert reader.value(asked) == WEEK2


def test_what_a_page_does_to_its_rows_is_not_seen_by_another(two):
    asked, mine = "SELECT i AS n FROM range(3) AS r(i)", Reader("one", Visitor("lead", True))
    rows = mine.rows(asked)
    rows.loc[0, "n"] = 99
    rows["more"] = 1
    rows.rename(columns={"n": "m"}, inplace=True)
    assert Reader("one", Visitor("auditor", True)).rows(asked).to_dict("list") == {"n": [0, 1, 2]}


def test_what_is_kept_is_limited_and_what_was_not_asked_for_the_longest_goes_first():
    answers = board._Answers(12_000, 5_000)
    small = {name: "text" for name in "abcde"}
    for name, answer in small.items():
        answers.keep((name,), answer)
        answers.find(("a",))
    answers.keep(("f",), "text")
    answers.keep(("g",), "text")
    assert [name for name in "abcdefg" if answers.find((name,))] == ["a", "c", "d", "e", "f", "g"]
    answers.keep(("large",), pd.DataFrame({"n": range(1000)}))
    assert answers.find(("large",)) is None and answers.size <= 12_000


def test_a_misspelt_hidden_column_shows_the_study_to_no_blinded_person(data):
    publish(folder(data, "abc", {"dora": "data manager"}, unblinding=["ex.extreat"]))
    with pytest.raises(CdmError, match=r"no column 'ex\.extreat'"):
        Reader("abc", Visitor("dora", True))


def test_pages_of_a_table_are_in_total_order_and_the_export_is_exactly_what_is_shown(two):
    reader = Reader("one", Visitor("lead", True))
    sql = "SELECT i AS n, i % 3 AS third, 'row ' || i AS name FROM range(10) AS r(i)"
    first = reader.page(sql, size=4, sort=[("third", True)], key=["n"])
    assert first.total == 10 and first.rows.n.tolist() == [2, 5, 8, 1]
    assert reader.page(sql, size=4, number=2, sort=[("third", True)], key=["n"]).rows.n.tolist() == [6, 9]
    found = reader.page(sql, search="ROW 1")
    assert found.total == 1 and reader.export(sql, search="ROW 1").getvalue().decode("utf-8-sig") == "n,third,name\r\n1,1,row 1\r\n"
    with pytest.raises(CdmError, match="no column 'x; DROP'"):
        reader.page(sql, sort=[("x; DROP", False)])
    assert reader.page("SELECT '50%' AS x UNION ALL SELECT '505'", search="50%").total == 1  # a percent sign is text


def test_an_export_holds_no_formula_and_keeps_numbers(two):
    made = Reader("one", Visitor("lead", True)).export("SELECT * FROM (VALUES ('=1+1', -5, '-5', '@x'), ('+49 1', 2, '', NULL)) AS t(a, b, c, d)", key=["a"])
    assert made.getvalue().decode("utf-8-sig") == "a,b,c,d\r\n'+49 1,2,,\r\n'=1+1,-5,-5,'@x\r\n"


def test_a_newer_run_is_noticed_and_shown_when_asked_for_and_earlier_dates_stay_readable(two):
    reader = Reader("one", Visitor("lead", True))
    assert (reader.run, reader.newer(), reader.before()) == (f"{WEEK1}-001", "", None)
    publish(two / "one", WEEK2)
    assert reader.run == f"{WEEK1}-001" and reader.newer() == f"{WEEK2}-001"
    reader.reopen()
    assert (reader.run, reader.as_of, reader.newer()) == (f"{WEEK2}-001", WEEK2, "")
    assert reader.cutoffs() == [WEEK2, WEEK1] and reader.before().as_of == WEEK1
    earlier = Reader("one", Visitor("lead", True), WEEK1)
    publish(two / "one", WEEK1, 2, current=False)
    assert earlier.newer() == f"{WEEK1}-002"
    with pytest.raises(CdmError, match="no results of 2020"):
        Reader("one", Visitor("lead", True), "2020-01-01")


def test_a_run_that_did_not_complete_is_never_read(two):
    run = publish(two / "one", WEEK2, current=False)
    (two / "one" / "runs" / run / "manifest.json").write_text('{"status": "running", "as_of": "2024-03-11"}', encoding="utf-8")
    reader = Reader("one", Visitor("lead", True))
    assert reader.cutoffs() == [WEEK1] and reader.newer() == ""


def test_only_a_signed_in_person_with_the_role_enters_and_the_journal_says_who(two):
    with pytest.raises(Denied, match="signed in"):
        Reader("one", Visitor("lead")).attest(1, "the team was told")
    with pytest.raises(Denied, match="auditor"):
        Reader("one", Visitor("auditor", True)).review("f1", {}, {"status": "Reviewed"})
    with pytest.raises(CdmError, match="attested by a medical"):
        Reader("one", Visitor("lead", True)).attest(11, "reviewed")
    Reader("one", Visitor("lead", True)).attest(1, "the team was told")
    entry = [e for e in journal.read(studies.load("one")) if e.act == "attest"][-1]
    assert (entry.actor, entry.role, entry.subject, entry.reason) == ("lead", "lead", "line 1", "the team was told")


def test_a_review_is_journalled_and_never_writes_over_somebody_else_unseen(two):
    from cdmlib import workbook

    first, second = workbook.STATUSES[0], workbook.STATUSES[1]
    mine, theirs = Reader("one", Visitor("lead", True)), Reader("one", Visitor("data.manager", True))
    theirs.review("f1", {}, {"status": first, "comment": "looked at"})
    with pytest.raises(CdmError, match=r"data\.manager entered"):
        mine.review("f1", {}, {"status": second})
    mine.review("f1", {"status": first}, {"status": second})
    assert {field: (entry.new, entry.actor) for field, entry in mine.reviews("f1").items()} == {"status": (second, "lead"), "comment": ("looked at", "data.manager")}
    for finding, given, said in (("zz", {"status": first}, "no finding"), ("f1", {"status": "Fine"}, "must be one of"), ("f1", {"expires": "soon"}, "YYYY-MM-DD"), ("f1", {"query": "x"}, "can't be entered")):
        with pytest.raises(CdmError, match=said):
            mine.review(finding, {"status": second, "comment": "looked at"}, given)


def test_a_comment_on_a_query_is_journalled_never_written_over_unseen_and_taken_away_when_empty(two):
    mine, theirs = Reader("one", Visitor("lead", True), page="queries"), Reader("one", Visitor("cra", True), page="queries")
    theirs.comment("2", "", "=site called")
    with pytest.raises(CdmError, match=r"cra entered '=site called' meanwhile"):
        mine.comment("2", "", "mine")
    mine.comment("2", "=site called", "mine")
    assert {query: (entry.new, entry.actor) for query, entry in mine.comments().items()} == {"2": ("mine", "lead")}
    assert [(e.old, e.new) for e in journal.read(studies.load("one"), act="query.comment")] == [("", "=site called"), ("=site called", "mine")]
    mine.comment("2", "mine", " ")
    assert mine.comments() == {}
    for query, text, said in (("99", "x", "no EDC query"), ("2", "x" * 2001, "2,000 characters")):
        with pytest.raises(CdmError, match=said):
            mine.comment(query, "", text)


def test_a_waiver_is_told_with_who_until_when_and_why(two):
    reader = Reader("one", Visitor("medical", True), page="readiness")
    assert reader.waiver("line 8") is None and reader.waiver("RD05 001") is None
    reader.waive("RD05 001", "2024-06-30", "the page is lost")
    entry = reader.waiver("RD05 001")
    assert (entry.new, entry.actor, entry.role, entry.reason) == ("2024-06-30", "medical", "medical", "the page is lost")
    for what, until, reason, said in (("RD05 999", "2024-06-30", "x y z", "no subject"), ("line 99", "2024-06-30", "x y z", "lines 1 to"), ("RD05 001", "soon", "x y z", "YYYY-MM-DD"), ("RD05 001", "2024-06-30", "-", "must say why")):
        with pytest.raises(CdmError, match=said):
            reader.waive(what, until, reason)


def test_blinded_people_neither_read_nor_enter_anything_on_what_may_tell_the_treatment(blinded):
    dora, stan = Reader("abc", Visitor("dora", True)), Reader("abc", Visitor("stan", True))
    stan.review("f1", {}, {"status": "Open", "comment": f"it is {SECRET}"})
    stan.comment("1", "", f"it is {SECRET}")
    stan.comment("2", "", "nothing special")
    assert SECRET not in str(dora.reviews("f1")) and SECRET in str(stan.reviews("f1"))
    assert set(dora.comments()) == {"2"} and set(stan.comments()) == {"1", "2"}
    with pytest.raises(Denied, match="may tell the treatment"):
        dora.review("f1", {}, {"comment": "mine"})
    with pytest.raises(Denied, match="may not read"):
        dora.comment("1", "", "mine")
    dora.review("f2", {}, {"comment": "mine"})
    dora.comment("2", "nothing special", "mine")


def life(table, field, record, decisions=(), findings=(), queries=()):
    return trace.Life("abc", "001", record, table, field, field, (field.upper(),), SECRET, "run", [], list(findings), list(queries), list(decisions), [])


def test_the_life_of_a_value_shows_only_what_the_person_may_know(blinded, monkeypatch):
    told = {"act": "review", "old": "", "new": f"it is {SECRET}", "why": ""}
    found = {"finding_id": "f1", "message": SECRET, "evidence": SECRET}
    asked = {"query_id": "1", "text": f"Is it {SECRET}?", "status": "open"}
    dora, stan, lena = (Reader("abc", Visitor(who, True), page="subjects") for who in ("dora", "stan", "lena"))
    monkeypatch.setattr(trace, "of", lambda study, subject, record, field: life("ae", field, record, [told], [found], [asked]))
    for reader in (dora, lena):
        for record, field in (("EX1", "extrt"), ("EX1", "exdose"), ("AE1", "extrt")):
            with pytest.raises(Denied, match="may tell the treatment"):
                reader.life("001", record, field)
        seen = reader.life("001", "AE1", "aeterm")
        assert SECRET not in str((seen.findings, seen.queries, seen.decisions)) and seen.queries[0]["status"] == "open"
    seen = stan.life("001", "EX1", "extrt")
    assert SECRET in str(seen.findings) and SECRET in str(seen.queries)
    assert seen.decisions == [], "a statistician does not read the journal"
    with pytest.raises(CdmError, match="no subject"):
        stan.life("999", "EX1", "extrt")
    with pytest.raises(Denied):
        Reader("abc", Visitor("stranger", True), page="subjects")


def test_the_filters_make_an_address_and_narrow_a_select(two):
    view = View(Visitor("lead", True), study="one", site="01", owner="site & CRA")
    assert view.link("queries", subject="001") == "queries?study=one&site=01&subject=001&owner=site+%26+CRA"
    assert view.reader.value(f"SELECT count(*) FROM subjects WHERE {board.where('siteid', 'subjid')}", view.filters) == 1
    view.site = "02"
    assert view.reader.value(f"SELECT count(*) FROM subjects WHERE {board.where('siteid', 'subjid')}", view.filters) == 0
    with pytest.raises(CdmError, match="Choose a study"):
        View(Visitor("lead", True)).reader.rows("SELECT 1 AS x FROM subjects")
    with pytest.raises(Denied):
        View(Visitor("lead", True), only=["two"], study="one").reader.rows("SELECT 1 AS x FROM subjects")
    with pytest.raises(CdmError, match="no page"):
        view.link("admin")
