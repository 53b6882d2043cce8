"""A synthetic study with planted errors and their answer key: to learn with, and to measure the checks with."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from cdmlib.demo import dictionaries, errors_planted, extract, feeds, generate, operations, queries, readiness_key
from cdmlib.demo.generate import CUT_OFFS
from cdmlib.demo.lists import CONTENT, Row
from cdmlib.demo.scoring import (
    CodingScore,
    KindScore,
    ReconciliationScore,
    Score,
    score,
    score_coding,
    score_reconciliation,
)
from cdmlib.errors import CdmError

__all__ = [
    "COLUMNS",
    "CUT_OFFS",
    "SEED",
    "THIRD_PARTY",
    "CodingScore",
    "KindScore",
    "ReconciliationScore",
    "Score",
    "create",
    "read_answer_key",
    "read_coding_key",
    "read_reconciliation_key",
    "reconciled",
    "score",
    "score_coding",
    "score_reconciliation",
]  # fmt: skip

SEED = 20240304
THIRD_PARTY = ("recon", "lbx", "samples")  # domains of the checks that look at what third parties sent
COLUMNS = (
    "error_id", "kind", "check_id", "subjid", "siteid", "domain", "record_key", "field", "value_before",
    "value_planted", "first_week", "last_week", "how_resolved", "also_expected", "reason", "query_id",
)  # fmt: skip


def create(folder: Path, seed: int = SEED) -> None:
    """Write the demo study into a new folder, whose name becomes the study id.

    It holds study.toml, table files, made-up dictionaries, four weekly extracts with the feeds of third parties, and their answer keys. The same seed
    gives the same bytes.
    Raises CdmError when the folder holds something already.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise CdmError(f"{folder} is not empty. Give the demo study a folder of its own, or remove this one first.")
    subjects, right = generate.population(seed)
    records, planted = errors_planted.plant(seed, subjects, right)
    asked, by_error = queries.raised(seed, records, planted)
    for cutoff, moment in zip(CUT_OFFS, generate.MOMENTS, strict=True):
        extract.write(folder / "incoming" / cutoff, cutoff, moment, subjects, records)
        queries.write(folder / "incoming" / cutoff, cutoff, moment, subjects, records, asked)
    feeds.write(folder, seed, subjects, records, planted, len(right))
    statuses = [operations.status(seed, week, subjects, records, planted, asked.values()) for week in range(1, len(CUT_OFFS) + 1)]
    for status in statuses:
        operations.write(folder / "incoming" / CUT_OFFS[status.week - 1], status, subjects)
    settings = (CONTENT / "study.toml").read_bytes().replace(b'id = "demo" ', f'id = "{folder.name}" '.encode(), 1)
    (folder / "study.toml").write_bytes(settings)
    (folder / "tables").mkdir()
    for path in sorted((CONTENT / "tables").glob("*.sql")):
        (folder / "tables" / path.name).write_bytes(path.read_bytes())
    dictionaries.write(folder)
    _write_key(folder / "answer_key.csv", subjects, records, planted, by_error)
    readiness_key.write(folder, statuses, records, planted, asked.values())


def read_answer_key(folder: Path) -> list[Row]:
    """The planted errors of a demo study, one row each."""
    with (Path(folder) / "answer_key.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_reconciliation_key(folder: Path) -> tuple[list[Row], list[Row]]:
    """The planted disagreements of a demo study's feeds, and the EDC record that each record of a feed truly is of."""
    found = []
    for name in ("answer_key_reconciliation", "answer_key_pairs"):
        with (Path(folder) / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found.append(list(csv.DictReader(file)))
    return found[0], found[1]


def reconciled(con: duckdb.DuckDBPyConnection, folder: Path, as_of: str) -> ReconciliationScore:
    """How well the reconciliations of published results, or of a work, find what is planted in the feeds of a demo study."""
    gone = "WHERE gone_on IS NULL AND" if "gone_on" in {row[0] for row in con.execute("DESCRIBE findings").fetchall()} else "WHERE"
    found = con.execute(
        f"""SELECT check_id, coalesce(evidence ->> '$.recon', ''), CASE WHEN check_id = 'RC001' THEN split_part(f.record_key, '|', -1) ELSE '' END,
                   coalesce(s.subjid, f.subjid, '') FROM findings AS f
            LEFT JOIN subjects AS s ON replace(s.subjid, '-', '') = f.subjid {gone} f.domain IN {THIRD_PARTY} AND check_id <> 'RC007'"""
    ).fetchall()
    pairs = []
    for name in ("sae", "lab_results", "samples"):
        pairs += con.execute(f"SELECT '{name}', left_key, right_key FROM reconciliation_{name} WHERE result IN ('matched', 'mismatch')").fetchall()
    return score_reconciliation(found, pairs, read_reconciliation_key(folder), read_answer_key(folder), as_of)


def read_coding_key(folder: Path) -> list[Row]:
    """The right code of each reported term of a demo study and the method expected; no code where only a person can decide."""
    with (Path(folder) / "coding_key.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write_key(path: Path, subjects: dict, records: list, planted: list, asked: dict[int, str]) -> None:
    """One row per planted error: the record key that the study's tables give to its record, and its EDC query if any."""
    ids = extract.number_records(records)

    def key(index: int, field: str, kind_of_key: str) -> str:
        record = records[index]
        if kind_of_key == "visit":
            return extract.visit_key(record.subject, record.visit)
        return record.subject if kind_of_key == "subject" else extract.key_of(record, ids[index], field)

    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for number, error in enumerate(planted, start=1):
        kind, record = error.kind, records[error.index]
        own = key(error.index, error.field, kind["key"])
        also = [item.partition("@") for item in kind["also"].split(";") if item]
        also = [f"{check}:{key(error.index, '', other) if other else own}" for check, _, other in also]
        also += [
            f"{check}:{key(index, field, 'visit' if check.startswith('VI') else 'record')}"
            for check, index, field in error.also
        ]
        weeks = CUT_OFFS[error.first - 1], CUT_OFFS[error.last - 1] if error.last else ""
        site = subjects[record.subject].site["number"]
        what = (f"E{number:03d}", kind["kind"], kind["check_id"], record.subject, site, kind["form"].lower(), own)
        lines.writerow(
            [
                *what, error.field, error.before, error.after, *weeks, error.how, ";".join(also), kind["reason"],
                asked.get(number - 1, ""),
            ]
        )  # fmt: skip
    path.write_bytes(text.getvalue().encode("utf-8"))
