"""Errors put into the right data, with everything the answer key needs to tell where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zlib import crc32

from cdmlib.demo import kinds
from cdmlib.demo.generate import (
    CUT_OFFS,
    MOMENTS,
    Overlay,
    Record,
    Rng,
    Subject,
    age,
    between,
    generator,
    saved,
    shuffled,
    workday,
)
from cdmlib.demo.lists import Row, days, fields, plan, rows, written

Where = tuple[str, int, str]  # check, record by its place, field: a further finding of an error


@dataclass(frozen=True)
class Planted:
    """One error as planted: where, what stood and stands there, from which extract to which, what else it sets off."""

    kind: Row
    index: int
    field: str
    before: str
    after: str
    first: int  # number of the extract, from 1
    last: int | None
    how: str
    also: tuple[Where, ...] = ()


@dataclass(frozen=True)
class Trial:
    """The records while errors go in; `used` are the subjects that have one, `rounding` is the site that rounds."""

    subjects: dict[str, Subject]
    records: list[Record]
    forms: dict[tuple[str, str], list[int]]  # form and subject: places of the records, in order
    used: set[str]
    rounding: str

    def of(self, form: str, subject: str) -> list[int]:
        return self.forms.get((form, subject), [])


def plant(seed: int, subjects: dict[str, Subject], right: list[Record]) -> tuple[list[Record], list[Planted]]:
    """The records with every kind of error planted, and what was planted; no subject takes two errors.

    A kind comes less often when no record is left that it suits, which can happen with other seeds than the demo's own.
    """
    records, planted = list(right), []
    forms: dict[tuple[str, str], list[int]] = {}
    for index, record in enumerate(records):
        forms.setdefault((record.form, record.subject), []).append(index)
    sites = [subject.site["site"] for subject in subjects.values()]
    trial = Trial(subjects, records, forms, set(), min(sorted(set(sites)), key=sites.count))
    late = _enter_late(trial)
    for kind in rows("kinds"):
        rng = generator(seed, crc32(kind["kind"].encode()))
        act = {"pair": _pair, "site": _habit, "absent": _absent}.get(kind["act"], _single)
        if kind["act"] == "late":
            planted += [Planted(kind, late, "", "", "", *_span(kind["spans"]))] if late is not None else []
            continue
        for span in kind["spans"].split("|"):
            error = act(trial, kind, rng, *_span(span))
            if not error:
                continue
            planted.append(error)
            if kind["act"] != "site":
                trial.used.add(records[error.index].subject)
    _answer_for_the_lost(trial)
    return records, planted


def _span(text: str) -> tuple[int, int | None, str]:
    """`1-2d` as first extract, last extract (None: still there at the end) and how it was put right."""
    first, _, rest = text.partition("-")
    last = rest.rstrip("di")
    how = {"d": "deleted", "i": "inactivated"}.get(rest[-1:], "corrected") if last else ""
    return int(first), int(last) if last else None, how


def _during(rng: Rng, week: int) -> datetime:
    """A time in the working days that come before the given extract, after the one before it."""
    day = workday(MOMENTS[week - 1].date() - days(between(rng, 1, 6)), MOMENTS[week - 2].date() + days(1))
    return datetime.combine(day, time(between(rng, 7, 15), between(rng, 0, 59), between(rng, 0, 59)))


def _weeks(first: int, last: int | None) -> range:
    return range(first, (last or len(MOMENTS)) + 1)


def _is_new(record: Record, week: int) -> bool:
    return record.created <= MOMENTS[week - 1] and (week == 1 or record.created > MOMENTS[week - 2])


def _overlay(trial: Trial, index: int, start: datetime, end: datetime | None, wrong: Row) -> None:
    trial.records[index] = replace(trial.records[index], overlays=(Overlay(start, end, wrong),))


def _single(trial: Trial, kind: Row, rng: Rng, first: int, last: int | None, how: str) -> Planted | None:
    """One error in one record, or one record too many; a record that is new in the week is taken first."""
    at, records = MOMENTS[first - 1], trial.records
    fit = [
        i
        for i, record in enumerate(records)
        if record.form == kind["form"]
        and record.subject not in trial.used
        and record.created <= at
        and not (record.form == "VS" and trial.subjects[record.subject].site["site"] == trial.rounding)
    ]
    for index in sorted(shuffled(rng, fit), key=lambda i: not _is_new(records[i], first)):
        record, wrong = records[index], _wrong(trial, kind, rng, index, _weeks(first, last))
        if wrong is None:
            continue
        also = wrong.pop("also", ())
        field = next(iter(wrong))
        end = _during(rng, last + 1) if last else None
        if kind["act"] == "add":
            later = record.created + timedelta(hours=between(rng, 20, 90))
            created = _during(rng, first) if first > 1 else min(later, MOMENTS[0] - timedelta(hours=between(rng, 2, 9)))
            place = max(records[i].position for i in trial.of(record.form, record.subject)) + 1
            copy = ((max(created, record.created), record.right(at) | wrong),)
            records.append(replace(record, position=place, history=copy, gone=end, gone_how=how))
            return Planted(kind, len(records) - 1, field, "", wrong[field], first, last, how, also)
        _overlay(trial, index, record.created if _is_new(record, first) else _during(rng, first), end, wrong)
        if kind["check_id"] in ("EX004", "EX006"):  # the windows are counted from the first dose
            until = MOMENTS[(last or len(MOMENTS)) - 1]
            also = tuple(("VI001", i, "") for i in trial.of("SV", record.subject) if records[i].created <= until)
        if kind["check_id"] == "DS002":  # the last samples then seem to be taken after the subject left
            also = tuple(("LB028", i, "") for i in trial.of("LB", record.subject))
        if "SVSTDAT" in wrong:  # what was done at the visit then has another date
            also = (*also, *_same_visit(trial, record, "VS012", "VS"), *_same_visit(trial, record, "LB029", "LB"))
        return Planted(kind, index, field, record.right(at).get(field, ""), wrong[field], first, last, how, also)
    return None


def _same_visit(trial: Trial, record: Record, check: str, form: str) -> list[Where]:
    here = [i for i in trial.of(form, record.subject) if trial.records[i].visit == record.visit]
    return [(check, i, "") for i in here]


def _wrong(trial: Trial, kind: Row, rng: Rng, index: int, weeks: range) -> Row | None:
    """The wrong values for a record, when it lends itself to the error in every extract that is to show it.

    The right values of those fields must stay the same from then on, so that a correction brings back what stood there.
    """
    record, answer = trial.records[index], None
    empty = {row["field"]: "" for row in fields(record.form)}
    own = trial.of(record.form, record.subject)
    for week in weeks:
        at = MOMENTS[week - 1]
        form = tuple((i, empty | row if (row := trial.records[i].right(at)) else None) for i in own)
        as_of = date.fromisoformat(CUT_OFFS[week - 1])
        events = len(trial.of("AE", record.subject))
        case = kinds.Case(index, empty | record.right(at), trial.subjects[record.subject], as_of, form, events, rng)
        wrong = getattr(kinds, kind["kind"])(case)
        if wrong is None:
            return None
        answer = answer or wrong
    states = [record.right(at) for at in MOMENTS[weeks[0] - 1 :]]
    stable = all(state.get(field) == states[0].get(field) for field in answer if field != "also" for state in states)
    return answer if stable else None


def _absent(trial: Trial, kind: Row, rng: Rng, first: int, last: int | None, how: str) -> Planted | None:
    """The page of a new subject comes later than everything else of the subject, or not at all."""
    for index, record in enumerate(trial.records):
        if record.form == kind["form"] and record.subject not in trial.used and _is_new(record, first):
            created = _during(rng, last + 1) if last else datetime.max.replace(microsecond=0)
            trial.records[index] = replace(record, history=((created, record.history[0][1]),))
            return Planted(kind, index, "", record.subject, "", first, last, how)
    return None


def _pair(trial: Trial, kind: Row, rng: Rng, first: int, last: int | None, how: str) -> Planted | None:
    """Two subjects who are one, or whose laboratory reports were exchanged."""
    act = {"duplicate_subject": _same_person, "labs_swapped": _exchanged}[kind["kind"]]
    people = shuffled(rng, (subject for subject in trial.subjects.values() if subject.id not in trial.used))
    for one in people:
        for other in people:
            alike = one.id < other.id and one.sex == other.sex and one.site["country"] == other.site["country"]
            wrong = act(trial, one, other, MOMENTS[first - 1]) if alike else []
            if not wrong:
                continue
            end = _during(rng, last + 1) if last else None
            for index, values in wrong:
                _overlay(trial, index, trial.records[index].created, end, values)
            trial.used.update((one.id, other.id))  # a second error in either would have two causes
            (index, values), *_ = wrong
            field = next(iter(values))
            before = trial.records[index].right(MOMENTS[first - 1])[field]
            also = tuple(("LB015", i, "") for i, _ in wrong if kind["form"] == "LB")
            return Planted(kind, index, field, before, values[field], first, last, how, also)
    return None


def _same_person(trial: Trial, one: Subject, other: Subject, at: datetime) -> list[tuple[int, Row]]:
    """The first a screening failure, the second the same person screened months later; of the pair the second tells."""
    mine, theirs = (trial.of("DM", person.id)[0] for person in (one, other))
    first, second = (trial.records[index].right(at) for index in (mine, theirs))
    if (
        one.first_dose
        or not other.first_dose
        or not first
        or not second
        or not 20 < (other.consent - one.consent).days < 200
    ):
        return []
    years = str(age(one.birth, other.consent))
    return [(theirs, {"BRTHDAT": written(one.birth), "AGE": years, "RACE": first["RACE"]})]


def _exchanged(trial: Trial, one: Subject, other: Subject, at: datetime) -> list[tuple[int, Row]]:
    """All results of week 12 of two subjects of one site exchanged, when both have them all."""
    sides = [
        [(i, trial.records[i].right(at) or {}) for i in trial.of("LB", person.id) if trial.records[i].visit == "W12"]
        for person in (one, other)
    ]
    whole = all(sides) and all(values.get("LBORRES") for side in sides for _, values in side)
    if not whole or one.site["site"] != other.site["site"] or sides[0][0][1]["LBORRES"] == sides[1][0][1]["LBORRES"]:
        return []
    wrong = []
    for (i, left), (k, right) in zip(*sides, strict=True):
        wrong.append((i, {field: right.get(field, "") for field in ("LBORRES", "LBCLSIG")}))
        wrong.append((k, {field: left.get(field, "") for field in ("LBORRES", "LBCLSIG")}))
    return wrong


def _habit(trial: Trial, kind: Row, rng: Rng, first: int, last: int | None, how: str) -> Planted | None:
    """One site rounds every blood pressure to tens."""
    answer, records = None, trial.records
    for index, record in enumerate(records):
        values = record.history[0][1]
        if (
            record.form != "VS"
            or trial.subjects[record.subject].site["site"] != trial.rounding
            or not values.get("SYSBP")
        ):
            continue
        lower = round(int(values["DIABP"]), -1)
        wrong = {"SYSBP": str(max(round(int(values["SYSBP"]), -1), lower + 20)), "DIABP": str(lower)}
        _overlay(trial, index, record.created, None, wrong)
        if not answer or (record.created, index) < (records[answer.index].created, answer.index):
            answer = Planted(kind, index, "DIABP", values["DIABP"], wrong["DIABP"], first, last, how)
    return answer


def _answer_for_the_lost(trial: Trial) -> None:
    """Not an error: while a subject can't be reached, the site answers each visit that is due as not held."""
    for subject in trial.subjects.values():
        if subject.fate != "LOST TO FOLLOW-UP" or not subject.first_dose:
            continue
        for name, visit in plan().items():
            folder = next(row["folder"] for row in rows("visits") if row["name"] == name)
            due = subject.first_dose + days(visit["day"] - 1 + visit["after"])
            known = any(trial.records[index].visit == folder for index in trial.of("SV", subject.id))
            if subject.last_dose < due < subject.left and not known:
                stamp = datetime.combine(workday(due + days(5)), time(10))
                answer = {"SVOCCUR": "N", "SVREASND": "Subject could not be reached"}
                trial.records.append(Record("SV", subject.id, folder, 0, 0, None, saved((stamp, answer))))


def _enter_late(trial: Trial) -> int | None:
    """The forms of one visit reach the database months late, between the second and the third extract; the place of the next visit."""
    newest, oldest = MOMENTS[0].date() - days(60), MOMENTS[0].date() - days(120)
    for subject in trial.subjects.values():
        day = subject.visits.get("W08")
        if subject.fate == "COMPLETED" and day and oldest < day < newest and "W12" in subject.visits:
            for form in ("SV", "VS"):
                for index in trial.of(form, subject.id):
                    record = trial.records[index]
                    if record.visit == "W08":
                        moved = ((MOMENTS[1] + timedelta(hours=40), record.history[0][1]),)
                        trial.records[index] = replace(record, history=moved)
            trial.used.add(subject.id)
            return next(index for index in trial.of("SV", subject.id) if trial.records[index].visit == "W12")
    return None
