"""The files of a medical dictionary in its maker's layout, read as text and held against what the layout promises.

sql/dictionaries/<layout>.csv lists the files and their columns. A column without a length is delimited by `$`, with one after
the last column too; a length such as 110|250 means that the maker widened the column, and the longest line tells which it is.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from cdmlib import standard
from cdmlib.errors import CdmError, listed

CONTENT = standard.SQL / "dictionaries"
LAYOUTS = ("meddra", "whodrug-b3", "whodrug-c3")
MOST = 20  # problems named before the rest are only counted


@dataclass(frozen=True)
class Field:
    """One column of a dictionary file: its widths (none when delimited) and the file and column that its codes must exist in."""

    name: str
    lengths: tuple[int, ...]
    refers: tuple[str, str] | None


@dataclass(frozen=True)
class File:
    """One file of a layout; an optional one may be absent."""

    name: str
    required: bool
    fields: tuple[Field, ...]

    @property
    def table(self) -> str:
        return self.name.partition(".")[0]

    @property
    def delimited(self) -> bool:
        return not self.fields[0].lengths

    def widths(self, longest: int) -> tuple[int, ...]:
        """The width of each column, when the longest line of the file has so many characters."""
        variants = max(len(field.lengths) for field in self.fields)
        every = [tuple(field.lengths[min(v, len(field.lengths) - 1)] for field in self.fields) for v in range(variants)]
        return next((widths for widths in every if longest <= sum(widths)), every[-1])


@cache
def files(layout: str) -> tuple[File, ...]:
    """The files of a layout with their columns, as sql/dictionaries/ lists them."""
    found: dict[str, tuple[str, list[Field]]] = {}
    with (CONTENT / f"{layout}.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            lengths = tuple(int(part) for part in row["length"].split("|") if part)
            table, _, column = row["refers"].partition(".")
            field = Field(row["column"], lengths, (table, column) if table else None)
            found.setdefault(row["file"], (row["need"], []))[1].append(field)
    return tuple(File(name, need == "required", tuple(fields)) for name, (need, fields) in found.items())


def locate(folder: Path, layout: str) -> dict[str, Path]:
    """Where the files of the layout are in the folder, by their name in small letters.

    Raises CdmError when the folder or a required file is not there.
    """
    if not folder.is_dir():
        raise CdmError(
            f"The dictionary folder {folder} is not there. Correct `folder` under [dictionaries] in study.toml."
        )
    there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    missing = [file.name for file in files(layout) if file.required and file.name not in there]
    if missing:
        raise CdmError(
            f"{folder} can't be read as {layout}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. It holds {', '.join(there) or 'nothing'}."
        )
    return {file.name: there[file.name] for file in files(layout) if file.name in there}


def read(folder: Path, layout: str, encoding: str) -> dict[str, pa.Table]:
    """Every file of the layout as a table of text, with the line of each row in the column `line`.

    Raises CdmError naming file and line of what is truncated, has too many or too few columns, can't be decoded, or
    refers to a code that does not exist.
    """
    problems: list[str] = []
    tables = {}
    paths = locate(folder, layout)
    for file in files(layout):
        if file.name in paths:
            tables[file.table] = _read(paths[file.name], file, encoding, problems)
    if not problems:
        problems += _dangling(paths, files(layout), tables)
    if problems:
        more = [f"and {len(problems) - MOST} more"] if len(problems) > MOST else []
        raise CdmError(listed(problems[:MOST] + more, f"The dictionary in {folder} can't be used:"))
    return tables


def _read(path: Path, file: File, encoding: str, problems: list[str]) -> pa.Table:
    lines = _lines(path, encoding, problems)
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if file.required and not filled:
        problems.append(f"{path.name}: is empty")
    cut = _delimited(path, file, filled, problems) if file.delimited else _fixed(path, file, filled, problems)
    rows = list(cut)
    columns = {field.name: [row[at] for _, row in rows] for at, field in enumerate(file.fields)}
    types = [(name, pa.string()) for name in columns] + [("line", pa.int64())]
    return pa.table(columns | {"line": [number for number, _ in rows]}, schema=pa.schema(types))


def _lines(path: Path, encoding: str, problems: list[str]) -> list[str]:
    raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode(encoding).replace("\r\n", "\n").split("\n")
    except LookupError:
        raise CdmError(
            f"{encoding!r} is not an encoding. Correct `encoding` under [dictionaries] in study.toml."
        ) from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.append(
            f'{path.name} line {line}: byte {error.object[error.start]:#04x} is not {encoding}; declare the encoding of the files under [dictionaries], such as encoding = "cp1252"'
        )
        return []


def _delimited(
    path: Path, file: File, lines: list[tuple[int, str]], problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    wanted = len(file.fields)
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("$")]
        if len(cells) == wanted + 1 and not cells[-1]:
            yield number, cells[:-1]
        elif number == lines[-1][0] and len(cells) <= wanted + 1:
            problems.append(
                f"{path.name} line {number}: the file ends in the middle of a record ({len(cells) - 1} of {wanted} columns); it was truncated, copy it again"
            )
        elif cells[-1]:
            problems.append(f"{path.name} line {number}: must end with $; it ends with {cells[-1][:40]!r}")
        else:
            problems.append(f"{path.name} line {number}: has {len(cells) - 1} columns; {file.name} has {wanted}")


def _fixed(
    path: Path, file: File, lines: list[tuple[int, str]], problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    widths = file.widths(max((len(line) for _, line in lines), default=0))
    ends = [sum(widths[: at + 1]) for at in range(len(widths))]
    named = next(
        (at for at, field in enumerate(file.fields) if field.name in ("drug_name", "text", "name")), len(ends) - 1
    )
    least = (ends[named - 1] if named else 0) + 1  # a line may lack its trailing spaces, but not the text it is about
    for number, line in lines:
        if len(line) > ends[-1]:
            problems.append(
                f"{path.name} line {number}: has {len(line):,} characters; a line of {file.name} has at most {ends[-1]:,}"
            )
        elif len(line) < least:
            problems.append(
                f"{path.name} line {number}: has {len(line)} characters, too few: {file.fields[named].name} begins at character {least}; is the file truncated?"
            )
        else:
            yield number, [line[end - width : end].strip() for end, width in zip(ends, widths, strict=True)]


def _dangling(paths: dict[str, Path], every: tuple[File, ...], tables: dict[str, pa.Table]) -> list[str]:
    """Codes that refer to nothing, which also tell that files of two versions were mixed; the first column of a list of terms twice."""
    problems = []
    for file in every:
        for field in file.fields:
            if file.table not in tables or not field.refers or field.refers[0] not in tables:
                continue
            table, column = field.refers
            known = set(tables[table].column(column).to_pylist())
            cells = zip(
                tables[file.table].column(field.name).to_pylist(),
                tables[file.table].column("line").to_pylist(),
                strict=True,
            )
            other = next(f.name for f in every if f.table == table)
            problems += [
                f"{paths[file.name].name} line {line}: {field.name} {code!r} is not in {other}; are the files of one version?"
                for code, line in cells
                if code not in known
            ]
    return problems
