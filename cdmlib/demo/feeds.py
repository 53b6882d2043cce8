"""What third parties send each week: safety database, central laboratory, randomisation, questionnaires, device and samples.

It is made from what is true, so that an error of the EDC shows as a disagreement too; then disagreements of its own are planted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zlib import crc32

from cdmlib.demo import extract, feed_kinds
from cdmlib.demo.errors_planted import Planted
from cdmlib.demo.feed_kinds import MONTHS
from cdmlib.demo.generate import CUT_OFFS, MOMENTS, Record, Rng, Subject, between, generator, shuffled
from cdmlib.demo.lists import Row, by, days, known, rows

FILES = {
    "safety": "safety.csv",
    "lab": "central_lab.csv",
    "irt": "irt.csv",
    "epro": "epro.csv",
    "device": "device.csv",
    "samples": "pk_samples.csv",
}
FORMS = {  # of the EDC, that a feed is held against: no subject has an error there and a disagreement in the feed
    "safety": ("AE",),
    "lab": ("LB", "DM"),
    "irt": ("DS", "DM", "EX"),
    "epro": ("SV",),
    "device": ("SV",),
    "samples": ("PC",),
}
KEY = ("error_id", "kind", "feed", "subjid", "visit", "expected", "also_expected", "first_week", "last_week", "reason")
PAIRS = ("recon", "left_key", "right_key")
CENTRAL = ("HGB", "K", "SODIUM", "CREAT", "ALT")  # tests of the central laboratory
OUTCOMES = {
    "RECOVERED/RESOLVED WITH SEQUELAE": "Recovered with sequelae",
    "FATAL": "Fatal",
    "RECOVERED/RESOLVED": "Recovered",
}
OUTCOMES |= {"RECOVERING/RESOLVING": "Recovering", "NOT RECOVERED/NOT RESOLVED": "Not recovered"}


@dataclass(frozen=True)
class Unit:
    """What belongs together in a feed (the versions of a case, the results of a sample): its rows, and the EDC records they are of."""

    feed: str
    id: str
    subject: str
    visit: str
    rows: tuple[Row, ...]
    left: tuple[int, ...] = ()  # places of the EDC records, by row when there are several


@dataclass(frozen=True)
class Disagreement:
    """One planted disagreement, in one unit, from which extract to which."""

    kind: Row
    unit: str
    subject: str
    visit: str
    first: int
    last: int | None


def write(
    folder: Path, seed: int, subjects: dict[str, Subject], records: list[Record], planted: list[Planted], true: int
) -> None:
    """Write the six feeds of every week into incoming/, and beside study.toml the answer key of their disagreements and of the true pairs.

    true: how many of the records are; those after them were planted as one too many.
    """
    weeks = [_units(seed, subjects, records[:true], moment) for moment in MOMENTS]
    touched = {(record.form, record.subject) for record in records if record.overlays} | {
        (error.kind["form"], records[error.index].subject) for error in planted
    }
    wrong = _plant(
        seed, weeks, {feed: {subject for form, subject in touched if form in forms} for feed, forms in FORMS.items()}
    )
    for cutoff, units, number in zip(CUT_OFFS, weeks, range(1, 5), strict=True):
        sent: dict[str, list[Row]] = {feed: [] for feed in FILES}
        for unit in units.values():
            sent[unit.feed] += _as_sent(
                seed, unit, [w for w in wrong if w.unit == unit.id and w.first <= number <= (w.last or 4)]
            )
        for feed, name in FILES.items():
            columns = list(sent[feed][0])
            _write(folder / "incoming" / cutoff / name, columns, [[row[c] for c in columns] for row in sent[feed]])
    lines = [
        [
            f"R{place:03d}", w.kind["kind"], w.kind["feed"], w.subject, w.visit, w.kind["expected"], w.kind["also"],
            CUT_OFFS[w.first - 1], CUT_OFFS[w.last - 1] if w.last else "", w.kind["reason"],
        ]
        for place, w in enumerate(wrong, start=1)
    ]  # fmt: skip
    lines += _elsewhere(records, planted)
    _write(folder / "answer_key_reconciliation.csv", KEY, lines)
    ids = extract.number_records(records)
    _write(folder / "answer_key_pairs.csv", PAIRS, sorted(_pairs(weeks[-1].values(), records, ids)))


def _elsewhere(records: list[Record], planted: list[Planted]) -> list[list[str]]:
    """Subjects with wrong values in the EDC for whom the answer key of the EDC has no line, such as the second of two with exchanged reports."""
    named = {(error.kind["form"], records[error.index].subject) for error in planted}
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.overlays and (record.form, record.subject) not in named and record.form != "VS":
            overlay = record.overlays[0]
            first = next(day for day, at in zip(CUT_OFFS, MOMENTS, strict=True) if at >= overlay.start)
            last = [day for day, at in zip(CUT_OFFS, MOMENTS, strict=True) if overlay.end and at < overlay.end]
            place = (record.form.lower(), record.subject)
            found[place] = [
                "",
                "edc_error",
                record.form.lower(),
                record.subject,
                "",
                "",
                "",
                first,
                last[-1] if overlay.end else "",
                "Wrong in the EDC",
            ]
    return [found[place] for place in sorted(found)]


def _write(path: Path, columns: tuple | list, lines: list) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([columns, *lines])
    path.write_bytes(text.getvalue().encode("utf-8"))


def _as_sent(seed: int, unit: Unit, wrong: list[Disagreement]) -> list[Row]:
    """The rows of a unit with the disagreement planted in it."""
    found = [dict(row) for row in unit.rows]
    for w in wrong:
        found = _change(w.kind)(found, _rng(seed, w.kind["kind"], unit.id)) or []
    return found


def _change(kind: Row) -> Callable[[list[Row], Rng], list[Row] | None]:
    return getattr(feed_kinds, kind["kind"])


def _rng(seed: int, kind: str, unit: str) -> Rng:
    return generator(seed, crc32(kind.encode()), crc32(unit.encode()))


def _plant(seed: int, weeks: list[dict[str, Unit]], taken: dict[str, set[str]]) -> list[Disagreement]:
    """One disagreement per subject and feed, none of a subject that is `taken`, each in a unit that lends itself to it in all its weeks."""
    planted: list[Disagreement] = []
    for kind in rows("feed_kinds"):
        rng = generator(seed, crc32(kind["kind"].encode()), 77)
        for span in kind["spans"].split("|"):
            start, _, end = span.partition("-")
            first, last = int(start), int(end) if end else None
            fit = [u for u in weeks[first - 1].values() if u.feed == kind["feed"] and u.subject not in taken[u.feed]]
            for unit in shuffled(rng, fit):
                there = [weeks[week - 1].get(unit.id) for week in range(first, (last or 4) + 1)]
                if not all(there):
                    continue
                changed = [_change(kind)([dict(r) for r in u.rows], _rng(seed, kind["kind"], u.id)) for u in there]
                if any(c is None or c == list(u.rows) for c, u in zip(changed, there, strict=True)):
                    continue
                planted.append(Disagreement(kind, unit.id, unit.subject, unit.visit, first, last))
                taken[unit.feed].add(unit.subject)
                break
    return planted


def _pairs(units: object, records: list[Record], ids: list[str]) -> list[tuple[str, str, str]]:
    """The EDC record that each record of a feed truly is of: reconciliation, left key, right key."""
    found = []
    for unit in units:
        if unit.feed == "safety":
            found.append(("sae", f"AE|{ids[unit.left[0]]}", f"CASE|{unit.id}|1"))
        elif unit.feed == "lab":
            found += [
                ("lab_results", f"LB|{ids[i]}", f"LBX|{row['accession_number']}|{row['test_code']}|1")
                for i, row in zip(unit.left, unit.rows, strict=True)
            ]
        elif unit.feed == "samples":
            found.append(("samples", f"PC|{ids[unit.left[0]]}", f"SAMPLE|{unit.id}"))
    return found


# ── what is true, feed by feed ──────────────────────────────────────────────────────────────────────────────────


def _units(seed: int, subjects: dict[str, Subject], records: list[Record], moment: datetime) -> dict[str, Unit]:
    """Everything that the third parties know at a moment, by id; ids mean the same thing in every week."""
    units: list[Unit] = []
    samples: dict[tuple[str, str, str], list[int]] = {}
    for index, record in enumerate(records):
        if record.created > moment:
            continue
        values, subject = record.right(moment), subjects[record.subject]
        if record.form == "AE" and values.get("AESER") == "Y":
            units.append(_case(index, record, subject, moment))
        elif record.form == "LB" and values.get("LBTESTCD") in CENTRAL and values.get("LBORRES"):
            samples.setdefault((record.subject, record.visit, values["LBDAT"]), []).append(index)
        elif record.form == "DS" and values.get("DSDECOD") == "RANDOMIZED":
            units.append(_randomised(record, subject, values))
        elif record.form == "SV" and values.get("SVOCCUR") == "Y":
            units += _visit(seed, record, subject, values)
        elif record.form == "PC" and values.get("PCPERF") == "Y":
            units.append(_sample(index, record, values))
    units += [_report(place, found, records, subjects, moment) for place, found in samples.items()]
    return {unit.id: unit for unit in units}


def _day(text: str, pattern: str = "iso") -> str:
    day = known(text)
    if not day:
        return ""
    return day.isoformat() if pattern == "iso" else f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"


def _case(index: int, record: Record, subject: Subject, moment: datetime) -> Unit:
    """A case of the safety database with a version for each time that the event was updated."""
    number = f"TVC-{record.created:%y}-{crc32(f'{record.subject}|{record.position}'.encode()) % 100_000:05d}"
    lines = []
    for version, (when, values) in enumerate((step for step in record.history if step[0] <= moment), start=1):
        lines.append(
            {
                "case_number": number, "case_version": str(version), "event_number": "1", "case_status": "Open" if values.get("AEONGO") == "Y" else "Closed",
                "subject_id": f"TVC-301-{record.subject}", "event_verbatim": values["AETERM"], "onset_date": _day(values["AESTDAT"], "dmy"),
                "end_date": _day(values.get("AEENDAT", ""), "dmy"), "serious": "Yes",
                "results_in_death": "Yes" if values.get("AESDTH") == "Y" else "No", "life_threatening": "Yes" if values.get("AESLIFE") == "Y" else "No",
                "hospitalisation": "Yes" if values.get("AESHOSP") == "Y" else "No", "disability": "No", "congenital_anomaly": "No",
                "event_outcome": OUTCOMES.get(values["AEOUT"], values["AEOUT"]), "reporter_causality": values["AEREL"].capitalize(),
                "action_taken": values["AEACN"].capitalize(), "severity": values["AESEV"].capitalize(), "receipt_date": f"{record.created:%d}-{MONTHS[record.created.month - 1]}-{record.created:%Y}",
                "latest_receipt_date": f"{when:%d}-{MONTHS[when.month - 1]}-{when:%Y}",
            }
        )  # fmt: skip
    return Unit("safety", number, record.subject, "", tuple(lines), (index,))


def _report(
    place: tuple[str, str, str], found: list[int], records: list[Record], subjects: dict[str, Subject], moment: datetime
) -> Unit:
    """The results of one sample in the units of the laboratory, which writes subject numbers without a dash."""
    subject, folder, day = place
    person, accession = subjects[subject], f"C{crc32('|'.join(place).encode()) % 10_000_000:07d}"
    lines = []
    for index in found:
        values = records[index].right(moment)
        test = by("lab_tests", "testcd")[values["LBTESTCD"]]
        conventional = person.site["units"] == "conventional"
        result = float(values["LBORRES"]) / (float(test["us_factor"]) if conventional else 1)
        lines.append(
            {
                "accession_number": accession, "subject": subject.replace("-", ""), "sex": person.sex, "date_of_birth": person.birth.isoformat(),
                "visit": folder, "collection_date": _day(day), "collection_time": f"{8 + crc32(accession.encode()) % 3:02d}:{crc32(accession.encode()) % 60:02d}",
                "received_date": (known(day) + days(1)).isoformat(), "test_code": values["LBTESTCD"], "test_name": test["test"],
                "result": f"{result:.{max(int(test['digits']), 1) if conventional else int(test['digits'])}f}", "unit": test["unit"],
                "reference_low": test[f"low_{person.sex.lower()}"], "reference_high": test[f"high_{person.sex.lower()}"],
            }
        )  # fmt: skip
    return Unit("lab", accession, subject, by("visits", "folder")[folder]["name"], tuple(lines), tuple(found))


def _randomised(record: Record, subject: Subject, values: Row) -> Unit:
    """One line of the randomisation list, whose subject numbers went through a spreadsheet and lost their zeros."""
    site, _, number = record.subject.partition("-")
    row = {
        "subject": f"{site}-{int(number)}", "randomisation_number": f"{5000 + crc32(record.subject.encode()) % 5000}", "randomisation_date": _day(values["DSSTDAT"], "dmy"),
        "sex": "Male" if subject.sex == "M" else "Female", "year_of_birth": str(subject.birth.year), "stratum": subject.site["group"],
        "status": "Randomised",
    }  # fmt: skip
    return Unit("irt", f"IRT-{record.subject}", record.subject, "", (row,))


def _visit(seed: int, record: Record, subject: Subject, values: Row) -> list[Unit]:
    """The questionnaire of a visit that has one, and the days of the device before a visit that asks for it."""
    name, day = by("visits", "folder")[record.visit]["name"], known(values["SVSTDAT"])
    rng, made = generator(seed, crc32(f"{record.subject}|{record.visit}".encode())), []
    if name in ("Baseline", "Week 4", "Week 12", "Week 24"):
        done = day - days(between(rng, 0, 2))
        clock = f"{between(rng, 7, 21):02d}:{between(rng, 0, 59):02d}"
        row = {
            "subject": record.subject, "visit": name.upper(), "questionnaire": "KCCQ-12", "started_at": f"{done.isoformat()}T{clock}", "completed_at": f"{done.isoformat()}T{clock}",
            "completion_status": "Completed", "device_id": f"EP{crc32(record.subject.encode()) % 9000 + 1000}",
        }  # fmt: skip
        made.append(Unit("epro", f"EPRO-{record.subject}-{record.visit}", record.subject, name, (row,)))
    if name in ("Week 4", "Week 12"):
        poor = between(rng, 0, 2)  # days on which it was worn too little, within what is allowed
        lines = tuple(
            {
                "subject": record.subject, "device_serial": f"ACT{crc32(record.subject.encode()) % 90_000 + 10_000}", "date": (day - days(7 - place)).isoformat(),
                "total_minutes": "1440", "wear_minutes": str(between(rng, 120, 500) if place < poor else between(rng, 640, 1300)), "steps": str(between(rng, 900, 9000)),
            }
            for place in range(7)
        )  # fmt: skip
        made.append(Unit("device", f"DEV-{record.subject}-{record.visit}", record.subject, name, lines))
    return made


def _sample(index: int, record: Record, values: Row) -> Unit:
    """One line of the list of samples received."""
    name, day = by("visits", "folder")[record.visit]["name"], known(values["PCDAT"])
    row = {
        "sample_id": values["PCREFID"], "subject": record.subject, "visit": name.upper(), "time_point": values["PCTPT"].upper(), "collection_date": day.isoformat(),
        "collection_time": values["PCTIM"], "received_date": (day + days(2)).isoformat(), "sample_condition": "Frozen",
    }  # fmt: skip
    return Unit("samples", values["PCREFID"], record.subject, name, (row,), (index,))
