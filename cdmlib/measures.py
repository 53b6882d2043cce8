"""Measures: numbers for the lead, each with numerator, denominator and definition, per site and for the study."""

from __future__ import annotations

import json

import duckdb
import pandas as pd

from cdmlib import checks, mart, sqlfile, standard, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile

METRICS = (
    "metric VARCHAR, title VARCHAR, level VARCHAR, siteid VARCHAR, category VARCHAR, numerator BIGINT, "
    "denominator BIGINT, value DOUBLE, unit VARCHAR, as_of VARCHAR, definition VARCHAR"
)
SHOWN = {  # a number with what it is made of, by unit
    "percent": lambda row: (
        f"{row.numerator} of {row.denominator}" + ("" if pd.isna(row.value) else f" ({row.value:.1f} %)")
    ),
    "days": lambda row: (
        ("" if pd.isna(row.value) else f"{row.value:g} days ") + f"({row.numerator} of {row.denominator})"
    ),
    "queries": lambda row: f"{row.numerator} of {row.denominator}",
}
SHARE = "CASE WHEN denominator > 0 THEN round(100.0 * numerator / denominator, 1) END"


def library() -> list[SqlFile]:
    """Every measure, by id."""
    return sqlfile.read_folder(standard.SQL / "measures", "measure")


def run(work: Work) -> pd.DataFrame:
    """Put every measure into the table metrics of the work's database.

    Returns one row per measure: metric, title, rows, and why it was not run (as when a study gives no query listing).
    """
    work.con.execute(f"CREATE OR REPLACE TABLE metrics ({METRICS})")
    said = []
    for measure in library():
        reason, sql, params = _prepared(work.con, measure, work.as_of)
        if not reason:
            work.con.execute(f"INSERT INTO metrics {sql}", params)
        rows = work.con.execute("SELECT count(*) FROM metrics WHERE metric = ?", [measure.id]).fetchone()[0]
        said.append((measure.id, measure.title, rows, reason))
    return pd.DataFrame(said, columns=["metric", "title", "rows", "not_run"])


def show(con: duckdb.DuckDBPyConnection, *ids: str, by: str = "site") -> pd.DataFrame:
    """Measures of published results to read: a line for the study and one per site, or (by="category") one per category.

    Each cell says its numerator and denominator, or why the measure was not run. Raises CdmError for an unknown measure.
    """
    measures, parts = {measure.id: measure for measure in library()}, []
    if unknown := sorted(set(ids) - measures.keys()):
        raise CdmError(f"There is no measure {', '.join(unknown)}; there are {', '.join(measures)}.")
    as_of = con.execute("SELECT as_of FROM runs").fetchone()[0]
    for id_ in ids:
        reason, sql, params = _prepared(con, measures[id_], as_of)
        if reason:
            part = pd.DataFrame({"title": [measures[id_].title], "level": "study", "shown": f"not run: {reason}"})
        else:
            part = con.execute(sql, params).df()
            part["shown"] = [SHOWN[row.unit](row) for row in part.itertuples()]
        parts.append(part.reindex(columns=["title", "level", "siteid", "category", "shown"]).astype(object))
    rows = pd.concat(parts)
    rows["site"] = rows.siteid.where(rows.level == "site", "all sites").fillna("(none)")
    if by == "category":
        rows, index, column = rows[rows.level == "study"].fillna({"category": "all"}), "category", "title"
    else:
        index, column = "site", "category" if rows.category.notna().all() else "title"
    wide = rows.pivot(index=index, columns=column, values="shown")
    return wide.reindex(index=rows[index].unique(), columns=rows[column].unique()).rename_axis(columns=None).fillna("")


def definitions() -> pd.DataFrame:
    """What each measure counts: title and definition."""
    return pd.DataFrame([(m.title, definition(m)) for m in library()], columns=["title", "definition"])


def definition(measure: SqlFile) -> str:
    """What a measure counts, in words, with its parameters."""
    given = ", ".join(f"{name} = {value}" for name, value in measure.params.items())
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


def _prepared(con: duckdb.DuckDBPyConnection, measure: SqlFile, as_of: str) -> tuple[str, str, dict]:
    """Why a measure can't be run on these tables (else empty), the SELECT that fills metrics, and its parameters."""
    there = tables.collected(con)
    sql = tables.with_optional(measure, there)
    params = checks.used_params(sql, {"as_of": as_of} | measure.params)
    try:
        columns = tables.columns_of(con, sql, params)
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        return checks.not_collected(con, measure, there, str(error)) or tables.reason(error), "", {}
    given = {
        "category": "category" if "category" in columns else "NULL",
        "value": "value" if "value" in columns else SHARE,
        "unit": "unit" if "unit" in columns else "'percent'",
    }
    texts = [standard.literal(text) for text in (measure.id, measure.title, as_of, definition(measure))]
    return (
        "",
        f"""SELECT {texts[0]} AS metric, {texts[1]} AS title, level, siteid, {given["category"]} AS category, numerator,
                   denominator, {given["value"]} AS value, {given["unit"]} AS unit, {texts[2]} AS as_of, {texts[3]} AS definition
            FROM ({sql}\n)""",
        params,
    )
