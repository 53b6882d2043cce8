"""The field specification: what each collected column may hold, from study.toml and fields.csv, with code lists by name."""

from __future__ import annotations

import csv
import difflib
import io
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from cdmlib import standard
from cdmlib.errors import CdmError, listed
from cdmlib.standard import Column
from cdmlib.study import FieldRule, Study

TABLE = ("table", "column", *FieldRule.model_fields)  # the columns of fields.csv
NCI = ("Code", "Codelist Code", "Codelist Extensible (Yes/No)", "CDISC Submission Value")
OWN = ("codelist", "value")
SHOWN_WHEN = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s*")


@dataclass(frozen=True)
class CodeList:
    """Permitted values; of an extensible list a study may add to them."""

    values: tuple[str, ...]
    extensible: bool = False


@dataclass(frozen=True)
class Rule:
    """What the specification says of one column; `shown_values` of `shown_field` in the same record make the column be asked."""

    required: bool
    type: str
    low: float | None
    high: float | None
    codelist: CodeList
    shown_field: str
    shown_values: tuple[str, ...]
    length: int | None
    decimals: int | None


def read(study: Study, columns: Mapping[str, tuple[Column, ...]]) -> dict[tuple[str, str], Rule]:
    """The rules of a study by table and column.

    columns: the columns that each clinical table of the study may have. Raises CdmError with every mistake at once: a table, column or code
    list that does not exist, a column with two rules, and a text that can't be read.
    """
    problems: list[str] = []
    given = {
        (table, column): (f"study.toml: fields.{table}.{column}", rule)
        for table, rules in study.fields.items()
        for column, rule in rules.items()
    }
    path = study.folder / "fields.csv"
    for place, table, column, rule in _table(path, problems) if path.exists() else ():
        if (table, column) in given:
            problems.append(f"{place}: {table}.{column} has its rule in {given[table, column][0]} already; keep one")
        given[table, column] = (place, rule)
    lists = code_lists(study)
    rules = {
        key: _rule(place, *key, rule, columns, lists, problems)
        for key, (place, rule) in given.items()
        if _exists(place, *key, columns, problems)
    }
    if problems:
        raise CdmError(listed(problems, f"The field specification of {study.id} has mistakes:"))
    return rules


def code_lists(study: Study) -> dict[str, CodeList]:
    """Every code list that a field may name, in capitals, by short name and NCI code; the study's files in their order, then the library's."""
    found: dict[str, CodeList] = {}
    for name in study.study.codelists:
        path = study.folder / name
        if not path.is_file():
            raise CdmError(f"study.toml: study.codelists: there is no file {name} in {study.folder}.")
        for key, values in read_code_lists(path).items():
            found.setdefault(key, values)
    for key, values in standard.codelists().items():
        found.setdefault(key, CodeList(values))
    return found


@cache
def read_code_lists(path: Path) -> dict[str, CodeList]:
    """The code lists in a file: the terminology text of NCI EVS (tab-separated, also as .xz), or a CSV with codelist, value and extensible.

    Raises CdmError for a file of neither layout.
    """
    raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CdmError(f"{path}: must be UTF-8 text. Save the code lists as UTF-8.") from None
    first = text.partition("\n")[0].rstrip("\r")
    if set(NCI) <= set(first.split("\t")):
        return _nci(text)
    reader = csv.DictReader(io.StringIO(text))
    if not set(OWN) <= set(reader.fieldnames or ()) or set(reader.fieldnames or ()) - {*OWN, "extensible", "label"}:
        raise CdmError(
            f"{path}: a file of code lists must have the columns codelist and value (and extensible, label), or be the terminology text "
            f"of NCI EVS with {', '.join(NCI)}; it has {first!r}."
        )
    values: dict[str, list[str]] = {}
    extensible = set()
    for row in reader:
        name = row["codelist"].strip().upper()
        values.setdefault(name, []).append(row["value"].strip())
        if (row.get("extensible") or "").strip().upper() in ("Y", "YES"):
            extensible.add(name)
    return {name: CodeList(tuple(of), name in extensible) for name, of in values.items()}


def _nci(text: str) -> dict[str, CodeList]:
    """Lists by NCI code (C66742) and by short name (NY); a line without a list's code is the list itself, and others are its terms."""
    names: dict[str, tuple[str, bool]] = {}
    terms: dict[str, list[str]] = {}
    for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        value = (row["CDISC Submission Value"] or "").strip()
        if not (row["Codelist Code"] or "").strip():
            names[row["Code"].strip()] = (value, row["Codelist Extensible (Yes/No)"].strip().upper() == "YES")
        else:
            terms.setdefault(row["Codelist Code"].strip(), []).append(value)
    found = {}
    for code, (name, extensible) in names.items():
        found[code.upper()] = found[name.upper()] = CodeList(tuple(terms.get(code, ())), extensible)
    return found


def _table(path: Path, problems: list[str]) -> list[tuple[str, str, str, FieldRule]]:
    """The lines of fields.csv as rules, with the place of each; mistakes are added to `problems`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or ()
        problems += [
            f"fields.csv: {name!r} is not a column of it; there are {', '.join(TABLE)}"
            for name in names
            if name not in TABLE
        ]
        problems += [f"fields.csv: the column {name!r} is missing" for name in TABLE[:2] if name not in names]
        if problems:
            return []
        rules, seen = [], {}
        for line in reader:
            place = f"fields.csv line {reader.line_num}"
            cells = {name: (value or "").strip() for name, value in line.items() if name}
            if None in line:
                problems.append(f"{place}: has more cells than the first line")
                continue
            key = (cells.pop("table").lower(), cells.pop("column").lower())
            if key in seen:
                problems.append(f"{place}: {'.'.join(key)} stands in {seen[key]} already; keep one")
                continue
            seen[key] = place
            try:
                rules.append(
                    (place, *key, FieldRule(**{name: _cell(name, value) for name, value in cells.items() if value}))
                )
            except (ValidationError, ValueError) as error:
                what = error.errors()[0] if isinstance(error, ValidationError) else None
                told = (
                    f"{'.'.join(map(str, what['loc']))}: {what['msg']}; given {what['input']!r}" if what else str(error)
                )
                problems.append(f"{place}: {'.'.join(key)}: {told}")
        return rules


def _cell(name: str, value: str) -> object:
    if name == "required":
        if value.upper() not in ("Y", "N"):
            raise ValueError(f"required must be Y, N or empty; given {value!r}")
        return value.upper() == "Y"
    if name in ("low", "high"):
        return float(value)
    if name in ("length", "decimals"):
        return int(value)
    if name == "codelist" and "|" in value:
        return [part.strip() for part in value.split("|") if part.strip()]
    return value


def _exists(
    place: str, table: str, column: str, columns: Mapping[str, tuple[Column, ...]], problems: list[str]
) -> bool:
    if table not in columns:
        problems.append(f"{place}: {table!r} is not a standard table; there are {', '.join(columns)}")
        return False
    known = [c.name for c in columns[table] if c.role != "key"]
    if column not in known:
        near = difflib.get_close_matches(column, known, n=1)
        problems.append(
            f"{place}: {table} has no column {column!r}"
            + (f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}")
        )
    return column in known


def _rule(
    place: str,
    table: str,
    column: str,
    rule: FieldRule,
    columns: Mapping[str, tuple[Column, ...]],
    lists: Mapping[str, CodeList],
    problems: list[str],
) -> Rule:
    codelist = CodeList(tuple(rule.codelist)) if isinstance(rule.codelist, list) else CodeList(())
    if isinstance(rule.codelist, str) and rule.codelist:
        codelist = lists.get(rule.codelist.upper(), CodeList(()))
        if rule.codelist.upper() not in lists:
            near = difflib.get_close_matches(rule.codelist.upper(), lists, n=1)
            problems.append(
                f"{place}: there is no code list {rule.codelist!r}"
                + (f"; did you mean {near[0]}?" if near else ". Name its file in study.toml: study.codelists")
            )
    if rule.low is not None and rule.high is not None and rule.low > rule.high:
        problems.append(f"{place}: low ({rule.low:g}) must not be above high ({rule.high:g})")
    shown_field, shown_values = "", ()
    if rule.shown_when:
        if not (found := SHOWN_WHEN.fullmatch(rule.shown_when)):
            problems.append(
                f"{place}: shown_when must read `column = value` or `column = value | value`; given {rule.shown_when!r}"
            )
        elif _exists(f"{place}: shown_when", table, found[1].lower(), columns, problems):
            shown_field = found[1].lower()
            shown_values = tuple(part.strip() for part in found[2].split("|") if part.strip())
    return Rule(
        rule.required, rule.type, rule.low, rule.high, codelist, shown_field, shown_values, rule.length, rule.decimals
    )
