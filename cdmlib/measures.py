"""Measures: numbers for the lead, each with numerator, denominator and definition, per site and for the study."""

from __future__ import annotations

import json
import math

import duckdb
import pandas as pd

from cdmlib import cases, checks, edc, mart, queries, sqlfile, standard, tables
from cdmlib import study as studies
from cdmlib.cases import CaseResult
from cdmlib.errors import CdmError
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile

METRICS = (
    "metric VARCHAR, title VARCHAR, level VARCHAR, siteid VARCHAR, category VARCHAR, numerator BIGINT, "
    "denominator BIGINT, value DOUBLE, unit VARCHAR, as_of VARCHAR, definition VARCHAR"
)
MEASURE_RUNS = "metric VARCHAR, title VARCHAR, rows BIGINT, not_run VARCHAR, definition VARCHAR"
SHOWN = {  # a number with what it is made of, by unit
    "percent": lambda row: (
        f"{row.numerator} of {row.denominator}" + ("" if pd.isna(row.value) else f" ({row.value:.1f} %)")
    ),
    "days": lambda row: (
        ("" if pd.isna(row.value) else f"{row.value:g} days ") + f"({row.numerator} of {row.denominator})"
    ),
    "queries": lambda row: f"{row.numerator} of {row.denominator}",
} | {  # one number for each so many of another
    unit: lambda row: ("" if pd.isna(row.value) else f"{row.value:g} ") + f"({row.numerator} and {row.denominator})"
    for unit in ("per subject", "per 100 pages", "per 10,000 values")
}
OTHERWISE = {  # what stands in a column that a measure does not give
    "category": "CAST(NULL AS VARCHAR)",
    "value": "CASE WHEN denominator > 0 THEN round(100.0 * numerator / denominator, 1) END",
    "unit": "'percent'",
}


def library() -> list[SqlFile]:
    """Every measure, by id."""
    return sqlfile.read_folder(standard.SQL / "measures", "measure")


def run(work: Work) -> pd.DataFrame:
    """Put every measure into the table metrics of the work's database, and how each ended into the table measure_runs.

    Returns one row per measure: metric, title, rows, and why it was not run (as when a study gives no query listing).
    """
    con = work.con
    con.execute(f"CREATE OR REPLACE TABLE metrics ({METRICS})")
    con.execute(f"CREATE OR REPLACE TABLE measure_runs ({MEASURE_RUNS})")
    _fill_check_fields(work)
    _fill_gone(work)
    there = tables.collected(con)
    for measure in library():
        given = measure.params | work.study.parameters.get(measure.id, {})
        said = definition(measure, given)
        reason, rows = "", 0
        if measure.domain == "queries" and not queries.listed(con):
            reason = "no query listing"
        try:
            sql, params = select(con, measure, {"as_of": work.as_of} | given, there)
            named = {"id": measure.id, "title": measure.title, "said": said, "as_of": work.as_of}
            con.execute(
                f"""INSERT INTO metrics SELECT $id, $title, level, siteid, category, numerator, denominator, value, unit, $as_of, $said
                    FROM ({sql}\n)""",
                named | params,
            )
            rows = con.execute("SELECT count(*) FROM metrics WHERE metric = ?", [measure.id]).fetchone()[0]
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            reason = reason or checks.not_collected(con, measure, there, str(error)) or f"error: {tables.reason(error)}"
        con.execute("INSERT INTO measure_runs VALUES (?, ?, ?, ?, ?)", [measure.id, measure.title, rows, reason, said])
    return con.execute("SELECT metric, title, rows, not_run FROM measure_runs ORDER BY metric").df()


def _fill_check_fields(work: Work) -> None:
    """The table check_fields: the field that each check is about, the first when there are several; none for checks on all fields."""
    rows = []
    for check in checks.library(work.study):
        domain, field = next(iter(edc.fields_of(check, work.study)), (None, None)) if check.domain != "items" else (None, None)
        rows.append([check.id, domain, field])
    work.con.execute("CREATE OR REPLACE TABLE check_fields (check_id VARCHAR, domain VARCHAR, field VARCHAR)")
    work.con.executemany("INSERT INTO check_fields VALUES (?, ?, ?)", rows)


def _fill_gone(work: Work) -> None:
    """The table subjects_gone: subjects of earlier weeks who are not in this extract, so that leaving a denominator is not leaving unseen."""
    con, before = work.con, mart.week_before(work.study, work.as_of)
    con.execute("CREATE OR REPLACE TABLE subjects_gone (siteid VARCHAR, subjid VARCHAR, status VARCHAR, last_seen VARCHAR)")
    if not before:
        return
    con.execute(f"ATTACH {standard.literal(str(work.study.folder / 'marts' / before['mart']))} AS week_before (READ_ONLY)")
    try:
        tables_then = {name for (name,) in con.execute("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'week_before'").fetchall()}
        already = "UNION ALL SELECT siteid, subjid, status, last_seen FROM week_before.subjects_gone" if "subjects_gone" in tables_then else ""
        con.execute(
            f"""INSERT INTO subjects_gone SELECT siteid, subjid, status, last_seen
                FROM (SELECT siteid, subjid, status, $day AS last_seen FROM week_before.subjects {already}) AS b
                WHERE NOT EXISTS (FROM subjects AS s WHERE s.subjid = b.subjid) ORDER BY siteid, subjid""",
            {"day": before["as_of"]},
        )
    finally:
        con.execute("DETACH week_before")


def show_gone(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Subjects of earlier weeks who are not in this extract, and count in no number: site, subject, status then, last seen."""
    return con.execute(
        'SELECT siteid AS site, subjid AS subject, status AS "status then", last_seen AS "last seen in the extract of" FROM subjects_gone ORDER BY siteid, subjid'
    ).df()


def select(
    con: duckdb.DuckDBPyConnection, measure: SqlFile, params: dict, there: dict[str, tuple[str, ...]]
) -> tuple[str, dict]:
    """The SELECT of a measure with all its columns, in its order, and the parameters that it uses.

    A measure gives level, siteid, numerator and denominator. It may give a category; and a value with its unit, else the
    value is the share in percent, to one decimal.
    """
    sql = tables.with_optional(measure, there)
    used = checks.used_params(sql, params)
    columns = tables.columns_of(con, sql, used)
    category, value, unit = (name if name in columns else other for name, other in OTHERWISE.items())
    return f"SELECT level, siteid, {category} AS category, numerator, denominator, {value} AS value, {unit} AS unit FROM ({sql}\n)", used


def show(con: duckdb.DuckDBPyConnection, *ids: str, by: str = "site") -> pd.DataFrame:
    """Measures of published results to read: a line for the study and one per site, or (by="category") one per category.

    Each cell says its numerator and denominator, or why the measure was not run. Raises CdmError for an unknown measure.
    """
    known = dict(con.execute("SELECT metric, title FROM measure_runs").fetchall())
    if unknown := sorted(set(ids) - known.keys()):
        raise CdmError(f"There is no measure {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    parts = []
    for id_ in ids:
        part = con.execute("SELECT title, level, siteid, category, numerator, denominator, value, unit FROM metrics WHERE metric = ? ORDER BY rowid", [id_]).df()
        part["shown"] = [SHOWN[row.unit](row) for row in part.itertuples()]
        if part.empty:
            reason = con.execute("SELECT not_run FROM measure_runs WHERE metric = ?", [id_]).fetchone()[0]
            part = pd.DataFrame({"title": [known[id_]], "level": "study", "shown": f"not run: {reason}" if reason else "nothing to count"})
        parts.append(part.reindex(columns=["title", "level", "siteid", "category", "shown"]).astype(object))
    rows = pd.concat(parts)
    rows["site"] = rows.siteid.where(rows.level == "site", "all sites").fillna("(none)")
    if by == "category":
        rows, index, columns = rows[rows.level == "study"].fillna({"category": "all"}), "category", ["title"]
    else:
        index, columns = "site", ["title", "category"] if rows.category.notna().any() else ["title"]
    rows = rows.fillna({"category": ""})
    wide = rows.pivot(index=index, columns=columns, values="shown")
    order = rows[columns].drop_duplicates()
    order = pd.MultiIndex.from_frame(order) if len(columns) > 1 else order.title
    return wide.reindex(index=rows[index].unique(), columns=order).rename_axis(columns=[None] * len(columns)).fillna("")


def definitions(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What each measure of published results counts: title and definition."""
    return con.execute("SELECT title, definition FROM measure_runs ORDER BY metric").df()


def definition(measure: SqlFile, params: dict) -> str:
    """What a measure counts, in words, with its parameters."""
    given = ", ".join(f"{name} = {value}" for name, value in params.items())
    return " ".join(measure.note.split()) + (f" ({given})" if given else "")


def results(study: str, cutoff: str = "", run: str = "") -> duckdb.DuckDBPyConnection:
    """The results to show, read-only: of a run; else of the last complete run of a cut-off date; else the published ones."""
    opened = studies.load(study)
    for path in sorted((opened.folder / "runs").glob("*/manifest.json")) if cutoff and not run else ():
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest.get("status") == "complete" and manifest.get("as_of") == cutoff:
            run = path.parent.name
    if cutoff and not run:
        raise CdmError(f"Study {study} has no complete run of {cutoff}. Run `cdm weekly {study} --cutoff {cutoff}`.")
    return mart.open_run(opened, run) if run else mart.open_published(opened)


def run_cases() -> list[tuple[SqlFile, list[CaseResult], str]]:
    """Every measure with the results of its cases, a result per line that must come out, and why they could not be run."""
    con, results = standard.empty_database(standard.tables() | standard.results()), []
    for measure in library():
        try:
            results.append((measure, _run_cases(measure, con), ""))
        except (CdmError, duckdb.Error) as error:
            results.append((measure, [], str(error)))
    return results


def _run_cases(measure: SqlFile, con: duckdb.DuckDBPyConnection) -> list[CaseResult]:
    results = []
    for table in cases.read_measure(measure):
        con.execute("BEGIN")
        try:
            cases.load(con, table.rows)
            sql, params = select(con, measure, {"as_of": cases.AS_OF} | measure.params | table.params, tables.collected(con))
            made = con.execute(sql, params).to_arrow_table().to_pylist()
        finally:
            con.execute("ROLLBACK")
        names = [name for name in table.expected[0] if name != "because"]
        got = [tuple(_text(row[name]) for name in names) for row in made]
        for at, line in enumerate(table.expected):
            expected = tuple(line[name] for name in names)
            near = [row for row in got if row[: len(names) - 3] == expected[: len(names) - 3]]  # the same level, site, category
            given = expected if expected in got else (near or [()])[0]
            results.append(_result(measure, table.offset + at + 1, expected, given, line["because"]))
        expected = [tuple(line[name] for name in names) for line in table.expected]
        results += [_result(measure, 0, (), row, "a line that no case expects") for row in got if row not in expected]
    return results


def _result(measure: SqlFile, number: int, expected: tuple, got: tuple, because: str) -> CaseResult:
    return CaseResult(measure.id, number, " | ".join(expected), " | ".join(got), because, expected == got)


def _text(value: object) -> str:
    """A value as a case table writes it: 40 rather than 40.0, and nothing for NULL."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
