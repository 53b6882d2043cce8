"""The checks and listings of the library: each does what its cases say and keeps the promises made to contributors."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cdmlib import cases, sqlfile, standard

CHECKS = sqlfile.read_folder(standard.SQL / "checks", "check")
LISTINGS = sqlfile.read_folder(standard.SQL / "listings", "listing")
CONTENT = sorted(path for path in standard.SQL.rglob("*.sql"))
PREFIXES = {"subjects": "SU", "visits": "VI", "items": "IT", "coding": "CD", "recon": "RC", "lbx": "LX", "samples": "SA"}  # elsewhere the domain in capitals
UNSTEADY = r"getvariable|now\s*\(|current_(date|time)|today\s*\(|random\s*\(|uuid|nextval|localtime|read_(csv|parquet)"
UNTRANSLATED = r"try_strptime|quantile_cont|group\s+by\s+all|\bexclude\b"


def by_id(files):
    return pytest.mark.parametrize("file", files, ids=[file.id for file in files])


@pytest.fixture(scope="module")
def con():
    return standard.empty_database()


def parameters(file, table=None):
    given = {"as_of": cases.AS_OF} | file.params | (table.params if table else {})
    return {name: value for name, value in given.items() if re.search(rf"\${name}\b", file.sql)}


def columns_of(con, file):
    return [column[0] for column in con.execute(file.sql, parameters(file)).description]


def findings(con, check, table, backwards=False):
    """What the check finds in the rows of a case table, entered in their order or from the last to the first."""
    con.execute("BEGIN")
    try:
        for case in reversed(table.cases) if backwards else table.cases:
            for name, row in case.rows:
                columns = ", ".join(standard.quote(column) for column in row)
                marks = ", ".join("?" * len(row))
                con.execute(f"INSERT INTO {name} ({columns}) VALUES ({marks})", list(row.values()))
        result = con.execute(check.sql, parameters(check, table))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    finally:
        con.execute("ROLLBACK")


@by_id(CHECKS)
def test_a_check_finds_what_its_cases_expect_and_nothing_else(con, file):
    wrong = [result for result in cases.run(file, con) if not result.passed]
    assert not wrong, "\n".join(f"case {r.number}: expected {r.expected}, got {r.got} ({r.because})" for r in wrong)


@by_id([check for check in CHECKS if check.domain == "items"])
def test_a_check_of_items_finds_the_same_when_only_the_fields_it_says_are_laid_out(con, file):
    described = """fields_and_more AS (SELECT * FROM fields UNION ALL BY NAME
                   SELECT DISTINCT i.domain, i.field FROM main.items i ANTI JOIN fields f ON f.domain = i.domain AND f.field = i.field)"""
    picked = f"SELECT * FROM main.items WHERE (domain, field) IN (SELECT (domain, field) FROM fields_and_more WHERE {file.header['items']})"
    narrow = replace(file, sql=f"WITH {described}, items AS NOT MATERIALIZED ({picked}) SELECT * FROM ({file.sql}\n)")
    results = cases.run(narrow, con)
    assert results and all(result.passed for result in results), [result for result in results if not result.passed]


@by_id(CHECKS)
def test_a_finding_has_one_identity(con, file):
    for table in cases.read(file):
        keys = [(row["record_key"], row.get("field")) for row in findings(con, file, table)]
        assert len(keys) == len(set(keys)), f"repeated: {sorted(key for key in keys if keys.count(key) > 1)}"
        assert None not in {key for key, _ in keys}


@by_id(CHECKS)
def test_a_finding_does_not_depend_on_the_order_of_rows(con, file):
    for table in cases.read(file):
        forwards, backwards = findings(con, file, table), findings(con, file, table, backwards=True)
        assert sorted(map(str, forwards)) == sorted(map(str, backwards))


@by_id(CHECKS)
def test_every_value_named_in_a_message_is_selected(con, file):
    there = set(columns_of(con, file)) | set(file.params)
    assert set(file.placeholders) <= there, f"not selected: {set(file.placeholders) - there}"
    assert file.placeholders, "a message must show the values that it is about"


@by_id(CHECKS)
def test_a_check_says_which_record_of_which_subject(con, file):
    columns = columns_of(con, file)
    assert columns[:3] == ["record_key", "siteid", "subjid"]
    assert len(columns) == len(set(columns))
    assert file.domain != "items" or "field" in columns


@by_id(LISTINGS)
def test_a_listing_says_which_record_of_which_subject(con, file):
    columns = columns_of(con, file)
    assert columns[:3] == ["record_key", "siteid", "subjid"]
    assert len(columns) == len(set(columns))


@by_id(LISTINGS)
def test_a_listing_has_a_total_order(file):
    order = re.split(r"ORDER BY", file.sql)[-1]
    assert re.match(r"\s*\w+\.siteid, \w+\.subjid, ", order)
    assert re.search(r"record_key\s*$", order)


@by_id(CHECKS + LISTINGS)
def test_content_finds_nothing_where_there_is_nothing(con, file):
    assert con.execute(file.sql, parameters(file)).fetchall() == []


@by_id(CHECKS)
def test_texts_for_the_reader_are_whole_sentences(file):
    assert file.message.endswith((".", "?"))
    assert not file.note or file.note.endswith(".")
    assert file.title[0].isupper()
    assert not file.title.endswith(".")
    assert not re.search(r"\b(CM|MH|DS|EX|VS|LB|SAE|eCRF|CRF|pls)\b", file.message), "an abbreviation"


@by_id([file for file in CHECKS if file.header["action"] == "query"])
def test_a_query_asks_for_one_thing(file):
    assert file.message.count("Please") == 1
    assert re.search(r"Please (enter|correct|keep|remove|answer|choose) ", file.message)


@by_id(CHECKS + LISTINGS)
def test_optional_names_what_may_be_missing_and_is_used(file):
    for part in file.optional:
        table, _, column = part.partition(".")
        columns = {c.name: c for c in standard.tables()[table]}
        assert re.search(rf"\b{column or table}\b", file.sql), f"{part} is optional but not used"
        if column:
            assert columns[column].role not in ("key", "required"), f"{part} is always there"


@by_id(CHECKS)
def test_parameters_are_explained(file):
    assert all(re.search(rf"\b{name}\b", file.note + file.message) for name in file.params)


def test_every_check_has_cases_and_every_case_file_a_check():
    folder = standard.SQL / "checks"
    case_files, checks = folder.rglob("*.md"), folder.rglob("*.sql")
    assert {path.with_suffix("") for path in case_files} == {path.with_suffix("") for path in checks}


def test_file_names_give_the_id_and_the_domain():
    for path in (standard.SQL / "checks").rglob("*.sql"):
        assert re.fullmatch(r"[A-Z]{2}\d{3}_[a-z0-9_]+\.sql", path.name), path
        assert path.name.startswith(PREFIXES.get(path.parent.name, path.parent.name.upper())), path
        assert path.parent.name in (*standard.tables(), "recon"), path
    for path in (standard.SQL / "listings").rglob("*.sql"):
        assert re.fullmatch(r"LI\d{2}_[a-z0-9_]+\.sql", path.name), path


def test_ids_and_titles_are_unique():
    for value in ("id", "title"):
        given = [getattr(file, value) for file in CHECKS + LISTINGS]
        assert sorted(given) == sorted(set(given))


@pytest.mark.parametrize("path", CONTENT, ids=[path.stem for path in CONTENT])
def test_content_is_the_same_on_every_day_and_machine(path: Path):
    text = path.read_text(encoding="utf-8")
    sql = re.sub(r"/\*.*?\*/|--[^\n]*", "", text, flags=re.DOTALL).lower()
    assert not re.search(UNSTEADY, sql)
    assert not re.search(UNTRANSLATED, sql)
    assert not re.search(r"/(home|work|tmp|users)/", text.lower())


def test_a_code_list_of_several_values_is_read_value_by_value(con):
    """IT004 again, as a list of several values can't be written in a cell of a case table."""
    check = next(file for file in CHECKS if file.id == "IT004")
    con.execute("BEGIN")
    con.execute("INSERT INTO fields (domain, field, codelist) VALUES ('ae', 'aesev', 'MILD|MODERATE|SEVERE')")
    for number, value in enumerate(["mild", "SEVERE", "MILD|MODERATE", "MIL", "E", " moderate ", None, "FATAL", "%"]):
        con.execute(
            "INSERT INTO items (record_key, domain, field, value) VALUES (?, 'ae', 'aesev', ?)", [number, value]
        )
    found = con.execute(f"SELECT value, permitted FROM ({check.sql}) ORDER BY record_key").fetchall()
    con.execute("ROLLBACK")
    assert found == [(value, "MILD, MODERATE, SEVERE") for value in ("MILD|MODERATE", "MIL", "E", "FATAL", "%")]
