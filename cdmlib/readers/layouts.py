"""The layouts that can be read, and reading an extract in one of them, dataset by dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pyarrow as pa

from cdmlib.errors import CdmError
from cdmlib.readers import content, csv_text, dataset_json, e2b, excel, odm, rave, sas, secutrial, viedoc, xpt
from cdmlib.readers.dataset import ROW, Dataset, Options
from cdmlib.readers.extract import Member, members


@dataclass(frozen=True)
class Layout:
    """One layout: its title, the file name endings it goes by, what its files must hold, and how one is read.

    keys: (datasets, columns) that identify a record by the layout's own rules; the first that fits a dataset holds.
    saved: columns that tell of the saving of a record, by whom and when, not of its data.
    """

    title: str
    suffixes: tuple[str, ...]
    kinds: tuple[str, ...]
    read: Callable[[Path, str, Options], list[Dataset]]
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    saved: tuple[str, ...] = ()
    together: bool = False  # one dataset may come in many files, such as a file per safety report


TEXT = (".csv", ".txt", ".tsv", ".tab", ".dat", ".asc")
LAYOUTS = {
    "rave": Layout(
        "Rave clinical views (CSV that ends with EOF)", (".csv", ".txt"), ("text",), rave.read, rave.KEYS, rave.SAVED
    ),
    "csv": Layout("delimited text", TEXT, ("text",), csv_text.read),
    "xpt": Layout("SAS transport files, version 5 or 8", (".xpt", ".xport"), ("xpt",), xpt.read),
    "sas7bdat": Layout("SAS datasets", (".sas7bdat",), ("sas7bdat",), sas.read),
    "dataset-json": Layout("Dataset-JSON 1.1", (".json", ".ndjson"), ("json",), dataset_json.read),
    "excel": Layout("Excel workbooks", (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), ("xlsx", "ole"), excel.read),
    "odm": Layout(
        "CDISC ODM 1.3 clinical data (XML; OpenClinica and others)", (".xml",), ("xml",), odm.read, odm.RECORDS, odm.SAVED
    ),
    "secutrial": Layout(
        "secuTrial exports (tab-separated text called .xls)", (".xls",), ("text",), secutrial.read, secutrial.KEYS, secutrial.SAVED
    ),
    "viedoc": Layout(
        "Viedoc exports (CSV with two header rows)", (".csv", ".txt"), ("text",), viedoc.read, viedoc.KEYS, viedoc.SAVED
    ),
    "e2b": Layout("E2B(R3) safety reports (XML)", (".xml",), ("xml",), e2b.read, together=True),
}


def read(path: Path, layout: str, options: Options, files: tuple[str, ...] = ("*",)) -> Iterator[Dataset]:
    """The datasets of an extract (file, folder or zip), one by one; read the batches of each before the next.

    files: patterns of a file's whole name in the extract, or of its last part; a pattern that names its ending
    (`*.xls`) takes files of that ending whatever the layout's own. Raises CdmError when nothing matches, content does
    not fit the layout, or two files are one dataset.
    """
    if layout not in LAYOUTS:
        raise CdmError(f"{layout!r} is not a layout; it must be one of {', '.join(LAYOUTS)}.")
    seen: dict[str, str] = {}
    with members(path, lambda name: matches(name, layout, files)) as found:
        if not found:
            raise CdmError(_nothing(path, layout, files))
        if LAYOUTS[layout].together:
            yield from _together(found, layout, options)
            return
        for member in found:
            content.check(member.path, member.name, LAYOUTS[layout].kinds)
            for dataset in LAYOUTS[layout].read(member.path, member.name, options):
                if other := seen.get(dataset.name.casefold()):
                    both = f"{dataset.name}: {other} and {member.name}"
                    raise CdmError(f"Two files for one dataset {both}. Name the right one under `files`.")
                seen[dataset.name.casefold()] = member.name
                yield dataset


def _together(found: list[Member], layout: str, options: Options) -> Iterator[Dataset]:
    """The datasets of many files as one each: rows counted through in the order of the file names, which the column FILE gives."""
    parts: dict[str, list[Dataset]] = {}
    for member in found:
        content.check(member.path, member.name, LAYOUTS[layout].kinds)
        for dataset in LAYOUTS[layout].read(member.path, member.name, options):
            parts.setdefault(dataset.name, []).append(dataset)
    for name, same in parts.items():
        whole = Dataset(name, same[0].file if len(same) == 1 else f"{len(same)} files", same[0].columns, iter(()))
        whole.batches = _numbered(whole, same)
        yield whole


def _numbered(whole: Dataset, parts: list[Dataset]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        for rows in part.batches:
            numbers = pa.array(range(whole.rows + 1, whole.rows + len(rows) + 1), pa.int64())
            whole.rows += len(rows)
            yield rows.set_column(rows.schema.get_field_index(ROW), ROW, numbers)
        whole.quarantine += part.quarantine
        whole.notes += [f"{part.file}: {note}" for note in part.notes]


def matches(name: str, layout: str, files: tuple[str, ...]) -> bool:
    """Whether a file belongs to a source: by its patterns, and by its ending unless a pattern names that."""
    full, base = name.lower(), PurePosixPath(name).name.lower()
    for pattern in files:
        if fnmatchcase(full, pattern.lower()) or fnmatchcase(base, pattern.lower()):
            ending = PurePosixPath(pattern).suffix
            if (ending and not set(ending) & set("*?[")) or base.endswith(LAYOUTS[layout].suffixes):
                return True
    return False


def _nothing(path: Path, layout: str, files: tuple[str, ...]) -> str:
    with members(path) as found:
        names = [member.name for member in found]
    there = f"{', '.join(names[:8])}{', …' if len(names) > 8 else ''} ({len(names)} in all)" if names else "nothing"
    return (
        f"{path}: no file of the layout {layout} ({', '.join(LAYOUTS[layout].suffixes)}) matches {', '.join(files)}. "
        f"There is {there}. Correct `files` or `layout`, or add what is missing."
    )
