"""The answer key of readiness: which criteria hold up which subject in each week, from what was planted and what the generator knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from cdmlib.demo.errors_planted import Planted
from cdmlib.demo.feeds import FORMS
from cdmlib.demo.generate import CUT_OFFS, MOMENTS, Record
from cdmlib.demo.lists import Row, rows
from cdmlib.demo.operations import Status, stands
from cdmlib.demo.queries import Query
from cdmlib.demo.scoring import present

COLUMNS = ("week", "subjid", "criterion", "blocked")
WAITS = 30  # days that a query may wait
CODED = {"AE": "AETERM", "MH": "MHTERM", "CM": "CMTRT"}
BY_MACHINE = ("exact", "normalised", "synonym")
RECONCILED = {"lab": "RD10", "epro": "RD10", "device": "RD10", "samples": "RD10", "irt": "RD11", "safety": "RD13"}
Blocked = dict[str, set[str]]  # subjects by criterion


def write(folder: Path, statuses: list[Status], records: list[Record], planted: list[Planted], asked: Iterable[Query]) -> None:
    """Write readiness_key.csv into a study folder: week, subjid, criterion (also `all`, the clean subject), blocked: Y, N, or nothing.

    Nothing stands where the generator can't tell: an error in the EDC may also be a disagreement with what a third party sent, and a
    term that was corrected may have been coded before. The keys of reconciliation and coding must be in the folder.
    """
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    criteria = rows("readiness")
    disagreements, terms = (_key(folder / f"{name}.csv") for name in ("answer_key_reconciliation", "coding_key"))
    for status in statuses:
        blocked = _blocked(status, records, planted, asked)
        unsaid = _third_parties(status.week, records, planted, disagreements, blocked)
        _coding(status.week, records, planted, terms, blocked, unsaid)
        for subject in sorted({visit.subject for visit in status.visits}):
            said = {}
            for row in criteria:
                criterion = row["criterion"]
                said[criterion] = "Y" if subject in blocked.get(criterion, ()) else "" if subject in unsaid.get(criterion, ()) else "N"
            clean = {said[row["criterion"]] for row in criteria if row["clean"]}
            said["all"] = "Y" if "Y" in clean else "" if "" in clean else "N"
            lines.writerows((CUT_OFFS[status.week - 1], subject, criterion, answer) for criterion, answer in said.items())
    (folder / "readiness_key.csv").write_bytes(text.getvalue().encode("utf-8"))


def read(folder: Path) -> list[Row]:
    """The answer key of readiness of a demo study, one row per week, subject and criterion."""
    return _key(Path(folder) / "readiness_key.csv")


def _key(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _blocked(status: Status, records: list[Record], planted: list[Planted], asked: Iterable[Query]) -> Blocked:
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




def _third_parties(week: int, records: list[Record], planted: list[Planted], disagreements: list[Row], blocked: Blocked) -> Blocked:
    """Add the subjects whom a disagreement with a third party holds up; returns those of whom that is not known."""
    day, unsaid = CUT_OFFS[week - 1], {}
    wrong = {(records[error.index].form.lower(), records[error.index].subject) for error in planted if stands(error, week)}
    wrong |= {(record.form.lower(), record.subject) for record in records for part in record.overlays if _shows(part, week)}
    for feed, criterion in RECONCILED.items():
        forms = {form.lower() for form in FORMS[feed]}
        unsaid.setdefault(criterion, set()).update(subject for form, subject in wrong if form in forms)
    for row in disagreements:
        if row["kind"] == "edc_error" or not present(row, day):
            continue
        found = [row["expected"], *filter(None, row["also_expected"].split(";"))]
        if any(item.startswith("RC") and not item.startswith("RC006") for item in found):  # a number that is not known is nobody's
            blocked.setdefault(RECONCILED[row["feed"]], set()).add(row["subjid"])
        if any(not item.startswith("RC006") for item in found):
            blocked["RD16"].add(row["subjid"])
    unsaid["RD16"] = set().union(*unsaid.values())
    return unsaid


def _shows(overlay: object, week: int) -> bool:
    return overlay.start <= MOMENTS[week - 1] and (overlay.end is None or MOMENTS[week - 1] < overlay.end)


def _coding(week: int, records: list[Record], planted: list[Planted], terms: list[Row], blocked: Blocked, unsaid: Blocked) -> None:
    """Add the subjects with a term that the machine can't code; and to those not known, who had a term corrected since the week before."""
    known = {row["verbatim"].casefold() for row in terms if row["method"] in BY_MACHINE}
    held = blocked.setdefault("RD14", set())
    for record in records:
        shown = record.shown(MOMENTS[week - 1]) if record.form in CODED else None
        term = shown[0].get(CODED[record.form], "") if shown and shown[2] else ""
        if term and term.strip().casefold() not in known:  # spaces around a term are no other term
            held.add(record.subject)
    changed = {records[e.index].subject for e in planted if e.last == week - 1 and e.field in CODED.values()}
    unsaid["RD16"] |= changed
