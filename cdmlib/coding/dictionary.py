"""A medical dictionary ready to code with: read once from its maker's files, then kept beside the study by what the files hold."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdmlib import sqlfile, standard
from cdmlib.coding import layouts, words
from cdmlib.errors import CdmError, listed
from cdmlib.study import DictionarySource, Study

READER = 1  # counted up when the same files would give other terms
DEFAULTS = {"ae": {"aeterm": "meddra"}, "mh": {"mhterm": "meddra"}, "cm": {"cmtrt": "whodrug"}}
LEVELS = {"meddra": "LLT", "whodrug-b3": "Drug name", "whodrug-c3": "Drug name"}


@dataclass(frozen=True)
class Term:
    """One term that can be coded to, with its preferred term and class (primary system organ class, or ATC)."""

    code: str
    term: str
    level: str
    is_current: bool
    preferred_code: str | None
    preferred_term: str | None
    hlt_code: str | None
    hlt_term: str | None
    hlgt_code: str | None
    hlgt_term: str | None
    class_code: str | None
    class_term: str | None
    ingredients: str | None


@dataclass(frozen=True)
class Dictionary:
    """A dictionary of one version. `terms` has the columns of Term and key1 … key4, by which it is searched (see words.keys)."""

    name: str
    layout: str
    version: str
    digest: str
    terms: pa.Table

    @property
    def drug(self) -> bool:
        return self.layout.startswith("whodrug")

    @cached_property
    def by_code(self) -> dict[str, Term]:
        return {row["code"]: Term(**row) for row in self.terms.select(list(Term.__annotations__)).to_pylist()}


def declared(study: Study) -> list[tuple[str, str, str]]:
    """Which columns are coded with which dictionary: (table, column, dictionary), by table and column.

    Reported terms of adverse events and medical history go by the dictionary `meddra`, medications by `whodrug`, where these are
    declared; [coding] in study.toml adds to that or overrides it. Raises CdmError for a table, column or dictionary that is not there.
    """
    known, chosen, problems = standard.tables(), {}, []
    for table, columns in DEFAULTS.items():
        chosen |= {(table, column): name for column, name in columns.items() if name in study.dictionaries}
    for table, columns in study.coding.items():
        for column, name in columns.items():
            if table not in standard.domains() or column not in {c.name for c in known[table]}:
                problems.append(f"coding.{table}.{column} is not a column of a standard table")
            elif name and name not in study.dictionaries:
                there = ", ".join(study.dictionaries) or "none"
                problems.append(f"coding.{table}.{column}: the dictionary {name!r} is not declared; there is {there}")
            chosen[table, column] = name
    if problems:
        raise CdmError(listed(problems, f"{study.folder / 'study.toml'}:"))
    return sorted((table, column, name) for (table, column), name in chosen.items() if name)


def only(study: Study, name: str = "", folder: Path | None = None) -> str:
    """The dictionary meant: the one named, the only one, or that of whose layout the files in a folder are. Raises CdmError else."""
    fits = [name] if name else list(study.dictionaries)
    if len(fits) > 1 and folder:
        there = {path.name.lower() for path in folder.iterdir()}
        fits = [
            n for n in fits if all(f.name in there for f in layouts.files(study.dictionaries[n].layout) if f.required)
        ]
    if len(fits) != 1 or fits[0] not in study.dictionaries:
        raise CdmError(
            f"Study {study.id} declares the dictionaries {', '.join(study.dictionaries) or '(none)'}. Say which with --dictionary."
        )
    return fits[0]


def load(study: Study, name: str) -> Dictionary:
    """The dictionary declared under this name. The first time its files are read and checked; then the terms are kept in the study's
    folder `cache/` under the hash of the files' content, so that a second run starts at once."""
    source = study.dictionaries.get(name)
    if not source:
        raise CdmError(
            f"Study {study.id} declares no dictionary {name!r}; it has {', '.join(study.dictionaries) or 'none'}. Declare it under [dictionaries.{name}] in study.toml."
        )
    return load_folder(name, study.folder / source.folder, source, study.folder / "cache")


def load_folder(name: str, folder: Path, source: DictionarySource, cache: Path | None = None) -> Dictionary:
    """The dictionary in a folder, read as `source` declares; kept in `cache` when one is given."""
    digest = _digest(layouts.locate(folder, source.layout), source)
    kept = cache / f"dictionary-{digest[:24]}.parquet" if cache else None
    if kept and kept.exists():
        terms = pq.read_table(kept)
        version = json.loads(terms.schema.metadata[b"cdm"])["version"]
    else:
        terms, version = _make(folder, source)
        if kept:
            _keep(terms.replace_schema_metadata({"cdm": json.dumps({"version": version})}), kept)
    return Dictionary(name, source.layout, version, digest, terms)


def _digest(paths: dict[str, Path], source: DictionarySource) -> str:
    total = hashlib.blake2b(digest_size=20)
    total.update(json.dumps([READER, source.layout, source.encoding, source.version]).encode())
    for name, path in sorted(paths.items()):
        with path.open("rb") as file:
            total.update(name.encode() + hashlib.file_digest(file, "blake2b").digest())
    total.update((standard.SQL / "dictionaries" / "spelling.csv").read_bytes())
    return total.hexdigest()


def _keep(terms: pa.Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    working = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(terms, working)
    working.replace(path)


def _make(folder: Path, source: DictionarySource) -> tuple[pa.Table, str]:
    """Read, check and put together the terms of a dictionary; and its version."""
    tables = layouts.read(folder, source.layout, source.encoding)
    problems = _faults(tables, source.layout)
    version = _version(folder, tables, source, problems)
    if problems:
        raise CdmError(listed(problems[: layouts.MOST], f"The dictionary in {folder} can't be used:"))
    with duckdb.connect(config={"threads": 1}) as con:
        for table, rows in tables.items():
            con.register(table, rows)
        terms = con.execute(
            sqlfile.read(standard.SQL / "dictionaries" / f"{source.layout}.sql", "table").sql
        ).to_arrow_table()
    drug = source.layout.startswith("whodrug")
    found = [words.keys(term, drug) for term in terms.column("term").to_pylist()]
    for at in range(4):
        terms = terms.append_column(f"key{at + 1}", pa.array([keys[at] for keys in found], pa.string()))
    return terms, version


def _faults(tables: dict[str, pa.Table], layout: str) -> list[str]:
    """What the layout's own rules say against the content: codes given twice, paths that contradict the terms."""
    if layout != "meddra":
        key = ("mp", "medicinal_product_id") if layout == "whodrug-c3" else ("dd", "")
        return _twice(tables, *key) if key[1] else _drug_codes_twice(tables["dd"])
    problems = [fault for name in ("llt", "pt", "hlt", "hlgt", "soc") for fault in _twice(tables, name, f"{name}_code")]
    names = {
        name: dict(
            zip(
                tables[name].column(f"{name}_code").to_pylist(),
                tables[name].column(f"{name}_name").to_pylist(),
                strict=True,
            )
        )
        for name in ("pt", "hlt", "hlgt", "soc")
    }
    primary: dict[str, str] = {}
    soc_of = dict(
        zip(tables["pt"].column("pt_code").to_pylist(), tables["pt"].column("pt_soc_code").to_pylist(), strict=True)
    )
    for row in tables["mdhier"].to_pylist():
        place = f"mdhier.asc line {row['line']}"
        for name, known in names.items():
            if row[f"{name}_name"] != known[row[f"{name}_code"]]:
                problems.append(
                    f"{place}: {name} {row[f'{name}_code']} is called {row[f'{name}_name']!r}, in {name}.asc {known[row[f'{name}_code']]!r}; are the files of one version?"
                )
        if row["primary_soc_fg"] not in ("Y", "N"):
            problems.append(f"{place}: primary_soc_fg must be Y or N; it is {row['primary_soc_fg']!r}")
        if row["primary_soc_fg"] == "Y":
            if row["pt_code"] in primary:
                problems.append(
                    f"{place}: preferred term {row['pt_code']} has a second primary path; the first leads to {primary[row['pt_code']]}"
                )
            if row["soc_code"] != soc_of[row["pt_code"]]:
                problems.append(
                    f"{place}: the primary path of {row['pt_code']} leads to {row['soc_code']}, in pt.asc its primary system organ class is {soc_of[row['pt_code']]}"
                )
            primary[row["pt_code"]] = row["soc_code"]
    for row in tables["pt"].to_pylist():
        if row["pt_code"] not in primary:
            problems.append(
                f"pt.asc line {row['line']}: preferred term {row['pt_code']} has no primary path in mdhier.asc"
            )
    for row in tables["llt"].to_pylist():
        if row["llt_currency"] not in ("Y", "N"):
            problems.append(f"llt.asc line {row['line']}: llt_currency must be Y or N; it is {row['llt_currency']!r}")
    return problems


def _twice(tables: dict[str, pa.Table], name: str, column: str) -> list[str]:
    rows = tables[name].group_by(column).aggregate([("line", "count"), ("line", "max")])
    rows = rows.filter(pc.greater(rows.column("line_count"), 1)).sort_by("line_max")
    return [
        f"{name} line {row['line_max']}: {column} {row[column]!r} is given {row['line_count']} times"
        for row in rows.to_pylist()
    ]


def _drug_codes_twice(dd: pa.Table) -> list[str]:
    seen: dict[tuple, int] = {}
    problems = []
    for row in dd.select(["record_number", "sequence_1", "sequence_2", "line"]).to_pylist():
        code = (row["record_number"], row["sequence_1"], row["sequence_2"])
        if not "".join(code).isdigit() or len("".join(code)) != 11:
            problems.append(
                f"dd.txt line {row['line']}: record and sequence numbers must be 11 figures; given {''.join(code)!r}"
            )
        elif code in seen:
            problems.append(f"dd.txt line {row['line']}: drug code {' '.join(code)} stands in line {seen[code]} too")
        seen.setdefault(code, row["line"])
    return problems


def _version(folder: Path, tables: dict[str, pa.Table], source: DictionarySource, problems: list[str]) -> str:
    """The version that the files say, else the declared one; two that differ are a fault."""
    said: dict[str, str] = {}
    if "meddra_release" in tables and tables["meddra_release"].num_rows:
        said["meddra_release.asc"] = tables["meddra_release"].column("version")[0].as_py()
    if "smq_list" in tables and len(versions := set(tables["smq_list"].column("meddra_version").to_pylist())) == 1:
        said["smq_list.asc"] = versions.pop()
    if "version" in tables and tables["version"].num_rows:
        text = tables["version"].column("text")[0].as_py()
        found = re.search(r"GLOBAL[BC]\d?([A-Za-z]{3})(\d\d)$", text)
        said["version.txt"] = f"{found[1]} 20{found[2]}" if found else text
    if source.version:
        said["study.toml"] = source.version
    if len(set(said.values())) > 1:
        problems.append(
            "versions are mixed: " + ", ".join(f"{place} says {version}" for place, version in said.items())
        )
    if not said:
        problems.append("no file says which version it is; declare `version` under [dictionaries] in study.toml")
    return next(iter(said.values()), "")
