"""What the EDC sends: one Rave clinical view per form, as CSV that ends with the line EOF."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from functools import cache
from pathlib import Path

from cdmlib.demo.generate import Record, Subject
from cdmlib.demo.kinds import VITAL_SIGNS
from cdmlib.demo.lists import by, codes, fields, parts, plan, rows

SYSTEM = (
    "userid", "projectid", "project", "studyid", "environmentName", "subjectId", "StudySiteId", "Subject", "siteid",
    "Site",
    "SiteNumber", "SiteGroup", "instanceId", "InstanceName", "InstanceRepeatNumber", "folderid", "Folder",
    "FolderName", "FolderSeq", "TargetDays", "DataPageId", "DataPageName", "PageRepeatNumber", "RecordDate",
    "RecordId", "recordposition", "RecordActive", "SaveTs", "MinCreated", "MaxUpdated",
)  # fmt: skip
PROJECT = ("5511", "117", "TVC-301", "1042", "Prod")
PARTS = {  # columns of a field by its type; {} is the field
    "text": ("{}",),
    "number": ("{}", "{}_RAW"),
    "measure": ("{}", "{}_RAW", "{}_UN"),
    "code": ("{}", "{}_STD"),
    "date": ("{}", "{}_RAW", "{}_INT", "{}_YYYY", "{}_MM", "{}_DD"),
}


def number_records(records: list[Record]) -> list[str]:
    """A RecordId for every record, given out in the order of entry as a database does."""
    order = sorted(range(len(records)), key=lambda index: (records[index].created, index))
    ids = {index: str(7_310_001 + 3 * place) for place, index in enumerate(order)}
    return [ids[index] for index in range(len(records))]


def write(folder: Path, cutoff: str, moment: datetime, subjects: dict[str, Subject], records: list[Record]) -> None:
    """Write the extract of a moment into `folder`, one file a form."""
    folder.mkdir(parents=True)
    ids, places = number_records(records), _places(subjects, records)
    sequence = {row["folder"]: number for number, row in enumerate(rows("visits"), start=1)}
    order = sorted(
        range(len(records)),
        key=lambda i: (
            records[i].subject,
            sequence[records[i].visit],
            records[i].repeat,
            records[i].position,
            int(ids[i]),
        ),
    )
    for form in by("forms", "form"):
        columns = [row for row in fields(form) if row["from"] <= cutoff]
        text = io.StringIO(newline="")
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow([*SYSTEM, *(name.format(row["field"]) for row in columns for name in PARTS[row["type"]])])
        for index in order:
            record = records[index]
            if record.form != form or not (shown := record.shown(moment)):
                continue
            values, updated, active = shown
            cells = [*places[index], ids[index], str(record.position), "1" if active else "0"]
            cells += [
                f"{updated:%Y-%m-%dT%H:%M:%S}",
                f"{record.created:%Y-%m-%dT%H:%M:%S}",
                f"{updated:%Y-%m-%dT%H:%M:%S}",
            ]
            for row in columns:
                cells += _cells(row["type"], row["codes"], values.get(row["field"], ""))
                if row["type"] == "measure":
                    cells.append(values.get(f"{row['field']}_UN", ""))
            lines.writerow(cells)
        text.write("EOF\r\n")
        (folder / f"{form}.csv").write_bytes(text.getvalue().encode("utf-8"))


@cache
def _cells(kind: str, codelist: str, text: str) -> tuple[str, ...]:
    """The cells of one field; what the EDC can't read stays as entered, and its derived cells stay empty."""
    if kind == "number" or kind == "measure":
        return text if _is_number(text) else "", text
    if kind == "code":
        display = codes(codelist).get(text)
        return (display, text) if display else (text, "")
    if kind == "date":
        found = parts(text)
        if not found:
            return "", text, "", "", "", ""
        year, month, day = found
        stand_in = f"{year}-{month or '01'}-{day or '01'}"
        return f"{stand_in}T00:00:00" if day else "", text, stand_in, year, month, day
    return (text,)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _places(subjects: dict[str, Subject], records: list[Record]) -> list[tuple[str, ...]]:
    """The cells of every record that say where it stands: project, subject, site, folder and page."""
    sites = {row["site"]: str(number) for number, row in enumerate(rows("sites"), start=1)}
    people = {id: str(40_000 + number) for number, id in enumerate(subjects, start=1)}
    folders = {
        row["folder"]: (str(900 + number), row, str(number)) for number, row in enumerate(rows("visits"), start=1)
    }
    instances: dict[tuple, str] = {}
    pages: dict[tuple, str] = {}
    found = []
    for record in records:
        site = subjects[record.subject].site
        number, folder, sequence = folders[record.visit]
        day = plan().get(folder["name"], {}).get("day", "")
        instance = instances.setdefault((record.subject, record.visit, record.repeat), str(600_001 + len(instances)))
        key = (record.subject, record.visit, record.repeat, record.form)
        page = pages.setdefault(key, str(2_400_001 + len(pages)))
        found.append(
            (
                *PROJECT,
                people[record.subject],
                f"88{int(sites[site['site']]):02d}",
                record.subject,
                f"3{int(sites[site['site']]):02d}",
                site["name"],
                site["number"],
                site["group"],
                instance,
                folder["name"],
                str(record.repeat),
                number,
                folder["folder"],
                folder["name"],
                sequence,
                str(day),
                page,
                by("forms", "form")[record.form]["page"],
                "0",
                f"{record.day.isoformat()}T00:00:00" if record.day else "",
            )
        )
    return found


def key_of(record: Record, id: str, field: str) -> str:
    """The record_key that the study's tables give to the row with this field; a whole VS page goes by its first."""
    if record.form != "VS":
        return f"{record.form}|{id}"
    test = field.removesuffix("_UN").removesuffix("ND")
    return f"VS|{id}|{test if test in VITAL_SIGNS else min(VITAL_SIGNS)}"


def visit_key(subject: str, folder: str) -> str:
    """The key of a visit in the derived table `visits`."""
    return f"{subject}|{by('visits', 'folder')[folder]['name']}"
