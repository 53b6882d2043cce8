"""The queries of the EDC: about some of the planted errors, and about much that is right, as they stood at every extract."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zlib import crc32

from cdmlib.demo.errors_planted import Planted
from cdmlib.demo.generate import MOMENTS, Record, Rng, Subject, between, chance, generator, pick, skewed, workday
from cdmlib.demo.lists import by, days, fields, rows

COLUMNS = (
    "sitename", "subjectnameoridentifier", "folderoid", "folderinstancename", "formoid", "ecrfpagename", "fieldname",
    "fieldlabel", "markinggroup", "queryopenby", "querytext", "queryresponsetext", "querystatus", "queryopendate",
    "queryresponsedate", "queryresolveddate", "odays", "qdays", "id_", "log",
)  # fmt: skip
ORDINARY = 900  # queries about values that are right
SELDOM = {
    "LBCAT",
    "LBTESTCD",
    "LBTEST",
    "LBORNRLO",
    "LBORNRHI",
    "DSCAT",
    "DSSCAT",
    "AESPID",
    "CMSPID",
    "EXSPID",
    "MHSPID",
}
GROUPS = ("System",) * 7 + ("DM",) * 2 + ("CRA",)


@dataclass(frozen=True)
class Query:
    """One query on a field of a record: when it was opened, answered and closed or cancelled, as far as it ever was."""

    index: int  # place of the record
    field: str
    group: str
    text: str
    opened: datetime
    answered: datetime | None = None
    closed: datetime | None = None
    cancelled: bool = False
    response: str = ""

    def status(self, at: datetime) -> str:
        """The status in an extract of that moment, in the words of the EDC; empty before the query was opened."""
        if self.opened > at:
            return ""
        if self.closed and self.closed <= at:
            return "Cancelled" if self.cancelled else "Closed"
        return "Answered" if self.answered and self.answered <= at else "Open"


def raised(seed: int, records: list[Record], planted: list[Planted]) -> tuple[dict[str, Query], dict[int, str]]:
    """Every query by its number, and for each planted error that has one (by its place in the list) the number."""
    about = {number: _about_error(seed, number, error, records) for number, error in enumerate(planted)}
    touched = {error.index for error in planted} | {index for error in planted for _, index, _ in error.also}
    found = [(query, number) for number, query in about.items() if query]
    found += [(query, None) for query in _about_what_is_right(seed, records, touched)]
    found = [item for item in found if item[0].opened <= MOMENTS[-1]]
    found.sort(key=lambda item: (item[0].opened, item[0].index, item[0].field))
    numbered = {str(880_001 + 3 * place): item for place, item in enumerate(found)}
    errors = {number: id for id, (_, number) in numbered.items() if number is not None}
    return {id: query for id, (query, _) in numbered.items()}, errors


def write(
    folder: Path, cutoff: str, moment: datetime, subjects: dict[str, Subject], records: list[Record],
    queries: dict[str, Query],
) -> None:  # fmt: skip
    """Write the query listing of a moment into `folder`: queries.csv, dates that are not there as NA."""
    text, as_of = io.StringIO(newline=""), date.fromisoformat(cutoff)
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for id, query in queries.items():
        status, record = query.status(moment), records[query.index]
        if not status:
            continue
        site = subjects[record.subject].site
        answered = query.answered if query.answered and query.answered <= moment else None
        closed = query.closed if status in ("Closed", "Cancelled") else None
        ended = closed or (answered if status == "Answered" else None)
        age = (ended.date() if ended else as_of) - query.opened.date()
        lines.writerow(
            (
                f"{site['number']} {site['name']}", record.subject, record.visit,
                by("visits", "folder")[record.visit]["name"], record.form, by("forms", "form")[record.form]["page"],
                query.field, _label(record, query.field), f"Site from {query.group}", query.group, query.text,
                query.response if answered else "", status, *map(_day, (query.opened, answered, closed)),
                (as_of - query.opened.date()).days, age.days, id, record.position,
            )
        )  # fmt: skip
    (folder / "queries.csv").write_bytes(text.getvalue().encode("utf-8"))


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "NA"


def _label(record: Record, field: str) -> str:
    return next(row["label"] for row in fields(record.form) if row["field"] == field.removesuffix("_UN"))


def _said(rng: Rng, on: str, record: Record, field: str, at: datetime, group: str = "") -> str:
    """A text for a query, or for a response, with the label and the value of the field at that moment."""
    choices = [row for row in rows("query_texts") if row["on"] == on and row["group"] == group]
    shown = record.shown(at)
    value = shown[0].get(field, "") if shown else ""
    return pick(rng, choices, "weight")["text"].format(label=_label(record, field), value=value)


def _later(rng: Rng, moment: datetime, least: int, most: int) -> datetime:
    """A time on a working day so many days later."""
    day = workday(moment.date() + days(between(rng, least, most)), low=moment.date() + days(1))
    return datetime.combine(day, time(between(rng, 7, 15), between(rng, 0, 59), between(rng, 0, 59)))


def _about_error(seed: int, number: int, error: Planted, records: list[Record]) -> Query | None:
    """A query about a planted error, for about half of them: answered when the site corrects it, or open in spite of that."""
    rng, record = generator(seed, crc32(b"queries"), number), records[error.index]
    plain = error.kind["act"] in ("edit", "add") and error.kind["key"] in ("record", "visit") and error.field
    if not plain or not error.kind["check_id"] or not chance(rng, 0.55):
        return None
    start = record.overlays[0].start if record.overlays else record.created
    end = record.overlays[0].end if record.overlays else record.gone
    group, opened = pick(rng, ("System", "System", "DM", "CRA")), start + timedelta(seconds=1)
    if group != "System":
        opened = _later(rng, max(start, MOMENTS[error.first - 1]), 0, 3)  # after the extract that shows it
        if error.first == 1 and chance(rng, 0.5):
            opened = _later(rng, start, 2, 6)
        if end and opened >= end:
            group, opened = "System", start + timedelta(seconds=1)
    on = "missing" if error.after == "" else "error"
    text = _said(rng, on, record, error.field, opened, group)
    query, fate = Query(error.index, error.field, group, text, opened), rng.random()
    if end:
        if fate < 0.25:
            return query  # corrected, but nobody answered
        if fate < 0.45 and group == "System":
            return Query(error.index, error.field, group, text, opened, closed=end)  # closed by the system
        said = _said(rng, "corrected", record, error.field, opened)
        return Query(error.index, error.field, group, text, opened, end, _later(rng, end, 1, 9), response=said)
    if fate < 0.55:
        return query
    said, answered = _said(rng, "confirmed", record, error.field, opened), _later(rng, opened, 3, 14)
    if fate < 0.85:
        return Query(error.index, error.field, group, text, opened, answered, response=said)
    closed = _later(rng, answered, 1, 5)
    return Query(error.index, error.field, group, text, opened, answered, closed, fate > 0.95, said)


def _about_what_is_right(seed: int, records: list[Record], touched: set[int]) -> list[Query]:
    """Ordinary queries over the whole of the trial on records without an error; most are closed, some were cancelled."""
    rng = generator(seed, crc32(b"ordinary queries"))
    right = [i for i, r in enumerate(records) if r.created <= MOMENTS[-1] and not r.overlays and i not in touched and r.form != "PC"]
    made: dict[tuple[int, str], Query] = {}
    while len(made) < ORDINARY:
        index = pick(rng, right)
        record, group = records[index], pick(rng, GROUPS)
        values = record.history[0][1]
        there = [row["field"] for row in fields(record.form) if values.get(row["field"])]
        there = [name for name in there if name not in SELDOM]
        field = pick(rng, there)
        opened = record.created + timedelta(seconds=1) if group == "System" else _later(rng, record.created, 2, 25)
        text, fate = _said(rng, "ordinary", record, field, opened, group), rng.random()
        answered = _later(rng, opened, 1, 1 + skewed(rng, 11, 60)) if fate < 0.8 else None
        said = _said(rng, "confirmed", record, field, opened) if answered else ""
        closed = _later(rng, answered or opened, 1, 1 + skewed(rng, 6, 40)) if fate < 0.95 else None
        query = Query(index, field, group, text, opened, answered, closed, 0.7 < fate < 0.9, said)
        made.setdefault((index, field), query)
    return list(made.values())
