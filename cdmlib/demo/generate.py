"""The trial itself, without errors: 240 invented subjects, and when each of their records was entered and changed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import numpy as np

from cdmlib.demo.lists import Row, by, days, plan, rows, written

SUBJECTS = 240
CUT_OFFS = ("2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25")
MOMENTS = tuple(datetime.fromisoformat(f"{day}T18:00:00") for day in CUT_OFFS)  # UTC; all times in the demo are
FIRST_SCREENING, LAST_SCREENING = date(2023, 3, 13), date(2024, 3, 21)
CAUSALITY = ("NOT RELATED",) * 5 + ("UNLIKELY RELATED",) * 3 + ("POSSIBLY RELATED",) * 2 + ("RELATED",)
HOLIDAYS = ((12, 25), (12, 26), (1, 1))
Rng = np.random.Generator
Saved = tuple[datetime, Row]  # when something was saved, and all values then


@dataclass(frozen=True)
class Subject:
    """What is true of one subject, known to the trial or not; `left` is the day of the final disposition."""

    id: str
    site: Row
    sex: str
    birth: date
    consent: date
    first_dose: date | None = None
    last_dose: date | None = None
    fate: str = "SCREEN FAILURE"
    left: date | None = None
    death: date | None = None
    visits: dict[str, date] = field(default_factory=dict)  # by folder


@dataclass(frozen=True)
class Event:
    """One adverse event as it truly was; `changed` is the day the dose was changed for it."""

    term: str
    start: date
    end: date | None
    severity: str
    criterion: str = ""  # field of the seriousness criterion, empty when not serious
    related: str = "NOT RELATED"
    treatment: str = ""
    treated: date | None = None
    action: str = "DOSE NOT CHANGED"
    changed: date | None = None
    paused: int = 0  # days without study treatment
    outcome: str = "RECOVERED/RESOLVED"


@dataclass(frozen=True)
class Contact:
    """One visit or call of a subject, and when the site entered what it learned; calls have no folder."""

    day: date
    folder: str = ""
    repeat: int = 0
    stamp: datetime = datetime.min


@dataclass(frozen=True)
class Course:
    """One subject's way through the trial: contacts in order, planned visits that were missed, adverse events."""

    subject: Subject
    contacts: tuple[Contact, ...]
    missed: tuple[Contact, ...] = ()
    events: tuple[Event, ...] = ()

    def entered(self, day: date | None) -> datetime | None:
        """When something of that day came into the database: with the first contact on or after it."""
        return next((contact.stamp for contact in self.contacts if day and contact.day >= day), None)


@dataclass(frozen=True)
class Overlay:
    """Values that stand in a record from one moment to another in place of the right ones."""

    start: datetime
    end: datetime | None
    values: Row


@dataclass(frozen=True)
class Record:
    """One record of a form: where it stands, its right values as saved over time, and what is wrong in it and when."""

    form: str
    subject: str
    visit: str  # folder
    repeat: int
    position: int
    day: date | None
    history: tuple[Saved, ...]
    overlays: tuple[Overlay, ...] = ()
    gone: datetime | None = None
    gone_how: str = ""  # deleted | inactivated

    @property
    def created(self) -> datetime:
        return self.history[0][0]

    def right(self, at: datetime) -> Row | None:
        """The values saved last by a moment, without what is planted; None before the record was created."""
        saved = [values for when, values in self.history if when <= at]
        return saved[-1] if saved else None

    def shown(self, at: datetime) -> tuple[Row, datetime, bool] | None:
        """Values, last update and whether active, as in an extract of that moment; None when it is not there."""
        values = self.right(at)
        if values is None or (self.gone_how == "deleted" and self.gone <= at):
            return None
        updates = [when for when, _ in self.history if when <= at]
        for overlay in self.overlays:
            updates += [when for when in (overlay.start, overlay.end) if when and when <= at]
            if overlay.start <= at and (overlay.end is None or at < overlay.end):
                values = values | overlay.values
        inactive = self.gone_how == "inactivated" and self.gone <= at
        return values, max([*updates, *([self.gone] if inactive else [])]), not inactive


# ── chance ──────────────────────────────────────────────────────────────────────────────────────────────────────


def generator(*seed: int) -> Rng:
    return np.random.Generator(np.random.PCG64(list(seed)))


def chance(rng: Rng, share: float) -> bool:
    return bool(rng.random() < share)


def between(rng: Rng, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(rng.integers(low, high + 1)) if high > low else low


def pick(rng: Rng, choices: Iterable, weight: str = "") -> Row | str:
    """One of the choices, by weight when they are rows with a column of that name."""
    choices = list(choices)
    if not weight:
        return choices[between(rng, 0, len(choices) - 1)]
    left = rng.random() * sum(float(row[weight]) for row in choices)
    for row in choices:
        left -= float(row[weight])
        if left < 0:
            return row
    return choices[-1]


def shuffled(rng: Rng, items: Iterable) -> list:
    return [item for _, _, item in sorted((rng.random(), place, item) for place, item in enumerate(items))]


def skewed(rng: Rng, mean: float, highest: int) -> int:
    """Whole days, mostly few, at most `highest`."""
    return min(highest, int(-math.log(1 - rng.random()) * mean))


def near(rng: Rng, middle: float, spread: float, low: float, high: float) -> float:
    return min(high, max(low, float(rng.normal(middle, spread))))


def workday(day: date, low: date | None = None, high: date | None = None) -> date:
    """The nearest weekday, later ones first, within the bounds."""
    for step in (0, 1, -1, 2, -2):
        moved = day + days(step)
        if (
            moved.weekday() < 5
            and (moved.month, moved.day) not in HOLIDAYS
            and (low is None or moved >= low)
            and (high is None or moved <= high)
        ):
            return moved
    return day


# ── the population ──────────────────────────────────────────────────────────────────────────────────────────────


def population(seed: int, number_of_subjects: int = SUBJECTS) -> tuple[dict[str, Subject], list[Record]]:
    """Every subject and every record, right in all values, up to the end of each subject's participation."""
    rng = generator(seed, 0)
    span = (LAST_SCREENING - FIRST_SCREENING).days
    screenings = [int((place + rng.random()) / number_of_subjects * span) for place in range(number_of_subjects)]
    subjects, records, taken, numbers = {}, [], set(), {}
    for number, offset in enumerate(screenings, start=1):
        site = pick(rng, rows("sites"), "weight")
        numbers[site["site"]] = numbers.get(site["site"], 0) + 1
        own = generator(seed, number)
        consent = workday(FIRST_SCREENING + days(offset), high=LAST_SCREENING)
        person = _person(own, site, f"{site['site']}-{numbers[site['site']]:03d}", consent, taken)
        course = _course(own, person)
        subjects[person.id] = course.subject
        for form in (_visits, _demographics, _eligibility, _history, _vital_signs, _laboratory, _dosing, _disposition):
            records += form(own, course)
        records += _sampling(generator(seed, number, 1), course)
    return subjects, records


def age(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def _person(rng: Rng, site: Row, id: str, consent: date, taken: set) -> Subject:
    """A subject whose sex and birth date nobody else in the country has."""
    sex = "M" if chance(rng, 0.62) else "F"
    while True:
        birth = consent - days(near(rng, 67, 10, 32, 88) * 365.25 + between(rng, 0, 360))
        if (site["country"], sex, birth) not in taken:
            taken.add((site["country"], sex, birth))
            return Subject(id, site, sex, birth, consent)


def _course(rng: Rng, person: Subject) -> Course:
    """Fate, visits, adverse events and contacts of one subject."""
    screening = workday(person.consent + days(skewed(rng, 0.7, 4)))
    if chance(rng, 0.09):
        left = workday(screening + days(between(rng, 3, 12)))
        subject = replace(person, left=left, visits={"SCR": screening})
        return _with_events(rng, Course(subject, (Contact(screening, "SCR"), Contact(left))))
    first = workday(screening + days(between(rng, 6, 20)), screening + days(5), screening + days(25))
    fate = pick(rng, rows("dispositions"), "share")["decod"]
    contacts, missed = [Contact(screening, "SCR")], []
    for name, visit in list(plan().items())[1:]:
        row = by("visits", "name")[name]
        middle = first + days(visit["day"] - 1)
        low, high = middle - days(visit["before"]), middle + days(visit["after"])
        day = workday(
            middle + days(round(near(rng, 0, visit["before"] / 2.5, -visit["before"], visit["after"]))), low, high
        )
        lost = row["may_be_missed"] and chance(rng, 0.025)
        (missed if lost else contacts).append(Contact(day, row["folder"]))
    final = {contact.folder: contact.day for contact in contacts}
    death, last_dose, left = None, final["W24"], final["EOS"]
    if fate != "COMPLETED":
        stop = first + days(between(rng, 9, 160))
        contacts = [contact for contact in contacts if contact.day < stop - days(3)]
        if fate == "DEATH":
            death, last_dose, left = stop, stop - days(1), stop
            contacts.append(Contact(stop + days(between(rng, 1, 4))))
        elif fate == "LOST TO FOLLOW-UP":
            last_dose = contacts[-1].day
            left = workday(last_dose + days(between(rng, 45, 70)))
            contacts.append(Contact(left))
        else:
            last_dose, left = stop, workday(stop + days(between(rng, 0, 4)), stop)
            contacts.append(Contact(left, "ET"))
        missed = [contact for contact in missed if contact.day < contacts[-2].day]
    gaps = [(a, b) for a, b in pairwise(contacts) if b.folder and (b.day - a.day).days >= 12 and a.folder != "SCR"]
    if gaps and chance(rng, 0.2):
        a, b = pick(rng, gaps)
        contacts.append(Contact(workday(a.day + (b.day - a.day) // 2), "UNS"))
    visits = {contact.folder: contact.day for contact in contacts if contact.folder}
    subject = replace(person, first_dose=first, last_dose=last_dose, fate=fate, left=left, death=death, visits=visits)
    return _with_events(rng, Course(subject, tuple(sorted(contacts, key=lambda c: c.day)), tuple(missed)))


def _with_events(rng: Rng, course: Course) -> Course:
    """The course with its adverse events, the calls for serious ones, and the time of entry of every contact."""
    subject, last = course.subject, course.contacts[-1]
    horizon = subject.death or (course.contacts[-2].day if subject.fate == "LOST TO FOLLOW-UP" else last.day)
    events = list(_adverse_events(rng, course, horizon))
    calls = [Contact(min(event.start + days(between(rng, 1, 2)), last.day)) for event in events if event.criterion]
    calls = [call for call in calls if call.day < horizon]
    contacts, stamp = [], datetime.min
    for contact in sorted((*course.contacts, *calls), key=lambda c: c.day):
        most = max(0, min(6, (MOMENTS[-1].date() - contact.day).days)) if contact.folder == "SCR" else 21
        lag = skewed(rng, float(subject.site["lag"]), most) if contact.folder else between(rng, 0, 1)
        planned = datetime.combine(
            workday(contact.day + days(lag), contact.day),
            time(between(rng, 7, 12), between(rng, 0, 59), between(rng, 0, 59)),
        )
        stamp = max(planned, stamp + timedelta(minutes=45)) if contacts else planned
        contacts.append(replace(contact, stamp=stamp))
    return replace(course, contacts=tuple(contacts), events=tuple(events))


def _adverse_events(rng: Rng, course: Course, horizon: date) -> Iterable[Event]:
    """The adverse events of one subject in order of start: no term comes twice within ten days of its end."""
    subject = course.subject
    events: list[Event] = []
    for _ in range(
        int(
            pick(rng, [{"n": n, "w": w} for n, w in zip("01234567", (8, 14, 18, 18, 15, 12, 9, 6), strict=True)], "w")[
                "n"
            ]
        )
    ):
        row = pick(rng, rows("ae_terms"), "weight")
        start = subject.consent + days(between(rng, 1, 215))
        lasts = skewed(rng, float(row["days"]), 150) + (0 if row["days"] == "1" else 1)
        end = start + days(lasts) if not chance(rng, 0.06) else None
        serious = chance(rng, float(row["serious"]))
        if start >= horizon or any(event.term == row["term"] for event in events):
            continue
        if end and end > horizon:
            end = None
        treated = (
            min(start + days(between(rng, 0, 1)), end or horizon) if row["treatment"] and chance(rng, 0.9) else None
        )
        if any(event.treatment == row["treatment"] for event in events if event.treatment):
            treated = None
        event = Event(
            row["term"],
            start,
            end,
            ("SEVERE" if chance(rng, 0.6) else "MODERATE")
            if serious
            else pick(rng, ("MILD", "MILD", "MILD", "MODERATE", "MODERATE", "SEVERE" if lasts > 2 else "MILD")),
            ("AESHOSP" if chance(rng, 0.85) else "AESLIFE") if serious else "",
            "NOT RELATED" if not subject.first_dose or start < subject.first_dose else pick(rng, CAUSALITY),
            row["treatment"] if treated else "",
            treated,
            outcome="NOT RECOVERED/NOT RESOLVED"
            if not end
            else "RECOVERED/RESOLVED WITH SEQUELAE"
            if serious and chance(rng, 0.15)
            else "RECOVERED/RESOLVED",
        )
        if not subject.first_dose or not subject.first_dose <= start <= subject.last_dose:
            event = replace(event, action="NOT APPLICABLE")
        elif not serious and not any(other.changed for other in events):
            event = _dose_change(rng, course, event)
        events.append(event)
    if subject.fate == "DEATH":
        start = max(subject.death - days(between(rng, 0, 8)), subject.first_dose + days(1))
        term = pick(rng, rows("fatal_terms"), "weight")["term"]
        events.append(
            Event(
                term,
                start,
                subject.death,
                "SEVERE",
                "AESDTH",
                pick(rng, ("NOT RELATED", "UNLIKELY RELATED")),
                outcome="FATAL",
            )
        )
    if subject.fate == "ADVERSE EVENT":
        start = max(subject.last_dose - days(between(rng, 1, 6)), subject.first_dose + days(1))
        end = subject.left if chance(rng, 0.4) else None
        term = pick(
            rng,
            [
                row
                for row in rows("ae_terms")
                if row["serious"] != "0" and not any(event.term == row["term"] for event in events)
            ],
            "weight",
        )["term"]
        outcome = "RECOVERED/RESOLVED" if end else "RECOVERING/RESOLVING"
        events.append(
            Event(
                term,
                start,
                end,
                "MODERATE",
                "",
                "POSSIBLY RELATED",
                action="DRUG WITHDRAWN",
                changed=subject.left,
                outcome=outcome,
            )
        )
    return sorted(events, key=lambda event: (event.start, event.term))


def _dose_change(rng: Rng, course: Course, event: Event) -> Event:
    """Some events make the investigator reduce the dose or pause it for a few days, well between two visits."""
    subject, change, paused = course.subject, event.start + days(1), between(rng, 2, 5)
    room = (
        all(not -4 <= (contact.day - change).days <= 10 for contact in course.contacts)
        and change + days(12) < subject.last_dose
    )
    if not room or not chance(rng, 0.35) or subject.fate not in ("COMPLETED", "WITHDRAWAL BY SUBJECT"):
        return event
    if "W04" in subject.visits and change > subject.visits["W04"] and chance(rng, 0.5):
        return replace(event, action="DOSE REDUCED", changed=change)
    return replace(event, action="DRUG INTERRUPTED", changed=change, paused=paused)


# ── the forms ───────────────────────────────────────────────────────────────────────────────────────────────────


def saved(*steps: tuple[datetime | None, Row]) -> tuple[Saved, ...]:
    """The history of a record: each step adds its values to those before; a step that never happens has no time."""
    history: dict[datetime, Row] = {}
    values: Row = {}
    for when, step in sorted((step for step in steps if step[0]), key=lambda step: step[0]):
        values = values | step
        history[when] = values
    return tuple(history.items())


def _seconds(course: Course, day: date, number: int) -> datetime:
    """The time of entry of the nth record of a contact."""
    return course.entered(day) + timedelta(seconds=25 * number)


def _attended(course: Course) -> list[Contact]:
    return [contact for contact in course.contacts if contact.folder]


def _visits(rng: Rng, course: Course) -> list[Record]:
    subject = course.subject
    made = [
        Record("SV", subject.id, c.folder, 0, 0, c.day, saved((c.stamp, {"SVOCCUR": "Y", "SVSTDAT": written(c.day)})))
        for c in _attended(course)
    ]
    for contact in course.missed:
        reason = pick(rng, ("Subject on holiday", "Subject ill, could not travel", "Snow, no public transport"))
        made.append(
            Record(
                "SV",
                subject.id,
                contact.folder,
                0,
                0,
                None,
                saved((course.entered(contact.day), {"SVOCCUR": "N", "SVREASND": reason})),
            )
        )
    return made


def _demographics(rng: Rng, course: Course) -> list[Record]:
    subject, day = course.subject, course.subject.visits["SCR"]
    country = subject.site["country"]
    race = pick(rng, [row for row in rows("races") if row["country"] == country], "share")["race"]
    values = {
        "RFICDAT": written(subject.consent),
        "DMDAT": written(day),
        "BRTHDAT": written(subject.birth),
        "AGE": str(age(subject.birth, subject.consent)),
        "SEX": subject.sex,
        "RACE": race,
        "ETHNIC": "NOT REPORTED"
        if country == "FR"
        else "HISPANIC OR LATINO"
        if country == "US" and chance(rng, 0.15)
        else "NOT HISPANIC OR LATINO",
        "COUNTRY": {"DE": "DEU", "FR": "FRA", "PL": "POL", "US": "USA"}[country],
    }
    return [Record("DM", subject.id, "SCR", 0, 0, day, saved((_seconds(course, day, 1), values)))]


def _eligibility(rng: Rng, course: Course) -> list[Record]:
    subject, day = course.subject, course.subject.visits["SCR"]
    values = {"IEDAT": written(day), "IEYN": "Y"}
    if not subject.first_dose:
        criterion = pick(rng, rows("criteria"))
        values |= {
            "IEYN": "N",
            "IECAT": criterion["category"],
            "IETESTCD": criterion["number"],
            "IETEST": criterion["text"],
        }
        values["IEORRES"] = "N" if criterion["category"] == "INCLUSION" else "Y"
    return [Record("IE", subject.id, "SCR", 0, 0, day, saved((_seconds(course, day, 2), values)))]


def partly(rng: Rng, day: date) -> str:
    """A date long ago as patients remember it: the day, the month or only the year."""
    kind = pick(rng, ("year", "year", "month", "day"))
    return f"UN UNK {day.year}" if kind == "year" else f"UN {written(day)[3:]}" if kind == "month" else written(day)


def _history(rng: Rng, course: Course) -> list[Record]:
    """Medical history, adverse events and medications, which refer to each other by number."""
    subject, screening = course.subject, course.subject.visits["SCR"]
    made, medicines, used = [], [], set()
    for row in rows("mh_terms"):
        if (row["sex"] and row["sex"] != subject.sex) or not chance(rng, float(row["share"])):
            continue
        start = subject.consent - days(between(rng, 400, 4200))
        over = not row["medications"] and chance(rng, 0.75)
        end = start + days(between(rng, 5, 25)) if over else None
        number = str(len(made) + 1)
        values = {
            "MHSPID": number,
            "MHTERM": row["term"],
            "MHSTDAT": partly(rng, start),
            "MHENDAT": "",
            "MHONGO": "N" if over else "Y",
        }
        if over:
            values["MHENDAT"] = (
                values["MHSTDAT"] if values["MHSTDAT"].startswith("UN UNK") and end.year == start.year else written(end)
            )
        made.append(
            Record(
                "MH",
                subject.id,
                "SCR",
                0,
                len(made) + 1,
                screening,
                saved((_seconds(course, screening, 3 + len(made)), values)),
            )
        )
        for alternatives in filter(None, row["medications"].split(" & ")):
            name = pick(rng, alternatives.split("/"))
            if name in used or not chance(rng, 0.85):
                continue
            used.add(name)
            taken = subject.consent - days(between(rng, 30, min(2500, (subject.consent - start).days - 30)))
            stopped = subject.consent + days(between(rng, 20, 200)) if chance(rng, 0.05) else None
            medicines.append((name, row["term"], {"CMMHNO": number, "CMSTDAT": partly(rng, taken)}, screening, stopped))
    events = []
    for event in course.events:
        known = max(
            day
            for day in (event.start, event.treated, event.changed if event.action != "DRUG WITHDRAWN" else None)
            if day
        )
        if course.entered(known):
            events.append((course.entered(known), event, known))
    for number, (stamp, event, known) in enumerate(
        sorted(events, key=lambda item: (item[0], item[1].start, item[1].term)), start=1
    ):
        medicine = event.treatment if event.treatment not in used else ""
        made.append(_adverse_event(course, event, stamp, number, bool(medicine)))
        if medicine:
            used.add(medicine)
            medicines.append(
                (medicine, event.term, {"CMAENO": str(number), "CMSTDAT": written(event.treated)}, known, event.end)
            )
    for number, (name, reason, values, known, stopped) in enumerate(medicines, start=1):
        made.append(_medicine(rng, course, number, name, reason, values, known, stopped))
    return made


def _adverse_event(course: Course, event: Event, stamp: datetime, number: int, treated: bool) -> Record:
    """An adverse event, ongoing until its end is known; fatal outcome and withdrawal come with the disposition."""
    start = {
        "AESPID": str(number),
        "AETERM": event.term,
        "AESTDAT": written(event.start),
        "AEENDAT": "",
        "AEONGO": "Y",
        "AESEV": event.severity,
        "AESER": "Y" if event.criterion else "N",
        "AEREL": event.related,
        "AEACN": event.action if event.action != "DRUG WITHDRAWN" else "DOSE NOT CHANGED",
        "AECONTRT": "Y" if treated else "N",
        "AEOUT": "RECOVERING/RESOLVING" if event.outcome.startswith("RECOVERED") else "NOT RECOVERED/NOT RESOLVED",
    }
    if event.criterion:
        start |= {name: "N" for name in ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE")}
        start["AESHOSP" if event.criterion == "AESDTH" else event.criterion] = "Y"
    end = course.entered(event.end)
    over = {"AEENDAT": written(event.end), "AEONGO": "N", "AEOUT": event.outcome} | (
        {"AESDTH": "Y"} if event.outcome == "FATAL" else {}
    )
    later = [(max(end, stamp), over)] if end else []
    if event.action == "DRUG WITHDRAWN":
        later.append((max(course.entered(event.changed), stamp), {"AEACN": "DRUG WITHDRAWN"}))
    shift = timedelta(seconds=20 * number + 500)
    history = saved(*((when + shift, values) for when, values in [(stamp, start), *later]))
    return Record("AE", course.subject.id, "LOG", 0, number, None, history)


def _medicine(
    rng: Rng, course: Course, number: int, name: str, reason: str, values: Row, known: date, stopped: date | None
) -> Record:
    """A medication: ongoing until its end is known, at the latest the subject's death."""
    subject, row = course.subject, by("cm_terms", "name")[name]
    local = row["french"] if subject.site["country"] == "FR" and row["french"] else name
    start = {
        "CMSPID": str(number),
        "CMTRT": local,
        "CMINDC": reason,
        "CMAENO": "",
        "CMMHNO": "",
        "CMENDAT": "",
        "CMONGO": "Y",
    } | values
    start |= {"CMDSTXT": row["dose"], "CMDOSU": row["unit"], "CMDOSFRQ": row["frequency"], "CMROUTE": row["route"]}
    if subject.death and (not stopped or stopped > subject.death):
        stopped = subject.death
    created = course.entered(known)
    end = course.entered(stopped) if not stopped or not subject.left or stopped <= subject.left else None
    later = [(max(end, created), {"CMENDAT": written(stopped), "CMONGO": "N"})] if end else []
    shift = timedelta(seconds=20 * number + 900)
    return Record(
        "CM",
        subject.id,
        "LOG",
        0,
        number,
        None,
        saved(*((when + shift, step) for when, step in [(created, start), *later])),
    )


def _vital_signs(rng: Rng, course: Course) -> list[Record]:
    """One record a visit; blood pressure, pulse and weight stay near the subject's own level."""
    subject, us = course.subject, course.subject.site["units"] == "conventional"
    man = subject.sex == "M"
    height = near(rng, 175 if man else 162, 6, 148, 196)
    weight = near(rng, 27.5, 3.5, 20.5, 37) * (height / 100) ** 2
    systolic, pulse = near(rng, 128, 13, 104, 158), near(rng, 73, 8, 56, 95)
    made = []
    for contact in _attended(course):
        weight *= 1 + near(rng, 0, 0.006, -0.015, 0.015)
        upper = near(rng, systolic, 6, 98, 172)
        results = {
            "SYSBP": (f"{upper:.0f}", "mmHg"),
            "DIABP": (f"{min(upper - 22, near(rng, 0.42 * upper + 23, 5, 52, 100)):.0f}", "mmHg"),
            "PULSE": (f"{near(rng, pulse, 5, 50, 108):.0f}", "beats/min"),
        }
        warm = near(rng, 36.6, 0.25, 35.8, 37.4)
        results["TEMP"] = (f"{warm * 1.8 + 32:.1f}", "F") if us else (f"{warm:.1f}", "C")
        results["WEIGHT"] = (f"{weight / 0.45359237:.1f}", "lb") if us else (f"{weight:.1f}", "kg")
        if by("visits", "folder")[contact.folder]["height"]:
            results["HEIGHT"] = (f"{height / 2.54:.1f}", "in") if us else (f"{height:.0f}", "cm")
        values = {"VSPERF": "Y", "VSDAT": written(contact.day)}
        may_miss = contact.folder not in ("SCR", "BL")
        if may_miss and chance(rng, 0.006):
            values = {"VSPERF": "N", "VSREASND": "Equipment failure"}
            results = {}
        for test, (result, unit) in results.items():
            if may_miss and test in ("TEMP", "WEIGHT") and chance(rng, 0.012):
                values[f"{test}ND"] = "1"
            else:
                values |= {test: result, f"{test}_UN": unit}
        made.append(
            Record(
                "VS", subject.id, contact.folder, 0, 0, contact.day, saved((_seconds(course, contact.day, 1), values))
            )
        )
    return made


def lab_range(test: Row, sex: str, us: bool) -> tuple[float, float, str, int]:
    """Lower and upper limit, unit and decimals of a test as the local laboratory reports it."""
    factor = float(test["us_factor"]) if us else 1.0
    low, high = (float(test[f"{limit}_{sex.lower()}"]) * factor for limit in ("low", "high"))
    return low, high, test["us_unit"] if us else test["unit"], int(test["us_digits"] if us else test["digits"])


def _laboratory(rng: Rng, course: Course) -> list[Record]:
    """One record a test and visit; most results lie within the range and near the subject's own level."""
    subject, us = course.subject, course.subject.site["units"] == "conventional"
    level = {test["testcd"]: near(rng, 0.5, 0.24, -0.1, 1.25) for test in rows("lab_tests")}
    level["HCT"] = level["HGB"]  # the share of cells in the blood goes with what they carry
    made = []
    for contact in _attended(course):
        if not by("visits", "folder")[contact.folder]["labs"]:
            continue
        fasting = "Y" if chance(rng, 0.85) else "N"
        ill = any(event.start <= contact.day <= (event.end or contact.day) for event in course.events)
        for number, test in enumerate(rows("lab_tests"), start=1):
            low, high, unit, digits = lab_range(test, subject.sex, us)
            values = {
                "LBDAT": written(contact.day),
                "LBFAST": fasting,
                "LBCAT": test["category"],
                "LBTESTCD": test["testcd"],
                "LBTEST": test["test"],
            }
            if chance(rng, 0.012):
                values |= {
                    "LBSTAT": "NOT DONE",
                    "LBREASND": pick(rng, ("Sample haemolysed", "Tube lost", "Not enough blood drawn")),
                }
            else:
                middle = low + level[test["testcd"]] * (high - low)
                result = min(
                    2.5 * high, max(low * 0.6, middle * (1 + near(rng, 0, float(test["variation"]), -0.3, 0.3)))
                )
                values |= {
                    "LBORRES": f"{result:.{digits}f}",
                    "LBORRESU": unit,
                    "LBORNRLO": f"{low:.{digits}f}",
                    "LBORNRHI": f"{high:.{digits}f}",
                }
                if not float(values["LBORNRLO"]) <= float(values["LBORRES"]) <= float(values["LBORNRHI"]):
                    values["LBCLSIG"] = "Y" if chance(rng, 0.06) and ill else "N"
            made.append(
                Record(
                    "LB",
                    subject.id,
                    contact.folder,
                    0,
                    number,
                    contact.day,
                    saved((_seconds(course, contact.day, 2 + number), values)),
                )
            )
    return made


def _sampling(rng: Rng, course: Course) -> list[Record]:
    """Samples for the concentration of the drug: before the dose at weeks 4 and 12, and two hours after it at week 12."""
    subject, made = course.subject, []
    for contact in _attended(course):
        for number, point in enumerate({"W04": ("Pre-dose",), "W12": ("Pre-dose", "2 h post-dose")}.get(contact.folder, ()), start=1):
            values = {"PCPERF": "N", "PCREASND": "Not enough blood drawn", "PCTPT": point}
            if not chance(rng, 0.02):
                clock = f"{(8 if number == 1 else 11) + between(rng, 0, 1):02d}:{between(rng, 0, 59):02d}"
                barcode = f"PK-{subject.id}-{contact.folder}-{number}"
                values = {"PCPERF": "Y", "PCTPT": point, "PCREFID": barcode, "PCDAT": written(contact.day), "PCTIM": clock}
            stamp = _seconds(course, contact.day, 22 + number)
            made.append(Record("PC", subject.id, contact.folder, 0, number, contact.day, saved((stamp, values))))
    return made


def _dosing(rng: Rng, course: Course) -> list[Record]:
    """Dosing intervals from one dispensing visit or dose change to the next: 10 mg, from week 4 on 20 mg."""
    subject = course.subject
    if not subject.first_dose:
        return []
    raised = subject.visits.get("W04", date.max)
    parts = [
        (c.day, 20 if c.day >= raised else 10, "", None)
        for c in _attended(course)
        if by("visits", "folder")[c.folder]["dispense"] and c.day <= subject.last_dose
    ]
    for event in course.events:
        if event.action == "DRUG INTERRUPTED":
            before = [part for part in parts if part[0] < event.changed][-1]
            parts.append((event.changed + days(event.paused), before[1], "Resumed after adverse event", event.changed))
        elif event.action == "DOSE REDUCED":
            parts = [(day, 10 if day > event.changed else dose, why, stop) for day, dose, why, stop in parts]
            parts.append((event.changed, 10, "Adverse event", event.changed))
    parts.sort()
    made = []
    for number, (start, dose, why, _) in enumerate(parts, start=1):
        following = parts[number] if number < len(parts) else None
        end = (following[3] or following[0]) - days(1) if following else subject.last_dose
        values = {
            "EXSPID": str(number),
            "EXTRT": "Tarvocardine or placebo",
            "EXDSTXT": str(dose),
            "EXDOSU": "mg",
            "EXDOSFRQ": "QD",
            "EXROUTE": "ORAL",
            "EXSTDAT": written(start),
            "EXENDAT": "",
            "EXADJ": why,
        }
        shift = timedelta(seconds=20 * number + 1200)
        known = course.entered(following[0] if following else subject.last_dose)
        created = course.entered(start)
        steps = [(created + shift, values), (max(known, created) + shift if known else None, {"EXENDAT": written(end)})]
        made.append(Record("EX", subject.id, "LOG", 0, number, None, saved(*steps)))
    return made


def _disposition(rng: Rng, course: Course) -> list[Record]:
    """Randomisation, the end of treatment, and the end of participation."""
    subject = course.subject
    text = "Eligibility criteria not met"
    steps = []
    if subject.first_dose:
        withdrawn = next((event.term for event in course.events if event.action == "DRUG WITHDRAWN"), "")
        text = by("dispositions", "decod")[subject.fate]["text"].format(event=withdrawn)
        stopped = subject.death or subject.last_dose
        known = subject.last_dose if subject.fate == "COMPLETED" else subject.left
        steps = [
            ("BL", "PROTOCOL MILESTONE", "", "RANDOMIZED", "Randomised", subject.first_dose, subject.first_dose),
            ("CONC", "DISPOSITION EVENT", "STUDY TREATMENT", subject.fate, text, stopped, known),
        ]
    steps.append(("CONC", "DISPOSITION EVENT", "STUDY PARTICIPATION", subject.fate, text, subject.left, subject.left))
    made = []
    for number, (folder, category, subcategory, decod, reason, day, known) in enumerate(steps):
        values = {"DSCAT": category, "DSSCAT": subcategory, "DSDECOD": decod, "DSTERM": reason, "DSSTDAT": written(day)}
        values["DTHDAT"] = written(subject.death) if folder == "CONC" else ""
        when = course.entered(known) + timedelta(seconds=450 + 25 * number)
        made.append(Record("DS", subject.id, folder, 0, max(number, 1), None, saved((when, values))))
    return made
