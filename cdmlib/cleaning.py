"""Put a run's results together as the cleaning workbook: findings by check, and the listings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import changes, checks, coding, queries, reconcile, snapshot, sqlfile, standard, tables, workbook
from cdmlib.mart import Work, note
from cdmlib.sqlfile import SqlFile
from cdmlib.study import Reconciliation

KEYS = checks.KEYS
SEVERITIES = sqlfile.VALUES["severity"]
MARKS = {
    "New": "new",
    "Reappeared": "new",
    "Changed": "changed",
    "Review outdated": "changed",
    "Not checked": "changed",
    "Resolved": "gone",
    "Deleted": "gone",
}
MOST_CHANGES = 5_000  # rows of the sheet Changes
CHANGED = {"record added": "new", "record removed": "gone", "record inactivated": "gone"}  # kind: look; the others changed
_ORDER = "coalesce(list_position(['New', 'Reappeared', 'Changed', 'Review outdated', 'Not checked', '', 'Resolved', 'Deleted'], flag), 99)"


def write(work: Work) -> Path:
    """Write the run's cleaning workbook into the run's folder and return its path; beside it the coding workbook, where terms are coded."""
    reconcile.settle(work)
    path = work.folder / f"cleaning_{work.study.id}_{work.as_of}.xlsx"
    by_id = {check.id: check for check in checks.library(work.study)}
    runs = work.con.execute("SELECT check_id, outcome, n_findings, reason FROM check_runs ORDER BY check_id").fetchall()
    asked = _asked(work.con)
    sheets = tuple(
        _check_sheet(work.con, by_id[id_], outcome, n, reason, work.as_of, asked) for id_, outcome, n, reason in runs
    )
    listings = (
        *_changes_sheet(work),
        *(_listing_sheet(work, listing) for listing in sqlfile.read_folder(standard.SQL / "listings", "listing")),
    )
    cleaning = workbook.Workbook(
        work.study.id,
        work.study.study.title,
        work.as_of,
        work.run,
        work.snapshot.id,
        _facts(work),
        _since_sheet(work.con, work.as_of, asked),
        sheets,
        (*_reconciliations(work), *listings),
        _query_sheets(work),
    )
    workbook.write(path, cleaning)
    note(work.study, work.run, workbook=path.name)
    if book := coding.write(work):
        note(work.study, work.run, coding_workbook=book.name)
    return path


def _facts(work: Work) -> tuple[tuple[str, object], ...]:
    datasets = work.snapshot.datasets
    severities = dict(
        work.con.execute("SELECT severity, count(*) FROM findings WHERE gone_on IS NULL GROUP BY severity").fetchall()
    )
    return (
        ("Subjects", work.con.execute("SELECT count(*) FROM subjects").fetchone()[0]),
        ("Datasets", len(datasets)),
        ("Rows stored", sum(d.rows_stored for d in datasets)),
        ("Rows quarantined", sum(d.rows_quarantined for d in datasets)),
        *((f"Findings, {severity}", severities.get(severity, 0)) for severity in SEVERITIES),
    )


def _check_sheet(
    con: duckdb.DuckDBPyConnection, check: SqlFile, outcome: str, n: int, reason: str, as_of: str, asked: tuple[str, ...]
) -> workbook.CheckSheet:
    evidence = _evidence(con, check.id) if n else []
    gone, new = con.execute(
        "SELECT count(*) FILTER (gone_on = $2), count(*) FILTER (flag = 'New') FROM findings WHERE check_id = $1",
        [check.id, as_of],
    ).fetchone()
    filled = con.execute(
        "SELECT DISTINCT unnest(json_keys(evidence)) AS name, unnest(evidence ->> '$.*') AS v FROM findings WHERE check_id = $1 AND gone_on IS NULL",
        [check.id],
    ).fetchall()
    condition = check.sql.rsplit("WHERE", 1)[-1]  # a value that is missing from every finding is in question when the check asks for it
    missing = {
        name
        for name in evidence
        if not any(value is not None for key, value in filled if key == name) and re.search(rf"\b{name}\b", condition)
    }
    shown = {name for name in check.placeholders if name in evidence} | missing
    return workbook.CheckSheet(
        check.id, check.title, check.domain, check.header["severity"], check.header["action"], outcome, reason, n, gone if n else 0, new, check.note,
        ("flag", *KEYS, *evidence, *_after(asked)), frozenset(shown), _finding_rows(con, check.id, evidence, as_of, asked) if n else (),
    )  # fmt: skip


def _since_sheet(con: duckdb.DuckDBPyConnection, as_of: str, asked: tuple[str, ...]) -> workbook.ListingSheet:
    """What a reader looks at first: every finding that is new, changed, back or gone since the week before, or whose review is outdated."""
    where = "flag IN ('New', 'Reappeared', 'Changed', 'Review outdated', 'Not checked') OR gone_on = $as_of"
    n = con.execute(f"SELECT count(*) FROM findings WHERE {where}", {"as_of": as_of}).fetchone()[0]
    columns = ("flag", "check_id", "severity", "action", *KEYS, "message", "because", *asked, "finding_id")
    sql = f"""SELECT {", ".join(columns)}, evidence, evidence_before FROM findings WHERE {where}
              ORDER BY {_ORDER}, CASE severity WHEN 'critical' THEN 1 WHEN 'major' THEN 2 ELSE 3 END, check_id, siteid, subjid, finding_id"""
    because = columns.index("because")

    def rows() -> Iterator[tuple]:
        for *values, evidence, before in _stream(con, sql, {"as_of": as_of}):
            if changes := _changes(evidence, before):
                values[because] = "; ".join(f"{standard.label('', name)}: {text}" for name, text in changes.items())
            yield (_flag(values[0]), *values[1:])

    return workbook.ListingSheet(
        "Since last week",
        "",
        "New first, then back again, changed, reviews outdated by a change, and what is gone.",
        columns,
        n,
        rows(),
    )


def _asked(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The columns that show the EDC query beside a finding; none where the study gives no query listing."""
    return queries.ADDED if queries.matched(con) and queries.listed(con) else ()


def _after(asked: tuple[str, ...]) -> tuple[str, ...]:
    """What follows the evidence on a check's sheet."""
    return ("message", *asked, *workbook.REVIEW, "finding_id")


def _query_sheets(work: Work) -> tuple[workbook.ListingSheet, ...]:
    """What to ask and what to close in the EDC; none where findings were not held against its queries."""
    if not queries.matched(work.con):
        return ()
    ask = queries.to_raise(work.con, work.study, again=True)
    new = set(queries.to_raise(work.con, work.study).finding_id)
    before = [row.finding_id not in new for row in ask.itertuples()]  # these went out already: below, in grey
    ask = ask.assign(before=before).sort_values("before", kind="stable")
    title = f"{len(new):,} to raise" + (f", {sum(before):,} went out before" if any(before) else "")
    note = (
        "Findings to query that no open EDC query is about and no reviewer has settled. `cdm queries STUDY upload` writes them as a file. Those in "
        "grey went into a file before and have no open query in the EDC; they are not in the next file. An EDC query shown here was closed or cancelled."
    )
    sheets = [_frame_sheet("Queries to raise", title, note, ask.drop(columns="before"), sum(before))]
    if not queries.listed(work.con):
        return (*sheets, workbook.ListingSheet("Queries to close", "", f"{queries.NO_LISTING}.", (), 0, ()))
    close = queries.to_close(work.con, work.study)
    note = "Open or answered in the EDC, although the finding they are about is resolved. Look at the answer, then close."
    return (*sheets, _frame_sheet("Queries to close", f"{len(close):,} to close", note, close))


def _frame_sheet(name: str, title: str, note: str, rows: pd.DataFrame, grey: int = 0) -> workbook.ListingSheet:
    """A sheet with the rows of a data frame, its last `grey` rows in grey."""
    cells = list(rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None))
    first = len(cells) - grey
    cells[first:] = [tuple(v if v is None else workbook.Marked(str(v), "gone") for v in row) for row in cells[first:]]
    return workbook.ListingSheet(name, title, note, tuple(rows.columns), len(cells), cells)


def _evidence(con: duckdb.DuckDBPyConnection, check_id: str) -> list[str]:
    """The evidence columns of a check, in the order its SELECT gave them."""
    return list(
        json.loads(
            con.execute(
                "SELECT evidence FROM findings WHERE check_id = ? AND gone_on IS NULL LIMIT 1", [check_id]
            ).fetchone()[0]
        )
    )


def _finding_rows(con: duckdb.DuckDBPyConnection, check_id: str, evidence: list[str], as_of: str, asked: tuple[str, ...]) -> Iterator[tuple]:
    """The rows of a check's sheet: new, back, changed and outdated first, then the rest, then what went since the week before."""
    sql = f"""SELECT {", ".join(("flag", *KEYS, *_after(asked)))}, evidence, evidence_before FROM findings
              WHERE check_id = $id AND (gone_on IS NULL OR gone_on = $as_of)
              ORDER BY {_ORDER}, siteid, subjid, visit, record_key, field, finding_id"""
    keys, own = 1 + len(KEYS), len(workbook.REVIEW) + 1  # the reviewer's cells and the id keep their own look
    for *values, now, before in _stream(con, sql, {"id": check_id, "as_of": as_of}):
        given, changes = json.loads(now), _changes(now, before)
        cells = [workbook.Marked(changes[name], "changed") if name in changes else given.get(name) for name in evidence]
        row = [*values[:keys], *cells, *values[keys:]]
        if values[0] in ("Resolved", "Deleted"):
            row = [
                *(workbook.Marked(str(value), "gone") if value is not None else None for value in row[:-own]),
                *row[-own:],
            ]
        else:
            row[0] = _flag(row[0])
        yield tuple(row)


def _flag(flag: str) -> str:
    return workbook.Marked(flag, MARKS[flag]) if flag in MARKS else flag


def _changes(now: str, before: str | None) -> dict[str, str]:
    """The evidence values that differ from those before, as `old → new`."""
    if before is None:
        return {}
    new, old = json.loads(now), json.loads(before)
    return {
        name: f"{old.get(name) or '(blank)'} → {value or '(blank)'}"
        for name, value in new.items()
        if old.get(name) != value
    }


def _changes_sheet(work: Work) -> Iterator[workbook.ListingSheet]:
    """What changed in the data since the week before, whether or not a check has anything to say about it."""
    if "changes" not in tables.collected(work.con):
        return
    title = "Data changed since the week before"
    counts = dict(work.con.execute("SELECT kind, count(*) FROM changes GROUP BY kind").fetchall())
    found = changes.as_read(work.con)
    n = found.aggregate("count(*)").fetchone()[0]
    if not n:
        yield workbook.ListingSheet("Changes", title, "Not made: nothing changed, or there is no week before.", (), 0, ())
        return
    before = found.limit(1).project("from_snapshot").fetchone()[0]
    columns = ("kind", "dataset", "siteid", "subjid", "visit", "formrow", "record_key", "field", "label", "old", "new")
    shown = min(n, MOST_CHANGES)
    note = f"Compared with the snapshot {before}. " + "; ".join(f"{kind}: {counts[kind]:,}" for kind in changes.ORDER if kind in counts)
    note += ". A field that the EDC gives as several columns is counted by column and shown once, as entered."
    if shown < n:
        note += f" The first {shown:,} of {n:,} lines are here; cdm changes {work.study.id} --csv FILE writes them all."
    yield workbook.ListingSheet("Changes", title, note, columns, shown, _change_rows(work, before, shown))


def _change_rows(work: Work, before: str, most: int) -> Iterator[tuple]:
    """The rows of the sheet Changes, with the site of the subject and, where the EDC names records, their visit and row."""
    labels = {(d.source, d.name): d.labels for d in work.snapshot.datasets}
    places = []
    for taken in (work.snapshot, *(s for s in snapshot.list_all(work.study) if s.id == before)):
        for d in taken.datasets:
            names = {column.upper(): standard.quote(column) for column in d.columns}
            if {"RECORDID", "INSTANCENAME", "RECORDPOSITION"} <= names.keys():
                there = standard.literal(str(taken.parquet(d)))
                places.append(
                    f"SELECT {standard.literal(d.source)} AS source, {standard.literal(d.name)} AS dataset, {names['RECORDID']} AS record_key, "
                    f"{names['INSTANCENAME']} AS visit, {names['RECORDPOSITION']} AS formrow FROM read_parquet({there})"
                )
    nothing = "SELECT NULL AS source, NULL AS dataset, NULL AS record_key, NULL AS visit, NULL AS formrow"
    sql = f"""WITH shown AS (SELECT row_number() OVER () AS line, * FROM ({changes.as_read(work.con).sql_query()}) LIMIT {most})
              SELECT c.source, c.kind, c.dataset, s.siteid, c.subjid, p.visit, p.formrow, c.record_key, c.field, c.old, c.new
              FROM shown c LEFT JOIN (SELECT subjid, min(siteid) AS siteid FROM subjects GROUP BY subjid) s USING (subjid)
              LEFT JOIN (SELECT source, dataset, record_key, min(visit) AS visit, min(formrow) AS formrow
                         FROM ({" UNION ALL ".join(places) or nothing}) GROUP BY ALL) p USING (source, dataset, record_key)
              ORDER BY c.line"""
    for source, kind, dataset, *place, field, old, new in work.con.execute(sql).fetchall():
        look = CHANGED.get(kind, "changed")
        label = labels.get((source, dataset), {}).get(field or "") or standard.label("", (field or "").lower())
        label = None if label == (field or "").lower() else label
        values = (workbook.Marked(value, "changed") if value and kind == "value changed" else value for value in (old, new))
        yield (workbook.Marked(kind, look), dataset, *place, field, label, *values)


def _listing_sheet(work: Work, listing: SqlFile) -> workbook.ListingSheet:
    sql = tables.with_optional(listing, tables.collected(work.con))
    params = checks.used_params(sql, {"as_of": work.as_of} | listing.params)
    try:
        columns = tuple(tables.columns_of(work.con, sql, params))
        n = work.con.execute(f"SELECT count(*) FROM ({sql}\n)", params).fetchone()[0]
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        reason = checks.not_collected(work.con, listing, tables.collected(work.con), str(error)) or tables.reason(error)
        return workbook.ListingSheet(listing.id, listing.title, f"Not made: {reason}.", (), 0, ())
    return workbook.ListingSheet(listing.id, listing.title, listing.note, columns, n, _stream(work.con, sql, params))


def _reconciliations(work: Work) -> Iterator[workbook.ListingSheet]:
    """One sheet per reconciliation: both sources side by side, what disagrees first, each differing cell marked."""
    collected = tables.collected(work.con)
    for name, declared in reconcile.declared(work.study).items():
        table = f"reconciliation_{name}"
        done = "SELECT title, outcome, reason, agree FROM reconciliation_runs WHERE recon = ?"
        row = work.con.execute(done, [name]).fetchone() if "reconciliation_runs" in collected else None
        title, outcome, reason, agree = row or (declared.title or name, "not run", "it was not asked for", 0)
        if table not in collected or outcome == "not run":
            yield workbook.ListingSheet(f"Reconciliation {name}", title, f"Not made: {reason}.", (), 0, ())
            continue
        yield _side_by_side(work, name, declared, title, reason, agree, collected[table])


def _side_by_side(
    work: Work, name: str, declared: Reconciliation, title: str, reason: str, agree: int, there: tuple[str, ...]
) -> workbook.ListingSheet:
    names = [column.removesuffix("_left") for column in there if column.endswith("_left") and not column.endswith("_unit_left")]
    labels = {"result": "Result", "differs": "Differs in", "status": "Status", "matched_on": "Paired by", "score": "Evidence (0 to 1)"}
    labels |= {"left_key": f"{declared.left.label}: record", "right_key": f"{declared.right.label}: record"}
    for field in names:
        what = declared.fields[field].label or field
        labels |= {f"{field}_left": f"{what}, {declared.left.label}", f"{field}_right": f"{what}, {declared.right.label}"}
    pairs = tuple(f"{field}_{side}" for field in names for side in ("left", "right"))
    columns = ("result", "differs", "status", "siteid", "subjid", "visit", *pairs, "score", "matched_on", "left_key", "right_key")
    listed = "true" if declared.list_agreeing else "result <> 'matched'"
    unit = "coalesce({0}_unit_differs, false)"
    differs = [
        " OR ".join([f"{field}_differs"] * (f"{field}_differs" in there) + [unit.format(field)] * (f"{field}_unit_differs" in there)) or "false"
        for field in names
    ]
    states = f"""(SELECT left_key, right_key, string_agg(DISTINCT status, ', ' ORDER BY status) AS status FROM reconciliation
                  WHERE recon = {standard.literal(name)} GROUP BY left_key, right_key)"""
    order = "list_position(['mismatch', 'only left', 'only right', 'ambiguous', 'matched'], result)"
    said = ", ".join(
        f"CASE WHEN {different} THEN {standard.literal(declared.fields[field].label or field)} END" for field, different in zip(names, differs, strict=True)
    )
    sql = f"""SELECT result, nullif(concat_ws(', ', {said}), '') AS differs, s.status, siteid, subjid, visit, {", ".join(pairs)}, round(score, 2), matched_on, r.left_key, r.right_key, {", ".join(differs)}
              FROM reconciliation_{name} AS r
              LEFT JOIN {states} AS s ON s.left_key IS NOT DISTINCT FROM r.left_key AND s.right_key IS NOT DISTINCT FROM r.right_key
              WHERE {listed} ORDER BY {order}, siteid, subjid, visit, r.left_key, r.right_key"""
    n = work.con.execute(f"SELECT count(*) FROM reconciliation_{name} WHERE {listed}").fetchone()[0]
    first = columns.index(pairs[0])

    def rows() -> Iterator[tuple]:
        for row in _stream(work.con, sql, {}):
            cells = list(row[: len(columns)])
            for place, different in enumerate(row[len(columns) :]):
                at = first + 2 * place
                if different:
                    cells[at : at + 2] = [workbook.Marked(value or "(blank)", "differs") for value in cells[at : at + 2]]
            cells[0] = workbook.Marked(cells[0], "clean" if cells[0] == "matched" else "not run" if cells[0] == "ambiguous" else "changed")
            yield tuple(cells)

    left, right = declared.left.label, declared.right.label
    note = f"{left} and {right} side by side; cells that differ are marked. Only left: in {left} only; only right: in {right} only; ambiguous: a pair that is offered. The status is that of the findings (RC001 and following), where reviews are entered."
    note += "" if declared.list_agreeing else f" {agree:,} pairs in which all agrees are not listed."
    note += f" {reason}." if reason else ""
    return workbook.ListingSheet(f"Reconciliation {name}", title, note, columns, n, rows(), labels)


def _stream(con: duckdb.DuckDBPyConnection, sql: str, params: object) -> Iterator[tuple]:
    cursor = con.cursor().execute(sql, params)
    while rows := cursor.fetchmany(10_000):
        yield from rows
