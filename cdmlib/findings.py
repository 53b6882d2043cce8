"""The same finding over the weeks: new, open, changed, resolved, reappeared or deleted, with what people decided about it."""

from __future__ import annotations

import duckdb
import pandas as pd

from cdmlib import journal, mart, snapshot, standard, tables
from cdmlib.mart import Work
from cdmlib.sqlfile import VALUES
from cdmlib.standard import literal, quote

GONE = ("resolved", "deleted")
FLAGS = ("New", "Reappeared", "Changed", "Review outdated", "Resolved", "Deleted", "Not checked")
EXPIRED = "Waiver expired"  # shown in place of the status Waived when its date has passed
REVIEW = ("status", "comment", "owner", "expires")  # what a reviewer enters; each is an act of its own in the journal
ADDED = (
    "status VARCHAR, flag VARCHAR, first_seen VARCHAR, last_seen VARCHAR, gone_on VARCHAR, because VARCHAR, evidence_before JSON, "
    "review_status VARCHAR, review_comment VARCHAR, owner VARCHAR, review_expires VARCHAR, reviewer VARCHAR, reviewed_on VARCHAR, review_outdated BOOLEAN"
)


def follow(work: Work) -> pd.DataFrame:
    """Compare this week's findings with those of the week before and join the reviews; findings that are gone stay, as resolved or deleted.

    Adds to the table findings: status (new, open, changed, resolved, reappeared, deleted), flag, first_seen, last_seen, gone_on, because,
    evidence_before, review_status, review_comment, owner, review_expires, reviewer, reviewed_on, review_outdated. A finding whose check was
    not run this week stays as it was and is flagged `Not checked`. Returns one row per status: critical, major, minor, total.
    """
    con = work.con
    previous = mart.week_before(work.study, work.as_of)
    for part in ADDED.split(", "):
        con.execute(f"ALTER TABLE findings ADD COLUMN {part}")
    con.execute("UPDATE findings SET status = 'new', first_seen = $1, last_seen = $1", [work.as_of])
    if previous:
        path = work.study.folder / "marts" / previous["mart"]
        con.execute(f"ATTACH {literal(str(path))} AS week_before (READ_ONLY)")
        _carry_forward(work)
        _say_why_gone(work)
        con.execute("DETACH week_before")
    _join_reviews(work)
    con.execute(
        """UPDATE findings SET flag = CASE
               WHEN because LIKE 'not checked%' THEN 'Not checked'
               WHEN status = 'resolved' THEN 'Resolved' WHEN status = 'deleted' THEN 'Deleted'
               WHEN status = 'reappeared' THEN 'Reappeared' WHEN status = 'changed' THEN 'Changed'
               WHEN review_outdated THEN 'Review outdated'
               WHEN status = 'new' THEN 'New' ELSE '' END"""
    )
    counts = ", ".join(f"count(*) FILTER (severity = '{severity}') AS {severity}" for severity in VALUES["severity"])
    return con.execute(f"SELECT status, {counts}, count(*) AS total FROM findings GROUP BY status ORDER BY status").df()


def _carry_forward(work: Work) -> None:
    """Status against the week before, and a row for each finding that is no longer made."""
    con = work.con
    con.execute(
        f"""UPDATE findings SET first_seen = b.first_seen,
               status = CASE WHEN b.status IN {GONE} THEN 'reappeared'
                             WHEN CAST(b.evidence AS VARCHAR) IS DISTINCT FROM CAST(findings.evidence AS VARCHAR) THEN 'changed' ELSE 'open' END,
               evidence_before = CASE WHEN CAST(b.evidence AS VARCHAR) IS DISTINCT FROM CAST(findings.evidence AS VARCHAR) THEN b.evidence END
            FROM week_before.findings b WHERE b.finding_id = findings.finding_id"""
    )
    alive = " UNION ALL ".join(
        f"SELECT record_key FROM {name}"
        for name in tables.collected(con)
        if name in standard.mapped() + standard.DERIVED
    )
    kept = [row[0] for row in con.execute("DESCRIBE findings").fetchall()]
    there = {row[0] for row in con.execute("DESCRIBE week_before.findings").fetchall()}
    gone = f"b.status IN {GONE}"
    changed = {
        "status": f"CASE WHEN {gone} OR r.outcome IS NULL OR r.outcome IN ('not run', 'error') THEN b.status WHEN a.record_key IS NULL AND b.domain <> 'recon' THEN 'deleted' ELSE 'resolved' END",
        "gone_on": f"CASE WHEN {gone} OR r.outcome IS NULL OR r.outcome IN ('not run', 'error') THEN b.gone_on ELSE $as_of END",
        "because": f"""CASE WHEN {gone} THEN b.because WHEN r.outcome IS NULL THEN 'not checked: the check is no longer in the library'
                            WHEN r.outcome IN ('not run', 'error') THEN 'not checked: ' || r.outcome || ', ' || r.reason
                            WHEN a.record_key IS NULL AND b.domain <> 'recon' THEN 'the record left the extract' ELSE 'the check no longer finds it' END""",
        "evidence_before": "NULL",
    }
    values = ", ".join(changed.get(name, f"b.{quote(name)}" if name in there else "NULL") for name in kept)
    con.execute(
        f"""INSERT INTO findings SELECT {values} FROM week_before.findings b
            LEFT JOIN ({_outcomes(con)}) r ON r.check_id = b.check_id AND coalesce(r.recon, split_part(b.record_key, '|', 1)) = split_part(b.record_key, '|', 1)
            LEFT JOIN (SELECT DISTINCT record_key FROM ({alive})) a ON a.record_key = b.record_key
            WHERE NOT EXISTS (FROM findings f WHERE f.finding_id = b.finding_id) ORDER BY b.check_id, b.finding_id""",
        {"as_of": work.as_of},
    )
    con.execute(f"UPDATE findings SET status = 'open' WHERE because LIKE 'not checked%' AND status NOT IN {GONE}")


def _outcomes(con: duckdb.DuckDBPyConnection) -> str:
    """How each check ended, as SQL; one of the reconciliations ended for each of them as that did."""
    if "reconciliation_runs" not in tables.collected(con):
        return "SELECT check_id, outcome, reason, CAST(NULL AS VARCHAR) AS recon FROM check_runs"
    return """SELECT check_id, outcome, reason, CAST(NULL AS VARCHAR) AS recon FROM check_runs WHERE domain <> 'recon' OR check_id = 'RC007'
              UNION ALL SELECT c.check_id, CASE WHEN coalesce(r.outcome, 'not run') = 'not run' THEN 'not run' ELSE c.outcome END,
                     coalesce(r.reason, 'the reconciliation is no longer declared'), n.recon
              FROM check_runs AS c, (SELECT DISTINCT split_part(record_key, '|', 1) AS recon FROM week_before.findings WHERE domain = 'recon' AND check_id <> 'RC007') AS n
              LEFT JOIN reconciliation_runs AS r ON r.recon = n.recon WHERE c.domain = 'recon' AND c.check_id <> 'RC007'"""


def _say_why_gone(work: Work) -> None:
    """Tell a record that was inactivated in EDC from one that left the extract, where the source says which of its records are active."""
    con, before = work.con, "week_before"
    marked = [d for d in work.snapshot.datasets if {"RECORDID", "RECORDACTIVE"} <= {c.upper() for c in d.columns}]
    earlier = con.execute(f"SELECT snapshot FROM {before}.runs").fetchone()[0]
    old = next((s for s in snapshot.list_all(work.study) if s.id == earlier), None)
    deleted = con.execute(
        "SELECT count(*) FROM findings WHERE status = 'deleted' AND gone_on = ?", [work.as_of]
    ).fetchone()[0]
    if not (old and marked and deleted):
        return
    there = {
        row[0]
        for row in con.execute(
            f"SELECT table_name FROM information_schema.tables WHERE table_catalog = '{before}'"
        ).fetchall()
    }
    for domain in sorted(there & set(standard.domains())):
        for dataset in marked:
            then = next((d for d in old.datasets if (d.source, d.name) == (dataset.source, dataset.name)), None)
            if not then:
                continue
            con.execute(
                f"""UPDATE findings SET because = 'the record was inactivated in EDC'
                    FROM {before}.{domain} t
                    JOIN read_parquet({literal(str(old.parquet(then)))}) o ON o.source_row = t.source_row
                    JOIN read_parquet({literal(str(work.snapshot.parquet(dataset)))}) n ON n.RecordId = o.RecordId AND n.RecordActive = '0'
                    WHERE findings.status = 'deleted' AND findings.gone_on = $as_of AND t.record_key = findings.record_key
                      AND t.source = {literal(dataset.source)} AND t.dataset = {literal(dataset.name)}""",
                {"as_of": work.as_of},
            )


def _join_reviews(work: Work) -> None:
    """Each finding's latest review from the journal; a review is outdated when a value it was made on has changed since."""
    entries: dict[str, dict[str, journal.Entry]] = {}
    for (subject, field), entry in journal.state(work.study, "review").items():
        entries.setdefault(subject, {})[field] = entry
    con = work.con
    con.execute(
        "CREATE TEMP TABLE reviews (finding_id VARCHAR, status VARCHAR, comment VARCHAR, owner VARCHAR, expires VARCHAR, evidence VARCHAR, reviewer VARCHAR, reviewed_on VARCHAR)"
    )
    rows = []
    for finding_id, fields in sorted(entries.items()):
        last = max(fields.values(), key=lambda entry: entry.seq)
        values = [fields[name].new or None if name in fields else None for name in (*REVIEW, "evidence")]
        rows.append([finding_id, *values, last.actor, last.utc[:10]])
    if rows:
        con.executemany("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute(
        f"""UPDATE findings SET
               review_status = CASE WHEN r.expires < $as_of THEN '{EXPIRED}' ELSE r.status END, review_comment = r.comment, owner = r.owner,
               review_expires = r.expires, reviewer = r.reviewer, reviewed_on = r.reviewed_on,
               review_outdated = findings.status NOT IN {GONE} AND r.evidence IS NOT NULL AND r.evidence <> CAST(findings.evidence AS VARCHAR),
               evidence_before = CASE WHEN findings.status NOT IN {GONE} AND r.evidence IS NOT NULL AND r.evidence <> CAST(findings.evidence AS VARCHAR)
                                      THEN CAST(r.evidence AS JSON) ELSE evidence_before END
            FROM reviews r WHERE r.finding_id = findings.finding_id""",
        {"as_of": work.as_of},
    )
    con.execute("DROP TABLE reviews")
    con.execute("UPDATE findings SET review_outdated = false WHERE review_outdated IS NULL")
