"""The synthetic study: the same bytes always, errors where the answer key says, and nothing wrong anywhere else."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from cdmlib import checks, coding, demo, mart, reconcile, snapshot, sqlfile, tables
from cdmlib import study as studies
from cdmlib.demo.scoring import present
from cdmlib.errors import CdmError

FORMS = ("AE", "CM", "DM", "DS", "EX", "IE", "LB", "MH", "PC", "SV", "VS")
FEEDS = ("safety", "lbx", "irt", "epro", "device", "samples")
WEEKS = demo.CUT_OFFS
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "demo"
    demo.create(path)
    return path


@pytest.fixture(scope="module")
def key(folder) -> list[dict[str, str]]:
    return demo.read_answer_key(folder)


@pytest.fixture(scope="module")
def extracts(folder) -> dict[str, Rows]:
    """The rows of every form by cut-off date, as the csv module reads them."""
    return {week: {form: rows(folder / "incoming" / week / f"{form}.csv") for form in FORMS} for week in WEEKS}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["userid"] != "EOF"]


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def standing(error: dict[str, str], extract: Rows) -> list[dict[str, str]]:
    """The rows of an extract that a row of the answer key points to: by record, visit or subject."""
    first, _, rest = error["record_key"].partition("|")
    if first != error["subjid"]:
        return [row for row in extract[first] if row["RecordId"] == rest.split("|")[0]]
    own = [row for row in extract[error["domain"].upper()] if row["Subject"] == first]
    return [row for row in own if row["InstanceName"] == rest or not rest]


def value(row: dict[str, str], field: str) -> str:
    """What was entered in a field: the code or the text as typed."""
    return row.get(f"{field}_RAW", "") or row.get(f"{field}_STD", "") or row[field]


# ── the same in, the same out ───────────────────────────────────────────────────────────────────────────────────


def test_the_study_is_the_same_to_the_byte_in_any_time_zone_locale_and_hash_seed(folder, tmp_path):
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1", "LC_ALL": "C"}
    code = f"from pathlib import Path; from cdmlib import demo; demo.create(Path({str(tmp_path / 'demo')!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | surroundings)
    assert digest(tmp_path / "demo") == digest(folder)


def test_another_seed_makes_another_study_of_the_same_shape(folder, tmp_path):
    demo.create(tmp_path / "demo", seed=7)
    assert digest(tmp_path / "demo") != digest(folder)
    assert len(rows(tmp_path / "demo" / "incoming" / WEEKS[-1] / "IE.csv")) == 240


def test_the_folder_gives_the_study_its_id_and_is_never_written_over(folder, tmp_path):
    demo.create(tmp_path / "trial.2")
    assert studies.read(tmp_path / "trial.2" / "study.toml").id == "trial.2"
    with pytest.raises(CdmError, match="not empty"):
        demo.create(folder)


# ── the extracts ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_file_ends_with_the_line_eof_and_has_it_nowhere_else(folder):
    for path in folder.glob("incoming/*/??.csv"):
        text = path.read_bytes()
        assert text.endswith(b"\r\nEOF\r\n") and text.count(b"\r\nEOF") == 1, path


def test_all_subjects_are_there_and_spread_over_sites_countries_and_stages(extracts):
    last = extracts[WEEKS[-1]]
    assert len({row["Subject"] for row in last["IE"]}) == 240
    assert len({row["SiteNumber"] for row in last["IE"]}) == 12
    assert {row["SiteGroup"] for row in last["IE"]} == {"France", "Germany", "Poland", "United States"}
    left = Counter(row["DSDECOD_STD"] for row in last["DS"] if row["DSSCAT_STD"] == "STUDY PARTICIPATION")
    assert left["SCREEN FAILURE"] > 15 and left["COMPLETED"] > 50 and left["DEATH"] > 4
    assert 240 - sum(left.values()) > 40  # still taking part


def test_forms_grow_from_week_to_week(extracts):
    for earlier, later in pairwise(WEEKS):
        for form in FORMS:
            assert len(extracts[later][form]) >= len(extracts[earlier][form]), (form, later)
        assert len(extracts[later]["LB"]) > len(extracts[earlier]["LB"])


def test_a_record_id_means_one_record_in_all_extracts(extracts):
    place: dict[str, tuple] = {}
    for week in WEEKS:
        ids = [row["RecordId"] for form in FORMS for row in extracts[week][form]]
        assert len(ids) == len(set(ids))
        for form in FORMS:
            for row in extracts[week][form]:
                here = (form, row["instanceId"], row["DataPageId"], row["recordposition"], row["MinCreated"])
                assert place.setdefault(row["RecordId"], here) == here


def test_no_record_is_created_or_updated_after_its_extract(extracts):
    for week in WEEKS:
        for form in FORMS:
            assert all(row["MinCreated"] <= row["MaxUpdated"] <= f"{week}T18:00:00" for row in extracts[week][form])


def test_values_change_only_with_a_later_update(extracts):
    for earlier, later in pairwise(WEEKS):
        for form in FORMS:
            before = {row["RecordId"]: row for row in extracts[earlier][form]}
            for row in extracts[later][form]:
                old = before.get(row["RecordId"])
                if old and old | {"AESMIE": "", "AESMIE_STD": ""} != row | {"AESMIE": "", "AESMIE_STD": ""}:
                    assert f"{earlier}T18:00:00" < row["MaxUpdated"], row


def test_columns_are_stable_but_for_the_one_that_the_third_week_brings(extracts):
    for form in FORMS:
        first, *others = (list(extracts[week][form][0]) for week in WEEKS)
        new = ["AESMIE", "AESMIE_STD"] if form == "AE" else []
        assert [[c for c in columns if c not in first] for columns in others] == [[], new, new]
        assert all([c for c in columns if c in first] == first for columns in others)
    assert any(row["AESMIE_STD"] for row in extracts[WEEKS[2]]["AE"])


def test_a_visit_of_months_ago_comes_in_the_third_week(extracts):
    def late(week: str) -> list[str]:
        limit = datetime.fromisoformat(week) - timedelta(days=28)
        earlier = {row["RecordId"] for row in extracts[WEEKS[WEEKS.index(week) - 1]]["SV"]}
        new = [row for row in extracts[week]["SV"] if row["RecordId"] not in earlier and row["RecordDate"]]
        return [row["Subject"] for row in new if datetime.fromisoformat(row["RecordDate"]) < limit]

    assert len(late(WEEKS[2])) == 1


def test_text_holds_accents_quotes_commas_and_line_ends(folder):
    text = "".join(path.read_bytes().decode("utf-8") for path in (folder / "incoming" / WEEKS[-1]).glob("*.csv"))
    assert all(piece in text for piece in ("Süderbrück, K", "Ménière", '""Umzug nach Österreich""', "Rivière"))
    assert "withdrew consent\nby telephone" in text


# ── the answer key ──────────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_many_kinds_of_errors_a_few_times_each_and_some_that_no_check_aims_at(key):
    kinds = Counter(row["kind"] for row in key)
    assert len(kinds) >= 45 and max(kinds.values()) <= 6
    assert len({row["kind"] for row in key if not row["check_id"]}) >= 5
    assert {row["first_week"] for row in key} == set(WEEKS)
    assert {row["how_resolved"] for row in key} == {"", "corrected", "deleted", "inactivated"}
    assert all(not row["last_week"] or row["first_week"] <= row["last_week"] for row in key)
    assert all(bool(row["last_week"]) == bool(row["how_resolved"]) and row["reason"] for row in key)


def test_every_kind_of_the_list_is_planted_as_often_as_it_says(key):
    planned = {row["kind"]: len(row["spans"].split("|")) for row in demo.lists.rows("kinds")}
    assert Counter(row["kind"] for row in key) == planned


# Not collected in the demo, a matter of a whole page or trial, or planted by the detection bench only.
LEFT_TO_THE_BENCH = """
    AE014 AE016 AE017 AE019 AE020 AE022 AE023 AE024 AE025 AE026 AE027 AE028 AE029 AE031 AE032 AE033 AE034 AE035
    AE036 AE037 AE038 AE039 AE042 AE043 AE044 AE045 AE046 AE047 AE048 AE049 AE050 CM007 CM009 CM010 CM012 CM014
    CM015 CM016 CM017 CM018 CM021 CM022 CM023 DM007 DM008 DM010 DM011 DM013 DM014 DM015 DS006 DS007 DS008 DS009
    DS010 DS013 DS014 DS015 DS020 EX008 EX009 EX010 EX012 EX013 EX014 EX015 EX016 EX017 EX018 EX020 IE002 IE005
    IE006 IT006 IT007 IT008 IT010 IT012 IT013 IT014 IT015 LB007 LB013 LB017 LB018 LB020 LB021 LB022 LB025 LB026
    LB031 LB032 LB033 LB034 LB035 LB036 LB037 LB038 MH004 MH007 MH009 PR001 PR002 PR003 PR004 PR005 PR006 PR007
    PR008 SU003 SU005 SU006 SU007 SU008 SU009 SU010 SU011 SU012 SU013 SU014 SU015 SU020 SV001 SV002 SV003 SV004
    VI004 VI005 VI007 VS008 VS011 VS014 VS015 VS016 VS019 VS023
"""


def test_every_check_of_the_library_that_can_run_has_an_error_to_find(key):
    known = {check.id for check in checks.library() if check.domain not in demo.THIRD_PARTY}
    aimed = {row["check_id"] for row in key} - {""}
    assert aimed <= known
    others = {check for check in known if check[:2] in ("DV", "QS", "EG")}  # these forms are not collected
    others |= set(LEFT_TO_THE_BENCH.split())
    others |= {"CD001", "CD002", "CD003"}  # these follow from what coders decide, and from the week before
    assert known - aimed <= others, "plant an error for each new check: a row in content/kinds.csv"


def test_a_subject_has_at_most_one_error_so_that_a_finding_has_one_cause(key):
    subjects = Counter(row["subjid"] for row in key if row["kind"] != "digit_preference")
    assert max(subjects.values()) == 1


def test_every_planted_value_is_in_the_extracts_that_the_key_names_and_in_no_other(key, extracts):
    for error in key:
        for week in WEEKS:
            found = standing(error, extracts[week])
            there = present(error, week)
            active = [row for row in found if row["RecordActive"] == "1"]
            if error["kind"] == "no_demographics":
                seen = not found and any(row["Subject"] == error["subjid"] for row in extracts[week]["IE"])
            elif error["kind"] == "visit_entered_late":
                visits = [row for row in extracts[week]["SV"] if row["Subject"] == error["subjid"]]
                seen = not any(row["Folder"] == "W08" for row in visits)
            else:
                seen = any(value(row, error["field"]) == error["value_planted"] for row in active)
            if week >= error["first_week"]:
                assert seen == there, (error, week)


def test_corrected_records_hold_the_right_value_deleted_ones_are_gone_and_inactivated_ones_say_so(key, extracts):
    for error in key:
        after = [week for week in WEEKS if error["last_week"] and week > error["last_week"]]
        for week in after:
            found = standing(error, extracts[week])
            if error["how_resolved"] == "deleted":
                assert not found
            elif error["how_resolved"] == "inactivated":
                assert [row["RecordActive"] for row in found] == ["0"]
            elif error["field"] and error["value_before"]:
                assert any(value(row, error["field"]) == error["value_before"] for row in found), error
    third = [row["how_resolved"] for row in key if row["last_week"] == WEEKS[1]]
    assert "deleted" in third and "inactivated" in third


# ── the checks against it ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("week", [WEEKS[0], WEEKS[-1]])
def test_the_checks_find_what_they_aim_at_and_nothing_that_was_not_planted(folder, key, week, monkeypatch):
    monkeypatch.setenv("CDM_DATA", str(folder.parent))
    snapshot.ingest(studies.load("demo"), week)
    with mart.scratch("demo", week) as work:
        tables.build(work)
        reconcile.build(work)
        coding.code(work)
        outcomes = checks.run(work)
        found = work.con.execute(f"SELECT check_id, record_key FROM findings WHERE domain NOT IN {demo.THIRD_PARTY}").fetchall()
        between = demo.reconciled(work.con, folder, week)
    assert set(outcomes["outcome"]) <= {"findings", "clean", "not run"}
    score = demo.score(found, key, week)
    assert [kind for kind in score.kinds if kind.check_id and kind.found < kind.planted] == []
    assert score.unexplained == ()
    assert 0.8 < score.recall < 1  # some kinds no check aims at
    assert [kind for kind in between.kinds if kind.found < kind.planted] == []
    assert (between.unexplained, between.wrong_pairs) == ((), ())
    assert between.pairs > 4000 and between.recall == 1


def test_every_kind_of_disagreement_is_planted_and_every_check_of_third_parties_has_one(folder):
    planted, _ = demo.read_reconciliation_key(folder)
    kinds = {row["kind"] for row in demo.lists.rows("feed_kinds")}
    assert {row["kind"] for row in planted} - {"edc_error"} == kinds
    aimed = {row["expected"].partition("@")[0] for row in planted} - {""}
    known = {check.id for check in checks.library() if check.domain in demo.THIRD_PARTY}
    assert known - aimed == {"RC007"}  # every reconciliation of the demo can be run


def test_a_reconciliation_score_names_what_nothing_explains_and_every_wrong_pair():
    week = {"first_week": "2024-03-04", "last_week": "", "also_expected": "RC002@sae", "feed": "safety", "kind": "a", "subjid": "1"}
    keys = [week | {"expected": "RC001@sae:onset"}, week | {"expected": "RC003@sae", "subjid": "2", "also_expected": ""}], [
        {"recon": "sae", "left_key": "AE|1", "right_key": "C1"},
        {"recon": "sae", "left_key": "AE|2", "right_key": "C2"},
    ]
    errors = [{"subjid": "3", "domain": "ae", "first_week": "2024-03-04", "last_week": "2024-03-04"}]
    found = [("RC001", "sae", "onset", "1"), ("RC002", "sae", "", "1"), ("RC001", "sae", "term", "1"), ("RC002", "sae", "", "3")]
    pairs = [("sae", "AE|1", "C1"), ("sae", "AE|9", "C2"), ("sae", "AE|8", "C9")]
    score = demo.score_reconciliation(found, pairs, keys, errors, "2024-03-11")
    assert (score.recall, score.precision) == (0.5, 0.5)
    assert score.unexplained == (("RC001", "sae", "term", "1"), ("RC002", "sae", "", "3"))
    assert (score.pairs, score.wrong_pairs) == (2, (("sae", "AE|9", "C2"),))


def test_the_study_file_and_the_table_files_have_no_mistakes(folder):
    opened = studies.read(folder / "study.toml")
    assert len(opened.visits) == 9
    assert {path.stem for path in (folder / "tables").glob("*.sql")} == {form.lower() for form in FORMS} | {
        "edc_queries",
        "edc_pages",
        "edc_visits",
        "edc_issues",
        *FEEDS,
    }
    for path in (folder / "tables").glob("??.sql"):
        assert sqlfile.read(path, "table").header["from"] == f"edc.{path.stem.upper()}"


def test_a_score_counts_by_kind_and_lists_what_nothing_explains():
    week = {"first_week": "2024-03-04", "last_week": "", "also_expected": ""}
    answers = [
        {"kind": "a", "check_id": "AE001", "record_key": "AE|1", **week, "also_expected": "AE002:AE|9"},
        {"kind": "a", "check_id": "AE001", "record_key": "AE|2", **week, "last_week": "2024-03-11"},
        {"kind": "b", "check_id": "", "record_key": "AE|3", **week},
    ]
    found = [("AE001", "AE|1"), ("AE002", "AE|9"), ("AE001", "AE|2"), ("AE004", "AE|3")]
    score = demo.score(found, answers, "2024-03-18")
    assert [(kind.kind, kind.planted, kind.found) for kind in score.kinds] == [("a", 1, 1), ("b", 1, 1)]
    assert score.unexplained == (("AE001", "AE|2"),)
    assert (score.precision, score.recall) == (0.75, 1.0)
    assert "AE001 on AE|2" in score.said
    assert score.rows()[0] == {"kind": "a", "check": "AE001", "planted": 1, "found": 1, "recall": 1.0}
