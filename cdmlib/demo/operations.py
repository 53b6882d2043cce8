"""What the EDC reports about the data at every extract: pages and their steps, visits, signatures, deviations, laboratory ranges, inactivated records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from zlib import crc32

from cdmlib.demo.errors_planted import Planted
from cdmlib.demo.generate import FIRST_SCREENING, MOMENTS, Record, Subject, between, generator
from cdmlib.demo.lists import by, days, known, plan, rows, written
from cdmlib.demo.queries import Query

VERIFIED_ALWAYS, VERIFIED_OFTEN = ("SV", "DM", "IE", "AE", "DS", "EX"), ("SCR", "BL", "W24", "EOS", "ET")
SIGNED = ("DM", "IE", "AE", "DS", "EX", "VS", "LB")
NEW_LABORATORY, ITS_RANGES = "FR03", MOMENTS[2]  # a site whose laboratory was new: from when on its ranges are entered
PAGES = (
    "sitename", "subjectnameoridentifier", "status", "folderinstancename", "foldername", "ecrfpagename", "architectformname",
    "pagesexpected_todate", "pagesentered", "visitdate", "minentereddate", "is_partial_entry", "answer_query_ct", "open_query_ct",
    "needs_verification", "is_verified", "needs_signature", "is_signed", "is_frozen", "is_locked",
)  # fmt: skip
SIGNATURES = (
    "Project Name", "Region", "Country", "Site ID", "Subject Name", "Visit Name", "Data Page Name", "Page Require Signature", "Audit Action",
    "Visit Date", "Date page entered/ Date last PI Sign", "No. of days",
)  # fmt: skip
VISITS = ("site_name", "subjectnameoridentifier", "visit_name", "visit_number", "visit_date", "projected_date", "visit_status")
DEVIATIONS = ("Study", "Region", "Country", "Site ID", "Subject Name", "Folder Name", "Data Page Name", "Log #", "Description", "PD Status", "Visit date")
RANGES = ("Country", "Site number", "Subject", "Visit", "Form Name", "Lab category", "Lab Date", "Test Name", "Test description", "Issue", "Resolved on")
INACTIVATED = ("Country", "Study Site Number", "Subject", "Folder", "Form ", "Data on Form/\nRecord    ", "RecordPosition", "Audit Action")


@dataclass(frozen=True)
class Page:
    """One page as it stands at a moment; `entered` is None for a page that is expected and not there."""

    subject: str
    folder: str
    form: str
    day: date | None = None
    entered: datetime | None = None
    updated: datetime | None = None
    partial: bool = False
    open: int = 0
    answered: int = 0
    verify: bool = False
    verified: bool = False
    sign: bool = False
    last_signed: datetime | None = None
    frozen: bool = False
    locked: bool = False

    @property
    def broken(self) -> bool:
        return self.last_signed is not None and self.updated > self.last_signed

    @property
    def signed(self) -> bool:
        return self.last_signed is not None and not self.broken


@dataclass(frozen=True)
class Visit:
    """One planned visit at a moment: what the EDC says of it, when it was held, and the last day of its window."""

    subject: str
    name: str
    status: str  # Completed, Missed, Terminated, Failed; empty while it is not entered
    held: str = ""
    due: date | None = None


@dataclass(frozen=True)
class Issue:
    """One line of a listing of issues: a deviation, a laboratory range, an inactivated record; `open` until somebody has settled it."""

    record: Record
    what: str
    since: datetime
    settled: datetime | None
    number: int = 1

    def open(self, moment: datetime) -> bool:
        return self.settled is None or self.settled > moment


@dataclass(frozen=True)
class Status:
    """Everything that the EDC reports at one moment."""

    week: int
    moment: datetime
    pages: tuple[Page, ...]
    visits: tuple[Visit, ...]
    deviations: tuple[Issue, ...]
    ranges: tuple[Issue, ...]
    inactivated: tuple[Issue, ...]


def status(seed: int, week: int, subjects: dict[str, Subject], records: list[Record], planted: list[Planted], asked: Iterable[Query]) -> Status:
    """What the EDC knows at the moment of extract number `week` (from 1) of everything that was entered and planted."""
    moment = MOMENTS[week - 1]
    there = [(index, *shown) for index, record in enumerate(records) if (shown := record.shown(moment))]
    return Status(
        week,
        moment,
        tuple(_pages(seed, week, subjects, records, planted, asked, there)),
        tuple(_visits(moment, subjects, [(records[index], values) for index, values, _, active in there if active])),
        tuple(issue for issue in _deviations(seed, records, planted) if issue.since <= moment),
        tuple(issue for issue in _ranges(subjects, records, planted) if issue.since <= moment),
        tuple(issue for issue in _inactivated(records) if issue.since <= moment),
    )


def stands(error: Planted, week: int) -> bool:
    """Whether a planted error stands in the extract of this number."""
    return error.first <= week <= (error.last or len(MOMENTS))


@cache
def _rounds(seed: int, what: str, site: str, least: int, most: int) -> tuple[datetime, ...]:
    """When somebody comes to a site again and again: monitors to verify, the investigator to sign."""
    rng, found = generator(seed, crc32(f"{what} {site}".encode())), [datetime.combine(FIRST_SCREENING, time(16)) + days(21)]
    while found[-1] < MOMENTS[-1]:
        found.append(found[-1] + days(between(rng, least, most)))
    return tuple(found)


def _pages(
    seed: int, week: int, subjects: dict[str, Subject], records: list[Record], planted: list[Planted], asked: Iterable[Query], there: list
) -> Iterable[Page]:  # fmt: skip
    moment, places = MOMENTS[week - 1], {}
    for index, _, updated, active in there:
        record = records[index]
        place = places.setdefault((record.subject, record.visit, record.form), [None, updated, False, None])
        place[0] = min(place[0] or record.created, record.created)
        place[1], place[2], place[3] = max(place[1], updated), place[2] or active, place[3] or record.day
    waiting: dict[tuple, list[int]] = {}
    for query in asked:
        record, said = records[query.index], query.status(moment)
        if said in ("Open", "Answered"):
            waiting.setdefault((record.subject, record.visit, record.form), [0, 0])[said == "Answered"] += 1
    wrong = [(error, records[error.index]) for error in planted if stands(error, week)]
    faulty = {(record.subject, record.visit, record.form) for error, record in wrong if error.kind["act"] != "site"}
    partial = {(r.subject, r.visit, r.form) for e, r in wrong if e.kind["act"] == "edit" and e.after == ""}
    found = []
    for (subject, folder, form), (entered, updated, active, day) in places.items():
        if not active:
            continue
        place, site = (subject, folder, form), subjects[subject].site["site"]
        visits = [day for day in _rounds(seed, "monitor", site, 21, 42) if updated < day <= moment]
        signings = [day for day in _rounds(seed, "investigator", site, 20, 70) if entered < day <= moment]
        verify = form in VERIFIED_ALWAYS or (form in ("VS", "LB") and folder in VERIFIED_OFTEN)
        sign = form in SIGNED
        page = Page(
            subject, folder, form, day, entered, updated, place in partial, *waiting.get(place, (0, 0)), verify, verify and bool(visits), sign,
            signings[-1] if sign and signings else None,
        )  # fmt: skip
        left = subjects[subject].left
        settled = page.verified >= verify and page.signed >= sign and place not in waiting and place not in faulty
        ended = left is not None and datetime.combine(left, time()) + days(14) <= moment
        found.append(Page(**{**page.__dict__, "frozen": ended and settled}))
    thawed = {page.subject for page in found if not page.frozen}
    for page in found:
        left = subjects[page.subject].left
        over = left is not None and datetime.combine(left, time()) + days(45) <= moment
        yield Page(**{**page.__dict__, "locked": over and page.subject not in thawed})
    for error, record in wrong:
        if error.kind["act"] == "absent":
            yield Page(record.subject, record.visit, record.form, record.day)


def _visits(moment: datetime, subjects: dict[str, Subject], there: list) -> Iterable[Visit]:
    """The planned visits of every subject who is in the EDC; a window is counted from the first dose once Baseline is entered."""
    folders = {row["name"]: row["folder"] for row in rows("visits")}
    held = {(record.subject, record.visit): values for record, values in there if record.form == "SV"}
    gone = {record.subject for record, values in there if values.get("DSSCAT") == "STUDY PARTICIPATION"}
    for id in dict.fromkeys(record.subject for record, _ in there):
        subject = subjects[id]
        for name, visit in plan().items():
            values, due = held.get((id, folders[name])), None
            if name == "Baseline":
                due = subject.visits["SCR"] + days(27)
            elif subject.first_dose and (id, "BL") in held:
                due = subject.first_dose + days(visit["day"] - (1 if visit["day"] > 0 else 0) + visit["after"])
            if values:
                status = "Completed" if values["SVOCCUR"] == "Y" else "Missed"
            elif id in gone and not subject.first_dose:
                status = "Failed"
            elif id in gone and (due is None or due > subject.left):
                status = "Terminated"
            else:
                status = ""
            day = known(values.get("SVSTDAT", "")) if values else None
            yield Visit(id, name, status, day.isoformat() if day else "", due)


def _deviations(seed: int, records: list[Record], planted: list[Planted]) -> Iterable[Issue]:
    """Missed visits, and a first dose that seems to be before the consent; a monitor confirms each within a month."""
    counts: dict[str, int] = {}
    wrong = [(records[e.index], "First dose before consent", MOMENTS[e.first - 1]) for e in planted if e.kind["kind"] == "dosed_before_consent"]
    missed = [(r, "Visit missed", r.created) for r in records if r.form == "SV" and r.history[0][1]["SVOCCUR"] == "N"]
    for record, what, since in sorted([*missed, *wrong], key=lambda item: (item[2], item[0].subject, item[0].visit)):
        counts[record.subject] = counts.get(record.subject, 0) + 1
        rng = generator(seed, crc32(f"deviation {record.subject} {counts[record.subject]}".encode()))
        yield Issue(record, what, since, since + days(between(rng, 5, 30)), counts[record.subject])


def _ranges(subjects: dict[str, Subject], records: list[Record], planted: list[Planted]) -> Iterable[Issue]:
    """Results without a unit as planted; and of one site everything since its laboratory changed, until the ranges are entered."""
    for error in planted:
        if error.kind["kind"] == "lb_unit_missing":
            since, last = MOMENTS[error.first - 1], error.last or 0
            yield Issue(records[error.index], "Ranges/ Units not entered", since, MOMENTS[last] if last else None)
    for record in records:
        new = record.form == "LB" and record.position == 1 and subjects[record.subject].site["site"] == NEW_LABORATORY
        if new and MOMENTS[0] - days(45) < record.created < ITS_RANGES - days(3):
            yield Issue(record, "Missing Lab name", record.created, ITS_RANGES - days(1))


def _inactivated(records: list[Record]) -> Iterable[Issue]:
    """Records taken out by inactivation; data management looks at each within ten days."""
    for record in records:
        if record.gone_how == "inactivated":
            yield Issue(record, next(iter(v for v in record.history[-1][1].values() if v)), record.gone, record.gone + days(10), record.position)


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────────


def write(folder: Path, status: Status, subjects: dict[str, Subject]) -> None:
    """Write the listings of a moment into `folder`: page_status, visit_status, signatures, deviations, lab_ranges, inactivated (.csv)."""
    moment = status.moment
    _file(folder / "page_status.csv", PAGES, (_page(page, subjects[page.subject]) for page in status.pages))
    _file(folder / "visit_status.csv", VISITS, (_visit(visit, subjects[visit.subject]) for visit in status.visits))
    signed = (page for page in status.pages if page.sign and page.entered)
    _file(folder / "signatures.csv", SIGNATURES, (_signature(page, subjects[page.subject], moment) for page in signed))
    lines = []
    for issue in status.deviations:
        said = "PD proposed" if issue.open(moment) else "PD Confirmed"
        lines.append(("TVC-301", *_where(subjects, issue, "site"), issue.number, issue.what, said, written(issue.record.day)))
    _file(folder / "deviations.csv", DEVIATIONS, lines)
    lines = []
    for issue in status.ranges:
        values, done = issue.record.history[0][1], "" if issue.open(moment) else written(issue.settled.date())
        _, *place = _where(subjects, issue)
        tests = (values["LBCAT"], values["LBDAT"], values["LBTESTCD"], values["LBTEST"], issue.what, done)
        lines.append((*place, *tests))
    _file(folder / "lab_ranges.csv", RANGES, lines)
    lines = []
    for issue in status.inactivated:
        _, *place = _where(subjects, issue)
        lines.append((*place, issue.what, issue.number, "Inactivated" if issue.open(moment) else "Inactivated, reviewed"))
    _file(folder / "inactivated.csv", INACTIVATED, lines)


def _file(path: Path, header: tuple[str, ...], lines: Iterable[tuple]) -> None:
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(header)
    out.writerows(lines)
    path.write_bytes(text.getvalue().encode("utf-8"))


def _where(subjects: dict[str, Subject], issue: Issue, site: str = "number") -> tuple[str, ...]:
    """Region, country, site, subject, folder and page of an issue."""
    record, place = issue.record, subjects[issue.record.subject].site
    named = place["number"] if site == "number" else f"Site {place['number']}"
    return ("EMEA" if place["country"] != "US" else "AMER", place["country"], named, record.subject, _folder(record.visit), _form(record.form))


def _folder(folder: str) -> str:
    return by("visits", "folder")[folder]["name"]


def _form(form: str) -> str:
    return by("forms", "form")[form]["page"]


def _page(page: Page, subject: Subject) -> tuple:
    name = _folder(page.folder)
    flags = (page.verify, page.verified, page.sign, page.signed, page.frozen, page.locked)
    return (
        f"{subject.site['number']} {subject.site['name']}", page.subject, "", name, name, _form(page.form), page.form, 1, int(page.entered is not None),
        written(page.day), f"{page.entered:%Y-%m-%dT%H:%M:%S}" if page.entered else "", int(page.partial), page.answered, page.open, *map(int, flags),
    )  # fmt: skip


def _signature(page: Page, subject: Subject, moment: datetime) -> tuple:
    said = "Yes - Broken Signature" if page.broken else "Yes - Signed" if page.signed else "Yes - Never Signed"
    last = page.last_signed or page.entered
    place = subject.site
    return (
        "TVC-301", "EMEA" if place["country"] != "US" else "AMER", place["country"], place["number"], page.subject, _folder(page.folder), _form(page.form),
        said, "", written(page.day), written(last.date()), (moment.date() - last.date()).days,
    )  # fmt: skip


def _visit(visit: Visit, subject: Subject) -> tuple:
    number = plan()[visit.name]["number"]
    due = written(visit.due) if not visit.status else ""
    return (f"{subject.site['number']} {subject.site['name']}", visit.subject, visit.name, number, visit.held, due, visit.status)
