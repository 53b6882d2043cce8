"""Where the values of the standard tables stand in the EDC: records with their places, fields with their names there."""

from __future__ import annotations

import re

import duckdb

from cdmlib import checks, sqlfile, standard, tables
from cdmlib.errors import CdmError
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile
from cdmlib.standard import Column
from cdmlib.study import Study

TEMPORARY = {
    "query_records": "domain VARCHAR, record_key VARCHAR, subjid VARCHAR, visit VARCHAR, form VARCHAR, "
    "formrow VARCHAR, dataset VARCHAR, place VARCHAR, test VARCHAR",
    "query_names": "domain VARCHAR, field VARCHAR, test VARCHAR, name VARCHAR, written VARCHAR, rank INTEGER",
    "query_fields": "check_id VARCHAR, place INTEGER, domain VARCHAR, field VARCHAR",
}
ENDING = re.compile(r"_(RAW|STD|INT|YYYY|MM|DD|UN)$", re.IGNORECASE)  # what Rave adds to a field's name in its views
RESULTS = {
    "orres",
    "orresn",
    "orresu",
    "stresc",
    "stresn",
    "stat",
}  # columns of a test that stand in fields named by it


def describe(work: Work) -> None:
    """Fill three temporary tables for SQL that looks for places in the EDC.

    query_records: every record of the clinical tables and where it stands (place: its row of the extract). query_names: the names that the EDC may give
    to a standard column (name: as compared, see macro plain_name; written: as the EDC writes it; rank: 1 is the likeliest;
    test: for that test only). query_fields: the columns that each check is about, from place 0; empty ones for checks
    of items, whose findings have a field of their own.
    """
    for name, columns in TEMPORARY.items():
        work.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    _fill_records(work.con)
    _fill_names(work)
    _fill_fields(work)


def fields_of(check: SqlFile, study: Study | None = None) -> list[tuple[str, str]]:
    """The columns, (table, column), that a query on a finding of this check goes to (the first) or may already be on.

    They are the header's `field`; else those that the message shows of the check's own table after its first colon,
    where it says what is wrong; else all that it shows. A column of subjects or visits stands for those it is made from.
    Raises CdmError for a field that no table has.
    """

    def columns(table: str) -> dict[str, Column]:
        known = standard.tables().get(table, ())
        return {column.name: column for column in (tables.columns_in(study, table) if study and known else known)}

    own = columns(check.domain)
    shown = [set(sqlfile.PLACEHOLDER.findall(part)) for part in (check.message.partition(":")[2], check.message)]
    after, anywhere = (
        [n for n in check.placeholders if n in part and n in own and own[n].role != "key"] for part in shown
    )
    found = []
    for name in check.fields or after or anywhere:
        table, column = name.split(".") if "." in name else (check.domain, name)
        if column not in columns(table):
            raise CdmError(f"{check.path}: field: {name!r} is not a column of a standard table.")
        sources = [tuple(source.split(".")) for source in columns(table)[column].source.split("|") if "." in source]
        found += sources or [(table, column)]
    return list(dict.fromkeys(found))


def _clinical(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    return {name: columns for name, columns in tables.collected(con).items() if name in standard.domains()}


def _fill_records(con: duckdb.DuckDBPyConnection) -> None:
    for domain, there in _clinical(con).items():
        test = f"{domain}testcd" if f"{domain}testcd" in there else "NULL"
        place = "record_key, subjid, visit, form, formrow, dataset, concat_ws('|', source, dataset, coalesce(CAST(source_row AS VARCHAR), record_key))"
        con.execute(f"INSERT INTO query_records SELECT '{domain}', {place}, {test} FROM {domain}")


def _fill_fields(work: Work) -> None:
    for check in checks.library(work.study):
        fields = (
            [(None, None)] if check.domain in ("items", "coding") else fields_of(check, work.study)
        )  # there each finding has its own
        for place, (table, column) in enumerate(fields):
            work.con.execute("INSERT INTO query_fields VALUES (?, ?, ?, ?)", [check.id, place, table, column])


def _fill_names(work: Work) -> None:
    """How the EDC may call each standard column: as the study's table file does, by the test, or as the standard does."""
    rows: set[tuple[str, str, str | None, str, int]] = set()
    for domain, there in _clinical(work.con).items():
        used = work.con.execute(f"SELECT DISTINCT source, dataset FROM {domain}").fetchall()
        datasets = [dataset for dataset in work.snapshot.datasets if (dataset.source, dataset.name) in used]
        labels = {column.upper(): dataset.labels.get(column) for dataset in datasets for column in dataset.columns}
        file = sqlfile.read(work.study.folder / "tables" / f"{domain}.sql", "table")
        made = [part for part in tables.source_columns(work.con, file) if part[2].upper() in labels]
        tests = work.con.execute(
            "SELECT DISTINCT test FROM query_records WHERE domain = ? AND test <> ''", [domain]
        ).fetchall()
        known = tables.columns_in(work.study, domain)
        for column in known:
            if column.role == "key" or column.name not in there:
                continue
            own = [(test or None, source) for name, test, source in made if name == column.name]
            twin = next((c for c in known if c.name == column.source), column)
            given = [
                (None, name, 3) for name in (twin.name.upper(), column.name.upper(), *column.synonyms, *twin.synonyms)
            ]
            given += [(test, ENDING.sub("", source), 1) for test, source in own]
            given += [(test, label, 4) for test, source in own if (label := labels[source.upper()])]
            if column.name.removeprefix(domain) in RESULTS and not own:  # a form with fields named by the test
                given += [
                    (t, s, 1 if s == t.upper() else 2) for (t,) in tests for s in labels if s.startswith(t.upper())
                ]
            rows |= {(domain, column.name, test, name, rank) for test, name, rank in [*given, (None, column.label, 4)]}
    work.con.executemany("INSERT INTO query_names SELECT $1, $2, $3, plain_name($4), $4, $5", sorted(rows, key=str))
