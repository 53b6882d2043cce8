"""The life of one value: from its line in the file as received to the delivered column, with all that was found, asked and decided on the way."""

from __future__ import annotations

import html
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from cdmlib import journal, mart, snapshot, sqlfile, standard, tables
from cdmlib.errors import CdmError
from cdmlib.queries import COMMENT
from cdmlib.readers.dataset import ROW
from cdmlib.snapshot import Snapshot
from cdmlib.standard import literal, quote
from cdmlib.study import Study

STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#1c2733}table{border-collapse:collapse;width:100%;margin:.4rem 0 1.6rem}
th,td{border:1px solid #d4dbe2;padding:.25rem .5rem;text-align:left;vertical-align:top}th{background:#eef2f6}h2{font-size:1.1rem;margin-bottom:.2rem}
.facts th{width:16rem}.short{white-space:nowrap}.long{min-width:14rem}.hash{word-break:break-all;font-size:12px;min-width:9rem}@page{size:A4 landscape;margin:12mm}@media print{body{margin:0;max-width:none;font-size:10px}tr{break-inside:avoid}}"""
HEADINGS = {
    "received": "As received, snapshot by snapshot",
    "findings": "Findings on the record",
    "queries": "EDC queries on the record",
    "decisions": "Who decided what, and why",
    "delivered": "Locked and delivered",
}


@dataclass(frozen=True)
class Life:
    """What became of one value; each part is a list of rows with the same names."""

    study: str
    subject: str
    record: str
    table: str
    field: str
    label: str
    made_from: tuple[str, ...]  # the source's own columns
    value: str | None
    run: str
    received: list[dict]
    findings: list[dict]
    queries: list[dict]
    decisions: list[dict]
    delivered: list[dict]


def of(study: Study, subject: str, record: str, field: str) -> Life:
    """Follow the value of a field of a record. record: its record_key; field: a standard column (aestdtc) or the source's own (AESTDAT).

    Raises CdmError when the published results have no such record or field.
    """
    with mart.open_published(study) as con:
        run = con.execute("SELECT run FROM runs").fetchone()[0]
        table, columns = _table(con, subject, record)
        file, names = _made_from(study, table)
        column, sources = _column(table, field, columns, names)
        where, given = f"FROM {quote(table)} WHERE record_key = ? AND subjid = ? ORDER BY ALL", [record, subject]
        value = con.execute(f"SELECT CAST({quote(column)} AS VARCHAR) {where}", given).fetchone()[0]
        findings = _rows(
            con,
            """SELECT finding_id, check_id, title, severity, status, first_seen, last_seen, message, CAST(evidence AS VARCHAR) AS evidence
               FROM findings WHERE record_key = ? ORDER BY check_id, finding_id""",
            [record],
        )
        queries = _queries(con, record)
    received = [_received(snap, file, record, column, sources) for snap in snapshot.list_all(study)]
    label = standard.label(table, column)
    decisions = _decisions(study, record, [f["finding_id"] for f in findings], [q["query_id"] for q in queries])
    return Life(study.id, subject, record, table, column, label, tuple(sources), value, run, received, findings, queries, decisions, _delivered(study, table, column, record))


def write(life: Life, folder: Path) -> Path:
    """Write a life as HTML and JSON into `folder`; returns the HTML."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in f"{life.subject}-{life.record}-{life.field}")[:120]
    (folder / f"{stem}.json").write_text(json.dumps(asdict(life), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{stem}.html").write_text(page(life), encoding="utf-8")
    return folder / f"{stem}.html"


def _table(con: duckdb.DuckDBPyConnection, subject: str, record: str) -> tuple[str, tuple[str, ...]]:
    there = tables.collected(con)
    for name in standard.mapped():
        sql = f"SELECT 1 FROM {quote(name)} WHERE record_key = ? AND subjid = ? LIMIT 1"
        if {"record_key", "subjid"} <= set(there.get(name, ())) and con.execute(sql, [record, subject]).fetchone():
            return name, there[name]
    raise CdmError(f"No standard table has a record {record!r} of subject {subject!r}. A record is named by its record_key, as the workbook shows it.")


def _made_from(study: Study, table: str) -> tuple[sqlfile.SqlFile, dict[str, list[str]]]:
    """The table's file, and the source's columns by standard column."""
    file = sqlfile.read(study.folder / "tables" / f"{table}.sql", "table")
    names: dict[str, list[str]] = {}
    with duckdb.connect() as con:
        standard.load_macros(con)
        for column, _, source in tables.source_columns(con, file):
            if source not in names.setdefault(column, []):
                names[column].append(source)
    return file, names


def _column(table: str, field: str, columns: tuple[str, ...], names: dict[str, list[str]]) -> tuple[str, list[str]]:
    """The standard column that a field is, and the source's columns it is made from."""
    lower = {column.lower(): column for column in columns}
    if field.lower() in lower:
        column = lower[field.lower()]
        return column, sorted(names.get(column, []))
    made = [column for column, sources in names.items() if field.upper() in (s.upper() for s in sources) and column in columns]
    if not made:
        raise CdmError(f"Table {table} has no field {field!r}, and none is made from it; it has {', '.join(columns)}.")
    return made[0], sorted(names[made[0]])


def _received(snap: Snapshot, file: sqlfile.SqlFile, record: str, column: str, sources: list[str]) -> dict:
    """The record's values in one snapshot, and where in which file it stood."""
    row = {"snapshot": snap.id, "cut-off": snap.cutoff, "file": "", "row": "", "sha256 of the file": "", "as received": "", "standard value": ""}
    with mart.connected(snap) as con:
        try:
            found = con.execute(
                f"SELECT source, dataset, source_row, CAST({quote(column)} AS VARCHAR) FROM ({file.sql}\n) WHERE record_key = ? ORDER BY ALL", [record]
            ).fetchone()
        except duckdb.Error as error:
            return row | {"standard value": f"not told: {tables.reason(error)}"}
        if not found:
            return row | {"standard value": "(the record is not in this extract)"}
        source, name, number, value = found
        stored = next(d for d in snap.datasets if (d.source, d.name) == (source, name))
        known = {c.upper(): c for c in stored.columns}
        own = [known[s.upper()] for s in sources if s.upper() in known]
        texts = con.execute(
            f"SELECT {', '.join(map(quote, own)) or 'NULL'} FROM read_parquet({literal(str(snap.parquet(stored)))}) WHERE {quote(ROW)} = ?", [number]
        ).fetchone()
    sha = next((f["sha256"] for f in snap.files if f["name"] == stored.file), "")
    verbatim = "; ".join(f"{c} = {'(blank)' if t is None else t}" for c, t in zip(own, texts, strict=False))
    return row | {"file": stored.file, "row": number, "sha256 of the file": sha, "as received": verbatim, "standard value": "(blank)" if value is None else value}


def _queries(con: duckdb.DuckDBPyConnection, record: str) -> list[dict]:
    there = tables.collected(con)
    if not {"record_key", "query_id"} <= set(there.get("queries", ())) or "query_id" not in there.get("findings", ()):  # the study gives no query listing
        return []
    wanted = [c for c in ("query_id", "form", "field", "status", "text", "response", "opened_on", "answered_on", "closed_on") if c in tables.collected(con)["queries"]]
    return _rows(con, f"SELECT {', '.join(map(quote, wanted))} FROM queries WHERE record_key = $1 OR query_id IN (SELECT query_id FROM findings WHERE record_key = $1) ORDER BY ALL", [record])


def _decisions(study: Study, record: str, findings: list[str], asked: list[str]) -> list[dict]:
    """Journal entries about the record, one of its findings or an EDC query on it."""
    about = {record, *findings}
    entries = [e for e in journal.read(study) if e.subject in about or record in e.subject.split(" ") or (e.act == COMMENT and e.subject in asked)]
    return [
        {"number": e.seq, "when (UTC)": e.utc, "who": e.actor, "role": e.role, "act": e.act, "of": e.subject, "field": e.field, "old": e.old, "new": e.new, "why": e.reason}
        for e in entries
    ]


def _delivered(study: Study, table: str, column: str, record: str) -> list[dict]:
    """The value in each lock and each delivery that has the table."""
    found = []
    locked, delivered = (sorted(study.folder.glob(pattern)) for pattern in (f"locks/*/data/{table}.parquet", f"deliveries/*/parquet/{table}.parquet"))
    for path in (*locked, *delivered):
        name, what = path.parents[1].name, "locked" if path in locked else "delivered"
        with duckdb.connect() as con:
            row = con.execute(f"SELECT CAST({quote(column)} AS VARCHAR) FROM read_parquet({literal(str(path))}) WHERE record_key = ?", [record]).fetchone()
        value = "(the record is not in it)" if row is None else "(blank)" if row[0] is None else row[0]
        found.append({"what": what, "name": name, "file": path.relative_to(study.folder).as_posix(), "column": column, "value": value})
    return found


def _rows(con: duckdb.DuckDBPyConnection, sql: str, given: list) -> list[dict]:
    cursor = con.execute(sql, given)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, ("" if v is None else str(v) for v in row), strict=True)) for row in cursor.fetchall()]


def _cell(column: str, text: str) -> str:
    """A value as the page shows it: evidence as name and value, line by line; dates and ids unbroken."""
    if column == "evidence":
        return "<td class='long'>" + "<br>".join(f"{html.escape(name)}: {html.escape('(blank)' if value is None else str(value))}" for name, value in json.loads(text).items()) + "</td>"
    kind = "hash" if "sha256" in column else "short" if len(text) <= 20 else "long" if len(text) > 60 else ""
    return f"<td class='{kind}'>{html.escape(text)}</td>"


def page(life: Life) -> str:
    """A life as an HTML page of its own; text from data is text there."""
    facts = (("Study", life.study), ("Subject", life.subject), ("Record", life.record), ("Standard column", f"{life.table}.{life.field}: {life.label}"),
             ("Made from", ", ".join(life.made_from) or "nothing in the source alone"), ("Value in the published results", "(blank)" if life.value is None else life.value), ("Run", life.run))  # fmt: skip
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(life.record)} {html.escape(life.field)}</title><style>{STYLE}</style>",
        f"<h1>The life of {html.escape(life.table)}.{html.escape(life.field)}</h1><table class='facts'>",
        *(f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>" for name, value in facts),
        "</table>",
    ]
    for name, heading in HEADINGS.items():
        rows = getattr(life, name)
        parts.append(f"<h2>{heading}</h2>")
        if not rows:
            parts.append("<p>None.</p>")
            continue
        head = "".join(f"<th>{html.escape(c.replace('_', ' '))}</th>" for c in rows[0])
        body = "".join("<tr>" + "".join(_cell(c, str(v)) for c, v in row.items()) + "</tr>" for row in rows)
        parts.append(f"<table><tr>{head}</tr>{body}</table>")
    return "\n".join(parts) + "\n"
