"""What changed from one snapshot to the next, cell by cell, told apart from rows that merely moved."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import fingerprints, mart
from cdmlib import snapshot as snapshots
from cdmlib.errors import CdmError
from cdmlib.readers import LAYOUTS, rave
from cdmlib.snapshot import Snapshot, Stored
from cdmlib.standard import literal
from cdmlib.study import Source, Study

CHANGES = (
    "source VARCHAR, dataset VARCHAR, record_key VARCHAR, subjid VARCHAR, field VARCHAR, kind VARCHAR, "
    "old VARCHAR, new VARCHAR, from_snapshot VARCHAR, to_snapshot VARCHAR, edc_field VARCHAR"
)
COUNTED = {
    "records_added": "record added",
    "records_removed": "record removed",
    "records_inactivated": "record inactivated",
    "records_reactivated": "record reactivated",
    "values_changed": "value changed",
    "columns_added": "column added",
    "columns_removed": "column removed",
    "keys_proposed": "key changed?",
}
ORDER = (
    "dataset removed", "column removed", "dataset added", "column added", "record removed", "record inactivated",
    "record reactivated", "key changed?", "value changed", "record added",
)  # fmt: skip
LAST_CONTEXT = rave.LAST_CONTEXT.casefold()
PART = re.compile(f"({'|'.join(filter(None, rave.PARTS))})$", re.IGNORECASE)
MOST_PAIRS = 1_000_000  # removed times added records that are looked through for a changed key (about a second)


@dataclass(frozen=True)
class Plan:
    """How one dataset is compared: columns as (old name, new name), and which of them are the key and the subject."""

    old: Stored
    new: Stored
    columns: tuple[tuple[str, str], ...]
    key: tuple[int, ...]  # empty: the whole row is its own key
    subject: int | None
    rave: bool
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[int, ...]:
        return self.key or tuple(range(len(self.columns)))

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.columns)) if i not in self.keys)

    def select(self, snapshot: Snapshot, stored: Stored, more: str) -> str:
        """The compared columns of one side as c0, c1, …, with more expressions on them."""
        return f"SELECT *, {more} FROM ({fingerprints.renamed(snapshot.parquet(stored), self.names(stored))})"

    def names(self, stored: Stored) -> list[str]:
        """What one side calls the compared columns."""
        return [names[stored is self.new] for names in self.columns]

    def sums(self, snapshot: Snapshot, stored: Stored) -> tuple[str, str]:
        """A SELECT of the fingerprints of one side, stored ones where they are of these columns, and a note when those can't be trusted."""
        path, names = snapshot.parquet(stored), self.names(stored)
        kept, note = fingerprints.stored(path, stored.fingerprints, names, "" if self.subject is None else names[self.subject])
        return kept or fingerprints.computed(path, names, self.subject), note and f"{snapshot.id}: {note}"


def since(work: mart.Work) -> pd.DataFrame:
    """Keep what changed since the week before in the table changes of the run, and return a line per dataset (see `between`).

    The week before is the last one with published results, so that what nobody looked at is not passed over; where there
    is none, the snapshot with the cut-off date before. In the first week there is nothing to compare with.
    """
    before = _week_before(work.study, work.snapshot, work.as_of)
    if before is None:
        work.con.execute(f"CREATE OR REPLACE TABLE changes ({CHANGES})")
        return pd.DataFrame(columns=["source", "dataset", "key", *COUNTED, "note"])
    return between(work.con, work.study, before, work.snapshot)


def _week_before(study: Study, now: Snapshot, as_of: str) -> Snapshot | None:
    run, every = mart.week_before(study, as_of), snapshots.list_all(study)
    seen = [snapshot for snapshot in every if run and snapshot.id == run.get("snapshot")]
    return next(reversed(seen or [snapshot for snapshot in every if snapshot.cutoff < now.cutoff]), None)


def as_read(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """The table changes for a reader: one line per field of the EDC, as it was entered; what needs a look comes first.

    Of the columns that Rave gives for one field (AESTDAT, AESTDAT_RAW, AESTDAT_YYYY, …) the first of those that changed stands.
    """
    order = f"list_position({list(rave.PARTS)}, upper(substr(field, length(edc_field) + 1)))"
    return con.sql(
        f"""SELECT * EXCLUDE (edc_field) REPLACE (edc_field AS field) FROM changes
            QUALIFY kind <> 'value changed' OR rank() OVER (
                PARTITION BY source, dataset, record_key, subjid, kind, edc_field ORDER BY {order}) = 1
            ORDER BY coalesce(list_position({list(ORDER)}, kind), 99), source, dataset, subjid, record_key, field, old, new"""
    )


def choose(study: Study, before: str = "", after: str = "") -> tuple[Snapshot, Snapshot]:
    """Two snapshots by id or cut-off date: the newest, and the one before it, when not given. Raises CdmError naming what there is."""
    every = snapshots.list_all(study)
    if len(every) < 2:
        raise CdmError(f"Study {study.id} has {len(every)} snapshot(s): there must be two to compare.")
    new = _one(every, after, "--to") if after else every[-1]
    place = [snapshot.id for snapshot in every].index(new.id)
    if not before and not place:
        raise CdmError(f"{new.id} is the first snapshot: there is none before it. Name the other one with --from.")
    return _one(every, before, "--from") if before else every[place - 1], new


def _one(every: list[Snapshot], which: str, option: str) -> Snapshot:
    """The snapshot of an id, or the last of a cut-off date."""
    found = [snapshot for snapshot in every if which in (snapshot.id, snapshot.cutoff)]
    if not found:
        raise CdmError(f"{option} {which}: there is no such snapshot; there are {', '.join(s.id for s in every)}.")
    return found[-1]


def said(summary: pd.DataFrame) -> list[str]:
    """The summary in words: a line per dataset."""
    lines = []
    for row in summary.to_dict("records"):
        counts = ", ".join(f"{name.replace('_', ' ')}: {row[name]}" for name in COUNTED if row[name])
        key = f" by {row['key']}" if row["key"] else ""
        told = "; ".join(filter(None, (counts or ("nothing changed" if key else ""), row["note"])))
        lines.append(f"{row['source']}.{row['dataset']}{key}: {told}")
    return lines


def sentence(row: dict[str, str | None]) -> str:
    """One change in a line: where, what, old → new."""
    place = " ".join(filter(None, (f"{row['source']}.{row['dataset']}", row["subjid"], row["record_key"], row["field"])))
    values = f": {row['old'] or '(blank)'} → {row['new'] or '(blank)'}" if row["old"] is not None or row["new"] is not None else ""
    return f"  {row['kind']}  {place}{values}"


def write(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the table changes, every column of it, to a CSV file that is there whole or not at all; returns the rows."""
    working = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        con.execute(f"COPY (FROM changes) TO {literal(str(working))} (HEADER, DELIMITER ',')")
        working.replace(path)
    except (duckdb.Error, OSError) as error:
        working.unlink(missing_ok=True)
        raise CdmError(f"{path} can't be written: {error}") from None
    return con.execute("SELECT count(*) FROM changes").fetchone()[0]


def between(
    con: duckdb.DuckDBPyConnection, study: Study, before: Snapshot, after: Snapshot, prefilter_from: int = fingerprints.FROM
) -> pd.DataFrame:
    """Keep every changed cell, record, column and dataset from one snapshot to another in the table changes of `con`.

    Rows may stand in any order. A record is known by sources.<source>.keys of study.toml, else by the key of its layout
    (RecordId in Rave), else only as a whole row. edc_field is the field that a column belongs to: AESTDAT for AESTDAT_RAW.
    Records of one key are paired equal ones first, the others in the order of their values. Kind `key changed?` proposes
    that a removed and an added record are one: its record_key and new are the new key, old is the old one.
    prefilter_from: rows of a dataset from which the subjects that changed are found first, by sums of
    64-bit hashes; what has equal sums is taken as equal (wrong once in 10^19), all that is reported was compared as text.
    The sums are those stored beside the snapshots when they are of the same columns; else all rows are read for them.

    Returns a line per dataset: source, dataset, key, records_added, records_removed, records_inactivated,
    records_reactivated, values_changed, columns_added, columns_removed, keys_proposed, note. Raises CdmError for a key
    column in neither snapshot.
    """
    olds = {(stored.source, stored.name.casefold()): stored for stored in before.datasets}
    news = {(stored.source, stored.name.casefold()): stored for stored in after.datasets}
    lines = []
    con.begin()
    try:
        con.execute(f"CREATE OR REPLACE TABLE changes ({CHANGES})")
        for at in sorted(olds.keys() | news.keys()):
            old, new = olds.get(at), news.get(at)
            if old and new:
                plan = _plan(study.sources.get(at[0]), before, after, old, new)
                notes = _compare(con, plan, before, after, prefilter_from)
                key = ", ".join(plan.columns[i][1] for i in plan.key) or "whole row"
                lines.append((new.source, new.name, key, "; ".join(notes)))
            else:
                kind, there = ("dataset added", new) if new else ("dataset removed", old)
                _insert(con, there, before, after, f"SELECT NULL, NULL, NULL, {literal(kind)}, NULL, NULL")
                lines.append((there.source, there.name, "", f"{kind}: {there.rows_stored} rows"))
        con.commit()
    except BaseException:
        con.rollback()
        raise
    summary = pd.DataFrame(lines, columns=["source", "dataset", "key", "note"])
    counts = con.execute("SELECT source, dataset, kind, count(*) FROM changes GROUP BY ALL").fetchall()
    found = {(source, dataset, kind): n for source, dataset, kind, n in counts}
    for place, (column, kind) in enumerate(COUNTED.items(), start=3):
        summary.insert(place, column, [found.get((source, dataset, kind), 0) for source, dataset, *_ in lines])
    return summary


def _plan(source: Source | None, before: Snapshot, after: Snapshot, old: Stored, new: Stored) -> Plan:
    """Which columns of a dataset are compared and which make its key, with what must be said about it."""
    olds, news = ({column.casefold(): column for column in stored.columns} for stored in (old, new))
    common, notes, key = [name for name in news if name in olds], [], ()
    is_rave = not rave.missing(old.columns) and not rave.missing(new.columns)
    declared = {dataset.casefold(): columns for dataset, columns in (source.keys if source else {}).items()}
    own = declared.get(new.name.casefold())
    layout = LAYOUTS[source.layout] if source else LAYOUTS["rave"]
    rules = [columns for datasets, columns in layout.keys if fnmatchcase(new.name.upper(), datasets)]
    for columns in (own or declared.get("*"), *rules, ("RecordId",)):
        lacking = [column for column in columns or () if column.casefold() not in common]
        if columns and not lacking:
            key = tuple(column.casefold() for column in columns)
            break
        if unknown := [column for column in lacking if own is columns and not {column.casefold()} & {*olds, *news}]:
            raise CdmError(
                f"study.toml, sources.{new.source}.keys.{new.name}: {', '.join(unknown)} is a column neither of "
                f"{before.id} nor of {after.id}. There are {', '.join(new.columns)}."
            )
        if lacking and columns is (own or declared.get("*")):
            notes.append(f"the declared key can't be used: no column {', '.join(lacking)} in both snapshots")
    if not key:
        notes.append(f"compared as whole rows; declare the key as sources.{new.source}.keys.{new.name} in study.toml")
    subject = next((s for s in (new.subject_column.casefold(), old.subject_column.casefold()) if s in common), None)
    ignored = fingerprints.ignored(source, new.columns) & fingerprints.ignored(source, old.columns)
    left_out = [name for name in common if name in ignored and name not in key and name != subject]
    if left_out:
        notes.append(f"not compared: {', '.join(news[name] for name in left_out)}")
    compared = [name for name in common if name not in left_out]
    columns = tuple((olds[name], news[name]) for name in compared)
    places = tuple(compared.index(name) for name in key)
    return Plan(old, new, columns, places, compared.index(subject) if subject else None, is_rave, tuple(notes))


def _compare(con: duckdb.DuckDBPyConnection, plan: Plan, before: Snapshot, after: Snapshot, prefilter_from: int) -> list[str]:
    """Insert what changed in one dataset; returns its notes."""
    olds, news = ({column.casefold(): column for column in stored.columns} for stored in (plan.old, plan.new))
    found = [(news[name], "column added") for name in news.keys() - olds.keys()]
    found += [(olds[name], "column removed") for name in olds.keys() - news.keys()]
    parts = [f"SELECT NULL, NULL, {literal(column)}, {literal(kind)}, NULL, NULL" for column, kind in found]
    notes = list(plan.notes)
    if not plan.columns:
        notes.append("no column is in both snapshots: rows were not compared")
    elif _differing(con, plan, before, after, prefilter_from, notes):
        notes += _pair(con, plan)
        parts += _kinds(con, plan)
        proposals, note = _proposals(con, plan)
        parts += proposals
        notes += note
    if parts:
        _insert(con, plan.new, before, after, " UNION ALL ".join(parts))
    con.execute("DROP TABLE IF EXISTS temp._changes_rows; DROP TABLE IF EXISTS temp._changes_pairs")
    return notes


def _insert(con: duckdb.DuckDBPyConnection, stored: Stored, before: Snapshot, after: Snapshot, found: str) -> None:
    """Insert (record_key, subjid, field, kind, old, new) of one dataset in a total order."""
    con.execute(
        f"""INSERT INTO changes
            SELECT {literal(stored.source)}, {literal(stored.name)}, f.*, {literal(before.id)}, {literal(after.id)}, {_edc_field(stored)}
            FROM ({found}) f(record_key, subjid, field, kind, old, new)
            ORDER BY {", ".join(f"f.{name} NULLS FIRST" for name in ("record_key", "kind", "field", "old", "new", "subjid"))}"""
    )


def _edc_field(stored: Stored) -> str:
    """The expression for the field that a column belongs to: Rave gives a date field as up to seven columns."""
    names = {column.casefold() for column in stored.columns}
    if rave.missing(stored.columns):
        return "f.field"
    parts = [c for c in stored.columns if PART.search(c) and PART.sub("", c).casefold() in names]
    cases = " ".join(f"WHEN {literal(column)} THEN {literal(PART.sub('', column))}" for column in parts)
    return f"CASE f.field {cases} ELSE f.field END" if parts else "f.field"


def _differing(
    con: duckdb.DuckDBPyConnection, plan: Plan, before: Snapshot, after: Snapshot, prefilter_from: int, notes: list[str]
) -> bool:
    """Keep the rows that only one side has, as often as it has them more, in _changes_rows; False when there are none. Adds to the notes."""
    every = [f"c{i}" for i in range(len(plan.columns))]
    row = fingerprints.row(len(every))
    if max(plan.old.rows_stored, plan.new.rows_stored) >= prefilter_from:
        group = fingerprints.group(len(every), plan.subject)
        sums, said = zip(plan.sums(before, plan.old), plan.sums(after, plan.new), strict=True)
        notes += filter(None, said)
        changed, *more = con.execute(
            f"""SELECT CAST(bitstring_agg(part, 0, {fingerprints.GROUPS - 1}) FILTER (b.n IS DISTINCT FROM a.n OR b.h IS DISTINCT FROM a.h) AS VARCHAR),
                       sum(coalesce(a.n, 0)) - sum(coalesce(b.n, 0)), sum(coalesce(a.h, 0)) - sum(coalesce(b.h, 0))
                FROM ({sums[0]}) b FULL JOIN ({sums[1]}) a USING (part)"""
        ).fetchone()
        if not changed:
            return False
        where = f"get_bit({literal(changed)}::BIT, {group}) = 1"  # evaluated by the Parquet reader, which skips what it can
        sides = [f"({plan.select(*side, f'{row} AS h')} WHERE {where})" for side in ((before, plan.old), (after, plan.new))]
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE _changes_rows AS
                SELECT CAST(CASE WHEN a.h IS NULL THEN -1 ELSE 1 END AS TINYINT) AS side,
                       {", ".join(f"CASE WHEN a.h IS NULL THEN b.{c} ELSE a.{c} END AS {c}" for c in every)}
                FROM {sides[0]} b FULL JOIN {sides[1]} a ON a.h = b.h WHERE a.h IS NULL OR b.h IS NULL"""
        )
        left = con.execute(f"SELECT coalesce(sum(side), 0), coalesce(sum(side * CAST({row} AS HUGEINT)), 0) FROM _changes_rows").fetchone()
        if list(left) == more:
            return True
        where = f"WHERE {where}"  # some row is on both sides but not equally often
    else:
        where = ""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE _changes_rows AS
            SELECT CAST(sign(n) AS TINYINT) AS side, {", ".join(every)} FROM (
                SELECT {", ".join(every)}, sum(side) AS n, unnest(range(CAST(abs(sum(side)) AS BIGINT)))
                FROM ({plan.select(before, plan.old, "-1 AS side")} {where}
                      UNION ALL {plan.select(after, plan.new, "1 AS side")} {where})
                GROUP BY {", ".join(every)} HAVING sum(side) <> 0)"""
    )
    return con.execute("SELECT count(*) FROM _changes_rows").fetchone()[0] > 0


def _pair(con: duckdb.DuckDBPyConnection, plan: Plan) -> list[str]:
    """Lay the rows of one key side by side in _changes_pairs; returns notes on keys that are shared or empty."""
    keys, notes = [f"c{i}" for i in plan.keys], []
    shared, empty = con.execute(
        f"""SELECT coalesce(sum(n) FILTER (n > 1), 0), coalesce(sum(n) FILTER ({" OR ".join(f"{key} IS NULL" for key in keys)}), 0)
            FROM (SELECT side, {", ".join(keys)}, count(*) AS n FROM _changes_rows GROUP BY side, {", ".join(keys)})"""
    ).fetchone()
    if plan.key and shared:
        notes.append(f"{shared} changed rows share a key; they were paired in the order of their values")
    if plan.key and empty:
        notes.append(f"{empty} changed rows have an empty key column")
    order = ", ".join(f"c{i} NULLS FIRST" for i in plan.values) or "side"
    nth = f"row_number() OVER (PARTITION BY side, {', '.join(keys)} ORDER BY {order})" if shared else "1"
    side = f"SELECT *, {nth} AS nth FROM _changes_rows WHERE side ="
    either = {i: f"CASE WHEN a.side IS NULL THEN b.c{i} ELSE a.c{i} END" for i in range(len(plan.columns))}
    text = " || '|' || ".join(f"coalesce({either[i]}, '')" for i in plan.keys)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE _changes_pairs AS
            SELECT b.side IS NOT NULL AS was, a.side IS NOT NULL AS stays, {text} AS record_key,
                   {"NULL" if plan.subject is None else either[plan.subject]} AS subjid
                   {"".join(f", b.c{i} AS o{i}, a.c{i} AS n{i}" for i in plan.values)}
            FROM ({side} -1) b FULL JOIN ({side} 1) a
              ON a.nth = b.nth AND {" AND ".join(f"a.{key} IS NOT DISTINCT FROM b.{key}" for key in keys)}"""
    )
    return notes


def _kinds(con: duckdb.DuckDBPyConnection, plan: Plan) -> list[str]:
    """SELECTs of records added and removed, and of the cells that differ in those that stay."""
    both = {i: f"was AND stays AND o{i} IS DISTINCT FROM n{i}" for i in plan.values}
    counts = ["count_if(NOT was)", "count_if(NOT stays)", *(f"count_if({differ})" for differ in both.values())]
    added, removed, *cells = con.execute(f"SELECT {', '.join(counts)} FROM _changes_pairs").fetchone()
    parts = []
    for n, kind, lacks in ((added, "record added", "was"), (removed, "record removed", "stays")):
        if n:
            parts.append(f"SELECT record_key, subjid, NULL, {literal(kind)}, NULL, NULL FROM _changes_pairs WHERE NOT {lacks}")
    for (i, differ), n in zip(both.items(), cells, strict=True):
        kind, name = "'value changed'", plan.columns[i][1]
        if plan.rave and name.casefold() == "recordactive":
            kind = (
                f"CASE WHEN o{i} = '1' AND n{i} = '0' THEN 'record inactivated' "
                f"WHEN o{i} = '0' AND n{i} = '1' THEN 'record reactivated' ELSE {kind} END"
            )
        if n:
            parts.append(f"SELECT record_key, subjid, {literal(name)}, {kind}, o{i}, n{i} FROM _changes_pairs WHERE {differ}")
    return parts


def _proposals(con: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[list[str], list[str]]:
    """A SELECT of removed and added records that seem to be one under a new key, and a note when not all were looked at.

    Of the columns that hold a value on either side four in five agree, at least three do, and no other record agrees
    as well. In a Rave extract the form's fields and the subject count: what describes site and page agrees anyway.
    """
    names = [names[1].casefold() for names in plan.columns]
    fields = set(names[i] for i in plan.values)
    order = [name.casefold() for name in plan.new.columns]
    if plan.rave and LAST_CONTEXT in order:
        fields &= {*order[order.index(LAST_CONTEXT) :], *([] if plan.subject is None else [names[plan.subject]])}
    chosen = [i for i in plan.values if names[i] in fields]
    pairs, within = con.execute(
        """SELECT sum(removed) * sum(added), sum(removed * added)
           FROM (SELECT count_if(NOT stays) AS removed, count_if(NOT was) AS added FROM _changes_pairs GROUP BY subjid)"""
    ).fetchone()
    if len(chosen) < 3 or not pairs:
        return [], []
    if within > MOST_PAIRS:
        return [], ["too many records were removed and added to look for changed keys"]
    notes = ["changed keys were looked for within subjects only"] if pairs > MOST_PAIRS else []
    agree = ", ".join(f"CAST(r.o{i} = a.n{i} AS INTEGER)" for i in chosen)
    seen = ", ".join(f"CAST(coalesce(r.o{i}, a.n{i}) IS NOT NULL AS INTEGER)" for i in chosen)
    best = " AND ".join(
        f"rank() OVER (PARTITION BY {one} ORDER BY agree / seen DESC) = 1 AND count(*) OVER (PARTITION BY {one}, agree / seen) = 1"
        for one in ("removed", "added")
    )
    return [
        f"""SELECT new, subjid, {literal(", ".join(plan.columns[i][1] for i in plan.key))}, 'key changed?', old, new FROM (
            SELECT r.rowid AS removed, a.rowid AS added, r.record_key AS old, a.record_key AS new, a.subjid,
                   list_sum([{agree}]) AS agree, list_sum([{seen}]) AS seen
            FROM _changes_pairs r JOIN _changes_pairs a ON {"r.subjid IS NOT DISTINCT FROM a.subjid" if notes else "TRUE"}
            WHERE NOT r.stays AND NOT a.was)
            WHERE agree >= 3 AND agree * 5 >= seen * 4 QUALIFY {best}"""
    ], notes
