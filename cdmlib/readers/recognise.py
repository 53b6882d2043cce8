"""Look at an extract that nobody has described yet and propose how to read it, for a person to check."""

from __future__ import annotations

import codecs
import csv
import glob
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cdmlib.errors import CdmError, listed
from cdmlib.readers import content, e2b, odm, rave, secutrial
from cdmlib.readers.as_text import BOMS
from cdmlib.readers.csv_text import DELIMITERS
from cdmlib.readers.dataset import Options
from cdmlib.readers.extract import Member, members
from cdmlib.readers.layouts import LAYOUTS, TEXT

BY_KIND = {"xpt": "xpt", "sas7bdat": "sas7bdat", "json": "dataset-json", "xlsx": "excel", "ole": "excel"}
TABLES = (*TEXT, ".xls")  # some systems call tab-separated text .xls
FALLBACK = "cp1252"


@dataclass(frozen=True)
class Recognised:
    """A proposal for one source: which files, how they are written, what they hold; and the files left, with why."""

    layout: str
    files: tuple[str, ...]
    options: Options
    datasets: tuple[str, ...]
    left: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    name: str
    layout: str
    options: Options
    datasets: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


def recognise(path: Path) -> list[Recognised]:
    """How the files of an extract can be read, one proposal for each layout and dialect found, in the order of LAYOUTS.

    Raises CdmError when no file is recognised, saying of each why.
    """
    left: dict[str, str] = {}
    groups: dict[tuple, list[_File]] = {}
    taken: dict[tuple, str] = {}
    with members(path) as found:
        names = [member.name for member in found]
        pages = secutrial.described(names)
        exports = {pages[m.name]: secutrial.encoding(m.path) for m in found if m.name in pages}
        for member in found:
            try:
                if member.name in pages:
                    raise CdmError("describes the secuTrial export beside it; read for the encoding")
                file = _file(member, exports)
            except CdmError as error:
                left[member.name] = str(error).removeprefix(f"{member.name}: ")
                continue
            key = (list(LAYOUTS).index(file.layout), file.options.delimiter, file.options.header_row)
            if not LAYOUTS[file.layout].together and (twice := [name for name in file.datasets if (key, name) in taken]):
                left[member.name] = f"dataset {twice[0]} is also in {taken[key, twice[0]]}"
                continue
            taken.update({(key, name): member.name for name in file.datasets})
            groups.setdefault(key, []).append(file)
    if not groups:
        why = [f"{name}: {reason}" for name, reason in left.items()] or ["there is no file"]
        raise CdmError(listed(why, f"{path}: no data file is recognised:"))
    return [_proposal(files, names, left) for _, files in sorted(groups.items())]


def _file(member: Member, exports: dict[str, str]) -> _File:
    """One file read as it seems to be written. Raises CdmError saying why it is no data file.

    exports: the folders that hold a secuTrial export, and the encoding that its description names.
    """
    kind = content.kind(member.path)
    options, notes = Options(), []
    folder = str(PurePosixPath(member.name).parent)
    if kind == "text" and folder in exports and member.name.lower().endswith(LAYOUTS["secutrial"].suffixes):
        layout, (encoding, notes) = "secutrial", (exports[folder], []) if exports[folder] else _encoding(member)
        options = Options(encoding=encoding)
    elif kind == "text":
        layout, options, notes = _text(member)
    elif kind == "xml" and e2b.has_cases(member.path, member.name):
        layout = "e2b"
    elif kind == "xml" and odm.has_subjects(member.path, member.name):
        layout = "odm"
    elif kind in BY_KIND:
        layout = BY_KIND[kind]
    else:
        content.check(member.path, member.name, tuple(content.KINDS))
        raise CdmError(f"{member.name}: {content.KINDS[kind]}, which is not read as data")
    datasets = LAYOUTS[layout].read(member.path, member.name, options)
    for dataset in datasets:
        for _ in dataset.batches:
            pass
        wrong = [row for row in dataset.quarantine if "can't be read as" not in row.reason]
        if kind == "text" and len(wrong) > dataset.rows / 2:
            raise CdmError(f"{member.name}: most lines have another number of values than the first: not a table")
        if kind != "text" and len(wrong) < len(dataset.quarantine):
            options = Options(encoding=FALLBACK)
            notes = [*notes, f"{member.name}: not utf-8; {FALLBACK} is a guess, compare accented letters"]
    return _File(member.name, layout, options, tuple(dataset.name for dataset in datasets), notes)


def _text(member: Member) -> tuple[str, Options, list[str]]:
    """Layout, dialect and encoding of a text file, from its first lines and whether it decodes."""
    if PurePosixPath(member.name).suffix.lower() not in TABLES:
        raise CdmError(f"{member.name}: plain text that is not a table by its ending")
    encoding, notes = _encoding(member)
    with member.path.open(encoding=encoding, newline="", errors="replace") as file:
        first, second = file.readline(100_000).lstrip("\ufeff"), file.readline(100_000)
    delimiter = max(DELIMITERS, key=first.count)
    if not first.count(delimiter):
        raise CdmError(f"{member.name}: plain text without a line of column names")
    header, below = (next(csv.reader([line], delimiter=delimiter), []) for line in (first, second))
    two = len(header) == len(below) and {"SubjectId", "FormId"} <= set(below)  # labels above, then names
    if two and {"SiteSeq", "SubjectSeq"} <= set(below):
        return "viedoc", Options(encoding=encoding, delimiter=delimiter), notes
    options = Options(encoding=encoding, delimiter=delimiter, header_row=2 if two else 1)
    is_rave = not rave.missing(tuple(header)) and rave.last_line(member.path, encoding, member.name) == rave.TRAILER
    return "rave" if is_rave else "csv", options, notes


def _encoding(member: Member) -> tuple[str, list[str]]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with member.path.open("rb") as file:
        head = file.read(4)
        if bom := next((bom for bom in BOMS if head.startswith(bom)), b""):
            return BOMS[bom][0][0], []
        file.seek(0)
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return FALLBACK, [f"{member.name}: not utf-8; {FALLBACK} is a guess, compare accented letters"]
    return "utf-8", []


def _proposal(files: list[_File], names: list[str], left: dict[str, str]) -> Recognised:
    encodings = {name: file.options.encoding for file in files for name in file.datasets}
    common = next(iter(encodings.values())) if len(set(encodings.values())) == 1 else "utf-8"
    options = Options(
        encoding=common,
        encodings={name: encoding for name, encoding in encodings.items() if encoding != common},
        delimiter=files[0].options.delimiter,
        header_row=files[0].options.header_row,
    )
    patterns = _patterns([file.name for file in files], names)
    notes = tuple(note for file in files for note in file.notes)
    return Recognised(
        files[0].layout, patterns, options, tuple(dict.fromkeys(name for file in files for name in file.datasets)), left, notes
    )


def _patterns(chosen: list[str], names: list[str]) -> tuple[str, ...]:
    """Patterns that take the chosen files and no other: by ending, else by folder and ending, else by name."""

    def ending(name: str) -> str:
        return PurePosixPath(name).suffix.lower()

    def folder(name: str) -> tuple[str, str]:
        return str(PurePosixPath(name).parent), ending(name)

    patterns: Counter[str] = Counter()
    others = [name for name in names if name not in chosen]
    for name in chosen:
        place, suffix = folder(name)
        if suffix and suffix not in map(ending, others):
            patterns[f"*{suffix}"] += 1
        elif suffix and place != "." and not any(o.startswith(f"{place}/") and ending(o) == suffix for o in others):
            patterns[f"{glob.escape(place)}/*{suffix}"] += 1
        else:
            patterns[glob.escape(name)] += 1
    return tuple(patterns)
