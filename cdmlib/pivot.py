"""Data with a row per item (ODM, Viedoc): the items of each form laid side by side, as a SELECT that table files can hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cdmlib.snapshot import Snapshot, Stored
from cdmlib.standard import literal, quote

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VERSION = re.compile(r"_(V\d+|ENGLISH)$", re.IGNORECASE)
MOST_ITEMS = 400  # of a form; a dataset with more different items is no form


@dataclass(frozen=True)
class Long:
    """How one layout writes items: its columns that name form, item and value, that place a record, and what they are called."""

    needs: tuple[str, ...]
    form: str  # the column by whose values the items are divided into forms
    called: str  # the column that names the form
    item: tuple[str, ...]  # the columns that name an item, the best first
    label: str
    value: str
    record: tuple[str, ...]  # the columns that together are one record of a form
    context: tuple[tuple[str, str], ...]  # (expression, name that `cdm new` knows it by)


LAYOUTS = (
    Long(
        ("ItemGroupOID", "ItemOID", "ItemName", "Value", "StudySubjectID"), "ItemGroupOID", "FormOID", ("ItemName", "ItemOID"), "ItemLabel", "Value",
        ("StudySubjectID", "StudyEventOID", "StudyEventRepeatKey", "FormOID", "FormRepeatKey", "ItemGroupOID", "ItemGroupRepeatKey"),
        (
            ("StudySubjectID", "StudySubjectID"), ("StudyOID", "SITE"),
            ("concat_ws(' ', StudyEventOID, CASE WHEN StudyEventRepeatKey <> '1' THEN StudyEventRepeatKey END)", "EVENTNAME"),
            ("FormOID", "FORMNAME"), ("ItemGroupRepeatKey", "ROWNUM"),
        ),
    ),
    Long(
        ("SubjectId", "FormId", "ItemGroupId", "ItemGroupSeq", "ItemId", "ItemValue", "FormSeq", "EventSeq"), "FormId", "FormId", ("ItemId",),
        "ItemExportLabel", "ItemValue",
        ("SubjectId", "EventSeq", "EventId", "ActivityId", "FormId", "FormSeq"),
        (
            ("SubjectId", "SubjectId"), ("SiteCode", "SITE"), ("EventName", "EVENTNAME"), ("FormName", "FORMNAME"), ("FormSeq", "ROWNUM"),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """One form as `cdm new` looks at it: its columns (with labels), where its rows can be read now, and what a table file selects from."""

    stored: Stored
    path: Path
    origin: str
    dataset: str  # the dataset of the snapshot that it is made from
    inside: bool = False  # a group of items that repeats inside a form


def long(stored: Stored) -> Long | None:
    """How the items of a dataset are written, or None when it has a row per record."""
    return next((layout for layout in LAYOUTS if set(layout.needs) <= set(stored.columns)), None)


def forms(taken: Snapshot, folder: Path, name: Callable[[str, str, list[str]], dict[str, str]]) -> Iterator[Form]:
    """Every dataset of a snapshot as one form, and every form of one with a row per item, laid side by side in `folder`.

    name: gives the items of a form (its name, its dataset, the items) the names of their columns.
    """
    for stored in taken.datasets:
        if not (layout := long(stored)):
            plain = f"{stored.source}.{_name(stored.name)}"
            yield Form(stored, taken.parquet(stored), plain, plain)
            yield from _visits(taken, stored, folder)
            continue
        yield from _laid(taken, stored, layout, folder, name)


def _renamed(taken: Snapshot, stored: Stored, folder: Path, name: str, columns: dict[str, str], record: tuple[str, ...], where: str) -> Form:
    """A dataset of ODM with a row per record, under names that `cdm new` knows: {expression: name}."""
    origin = f"{stored.source}.{_name(stored.name)}"
    chosen = [expression if expression == alias else f"{expression} AS {alias}" for expression, alias in columns.items()]
    chosen += [f"concat_ws('|', {', '.join(record)}) AS RECORDID", "source", "dataset", "source_row"]
    sql = f"\n    SELECT {f',{chr(10)}           '.join(chosen)}\n    FROM   {origin}\n    WHERE  {where}"
    path, n = _written(taken, stored, folder, sql)
    return Form(replace(stored, name=name, columns=[*columns.values(), "RECORDID"], labels={}, rows_stored=n), path, f"({sql}\n)", origin)


def _visits(taken: Snapshot, stored: Stored, folder: Path) -> Iterator[Form]:
    """The events of ODM as visits: their start dates are the visit dates."""
    (subject, _), (site, _), (event, called), *_ = LAYOUTS[0].context
    if {subject, "StudyEventOID", "StudyEventRepeatKey", "StartDate"} <= set(stored.columns):
        columns = {subject: subject, site: "SITE", event: called, "StartDate": "SVSTDAT"}
        record = (subject, "StudyEventOID", "coalesce(StudyEventRepeatKey, '')")
        yield _renamed(taken, stored, folder, "SV", columns, record, "StartDate IS NOT NULL")


def demographics(taken: Snapshot, folder: Path) -> Iterator[Form]:
    """The system's own list of subjects as demographics, for a study without a form for them: with site, sex, birth date if there."""
    for stored in taken.datasets:
        if stored.name == "CN" and "mnppid" in stored.columns:  # secuTrial's patients
            known = (("mnppid", "mnppid"), ("mnpaid", "mnpaid"), ("mnpctrname", "SITE"))
            columns = {name: alias for name, alias in known if name in stored.columns}
            yield _renamed(taken, stored, folder, "DM", columns, ("mnppid",), "mnppid IS NOT NULL")
        if stored.name == "SUBJECTS" and "StudySubjectID" in stored.columns:
            more = {name: known for name, known in (("Sex", "SEX"), ("DateOfBirth", "BRTHDAT")) if name in stored.columns}
            columns = {"StudySubjectID": "StudySubjectID", "StudyOID": "SITE"} | more
            yield _renamed(taken, stored, folder, "DM", columns, ("StudySubjectID",), "StudySubjectID IS NOT NULL")


def _written(taken: Snapshot, stored: Stored, folder: Path, sql: str) -> tuple[Path, int]:
    """Run a SELECT of a table file on the snapshot, for a look at what it gives: where that is now, and its rows."""
    origin = f"FROM   {stored.source}.{_name(stored.name)}"
    source = f"FROM   (SELECT *, '' AS source, '' AS dataset FROM read_parquet({literal(str(taken.parquet(stored)))}))"
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    duckdb.execute(f"COPY ({sql.replace(origin, source)}) TO {literal(str(path))} (FORMAT parquet)")
    return path, duckdb.execute(f"SELECT count(*) FROM read_parquet({literal(str(path))})").fetchone()[0]


def not_taken_up(con: duckdb.DuckDBPyConnection, stored: Stored, texts: list[str]) -> tuple[int, list[str]]:
    """How many values of a dataset with a row per item stand in no table file, and of which forms: an item is known by its name there."""
    layout = long(stored)
    item = _item(layout)
    counts = con.execute(
        f"""SELECT {layout.form}, {item}, count(*) FROM {quote(stored.source)}.{quote(stored.name)}
            WHERE {layout.value} IS NOT NULL GROUP BY ALL ORDER BY 1, 2"""
    ).fetchall()
    about = [text for text in texts if _name(stored.name) in text]
    left: Counter[str] = Counter()
    for form, name, n in counts:
        if not any(literal(form or "") in text and literal(name or "") in text for text in about):
            left[form or "(no form)"] += n
    return sum(left.values()), list(left)


def _laid(taken: Snapshot, stored: Stored, layout: Long, folder: Path, name: Callable) -> Iterator[Form]:
    con = duckdb.connect(config={"threads": 1})
    source = f"read_parquet({literal(str(taken.parquet(stored)))})"
    repeats = "ItemGroupSeq" if "ItemGroupSeq" in layout.needs else ""
    divided = [layout.form, *(["ItemGroupId"] if repeats else [])]
    found: dict[tuple, dict[str, str]] = {}
    item = _item(layout)
    most = f"max(CAST(nullif(regexp_extract({repeats}, '[0-9]+'), '') AS INTEGER))" if repeats else "1"
    rows = con.execute(
        f"""SELECT {", ".join(divided)}, {item} AS item, min({layout.label}), {most}, min({layout.called}), min(source_row)
            FROM {source} WHERE {item} IS NOT NULL GROUP BY ALL ORDER BY 1, min(source_row)"""
    ).fetchall()
    repeated = {tuple(row[: len(divided)]) for row in rows if row[-3] and row[-3] > 1}
    called: dict[tuple, str] = {}
    for *form, name_of_item, label, _, form_name, _ in rows:
        at = tuple(form) if tuple(form) in repeated else (form[0],)
        found.setdefault(at, {})[name_of_item] = label or ""
        called.setdefault(at, " ".join(dict.fromkeys([VERSION.sub("", form_name or ""), *(part for part in at if part)])))
    for at, items in found.items():
        if len(items) > MOST_ITEMS:
            continue
        where = " AND ".join(f"{column} = {literal(value)}" for column, value in zip(divided, at, strict=False) if value is not None)
        record = layout.record
        if repeats and len(at) > 1:
            record = (*record, "ItemGroupId", "ItemGroupSeq")
        else:
            where += "".join(f"\n    AND    ItemGroupId <> {literal(group)}" for form, group in sorted(r for r in repeated if len(r) > 1 and r[0] == at[0]))
        columns = name(called[at], stored.name, list(items))
        sql = _select(layout, record, columns, f"{stored.source}.{_name(stored.name)}", where)
        path, n = _written(taken, stored, folder, sql)
        context = [alias for _, alias in layout.context]
        labels = {columns[item_]: label for item_, label in items.items() if label}
        pseudo = replace(stored, name=called[at], columns=[*context, "RECORDID", *columns.values()], labels=labels, rows_stored=n)
        yield Form(pseudo, path, f"({sql}\n)", f"{stored.source}.{_name(stored.name)}", bool(repeats) and len(at) > 1)
    con.close()


def _select(layout: Long, record: tuple[str, ...], columns: dict[str, str], origin: str, where: str) -> str:
    """The SELECT that lays the items of each record side by side, with the way back to the first of its rows."""
    place = ", ".join(f"coalesce({column}, '')" for column in record)
    lines = [expression if expression == alias else f"min({expression}) AS {alias}" for expression, alias in layout.context if expression not in record or expression != alias]
    kept = [expression for expression, alias in layout.context if expression in record and expression == alias]
    lines = [*kept, *(line for line in lines if line not in kept)]
    lines.append(f"concat_ws('|', {place}) AS RECORDID")
    item = _item(layout)
    lines += [f"max(CASE WHEN {item} = {literal(name)} THEN {layout.value} END) AS {_name(column)}" for name, column in columns.items()]
    lines += ["min(source) AS source", "min(dataset) AS dataset", "min(source_row) AS source_row"]
    body = ",\n           ".join(lines)
    return f"\n    SELECT {body}\n    FROM   {origin}\n    WHERE  {where}\n    GROUP BY {', '.join(record)}"


def _item(layout: Long) -> str:
    return layout.item[0] if len(layout.item) == 1 else f"coalesce({', '.join(layout.item)})"


def _name(text: str) -> str:
    return text if PLAIN.fullmatch(text) else quote(text)
