"""The demo's content as read: term lists, schedules and codes; and the way dates are written on its forms."""

from __future__ import annotations

import csv
import tomllib
from datetime import date, timedelta
from functools import cache
from pathlib import Path

CONTENT = Path(__file__).parent / "content"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
Row = dict[str, str]


@cache
def rows(name: str) -> tuple[Row, ...]:
    """The rows of one content list."""
    with (CONTENT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def by(name: str, key: str) -> dict[str, Row]:
    """The rows of one content list by a column of theirs."""
    return {row[key]: row for row in rows(name)}


@cache
def plan() -> dict[str, dict]:
    """The planned visits of study.toml by name: number, day, before, after."""
    visits = tomllib.loads((CONTENT / "study.toml").read_text(encoding="utf-8"))["visits"]
    return {visit["name"]: {"before": 0, "after": 0} | visit for visit in visits}


@cache
def fields(form: str) -> tuple[Row, ...]:
    """The fields of a form in the order of the CRF."""
    return tuple(row for row in rows("fields") if row["form"] == form)


@cache
def codes(codelist: str) -> dict[str, str]:
    """What a code list shows on screen, by code."""
    return {row["code"]: row["display"] for row in rows("codes") if row["codelist"] == codelist}


def written(day: date | None) -> str:
    """A date as sites enter it: 05 MAR 2024; nothing for none."""
    return f"{day.day:02d} {MONTHS[day.month - 1]} {day.year}" if day else ""


def parts(text: str) -> tuple[str, str, str] | None:
    """Year, month and day of a date as entered, each empty when unknown; None when the text is not a date."""
    pieces = text.split(" ")
    if len(pieces) != 3 or len(pieces[2]) != 4 or not pieces[2].isdigit():
        return None
    day, month, year = pieces
    if month not in (*MONTHS, "UNK") or not (day == "UN" or (day.isdigit() and len(day) == 2)):
        return None
    number = f"{MONTHS.index(month) + 1:02d}" if month != "UNK" else ""
    if day != "UN":
        try:
            date(int(year), int(number or 1), int(day))
        except ValueError:
            return None
    return year, number, day if day != "UN" else ""


def known(text: str) -> date | None:
    """The date a text stands for, when year, month and day are all known."""
    found = parts(text)
    return date(*map(int, found)) if found and all(found) else None


def days(number: int) -> timedelta:
    return timedelta(days=int(number))
