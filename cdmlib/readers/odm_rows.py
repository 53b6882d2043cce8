"""Which elements of ODM clinical data are rows of which dataset, and what each row takes from the elements around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cdmlib.errors import CdmError
from cdmlib.readers.odm_xml import attributes, elements, is_odm

LEVELS = {  # element: its key, which everything inside it has too
    "ClinicalData": ("StudyOID", "MetaDataVersionOID"),
    "SubjectData": ("SubjectKey", "StudySubjectID"),
    "StudyEventData": ("StudyEventOID", "StudyEventRepeatKey"),
    "FormData": ("FormOID", "FormRepeatKey"),
    "ItemGroupData": ("ItemGroupOID", "ItemGroupRepeatKey"),
    "ItemData": ("ItemOID",),
}
KEYS = tuple(key for level in LEVELS.values() for key in level)
ENTITY = (*KEYS, "EntityType", "EntityID", "ID")  # EntityType: Subject, StudyEvent, Form, ItemGroup or Item
DATASETS = {  # dataset: the columns it always has; more follow when elements of the file have more attributes
    "ITEMS": (*KEYS, "ItemName", "ItemLabel", "Value", "IsNull", "ReasonForNull", "TransactionType"),
    "SUBJECTS": KEYS[:4],
    "EVENTS": KEYS[:6],
    "FORMS": KEYS[:8],
    "AUDIT": (*ENTITY, "UserID", "DateTimeStamp", "AuditType", "ReasonForChange", "OldValue", "NewValue"),
    "NOTES": (*ENTITY, "ParentID", "Status", "NoteType", "DateCreated", "DateUpdated", "UserID", "Description",
              "DetailedNote"),
}  # fmt: skip
ROWS = {  # element: the dataset that it is a row of
    "ItemData": "ITEMS", "SubjectData": "SUBJECTS", "StudyEventData": "EVENTS", "FormData": "FORMS",
    "AuditLog": "AUDIT", "AuditRecord": "AUDIT", "DiscrepancyNote": "NOTES", "ChildNote": "NOTES",
}  # fmt: skip
LISTS = ("AuditLogs", "DiscrepancyNotes")
PARTS = {  # element inside that of a row: (its attribute, the row's column)
    "SiteRef": ("LocationOID", "LocationOID"), "LocationRef": ("LocationOID", "LocationOID"),
    "UserRef": ("UserOID", "UserID"), "InvestigatorRef": ("UserOID", "InvestigatorOID"),
    "MeasurementUnitRef": ("MeasurementUnitOID", "MeasurementUnitOID"),
}  # fmt: skip
TEXTS = ("DateTimeStamp", "ReasonForChange", "SourceID", "Description", "DetailedNote")  # the same, by their text
KIND = {"TransactionType": "TransactionType"}
FOR_ITEMS = {  # element: {its attribute: the column that items inside it get}; item groups give all they have
    "SubjectData": KIND,
    "StudyEventData": KIND | {"StartDate": "StudyEventStartDate", "Status": "StudyEventStatus"},
    "FormData": KIND | {"Status": "FormStatus"},
}

Row = dict[str, str | None]


@dataclass(frozen=True)
class _Open:
    """An open element of the clinical data: the row it fills (None: no dataset has it), and what is inherited inside."""

    row: Row | None = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)  # columns of items only


def subjects(path: Path, file: str, encoding: str, notes: list[str]) -> Iterator[dict[str, list[Row]]]:
    """The rows of each SubjectData by dataset, in the order of the file; `notes` fills until the last.

    Raises CdmError when the file is not ODM 1.2 or 1.3, and as `elements` does.
    """
    opened: list[_Open] = []  # the clinical data around the present element
    names: list[str] = []  # the other elements around it
    found: dict[str, list[Row]] = {name: [] for name in DATASETS}
    labels: dict[tuple[str, ...], tuple[str, str]] = {}  # (version, item) and (item,): its name and label
    version, item, left = "", {}, Counter()
    for event, name, element in elements(path, file, encoding):
        if opened or name == "ClinicalData":
            above = opened[-1] if opened else _Open()
            if event == "start":
                opened.append(_start(name, attributes(element), above, found, labels, left))
            else:
                _end(name, element.text, opened.pop(), opened[-1] if opened else above)
                if name == "SubjectData":
                    yield found
                    found = {name: [] for name in DATASETS}
        elif event == "start":
            names.append(name)
            if len(names) == 1:
                notes += _root(element, file)
            elif name == "MetaDataVersion":
                version = element.get("OID", "")
            elif name == "ItemDef":
                item = attributes(element)
        else:
            names.pop()
            if name == "TranslatedText" and names[-2:-1] == ["ItemDef"]:
                item.setdefault(names[-1], " ".join((element.text or "").split()))  # the first of several languages
            elif name == "ItemDef":
                label = next((item[part] for part in ("Question", "Description", "Comment") if item.get(part)), "")
                labels[version, item.get("OID", "")] = described = (item.get("Name", ""), label)
                labels.setdefault((item.get("OID", ""),), described)
    if not labels:
        notes.append("no item definitions in the file: items have neither name nor label")
    notes += [f"{count} {name} element(s) of the clinical data left out" for name, count in sorted(left.items())]


def _root(root, file: str) -> list[str]:
    if not is_odm(root):
        given = f"{root.tag} {root.get('ODMVersion', '')}".strip()
        raise CdmError(f"{file}: must be CDISC ODM 1.3 (or 1.2); its root element is {given}. Ask for ODM 1.3.")
    return ["FileType Transactional: rows are transactions, not the last state"] * (
        root.get("FileType") == "Transactional"
    )


def _start(
    name: str, given: dict[str, str], above: _Open, found: dict[str, list[Row]], labels: dict, left: Counter[str]
) -> _Open:
    """What an element opens: a row of its own, a part of the row above, or nothing that is kept, which is counted."""
    element = "ItemData" if name.startswith("ItemData") else name  # ItemDataString and the like
    if above.row is None:
        return above
    if name in PARTS:
        above.row[PARTS[name][1]] = given.get(PARTS[name][0])
    if name in PARTS or name in TEXTS:
        return replace(above, row={})
    if element not in LEVELS and element not in ROWS and element not in LISTS:
        left[name] += 1
        return replace(above, row=None)
    keys, more, row = above.keys, above.more, {}
    if element in LEVELS:
        keys = keys | {key: given[key] for key in LEVELS[element] if key in given}
        keys["EntityType"] = element.removesuffix("Data")
        if element == "SubjectData":
            keys.setdefault("StudySubjectID", given.get("SubjectKey", ""))
        own = {a: a for a in given if a not in KEYS} if element == "ItemGroupData" else FOR_ITEMS.get(element, {})
        more = more | {column: given[attribute] for attribute, column in own.items() if attribute in given}
    elif element in LISTS:
        keys = keys | {"EntityID": given.get("EntityID", "")}
    if dataset := ROWS.get(element):
        row |= {column: keys[column] for column in DATASETS[dataset] if column in keys}
        if dataset == "ITEMS":
            oid = keys.get("ItemOID", "")
            described = labels.get((keys.get("MetaDataVersionOID", ""), oid)) or labels.get((oid,), ())
            row |= more | given | dict(zip(("ItemName", "ItemLabel"), described, strict=False))
        else:
            row |= given
        found[dataset].append(row)
    if element == "DiscrepancyNote":
        keys = keys | {"ParentID": given.get("ID", "")}
    return _Open(row, keys, more)


def _end(name: str, text: str | None, closed: _Open, above: _Open) -> None:
    if name in TEXTS and above.row is not None:
        above.row[name] = text
    elif name.startswith("ItemData") and name != "ItemData" and closed.row is not None:
        closed.row.setdefault("Value", text)  # typed data have their value as text
