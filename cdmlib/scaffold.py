"""Set up a study from an extract: recognise its layout, match its columns to the standard ones, and say what was left and why."""

from __future__ import annotations

import csv
import glob
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import duckdb

from cdmlib import pivot, readers, snapshot, standard
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.readers.dataset import ROW, Options
from cdmlib.snapshot import Stored
from cdmlib.standard import Column, literal, quote

SUBJECTS = (
    "SUBJECT", "SUBJID", "SUBJECTNAMEORIDENTIFIER", "USUBJID", "STUDYSUBJECTID", "SUBJECTID", "SUBJECT_ID", "PATNUM", "PATID",
    "SUBJECTKEY", "MNPAID", "MNPPID",
)  # fmt: skip
WORDS = {  # what the name of a form holds: the table it belongs to, when its columns agree
    "DEMOGR": "dm", "ADVERSE": "ae", "CONCOM": "cm", "CONMED": "cm", "MEDICALHIS": "mh", "VITAL": "vs", "DEVIAT": "dv",
    "DISPOS": "ds", "ELECTROCARD": "eg", "EXPOSURE": "ex",
}  # fmt: skip
TITLES = {
    "dm": "Demographics", "ae": "Adverse events", "cm": "Concomitant medications", "mh": "Medical history", "ds": "Disposition",
    "ex": "Study treatment", "vs": "Vital signs", "lb": "Laboratory results", "eg": "Electrocardiogram", "qs": "Questionnaires",
    "sv": "Visits", "ie": "Eligibility", "pr": "Procedures", "dv": "Protocol deviations", "edc_queries": "EDC queries",
    "edc_pages": "EDC pages", "edc_visits": "EDC visits", "edc_issues": "EDC issues",
    "pc": "Drug concentration samples", "safety": "Safety database", "lbx": "Central laboratory", "samples": "Samples received",
    "irt": "Randomisation system", "epro": "Questionnaires on a device", "device": "Worn device",
}  # fmt: skip
WIDE = re.compile(r"([A-Z0-9]+)_([A-Z]{2})ORRES")  # a column group per test: DIABP_VSORRES, DIABP_VSORRESU, …
VITAL_SIGNS = {
    "SYSBP": "mmHg",
    "DIABP": "mmHg",
    "PULSE": "beats/min",
    "HR": "beats/min",
    "TEMP": "C",
    "WEIGHT": "kg",
    "HEIGHT": "cm",
    "RESP": "breaths/min",
    "BMI": "kg/m2",
}
NO_DATE = ("NA", "N/A", "NULL", "NaT")  # what some systems write in place of a date
NUMERIC_DATE = r"\d\d?[-/. ]\d\d?[-/. ]\d{4}.*"


@dataclass(frozen=True)
class New:
    """A study that was set up: its folder, and what was matched and left, in words."""

    folder: Path
    said: tuple[str, ...]


@dataclass
class Match:
    """One dataset being matched: the SELECT expressions by standard column, and the source columns used so far."""

    dataset: Stored
    path: Path
    origin: str = ""
    made_from: str = ""
    expressions: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def column(self, *names: str) -> str:
        """The source's spelling of the first of these names that it has, or an empty text (see `plain`)."""
        there = {plain(column): column for column in self.dataset.columns}
        there |= {column.upper(): column for column in self.dataset.columns}
        return next(
            (there.get(name) or there[plain(name)] for name in names if name in there or plain(name) in there), ""
        )

    def take(self, standard_name: str, source_column: str, expression: str = "") -> None:
        self.used.add(source_column)
        self.sources[standard_name] = source_column
        self.expressions[standard_name] = expression or quote_plain(source_column)


def plain(name: str) -> str:
    """A column name without what differs between spellings: AE_TERM is AETERM, and `Log # ` is LOG."""
    return re.sub(r"[\s_#]+", "", name).upper()


def new(study_id: str, path: Path, cutoff: str, title: str = "") -> New:
    """Set up a study folder from an extract (folder, zip or file), which is copied to incoming/<cutoff>.

    Raises CdmError when the study is there already or nothing in the extract can be read; nothing is left behind then.
    """
    folder = studies.folder_of(study_id)
    if folder.exists():
        raise CdmError(f"There is already a study folder {folder}. Choose another id, or remove it.")
    if not snapshot.DATE.fullmatch(cutoff):
        raise CdmError(f"The cut-off date must be written YYYY-MM-DD; given {cutoff!r}.")
    working = folder.parent / f".{study_id}.{os.getpid()}" / study_id
    try:
        extract = working / "incoming" / cutoff
        extract.parent.mkdir(parents=True)
        if path.is_dir():
            shutil.copytree(path, extract)
        else:
            extract.mkdir()
            shutil.copy2(path, extract)
        said = _fill(study_id, working, cutoff, title or study_id)
        working.rename(folder)
    finally:
        shutil.rmtree(working.parent, ignore_errors=True)
    return New(folder, tuple(said))


def _fill(study_id: str, working: Path, cutoff: str, title: str) -> list[str]:
    found = readers.recognise(working / "incoming" / cutoff)
    if not found:
        raise CdmError(f"Nothing in the extract has a layout that can be read; there are {', '.join(readers.LAYOUTS)}.")
    sources: dict[str, readers.Recognised] = {}
    for item in found:
        sources[_source_name(item.layout, sources)] = item
    taken = _taken(working, cutoff, _study_toml(study_id, title, sources))
    apart = _with_missing(_queries_apart(sources, taken), taken)
    if apart != sources:
        sources, taken = apart, _taken(working, cutoff, _study_toml(study_id, title, apart))
    said = []
    for name, item in sources.items():
        said.append(f"{item.layout}: {len(item.datasets)} datasets as source {name!r}: {', '.join(item.datasets)}")
        said += [
            f"  encoding of {dataset}: {encoding}, because it is not {item.options.encoding}"
            for dataset, encoding in item.options.encodings.items()
        ]
        if item.options.missing:
            said.append(
                f"  dates given as {', '.join(item.options.missing)} are read as empty (`missing` in study.toml)"
            )
    said += [f"left: {file} ({why})" for item in found for file, why in item.left.items()]
    clinical = [dataset for dataset in taken.datasets if not _listing(dataset)]
    subject = _subject_column(clinical) if clinical else ""
    subjects = {d.source: Match(d, Path()).column(subject) or subject for d in clinical}
    subjects |= {d.source: _listing_subject(d) for d in taken.datasets if _listing(d) and d.source not in subjects}
    (working / "study.toml").write_text(_study_toml(study_id, title, sources, subjects), encoding="utf-8")
    laid = working / "snapshots" / ".laid"
    laid.mkdir()
    by_domain, left = _by_domain(list(pivot.forms(taken, laid, _item_names)))
    if "dm" not in by_domain and (listed := list(pivot.demographics(taken, laid))):
        by_domain["dm"] = listed
        left = [(name, why) for name, why in left if name not in {form.dataset.rpartition(".")[2] for form in listed}]
    (working / "tables").mkdir()
    (working / "checks").mkdir()
    for domain, forms in sorted(by_domain.items()):
        matches = [_match(domain, Match(f.stored, f.path, f.origin, f.dataset), subject) for f in forms]
        text, lines = _table_file(domain, matches)
        (working / "tables" / f"{domain}.sql").write_text(text, encoding="utf-8")
        said += lines
    said += [f"no table: {name} ({why}); it stays in the snapshot" for name, why in left]
    shutil.rmtree(working / "snapshots")
    return said


def _taken(working: Path, cutoff: str, settings: str) -> snapshot.Snapshot:
    """The extract taken in with these settings, for a look at it."""
    shutil.rmtree(working / "snapshots", ignore_errors=True)
    (working / "study.toml").write_text(settings, encoding="utf-8")
    return snapshot.ingest(studies.read(working / "study.toml"), cutoff).snapshot


def _queries_apart(sources: dict[str, readers.Recognised], taken: snapshot.Snapshot) -> dict[str, readers.Recognised]:
    """The sources with query listings as one of their own, where a date given as NA is empty; NA elsewhere may be an answer."""
    made = {}
    for name, item in sources.items():
        own = [dataset for dataset in taken.datasets if dataset.source == name]
        listings = [dataset for dataset in own if _lists_queries(dataset)]
        others = [dataset for dataset in own if dataset not in listings]
        files = {dataset.file for dataset in listings}
        if not listings or files & {dataset.file for dataset in others}:  # sheets of one workbook stay together
            made[name] = item
            continue
        if others:
            rest = dict.fromkeys(glob.escape(dataset.file) for dataset in others)
            made[name] = replace(item, files=tuple(rest), datasets=tuple(dataset.name for dataset in others))
        missing = tuple(text for text in NO_DATE if any(_in_a_date(text, taken, dataset) for dataset in listings))
        made["queries" if "queries" not in made else f"queries_{name}"] = replace(
            item,
            files=tuple(map(glob.escape, sorted(files))) if others else item.files,
            datasets=tuple(dataset.name for dataset in listings),
            options=replace(item.options, missing=missing),
        )
    return made


def _with_missing(sources: dict[str, readers.Recognised], taken: snapshot.Snapshot) -> dict[str, readers.Recognised]:
    """The sources with a row per item, where a date item that says NA shows what is written in place of an empty value."""
    made = dict(sources)
    for dataset in taken.datasets:
        layout, item = pivot.long(dataset), made.get(dataset.source)
        if not (layout and item):
            continue
        names = " OR ".join(f"upper({column}) LIKE '%DAT'" for column in layout.item)
        found = duckdb.execute(
            f"SELECT DISTINCT {layout.value} FROM read_parquet({literal(str(taken.parquet(dataset)))}) WHERE {names}"
        ).fetchall()
        missing = tuple(text for text in NO_DATE if (text,) in found or text in item.options.missing)
        made[dataset.source] = replace(item, options=replace(item.options, missing=missing))
    return made


def _in_a_date(text: str, taken: snapshot.Snapshot, dataset: Stored) -> bool:
    """Whether a text stands in a date column of a query listing, or as a response in one that has a row per change."""
    match = Match(dataset, taken.parquet(dataset))
    names = [column.source for column in standard.tables()["edc_queries"] if column.type == "date"]
    names += ["response"] if _all(match, _column("edc_queries", "changed")) else []
    columns = [quote(column) for name in names for column in _all(match, _column("edc_queries", name))]
    found = " OR ".join(f"{column} = {literal(text)}" for column in columns) or "false"
    return (
        duckdb.execute(f"SELECT count(*) FROM read_parquet({literal(str(match.path))}) WHERE {found}").fetchone()[0] > 0
    )


def _all(match: Match, column: Column) -> list[str]:
    """Every column of the source that goes by one of a standard column's names, in the order of the names."""
    return list(dict.fromkeys(filter(None, (match.column(name) for name in (column.name.upper(), *column.synonyms)))))


def _source_name(layout: str, taken: dict) -> str:
    name = {"xpt": "sdtm", "sas7bdat": "sas", "dataset-json": "sdtm"}.get(layout, "edc")
    return name if name not in taken else f"{name}_{layout.replace('-', '_')}"


def _study_toml(study_id: str, title: str, sources: dict, subjects: dict[str, str] | None = None) -> str:
    """study.toml with what was recognised, each setting explained."""
    lines = ["[study]", f"id = {json.dumps(study_id)}", f"title = {json.dumps(title, ensure_ascii=False)}", ""]
    for name, item in sources.items():
        options, default = item.options, Options()
        lines += [f"[sources.{name}]", f"layout = {json.dumps(item.layout)}", f"files = {json.dumps(list(item.files))}"]
        lines += [f"encoding = {json.dumps(options.encoding)}  # character encoding of the files"]
        if options.delimiter != default.delimiter:
            lines.append(f"delimiter = {json.dumps(options.delimiter)}")
        if options.header_row != default.header_row:
            lines.append(f"header_row = {options.header_row}")
        if options.missing:
            lines.append(f"missing = {json.dumps(list(options.missing))}  # texts that mean an empty value")
        if subject := (subjects or {}).get(name):
            lines.append(f"subject = {json.dumps(subject)}  # column that names the subject")
        if options.encodings:
            inner = ", ".join(
                f"{json.dumps(dataset)} = {json.dumps(encoding)}" for dataset, encoding in options.encodings.items()
            )
            lines.append(
                f"encodings = {{ {inner} }}  # these hold bytes that are not {options.encoding}; confirm with the sender"
            )
        lines.append("")
    lines += [
        "# The visit schedule: without it, visit windows are not checked. One block per visit; day 1 is the first dose, there is no day 0.",
        "# [[visits]]", '# name = "WEEK 2"', "# number = 3", "# day = 15", "# before = 3", "# after = 3", "",
        "# Limits of this study, by check id, and checks switched off, each with its reason.",
        "# [parameters.DM002]", "# low = 50", "", "# [off]", '# VS003 = "Weight is only collected at screening"', "",
        "# What a field may hold; CONTRIBUTING.md has every key. A table fields.csv beside this file says the same.",
        "# [fields.ae]", '# aeser = { required = true, codelist = "NY" }', '# aesdth = { shown_when = "aeser = Y" }', "",
    ]  # fmt: skip
    return "\n".join(lines)


def _subject_column(datasets: list[Stored]) -> str:
    """The column that names the subject in most datasets; a dataset without it would not meet the others."""
    counts = Counter(name for d in datasets for name in SUBJECTS if name in _spellings(d))
    if not counts:
        raise CdmError(f"No dataset has a column that names the subject; looked for {', '.join(SUBJECTS)}.")
    return max(counts, key=lambda name: (counts[name], -SUBJECTS.index(name)))


def _item_names(form: str, dataset: str, items: list[str]) -> dict[str, str]:
    """What the columns of a form's items are called: AE_AETERM is AETERM, and SEV of the adverse events AESEV; else as they are."""
    prefixes = Counter(item.partition("_")[0] for item in items if "_" in item[1:])
    common = [prefix for prefix, n in prefixes.items() if n >= 0.6 * len(items) and prefix]
    domain = _domain_by_name(form, dataset) or next((p.lower() for p in common if p.lower() in standard.domains()), "")
    known = set().union(*(_names(c) for c in standard.tables()[domain])) if domain else set()
    known |= {*VITAL_SIGNS} if domain == "vs" else set()
    made: dict[str, str] = {}
    taken = {alias.upper() for layout in pivot.LAYOUTS for _, alias in layout.context} | {"RECORDID", "SOURCE", "DATASET", "SOURCE_ROW"}
    for item in items:
        short = item.upper().removeprefix(f"{form.upper()}_")
        short = next((short.removeprefix(f"{p.upper()}_") for p in common if short.startswith(f"{p.upper()}_")), short)
        wanted = [name for name in (short, f"{domain.upper()}{short}") if name in known or plain(name) in known or WIDE.fullmatch(name)]
        made[item] = next((name for name in (*wanted, item, f"{item}_item") if name.upper() not in taken), f"{item}_{len(made)}")
        taken.add(made[item].upper())
    return made


def _domain_by_name(*names: str) -> str:
    """The table that a name speaks of: a part of it is a domain (`pilot_ae`, `SAE.AE`), or a word of it is one of WORDS."""
    for name in names:
        parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part in standard.domains()]
        if parts:
            return parts[-1]
    found = [domain for name in names for word, domain in WORDS.items() if word in plain(name)]
    return found[0] if found else ""


def _by_domain(forms: list[pivot.Form]) -> tuple[dict[str, list[pivot.Form]], list[tuple[str, str]]]:
    """The forms that belong to each standard table, and those that belong to none with the reason."""
    by_domain: dict[str, list[pivot.Form]] = {}
    left = []
    for form in forms:
        dataset = form.stored
        if form.inside:
            left.append((dataset.name, "a group of items that repeats inside a form has no table of its own"))
            continue
        columns = _spellings(dataset)
        domain = _domain(dataset, columns, form.path)
        if not columns & {*SUBJECTS, *(_names(_column(domain, "subjid")) if domain in standard.OPERATIONAL else ())}:
            left.append((dataset.name, "no column names a subject"))
        elif not dataset.columns or domain not in standard.mapped():
            left.append(
                (
                    dataset.name,
                    f"there is no standard table for {domain.upper()}"
                    if domain
                    else "no standard table has its columns",
                )
            )
        else:
            by_domain.setdefault(domain, []).append(form)
    for dataset, why in _listed_twice([form.stored for form in by_domain.get("edc_queries", [])]):
        by_domain["edc_queries"] = [form for form in by_domain["edc_queries"] if form.stored is not dataset]
        left.append((dataset.name, why))
    return by_domain, left


def _listed_twice(listings: list[Stored]) -> list[tuple[Stored, str]]:
    """Query listings whose queries stand in another one too, and in which: counted once, or a query would be two."""
    whole = {dataset.file: dataset for dataset in listings if "cumulative" in dataset.name.lower()}
    found = [(d, f"its queries are in the cumulative {whole[d.file].name} too") for d in listings if whole.get(d.file, d) != d]
    changed, opened = (_names(_column("edc_queries", name)) for name in ("changed", "opened"))
    per_query = [dataset for dataset in listings if _spellings(dataset) & opened]
    for dataset in listings:
        number = [name for name in _column("edc_queries", "query_id").synonyms if name in _spellings(dataset)][:1]
        twin = next((d for d in per_query if d != dataset and d.source == dataset.source and {*number} & _spellings(d)), None)
        if twin and _spellings(dataset) & changed and not _spellings(dataset) & opened:
            found.append((dataset, f"a row per change of the queries that {twin.name} has with a row each"))
    return found


def _domain(dataset: Stored, columns: set[str], path: Path) -> str:
    """The domain a dataset is of: what its column DOMAIN says, else its name, else the table that most of its columns fit."""
    if listing := _listing(dataset):
        return listing
    if "RDOMAIN" in columns:
        return "supplemental qualifiers"
    if "DOMAIN" in columns:
        values = duckdb.execute(
            f"SELECT DISTINCT domain FROM read_parquet({literal(str(path))}) WHERE domain IS NOT NULL LIMIT 2"
        ).fetchall()
        if len(values) == 1:
            return values[0][0].lower()
    if any(part in standard.domains() for part in re.split(r"[^a-z0-9]+", dataset.name.lower())):
        return _domain_by_name(dataset.name)
    if other := _third_party(dataset, columns):
        return other
    fits = {
        domain: sum(bool(_names(c) & columns) for c in standard.tables()[domain] if c.role != "key")
        for domain in standard.domains()
    }
    if (named := _domain_by_name(dataset.name)) and (fits[named] >= 2 or (named == "vs" and columns & {*VITAL_SIGNS})):
        return named
    best = max(fits, key=lambda domain: fits[domain])
    needed = [c for c in standard.tables()[best] if c.role == "required" and c.type != "date"]
    return best if fits[best] >= 3 and all(_names(c) & columns for c in needed) else ""


def _third_party(dataset: Stored, columns: set[str]) -> str:
    """The table of others' data that a dataset is for: it has all that must be there, and more of it than of any other."""
    fits = {}
    for table in standard.THIRD_PARTY:
        own = [c for c in standard.tables()[table] if c.role != "key"]
        twins = {c.name: _names(c) for c in own}
        needed = [_names(c) | twins.get(c.source, set()) for c in own if c.role == "required"]
        if all(names & columns for names in needed):
            named = table in re.split(r"[^a-z0-9]+", dataset.name.lower())
            fits[table] = (named, sum(bool(_names(c) & columns) for c in own))
    return max(fits, key=lambda table: fits[table]) if fits else ""


def _names(column: Column) -> set[str]:
    return {column.name.upper(), *column.synonyms}


def _spellings(dataset: Stored) -> set[str]:
    """The names of a dataset's columns in capitals, and plain."""
    return {spelling for column in dataset.columns for spelling in (column.upper(), plain(column))}


def _column(table: str, name: str) -> Column:
    return next(column for column in standard.tables()[table] if column.name == name)


def _lists_queries(dataset: Stored) -> bool:
    """A listing of EDC queries: it has a status, a date of opening or of each status, and a query text or marking group."""
    columns = _spellings(dataset)

    def any_of(*names: str) -> bool:
        return any(_names(_column("edc_queries", name)) & columns for name in names)

    return (
        any_of("state") and any_of("opened", "changed") and any_of("text", "marking_group") and any_of("field", "form")
    )


@cache
def _profiles() -> tuple[tuple[str, str, tuple[set[str], ...]], ...]:
    """The listings of the EDC known by their headers: standard table, kind of issue, and the headers that must all be there."""
    with (standard.SQL / "listing_profiles.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            (row["table"], row["kind"], tuple(set(header.split("|")) for header in row["headers"].split())) for row in csv.DictReader(file)
        )


def _profile(dataset: Stored) -> tuple[str, str]:
    """The standard table and the kind of issue of a listing other than of queries; empty when its headers fit none."""
    spellings = _spellings(dataset)
    return next(((table, kind) for table, kind, headers in _profiles() if all(names & spellings for names in headers)), ("", ""))


def _listing(dataset: Stored) -> str:
    """The standard table of a listing of the EDC about its data: queries, pages, visits, issues; empty for data."""
    return "edc_queries" if _lists_queries(dataset) else _profile(dataset)[0]


def _listing_subject(dataset: Stored) -> str:
    """The column of a listing that names the subject, as it is spelled there."""
    return next(iter(_all(Match(dataset, Path()), _column(_listing(dataset), "subjid"))), "")


def _match(domain: str, match: Match, subject: str) -> Match:
    """Match the columns of one dataset to those of a standard table."""
    columns = standard.tables()[domain]
    for name, candidates in (("siteid", ("SITEID",)), ("visit", ("VISIT",)), ("form", ()), ("formrow", ())):
        known = next(c for c in columns if c.name == name)
        rave = "RECORDACTIVE" in {column.upper() for column in match.dataset.columns}
        names = ("SITENUMBER", *known.synonyms) if rave and name == "siteid" else (*candidates, *known.synonyms)
        if source := match.column(*names):
            match.take(name, source)
    match.take(
        "subjid", match.column(subject, *(("SUBJID", *_column(domain, "subjid").synonyms) if domain in standard.OPERATIONAL else ()))
    )
    if kind := _profile(match.dataset)[1]:
        match.expressions["kind"] = literal(kind)
    if domain in standard.domains():
        match.expressions.setdefault("form", literal(match.dataset.labels.get("", match.dataset.name)))
    wide = _wide_groups(domain, match)
    for column in columns:
        if (
            column.role == "key"
            or column.name in match.expressions
            or (wide and column.name.startswith(domain) and column.name != f"{domain}dat")
        ):
            continue
        if not column.source:
            _match_own(match, column, domain)
    for column in columns:
        if column.source and not wide:
            _match_derived(match, column)
        elif column.source and column.source in match.expressions:
            match.expressions[column.name] = _derived(match, column, match.expressions[column.source])
    return match


def _match_own(match: Match, column: Column, domain: str) -> None:
    """A column that is collected as such: verbatim, or with its coding read by the macro of its code list."""
    if (
        domain in standard.OPERATIONAL
    ):  # several columns for one thing (a date for each way of closing): the first filled
        if found := _all(match, column):
            match.used.update(found)
            both = f"coalesce({', '.join(map(quote_plain, found))})" if len(found) > 1 else quote_plain(found[0])
            reading = {"number": "num"}.get(column.type) or {"NY": "yes_no", "SEX": "sex_code"}.get(column.codelist)
            match.take(column.name, found[0], f"{reading}({both})" if reading else both)
        return
    twin = next((c for c in standard.tables()[_table_of(column)] if c.source == column.name), None)
    names = [column.name.upper(), *column.synonyms, *((twin.name.upper(), *twin.synonyms) if twin else ())]
    raw = [f"{name}_RAW" for name in names] if twin else []
    source = match.column(*raw, *names)
    if not source:
        return
    text = quote_plain(source)
    match.used.update(
        c
        for c in match.dataset.columns
        if c.upper()
        in {
            f"{source.upper().removesuffix('_RAW')}{end}" for end in ("", "_RAW", "_INT", "_YYYY", "_MM", "_DD", "_STD")
        }
    )
    if column.type == "number":
        text = f"num({text})"
    elif column.type == "date":
        text = f"iso_date({text})"
    elif column.name.endswith("ongo"):
        text = f"ongoing({text})"
    elif column.codelist in ("NY", "SEX", "AESEV"):
        text = f"{ {'NY': 'yes_no', 'SEX': 'sex_code', 'AESEV': 'severity_word'}[column.codelist] }({text})".replace(
            " ", ""
        )
        if column.codelist == "AESEV":
            match.remarks.append("severity: 1, 2 and 3 are read as MILD, MODERATE and SEVERE")
    match.take(column.name, source, text)


def _match_derived(match: Match, column: Column) -> None:
    if column.source in match.expressions:
        match.expressions[column.name] = _derived(match, column, match.expressions[column.source])


def _derived(match: Match, column: Column, collected: str) -> str:
    """The expression for a date or number made from collected text; for dates, the macro that reads what is there."""
    if column.type == "number":
        return f"num({collected})"
    if not re.fullmatch(r'"[^"]*"|\w+', collected):
        return f"iso_date({collected})"
    con = standard.macros_only()
    source = f"(SELECT DISTINCT {collected} AS v FROM read_parquet({literal(str(match.path))}) WHERE v IS NOT NULL)"
    figures, dmy, mdy = con.execute(
        f"""SELECT count(*) FILTER (iso_date(v) IS NULL AND regexp_full_match(trim(v), {literal(NUMERIC_DATE)})),
                   count(*) FILTER (iso_date(v) IS NULL AND iso_date_dmy(v) IS NOT NULL), count(*) FILTER (iso_date(v) IS NULL AND iso_date_mdy(v) IS NOT NULL)
            FROM {source}"""
    ).fetchone()
    if not figures or dmy == mdy:
        if figures:
            match.remarks.append(
                f"{column.name}: dates such as 01/02/2024 can be read two ways and are left empty; write iso_date_dmy or iso_date_mdy"
            )
        return f"iso_date({collected})"
    order = "dmy" if dmy > mdy else "mdy"
    match.remarks.append(
        f"{column.name}: dates in figures are read as {'day, month, year' if order == 'dmy' else 'month, day, year'}, because only that fits all of them"
    )
    return f"iso_date_{order}({collected})"


def _table_of(column: Column) -> str:
    return next(name for name, columns in standard.tables().items() if column in columns and name in standard.domains())


def _wide_groups(domain: str, match: Match) -> list[dict[str, str]]:
    """For a dataset with a group of columns per test: one mapping (standard column → expression) per test; else empty."""
    if match.column(
        f"{domain}TESTCD".upper(),
        f"{domain}TEST".upper(),
        *next((c.synonyms for c in standard.tables()[domain] if c.name == f"{domain}testcd"), ()),
    ):
        return []
    upper = {column.upper(): column for column in match.dataset.columns}
    tests = [m[1] for column in upper if (m := WIDE.fullmatch(column)) and m[2] == domain.upper()]
    plain = [] if tests or domain != "vs" else [test for test in VITAL_SIGNS if test in upper]
    groups = []
    for test in tests + plain:
        group = {f"{domain}testcd": literal(test)}
        for column in standard.tables()[domain]:
            stem = column.name.removeprefix(domain).upper()
            names = (
                [f"{test}_{column.name.upper()}"]
                if tests
                else {
                    "ORRES": [f"{test}_RAW", test],
                    "ORRESU": [f"{test}U", f"{test}_UNITS", f"{test}UNIT", f"{test}_UNIT"],
                    "STAT": [f"{test}STAT"],
                }.get(stem, [])
            )
            if column.name.startswith(domain) and (
                source := next((upper[name] for name in names if name in upper), None)
            ):
                group[column.name] = quote_plain(source)
                match.used.add(source)
        if plain:
            match.used.update(upper[name] for name in (test, f"{test}_RAW", f"{test}_UNITS") if name in upper)
        groups.append(group)
    return groups


def _query_key(match: Match) -> tuple[str, str]:
    """The key of a query: its number in the listing, with the time of the row in a listing that has one per status."""

    def given(name: str) -> str:
        return match.expressions.get(name, "NULL")

    if not (number := match.sources.get("query_id")):
        place = ", ".join(given(name) for name in ("subjid", "visit", "form", "field", "formrow", "opened", "text"))
        return f"query_key({place})", "built from place, opening date and text, as the listing gives no query number"
    if "changed" not in match.sources:
        return f"concat_ws('|', 'Q', {quote_plain(number)})", f"the listing's own number {number}"
    row = f"concat_ws('|', 'Q', {quote_plain(number)}, {given('changed')}, {given('state')}, {given('response')})"
    return row, f"the listing's own number {number}, with time and status: a row per change"


def _key(domain: str, match: Match, wide: bool) -> tuple[str, str]:
    """The expression for record_key, and what to say of it: the source's own record id, else the fewest columns that tell rows apart."""
    if domain == "edc_queries":
        return _query_key(match)
    if domain in standard.LISTINGS:
        place = (match.expressions[name] for name in ("subjid", "visit", "form", "formrow", "kind", "what") if name in match.expressions)
        parts = ", ".join(f"coalesce({part}, '')" for part in place)
        return f"concat_ws('|', {literal(match.dataset.name.upper())}, {parts})", "the place in the EDC; a second row of one place gets a number"
    subject = match.expressions["subjid"]
    prefix = literal(domain.upper())
    if record := match.column("RECORDID", "MNPSUBDOCID", "MNPDOCID"):
        match.used.add(record)
        how = "its place: subject, event, form and repeat numbers" if match.origin.startswith("(") else "the source's own record id"
        return f"concat_ws('|', {prefix}, {quote_plain(record)})", how
    if sequence := match.column(f"{domain}SEQ".upper()):
        match.used.add(sequence)
        return f"concat_ws('|', {prefix}, {subject}, {quote_plain(sequence)})", f"subject and {sequence}"
    stems = (
        "spid",
        "testcd",
        "visit",
        "dat",
        "cat",
        "term",
        "trt",
        "decod",
        "stdat",
        "tpt",
        "pos",
        "visdat",
        "endat",
        "indc",
        "dstxt",
    )
    candidates = [match.sources[name] for stem in stems for name in (stem, f"{domain}{stem}") if name in match.sources]
    if domain in standard.OPERATIONAL:
        parts = [c.name for c in standard.tables()[domain] if c.role == "required" or c.name in ("case_version", "event_number", "timepoint")]
        parts += [c.source for c in standard.tables()[domain] if c.role == "required" and c.source]
        candidates = [match.sources[name] for name in (*parts, "visit") if name in match.sources]
    ends = (f"{domain}TPTNUM".upper(), f"{domain}LLT".upper(), *((f"_{domain}POS".upper(),) if wide else ()))
    candidates += [
        column for column in match.dataset.columns if column not in candidates and column.upper().endswith(ends)
    ]
    source = f"read_parquet({literal(str(match.path))})"

    def distinct(columns: list[str]) -> int:
        return duckdb.execute(f"SELECT count(DISTINCT ({', '.join(map(quote, columns))})) FROM {source}").fetchone()[0]

    key = [match.column(subject.strip('"').upper())]
    best, total = distinct(key), match.dataset.rows_stored
    for column in candidates:
        if best < total and (n := distinct([*key, column])) > best:
            key, best = [*key, column], n
    for column in key[1:]:
        if len(key) > 2 and distinct([c for c in key if c != column]) == best:
            key.remove(column)
    parts = [f"coalesce({quote_plain(column)}, '')" for column in key[1:]]
    short = "" if best == total else f"; {total - best} rows repeat a key and are told apart by a number"
    return (
        f"concat_ws('|', {', '.join([prefix, subject, *parts])})",
        f"subject{''.join(', ' + c for c in key[1:])}{short}",
    )


def _table_file(domain: str, matches: list[Match]) -> tuple[str, list[str]]:
    """The text of tables/<domain>.sql and what to say about it."""
    parts, said, notes = [], [], []
    for match in matches:
        groups = _wide_groups(domain, match)
        key, how = _key(domain, match, bool(groups))
        active = match.column("RECORDACTIVE")
        where = f"\nWHERE  {quote_plain(active)} = '1'" if active else ""
        if active:
            match.used.add(active)
        origin = match.origin
        parts += [(_chosen(domain, match, group, key, where), origin) for group in groups or [{}]]
        matched = sum(bool(_source_of(c, match, groups)) for c in match.dataset.columns)
        left = [c for c in match.dataset.columns if not _source_of(c, match, groups) and not _system(c, match)]
        said.append(
            f"{match.dataset.name} → tables/{domain}.sql: {matched} of {len(match.dataset.columns)} columns matched{f', {len(groups)} tests, one row each' if groups else ''}; key: {how}"
        )
        said += [f"  {remark}" for remark in match.remarks]
        if left:
            said.append(f"  left: {', '.join(left)} (no standard column of {domain}; they stay in the snapshot)")
        notes += [
            f"{match.dataset.name}: key is {how}.",
            *(f"{remark[0].upper()}{remark[1:]}." for remark in match.remarks),
        ]
        if left:
            notes.append(f"Columns of {match.dataset.name} without a standard column: {', '.join(left)}.")
    needed = [
        c.name
        for c in standard.tables()[domain]
        if c.role == "required" and not any(c.name in m.expressions or _wide_groups(domain, m) for m in matches)
    ]
    if needed:
        said.append(f"  nothing fits {', '.join(needed)}: selected as NULL until a programmer maps it")
    origins = ", ".join(dict.fromkeys(m.made_from for m in matches))
    wanted = {name for (chosen, _), _ in parts for name in chosen}
    selects = [_select(domain, chosen, wanted, f"{origin}{where}") for (chosen, where), origin in parts]
    header = f"/*\ntitle: {TITLES[domain]}\nfrom:  {origins}\n\n" + "\n".join(notes).replace("*/", "* /") + "\n*/\n"
    return header + "\nUNION ALL\n".join(selects) + "\n", said


def _chosen(domain: str, match: Match, group: dict[str, str], key: str, where: str) -> tuple[dict[str, str], str]:
    """What one SELECT gives, by standard column, and its WHERE; for a wide dataset the group of columns of one test."""
    chosen = match.expressions | group | {"record_key": key}
    if group:
        chosen["record_key"] = key.removesuffix(")") + f", {group[f'{domain}testcd']})"
        for column in standard.tables()[domain]:
            if column.source and column.source in chosen:
                chosen[column.name] = _derived(match, column, chosen[column.source])
        results = [group[name] for name in (f"{domain}orres", f"{domain}stat", f"{domain}orresu") if name in group]
        where += (
            ("\nAND    " if where else "\nWHERE  ")
            + "("
            + " OR ".join(f"{result} IS NOT NULL" for result in results)
            + ")"
        )
    if domain == "vs" and "vsstresn" not in chosen and {"vsorres", "vsorresu"} <= chosen.keys():
        chosen["vsstresn"] = f"vs_standard_result(num({chosen['vsorres']}), {chosen['vsorresu']})"
        chosen["vsstresu"] = f"vs_standard_unit({chosen['vsorresu']})"
    return chosen, where


def _select(domain: str, chosen: dict[str, str], wanted: set[str], origin: str) -> str:
    """One SELECT in standard column order; what only its companions give, and what must be there, is NULL."""
    lines = []
    for column in standard.tables()[domain]:
        if column.name in ("source", "dataset", ROW):
            lines.append((column.name, ""))
        elif column.name in wanted or column.role == "required":
            lines.append((chosen.get(column.name, "NULL"), column.name))
    width = max(len(expression) for expression, name in lines if name)
    body = ",\n       ".join(f"{expression:<{width}} AS {name}" if name else expression for expression, name in lines)
    return f"SELECT {body}\nFROM   {origin}"


def _source_of(column: str, match: Match, groups: list[dict[str, str]]) -> bool:
    return column in match.used or any(
        quote_plain(column) == expression for group in groups for expression in group.values()
    )


def _system(column: str, match: Match) -> bool:
    """Columns of the EDC itself, of no interest to a reader of the table."""
    return match.column("RECORDACTIVE") != "" and column.upper() in [
        "USERID",
        "PROJECTID",
        "PROJECT",
        "STUDYID",
        "ENVIRONMENTNAME",
        "SUBJECTID",
        "STUDYSITEID",
        "SITEID",
        "SITE",
        "SITENUMBER",
        "SITEGROUP",
        "INSTANCEID",
        "INSTANCENAME",
        "INSTANCEREPEATNUMBER",
        "FOLDERID",
        "FOLDER",
        "FOLDERNAME",
        "FOLDERSEQ",
        "TARGETDAYS",
        "DATAPAGEID",
        "DATAPAGENAME",
        "PAGEREPEATNUMBER",
        "RECORDDATE",
        "RECORDID",
        "RECORDPOSITION",
        "RECORDACTIVE",
        "SAVETS",
        "MINCREATED",
        "MAXUPDATED",
    ]


def quote_plain(name: str) -> str:
    """A column name as a programmer writes it: quoted only when it must be."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.upper() not in _reserved() else quote(name)


@cache
def _reserved() -> frozenset[str]:
    rows = duckdb.execute(
        "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
    return frozenset(row[0] for row in rows)
