"""The answer key of readiness: which criteria hold up which subject in each week, from what was planted and what the generator knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from cdmlib.demo.errors_planted import Planted
from cdmlib.demo.generate import CUT_OFFS, Record
from cdmlib.demo.lists import Row, rows
from cdmlib.demo.operations import Status, stands
from cdmlib.demo.queries import Query

COLUMNS = ("week", "subjid", "criterion", "blocked")
WAITS = 30  # days that a query may wait


def write(path: Path, statuses: list[Status], records: list[Record], planted: list[Planted], asked: Iterable[Query]) -> None:
    """Write readiness_key.csv: week, subjid, criterion (also `all`, the clean subject), blocked (Y or N)."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    criteria = rows("readiness")
    for status in statuses:
        blocked = _blocked(status, records, planted, asked)
        for subject in sorted({visit.subject for visit in status.visits}):
            held = {criterion for criterion, who in blocked.items() if subject in who}
            said = {row["criterion"]: row["criterion"] in held for row in criteria}
            said["all"] = any(said[row["criterion"]] for row in criteria if row["clean"])
            for criterion, is_blocked in said.items():
                lines.writerow((CUT_OFFS[status.week - 1], subject, criterion, "Y" if is_blocked else "N"))
    path.write_bytes(text.getvalue().encode("utf-8"))


def read(folder: Path) -> list[Row]:
    """The answer key of readiness of a demo study, one row per week, subject and criterion."""
    with (Path(folder) / "readiness_key.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _blocked(status: Status, records: list[Record], planted: list[Planted], asked: Iterable[Query]) -> dict[str, set[str]]:
    """The subjects that each criterion holds up."""
    moment, as_of = status.moment, date.fromisoformat(CUT_OFFS[status.week - 1])
    entered = [page for page in status.pages if page.entered]
    blocked = {
        "RD01": {v.subject for v in status.visits if not v.status and (v.due is None or v.due >= as_of)},
        "RD02": {v.subject for v in status.visits if not v.status and v.due is not None and v.due < as_of},
        "RD03": {page.subject for page in status.pages if not page.entered},
        "RD04": {page.subject for page in entered if page.partial},
        "RD09": {page.subject for page in entered if page.verify and not page.verified},
        "RD12": {issue.record.subject for issue in status.ranges if issue.open(moment)},
        "RD15": {issue.record.subject for issue in status.deviations if issue.open(moment)},
        "RD19": {issue.record.subject for issue in status.inactivated if issue.open(moment)},
        "RD23": {page.subject for page in entered if page.sign and not page.signed},
        "RD24": {page.subject for page in entered if not page.frozen},
        "RD25": {page.subject for page in entered if not page.locked},
    }
    for query in asked:
        said, subject = query.status(moment), records[query.index].subject
        since = {"Open": query.opened, "Answered": query.answered}.get(said)
        if since:
            blocked.setdefault("RD05" if said == "Open" else "RD06", set()).add(subject)
            if (as_of - since.date()).days > WAITS:
                blocked.setdefault("RD07", set()).add(subject)
    for error in planted:
        if stands(error, status.week):
            subject = records[error.index].subject
            found = [error.kind["check_id"], *(item.partition("@")[0] for item in error.kind["also"].split(";")), *(check for check, _, _ in error.also)]
            for check in filter(None, found):
                for row in rows("readiness"):
                    if any(check.startswith(start) for start in row["checks"].split()) or row["checks"] == "any":
                        blocked.setdefault(row["criterion"], set()).add(subject)
    return blocked


