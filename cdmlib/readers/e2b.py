"""E2B(R3) safety reports (ICH ICSR in HL7 XML), one file or a batch: a row per reaction, with its case and patient beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from lxml import etree

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import EMPTY, batch, emptied
from cdmlib.readers.dataset import Dataset, Options

HL7 = "{urn:hl7-org:v3}"
ROOT, MESSAGE = "MCCI_IN200100UV01", "PORR_IN049016UV"
ICH = "2.16.840.1.113883.3.989.2.1"  # begins the identifiers of the code lists and namespaces of E2B(R3)
CASE = ("FILE", "MESSAGE", "CASE_NUMBER", "WORLDWIDE_CASE", "REPORT_TYPE", "CASE_STATUS", "RECEIVED", "LATEST", "STUDY")
PATIENT = ("SUBJECT", "INITIALS", "SEX", "BIRTH", "AGE", "AGE_UNIT", "DIED")
SERIOUS = {  # code of the observation: column (E.i.3.2a to f)
    "34": "DEATH",
    "21": "LIFE_THREATENING",
    "33": "HOSPITALISATION",
    "35": "DISABILITY",
    "12": "CONGENITAL",
    "26": "IMPORTANT",
}
EVENT = (
    "EVENT_NUMBER", "REACTION_ID", "TERM", "TERM_NATIVE", "LLT_CODE", "MEDDRA_VERSION", "ONSET", "ENDED", "SERIOUS", *SERIOUS.values(),
    "OUTCOME", "COUNTRY", "CAUSALITY", "COMPANY_CAUSALITY", "ACTION_TAKEN",
)  # fmt: skip
COLUMNS = CASE + PATIENT + EVENT
OUTCOMES = {  # E.i.7
    "0": "unknown",
    "1": "recovered/resolved",
    "2": "recovering/resolving",
    "3": "not recovered/not resolved/ongoing",
    "4": "recovered/resolved with sequelae",
    "5": "fatal",
}
ACTIONS = {  # G.k.8
    "0": "unknown",
    "1": "drug withdrawn",
    "2": "dose reduced",
    "3": "dose increased",
    "4": "dose not changed",
    "9": "not applicable",
}
REPORTS = {"1": "spontaneous", "2": "study", "3": "other", "4": "not available"}  # C.1.3
CHANGES = {"1": "nullified", "2": "amended"}  # C.1.11.1
Row = dict[str, str | None]


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset REACTIONS of one file; a case without a reaction gives one row with the reaction empty.

    Dates come as ISO 8601 text, as partial as they are. A criterion that the sender gives as not known is empty. Raises
    CdmError when the file is cut, not well-formed, not E2B(R3), or has a document type declaration.
    """
    rows = [
        row
        for number, message in enumerate(_messages(path, file), start=1)
        for row in _reactions(message, file, number)
    ]
    dataset = Dataset("REACTIONS", file, COLUMNS, iter(()))
    dataset.batches = _batches(dataset, rows, options)
    return [dataset]


def has_cases(path: Path, file: str) -> bool:
    """Whether an XML file is E2B(R3), by its root element. Raises CdmError when it can't be read as XML."""
    return next(_events(path, file)).tag == HL7 + ROOT


def _events(path: Path, file: str) -> Iterator[etree._Element]:
    """The root as it starts, then each message as it ends; nothing is fetched and no entity is resolved."""
    try:
        with path.open("rb") as handle:
            parsed = etree.iterparse(
                handle, events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
                recover=False, remove_comments=True, remove_pis=True, collect_ids=False,
            )  # fmt: skip
            first = True
            for event, element in parsed:
                if first:
                    if element.getroottree().docinfo.doctype:
                        raise CdmError(
                            f"{file}: has a document type declaration (<!DOCTYPE), where entities can be declared that fill the memory "
                            "or fetch other files. Ask for the report without it: E2B(R3) needs none."
                        )
                    first = False
                    yield element
                elif event == "end" and element.tag == HL7 + MESSAGE:
                    yield element
                    element.clear()
    except etree.XMLSyntaxError as error:
        raise CdmError(
            f"{file}: line {error.lineno or 1}: {error.msg or 'nothing can be read'}. It is not well-formed XML: it may be cut. Get it again."
        ) from None


def _messages(path: Path, file: str) -> Iterator[etree._Element]:
    events = _events(path, file)
    root = next(events)
    if root.tag != HL7 + ROOT:
        raise CdmError(
            f"{file}: its root element is {etree.QName(root).localname}; an E2B(R3) file begins with {ROOT} of the namespace urn:hl7-org:v3. "
            "Declare the layout that fits, or ask for the reports as E2B(R3); R2 is not read."
        )
    yield from events


def _reactions(message: etree._Element, file: str, number: int) -> Iterator[Row]:
    event = message.find(f".//{HL7}investigationEvent")
    if event is None:
        raise CdmError(f"{file}: message {number} holds no report (investigationEvent). Ask the sender for it.")
    case = _case(event) | _patient(event) | {"FILE": file, "MESSAGE": str(number)}
    drugs, causes = _action(event), _causality(event)
    found = [o for o in event.iter(f"{HL7}observation") if _code(o) == ("29", f"{ICH}.1.19")]
    for place, reaction in enumerate(found, start=1):
        yield case | _reaction(reaction, place) | causes.get(_id(reaction), {}) | {"ACTION_TAKEN": drugs}
    if not found:
        yield case


def _case(event: etree._Element) -> Row:
    ids = {id.get("root"): id.get("extension") for id in event.findall(f"{HL7}id")}
    said = {_code(part)[0]: _value(part) for part in event.iter(f"{HL7}investigationCharacteristic")}
    study = event.find(f".//{HL7}researchStudy/{HL7}id")
    return {
        "CASE_NUMBER": ids.get(f"{ICH}.3.1"),
        "WORLDWIDE_CASE": ids.get(f"{ICH}.3.2"),
        "REPORT_TYPE": REPORTS.get(said.get("1") or "", said.get("1")),
        "CASE_STATUS": CHANGES.get(said.get("3") or "", said.get("3")),
        "RECEIVED": _iso(event.find(f"{HL7}effectiveTime/{HL7}low")),
        "LATEST": _iso(event.find(f"{HL7}availabilityTime")),
        "STUDY": study.get("extension") if study is not None else None,
    }


def _patient(event: etree._Element) -> Row:
    player = event.find(f".//{HL7}primaryRole/{HL7}player1")
    if player is None:
        return {}
    name, sex = player.find(f"{HL7}name"), player.find(f"{HL7}administrativeGenderCode")
    numbers = {_code(entity)[0]: entity.find(f"{HL7}id") for entity in player.iter(f"{HL7}asIdentifiedEntity")}
    number = numbers.get("4")  # D.1.1.4: the number of the patient in the trial
    age = next((o for o in event.iter(f"{HL7}observation") if _code(o) == ("3", f"{ICH}.1.19")), None)
    value = age.find(f"{HL7}value") if age is not None else None
    return {
        "SUBJECT": number.get("extension") if number is not None else None,
        "INITIALS": _text(name),
        "SEX": {"1": "M", "2": "F"}.get(sex.get("code", ""), sex.get("code")) if sex is not None else None,
        "BIRTH": _iso(player.find(f"{HL7}birthTime")),
        "AGE": value.get("value") if value is not None else None,
        "AGE_UNIT": value.get("unit") if value is not None else None,
        "DIED": _iso(player.find(f"{HL7}deceasedTime")),
    }


def _reaction(reaction: etree._Element, place: int) -> Row:
    value, when = reaction.find(f"{HL7}value"), reaction.find(f"{HL7}effectiveTime")
    times = (
        when
        if when is None or when.find(f"{HL7}low") is not None or when.find(f"{HL7}high") is not None
        else when.find(f"{HL7}comp")
    )
    inner = {_code(o)[0]: o for o in reaction.iter(f"{HL7}observation") if o is not reaction}
    native = _text(value.find(f"{HL7}originalText")) if value is not None else None
    translated = _text(inner["30"].find(f"{HL7}value")) if "30" in inner else None
    criteria = {
        column: {"true": "Y", "false": "N"}.get(_value(inner[code]) or "")
        for code, column in SERIOUS.items()
        if code in inner
    }
    country = reaction.find(f".//{HL7}locatedPlace/{HL7}code")
    given = [answer for answer in criteria.values() if answer]
    return {
        "EVENT_NUMBER": str(place),
        "REACTION_ID": _id(reaction),
        "TERM": native or translated,
        "TERM_NATIVE": native,
        "LLT_CODE": value.get("code") if value is not None else None,
        "MEDDRA_VERSION": value.get("codeSystemVersion") if value is not None else None,
        "ONSET": _iso(times.find(f"{HL7}low")) if times is not None else None,
        "ENDED": _iso(times.find(f"{HL7}high")) if times is not None else None,
        "SERIOUS": "Y" if "Y" in given else "N" if given else None,
        "OUTCOME": OUTCOMES.get(outcome := _value(inner["27"]) or "", outcome or None) if "27" in inner else None,
        "COUNTRY": country.get("code") if country is not None else None,
    } | criteria


def _causality(event: etree._Element) -> dict[str, Row]:
    """By reaction, the first assessment by a reporter or investigator and the first by the company (G.k.9.i.2)."""
    found: dict[str, Row] = {}
    for assessment in event.iter(f"{HL7}causalityAssessment"):
        target = assessment.find(f".//{HL7}adverseEffectReference/{HL7}id")
        if _code(assessment)[0] != "39" or target is None:
            continue
        source = (_text(assessment.find(f".//{HL7}author//{HL7}originalText")) or "").lower()
        ours = any(word in source for word in ("company", "sponsor", "manufacturer", "mah"))
        found.setdefault(target.get("root", ""), {}).setdefault(
            "COMPANY_CAUSALITY" if ours else "CAUSALITY", _value(assessment)
        )
    return found


def _action(event: etree._Element) -> str | None:
    """What was done with the first suspect drug that says so (G.k.8)."""
    suspects = {
        id.get("root")
        for part in event.iter(f"{HL7}causalityAssessment")
        if _code(part)[0] == "20" and _value(part) in ("1", "3")  # suspect, or interacting
        for id in part.iterfind(f".//{HL7}productUseReference/{HL7}id")
    }
    for drug in event.iter(f"{HL7}substanceAdministration"):
        act = drug.find(f"{HL7}inboundRelationship/{HL7}act/{HL7}code[@codeSystem='{ICH}.1.15']")
        if act is not None and (not suspects or _id(drug) in suspects):
            return ACTIONS.get(act.get("code", ""), act.get("code"))
    return None


def _code(element: etree._Element) -> tuple[str, str]:
    code = element.find(f"{HL7}code")
    return (code.get("code", ""), code.get("codeSystem", "")) if code is not None else ("", "")


def _id(element: etree._Element) -> str:
    id = element.find(f"{HL7}id")
    return (id.get("root") or id.get("extension") or "") if id is not None else ""


def _value(element: etree._Element) -> str | None:
    """The value of an observation: a code, a truth value or text; nothing when the sender says why it is not given."""
    value = element.find(f"{HL7}value")
    if value is None:
        return None
    return value.get("code") or value.get("value") or _text(value)


def _text(element: etree._Element | None) -> str | None:
    return " ".join("".join(element.itertext()).split()) or None if element is not None else None


def _iso(element: etree._Element | None) -> str | None:
    """An HL7 time (20140714151617-0500, 201407) as ISO 8601; text that is none stays as it is."""
    given = element.get("value") if element is not None else None
    if not given:
        return None
    digits = given.split("-")[0].split("+")[0].split(".")[0]
    if not digits.isdigit() or len(digits) not in (4, 6, 8, 10, 12, 14):
        return given
    parts = [digits[:4], *(digits[at : at + 2] for at in range(4, len(digits), 2))]
    day = "-".join(parts[:3])
    return (
        day + ("T" + ":".join(parts[3:]) if len(parts) > 4 else "") + (given[len(digits) :] if len(parts) > 4 else "")
    )


def _batches(dataset: Dataset, rows: list[Row], options: Options) -> Iterator[pa.RecordBatch]:
    if not rows:
        dataset.notes.append(EMPTY)
        return
    texts = [emptied(pa.array([row.get(column) for row in rows], pa.string()), options.missing) for column in COLUMNS]
    dataset.rows = len(rows)
    yield batch(COLUMNS, texts, list(range(1, len(rows) + 1)))
