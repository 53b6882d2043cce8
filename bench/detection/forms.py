"""Forms that the demo study has not: electrocardiogram, questionnaire, procedures, deviations; right in all values."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

from cdmlib.demo.extract import number_records
from cdmlib.demo.generate import Record, Rng, Subject, between, chance, generator, near, pick
from cdmlib.demo.lists import Row, by, days, written

FIELDS = {
    "EG": ("EGPERF", "EGREASND", "EGDAT", "EGHR", "EGPR", "EGQRS", "EGQT", "EGQTCF", "EGINTP"),
    "QS": ("QSPERF", "QSREASND", "QSDAT", "QSQ1", "QSQ2", "QSQ3", "QSQ4", "QSQ5", "QSTOTAL"),
    "PR": ("PRSPID", "PRTRT", "PRINDC", "PRSTDAT", "PRENDAT"),
    "DV": ("DVSPID", "DVCAT", "DVTERM", "DVSTDAT"),
}
PAGES = {"EG": "Electrocardiogram", "QS": "Quality of Life", "PR": "Procedures", "DV": "Protocol Deviations"}
PROCEDURES = ("Coronary angiography", "Chest X-ray", "Gastroscopy", "Colonoscopy", "Ultrasound of the abdomen")
DEVIATIONS = (
    ("MINOR", "Blood sample taken without fasting"),
    ("MINOR", "Diary returned late"),
    ("MAJOR", "Study drug kept at the wrong temperature"),
)


def add(seed: int, subjects: dict[str, Subject], records: list[Record]) -> list[Record]:
    """The records of these forms for every subject; each is entered with the visit it belongs to."""
    stamps = {(r.subject, r.visit): r.created for r in records if r.form == "SV"}
    pulses = {(r.subject, r.visit): r.history[0][1].get("PULSE", "") for r in records if r.form == "VS"}
    made = []
    for number, subject in enumerate(subjects.values()):
        rng = generator(seed, 77, number)
        entered = [(folder, day) for folder, day in subject.visits.items() if (subject.id, folder) in stamps]
        made += _electrocardiograms(rng, subject, entered, stamps, pulses)
        made += _questionnaires(rng, subject, entered, stamps)
        made += _log_forms(rng, subject, entered, stamps)
    return made


def _record(form: str, subject: str, folder: str, place: int, day, stamp: datetime, values: Row) -> Record:
    return Record(form, subject, folder, 0, place, day, ((stamp + timedelta(minutes=30), values),))


def rr_corrected(qt: int, rate: int) -> int:
    """QT in ms corrected for heart rate after Fridericia: QT divided by the cube root of the RR interval in seconds."""
    return round(qt / (60 / rate) ** (1 / 3))


def _electrocardiograms(rng: Rng, subject: Subject, entered: list, stamps: dict, pulses: dict) -> list[Record]:
    own_corrected = near(rng, 415, 12, 385, 440)
    made = []
    for folder, day in entered:
        if folder not in ("SCR", "BL", "W12", "W24", "EOS"):
            continue
        pulse = int(pulses.get((subject.id, folder)) or 72)  # the heart rate goes with the pulse of the visit
        rate = round(near(rng, pulse, 3, pulse - 6, pulse + 6))
        qt = round(near(rng, own_corrected, 6, 380, 448) * (60 / rate) ** (1 / 3))
        values = {
            "EGPERF": "Y",
            "EGDAT": written(day),
            "EGHR": str(rate),
            "EGPR": f"{near(rng, 162, 14, 128, 196):.0f}",
            "EGQRS": f"{near(rng, 96, 7, 80, 116):.0f}",
            "EGQT": str(qt),
            "EGQTCF": str(rr_corrected(qt, rate)),
            "EGINTP": "NORMAL" if chance(rng, 0.7) else "ABNORMAL, NOT CLINICALLY SIGNIFICANT",
        }
        if folder != "SCR" and chance(rng, 0.01):
            values = {"EGPERF": "N", "EGREASND": "Device out of order"}
        made.append(_record("EG", subject.id, folder, 0, day, stamps[subject.id, folder], values))
    return made


def _questionnaires(rng: Rng, subject: Subject, entered: list, stamps: dict) -> list[Record]:
    made, well = [], between(rng, 2, 4)
    for folder, day in entered:
        if folder not in ("BL", "W12", "W24"):
            continue
        answers = {f"QSQ{n}": str(min(5, max(1, well + between(rng, -1, 1)))) for n in range(1, 6)}
        values = {"QSPERF": "Y", "QSDAT": written(day)} | answers
        values["QSTOTAL"] = str(sum(map(int, answers.values())))
        made.append(_record("QS", subject.id, folder, 0, day, stamps[subject.id, folder], values))
    return made


def _log_forms(rng: Rng, subject: Subject, entered: list, stamps: dict) -> list[Record]:
    if len(entered) < 2:
        return []
    made, (folder, last) = [], max(entered, key=lambda item: item[1])
    stamp = stamps[subject.id, folder]
    if chance(rng, 0.6):
        day = written(subject.consent + days(between(rng, 1, (last - subject.consent).days)))
        treated = pick(rng, PROCEDURES)
        values = {"PRSPID": "1", "PRTRT": treated, "PRINDC": "Work-up", "PRSTDAT": day, "PRENDAT": day}
        made.append(_record("PR", subject.id, "LOG", 1, None, stamp, values))
    if chance(rng, 0.6):
        category, term = pick(rng, DEVIATIONS)
        day = written(subject.consent + days(between(rng, 1, (last - subject.consent).days)))
        values = {"DVSPID": "1", "DVCAT": category, "DVTERM": term, "DVSTDAT": day}
        made.append(_record("DV", subject.id, "LOG", 1, None, stamp, values))
    return made


def write(folder: Path, moment: datetime, subjects: dict[str, Subject], records: list[Record]) -> None:
    """Write one plain CSV a form into `folder`: where the record stands, then its values."""
    ids = number_records(records)
    for form, fields in FIELDS.items():
        with (folder / f"{form.lower()}_extra.csv").open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(["record_id", "site", "subject", "visit", "page", "line", *fields])
            for index, record in enumerate(records):
                if record.form != form or not (shown := record.shown(moment)):
                    continue
                site = subjects[record.subject].site["number"]
                visit = by("visits", "folder")[record.visit]["name"]
                values = [shown[0].get(field, "") for field in fields]
                lines.writerow([ids[index], site, record.subject, visit, PAGES[form], record.position, *values])
