"""study.toml as a frozen Study: what the study is, where its sources come from, and what its checks may assume."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from cdmlib.errors import CdmError, listed
from cdmlib.readers import LAYOUTS
from cdmlib.readers.dataset import Options

STUDY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Layout = Annotated[str, StringConstraints(pattern=f"^({'|'.join(LAYOUTS)})$")]
OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1)]
PersonId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]*$", max_length=64)]
TableColumn = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
JournalUrl = Annotated[str, StringConstraints(pattern=r"^(postgresql(\+[a-z]+)?://.+)?$")]
Role = Literal["data manager", "lead", "coder", "medical", "cra", "statistician", "programmer", "auditor"]


class Section(BaseModel):
    """A table of study.toml: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Identity(Section):
    id: str = Field(description="study id: the name of the study's folder")
    title: str = Field(description="title of the study, shown on every workbook")
    journal: JournalUrl = Field(
        "",
        description="where decisions are kept: empty is journal.db in the study folder, else postgresql+psycopg://...",
    )
    codelists: Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)] = Field(
        [],
        description="files of code lists that fields may name, from the study folder: NCI terminology text (.txt, .txt.xz) or a CSV",
    )


class Source(Section):
    layout: Layout = Field(description=f"how the extract is laid out: {', '.join(LAYOUTS)}")
    files: Annotated[list[str], Field(min_length=1)] = Field(
        ["*"], description="which files of an extract belong to this source"
    )
    encoding: str = Field("utf-8", description="character encoding of the files")
    encodings: dict[str, str] = Field({}, description="exceptions: encoding by dataset name")
    delimiter: OneCharacter = Field(",", description="character between two values of a text file")
    quote: OneCharacter = Field('"', description="character around a value of a text file")
    header_row: int = Field(1, ge=1, description="line or sheet row that holds the column names")
    missing: list[str] = Field([], description="texts that mean an empty value, such as NA")
    subject: str = Field("", description="column that names the subject, for counts and guards")
    keys: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        {}, description='columns that identify a record, by dataset; "*" for all others'
    )
    ignore: list[str] = Field([], description="columns whose changes are not changes of data, such as export time stamps")

    @property
    def options(self) -> Options:
        return Options(
            self.encoding,
            {k.upper(): v for k, v in self.encodings.items()},
            self.delimiter,
            self.quote,
            self.header_row,
            tuple(self.missing),
        )


class Guards(Section):
    rows_lost: float = Field(
        0.10, ge=0, le=1, description="largest share of a dataset's rows that may vanish between two extracts"
    )
    subjects_lost: float = Field(
        0.05, ge=0, le=1, description="largest share of subjects that may vanish between two extracts"
    )


class PlannedVisit(Section):
    name: str = Field(description="visit name as the EDC writes it")
    number: float = Field(description="visit number, in protocol order")
    day: int = Field(description="planned study day; day 1 is the first dose and there is no day 0")
    before: int = Field(0, ge=0, description="days that the visit may be early")
    after: int = Field(0, ge=0, description="days that the visit may be late")


class FieldRule(Section):
    required: bool = Field(False, description="the value must be there")
    type: Literal["", "text", "number", "integer", "date"] = Field("", description="what the value must be")
    low: float | None = Field(None, description="lowest plausible value")
    high: float | None = Field(None, description="highest plausible value")
    codelist: list[str] | str = Field([], description="permitted values, or the name of a code list (NY, C66742)")
    shown_when: str = Field("", description="the field is asked only then: `aeser = Y`, or `aeser = Y | U`")
    length: int | None = Field(None, ge=1, description="most characters")
    decimals: int | None = Field(None, ge=0, description="most decimal places")


class DictionarySource(Section):
    folder: str = Field(description="folder with the dictionary's files as delivered, from the study folder or absolute")
    layout: Literal["meddra", "whodrug-b3", "whodrug-c3"] = Field(
        description="how the dictionary is laid out: meddra, whodrug-b3 or whodrug-c3"
    )
    version: str = Field("", description="version of the dictionary; must be the one its files say, where they say one")
    encoding: str = Field("utf-8", description="character encoding of the dictionary's files")
    synonyms: list[str] = Field(
        [], description="lists of synonyms (CSV with the columns verbatim and code), from the study folder or absolute"
    )


class Person(Section):
    id: PersonId = Field(description="user name, as the person signs in")
    name: str = Field(description="name in full")
    role: Role = Field(description="what the person does in this study")
    unblinded: bool = Field(False, description="whether the person may see what tells the treatment (access.unblinding)")


class Access(Section):
    unblinding: list[TableColumn] = Field(
        [], description="columns that tell or let guess the treatment, such as ex.extrt; only unblinded people see them in the dashboard"
    )


class Readiness(Section):
    version: str = Field("1", description="version of the study's definition of a clean subject, shown beside every number")
    clean: list[str] = Field(
        [], description="criteria that a clean subject meets, by id; empty takes those that the library marks"
    )
    off: dict[str, Annotated[str, StringConstraints(min_length=3)]] = Field(
        {}, description="criteria switched off, each with its reason"
    )


class Side(Section):
    """One of the two sources of a reconciliation; every text but label is SQL over the columns of its table."""

    table: str = Field("", description="a standard table, a dataset as source.DATASET, or a SELECT in reconciliations/")
    label: str = Field("", description="what readers call the source, such as EDC")
    key: str = Field("", description="what identifies a record; record_key when not given")
    subject: str = Field("", description="who the record is of; subjid when not given")
    visit: str = Field("", description="the visit of the record; visit when there is such a column")
    where: str = Field("", description="which records take part; all when not given")
    expected: str = Field("", description="which records must have a partner; all when not given")
    versions_of: str = Field("", description="what has versions, such as the case number: only its latest version counts")
    newest_by: list[str] = Field([], description="what tells the latest version, the weightiest first")


class SubjectIds(Section):
    drop: str = Field("", description="pattern that is taken out of subject numbers on both sides, such as a study prefix")
    ignore: list[Literal["case", "zeros", "separators"]] = Field([], description="what does not count in a subject number")


class Compared(Section):
    """One thing that both sources say; left and right are SQL over the columns of the two tables."""

    label: str = Field("", description="what readers call it")
    left: str = Field("", description="where the left source has it")
    right: str = Field("", description="where the right source has it")
    kind: Literal["text", "code", "date", "time", "number"] = Field("text", description="how values are compared")
    pair: Literal["key", "evidence", "no"] = Field("no", description="key: partners have it in common; evidence: it counts")
    must: Literal["identical", "consistent", "nothing"] = Field("nothing", description="what is asked of partners")
    weight: float = Field(1, gt=0, description="how much it counts as evidence")
    tolerance: float = Field(0, ge=0, description="difference that is none: days, minutes, or units of the left value")
    percent: float = Field(0, ge=0, description="difference that is none, in percent of the left value")
    similarity: float = Field(1, gt=0, le=1, description="texts at least as similar count as the same")
    ignore: list[Literal["case", "spacing", "punctuation"]] = Field(["case", "spacing"], description="what does not count in a text")
    map: dict[str, str] = Field({}, description="what a value of the right source is called in the left one")
    one_blank: Literal["differs", "agrees"] = Field("differs", description="whether a value on one side only is a difference")
    per_subject: bool = Field(False, description="told once for a subject, not for each pair, such as the sex")
    left_unit: str = Field("", description="unit of the left value")
    right_unit: str = Field("", description="unit of the right value")
    per: str = Field("", description="what a conversion depends on, on the left, such as the test code")
    conversions: list[list[str | int | float]] = Field([], description="[test, from unit, to unit, factor]; an empty test means any")


class Reconciliation(Section):
    use: str = Field("", description="a ready-made reconciliation that this one starts from")
    title: str = Field("", description="what is made to agree")
    about: Literal["third party", "randomisation", "serious events"] = Field("third party", description="which line of the lock checklist it clears")
    left: Side = Field(Side(), description="the source on the left, the EDC")
    right: Side = Field(Side(), description="the source on the right")
    subjects: SubjectIds = Field(SubjectIds(), description="how two spellings of a subject number meet")
    fields: dict[Name, Compared] = Field({}, description="what is held against each other, one table a field")
    pair_at: float = Field(0.75, ge=0, le=1, description="least evidence for which two records are paired")
    offer_at: float = Field(0.5, ge=0, le=1, description="least evidence for which a pair is offered to a person")
    margin: float = Field(0.1, gt=0, le=1, description="how much better than any other a pair must be")
    params: dict[str, int | float | str] = Field({}, description="parameters of the SELECTs of this reconciliation")
    list_agreeing: bool = Field(True, description="whether the workbook also lists what agrees")


def _once_each(people: list[Person]) -> list[Person]:
    if twice := sorted({p.id for p in people if sum(p.id == other.id for other in people) > 1}):
        raise ValueError(f"{', '.join(twice)} must be listed only once")
    return people


class Content(Section):
    study: Identity = Field(description="what the study is called")
    sources: Annotated[dict[Name, Source], Field(min_length=1)] = Field(
        description="where the data come from, one table a source"
    )
    guards: Guards = Field(Guards(), description="when a load is held until somebody confirms it")
    visits: list[PlannedVisit] = Field([], description="the visit schedule, one table a visit")
    parameters: dict[str, dict[str, int | float | str]] = Field({}, description="this study's limits, by check id")
    off: dict[str, Annotated[str, StringConstraints(min_length=3)]] = Field(
        {}, description="checks switched off, each with its reason"
    )
    fields: dict[str, dict[str, FieldRule]] = Field({}, description="field specification, by table and column")
    readiness: Readiness = Field(Readiness(), description="when a subject is clean and the study ready for the lock")
    access: Access = Field(Access(), description="who may see what in the dashboard")
    reconciliations: dict[Name, Reconciliation] = Field({}, description="sources that must agree, one table each")
    dictionaries: dict[Name, DictionarySource] = Field(
        {}, description="medical dictionaries that terms are coded with, one table a dictionary"
    )
    coding: dict[Name, dict[Name, str]] = Field(
        {}, description='columns that are coded and the dictionary of each; "" for a column that is not'
    )
    people: Annotated[list[Person], AfterValidator(_once_each)] = Field(
        [], description="who decides, one table a person"
    )


class Study(Content):
    """A study folder and what its study.toml says."""

    folder: Path

    @property
    def id(self) -> str:
        return self.study.id

    @property
    def incoming(self) -> Path:
        return self.folder / "incoming"


def data_folder() -> Path:
    """The folder that holds the studies: $CDM_DATA, or the nearest `data` at or above the working folder."""
    if given := os.environ.get("CDM_DATA"):
        return Path(given)
    here = Path.cwd()
    return next((parent / "data" for parent in (here, *here.parents) if (parent / "data").is_dir()), here / "data")


def folder_of(study_id: str) -> Path:
    """The folder of a study by its id. Raises CdmError for an id that could lead outside the data folder."""
    if not STUDY_ID.fullmatch(study_id):
        raise CdmError(
            f"{study_id!r} can't be a study id: it must be 1 to 64 letters, figures, dots, dashes or underscores and begin with a letter or figure."
        )
    return data_folder() / study_id


def load(study_id: str) -> Study:
    """The study with this id, from its folder's study.toml. Raises CdmError with every mistake in the file at once."""
    folder = folder_of(study_id)
    path = folder / "study.toml"
    if not path.exists():
        there = sorted(p.parent.name for p in data_folder().glob("*/study.toml"))
        hint = f"There are: {', '.join(there)}." if there else "Make one with `cdm new` or `cdm demo`."
        raise CdmError(f"There is no study {study_id!r} in {data_folder()}. {hint}")
    study = read(path)
    if study.id != folder.name:
        raise CdmError(f"{path}: study.id is {study.id!r}, but the folder is called {folder.name!r}. They must agree.")
    return study


def read(path: Path) -> Study:
    """The study that a study.toml describes. Raises CdmError with every mistake in the file at once."""
    text = path.read_text(encoding="utf-8")
    try:
        return Study(**tomllib.loads(text), folder=path.parent.resolve())
    except tomllib.TOMLDecodeError as error:
        raise CdmError(f"{path} can't be read: {error}.") from None
    except ValidationError as error:
        raise CdmError(listed([_mistake(text, item) for item in error.errors()], f"{path} has mistakes:")) from None


def _mistake(text: str, item: dict) -> str:
    """One mistake of study.toml in words: line, key, what is wrong, what the line means."""
    loc = [part for part in item["loc"] if not str(part).startswith(("function-", "constrained-", "list[")) and part != "str"]
    key = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in loc)
    line = next(filter(None, (_line(text, loc[: len(loc) - up]) for up in range(min(2, len(loc))))), 0)
    place = f"line {line}: " if line else ""
    section, meaning = _meaning(loc)
    if item["type"] == "extra_forbidden":
        known = [name for name in (section.model_fields if section else {}) if name != "folder"]
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        return f"{place}{key} is not a key here" + (
            f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}."
        )
    about = f" ({meaning})" if meaning else ""
    if item["type"] == "missing":
        return f"{key}{about} is missing."
    return f"{place}{key}{about}: {item['msg'][0].lower()}{item['msg'][1:]}; given {item['input']!r}."


def _meaning(loc: list) -> tuple[type[Section] | None, str]:
    """The section a key stands in and what the key means, by walking the models."""
    section, meaning = Content, ""
    models = {
        "study": Identity,
        "guards": Guards,
        "sources": Source,
        "visits": PlannedVisit,
        "fields": FieldRule,
        "readiness": Readiness,
        "access": Access,
        "people": Person,
        "reconciliations": Reconciliation,
        "dictionaries": DictionarySource,
    }
    inside = {"left": Side, "right": Side, "subjects": SubjectIds, "fields": Compared}  # of a reconciliation, from its name on
    for depth, part in enumerate(loc):
        if depth == 0:
            info = Content.model_fields.get(str(part))
            meaning = info.description if info else ""
            section = models.get(str(part)) if len(loc) > 1 else Content
        elif section is Reconciliation and depth == 2 and part in inside and len(loc) > 3:
            section = inside[part]
        elif section and str(part) in section.model_fields:
            meaning = section.model_fields[str(part)].description or meaning
    return section, meaning


def line_of(study: Study, *loc: str) -> str:
    """Where a key stands in the study's study.toml: `line 12: `, or nothing when it is not there."""
    line = _line((study.folder / "study.toml").read_text(encoding="utf-8"), list(loc))
    return f"line {line}: " if line else ""


def _line(text: str, loc: list) -> int:
    """The line a key stands on, as far as plain searching tells; 0 when unknown."""
    names = [str(part) for part in loc if isinstance(part, str)]
    indices = [part for part in loc if isinstance(part, int)]
    section, seen, best = "", {}, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.fullmatch(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?", line):
            section = header[1].replace('"', "").replace(" ", "")
            seen[section] = seen.get(section, -1) + 1
            if section.split(".") == names:
                best = best or number
            continue
        key = re.match(r"\s*([\w.\-\"]+)\s*=", line)
        if (
            key
            and [*filter(None, section.split(".")), *key[1].replace('"', "").split(".")] == names
            and (not indices or seen.get(section, 0) == indices[0])
        ):
            return number
    return best
