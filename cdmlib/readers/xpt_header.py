"""The header of a SAS transport file: its variables, where its records lie, and how many there are.

Sources: SAS technical note TS-140 (version 5) and "Record Layout of a SAS Version 8 or 9 Data Set in SAS
Transport Format".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import codec, moment_kind

RECORD = 80  # the file is a sequence of records of 80 bytes
NAMESTR = struct.Struct(">h2xh2x8s40s8s20xi32s")  # type, width, name, label, format, place in the record, long name


@dataclass(frozen=True)
class Variable:
    """A variable of a transport file: where in the record it is and how its bytes are meant."""

    name: str
    label: str
    kind: str  # text, number, date, datetime or time
    start: int
    width: int


@dataclass(frozen=True)
class Header:
    """Where the records of a transport file lie: from byte `start`, `rows` of them, `width` bytes each."""

    variables: tuple[Variable, ...]
    start: int
    width: int
    rows: int


def header_of(path: Path, file: str, encoding: str, notes: list[str]) -> Header:
    """The header of a transport file of version 5 or 8. Raises CdmError when the file is damaged or cut."""
    with path.open("rb") as handle:
        try:
            variables, declared = _described(handle, codec(encoding, file), path.stat().st_size)
            width = _width(variables)
        except (ValueError, struct.error) as error:
            raise CdmError(f"{file}: the SAS transport file is damaged: {error}. Ask for the file again.") from None
        start = handle.tell()
        return Header(tuple(variables), start, width, _rows(handle, start, width, declared, variables, file, notes))


def _described(handle: BinaryIO, encoding: str, size: int) -> tuple[list[Variable], int]:
    """The variables, and the number of records where the header declares it (version 8), else 0."""

    def record(*names: str) -> bytes:
        found = handle.read(RECORD)
        if not found.startswith(tuple(f"HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!".encode() for name in names)):
            raise ValueError(f"at byte {handle.tell() - len(found)} must be the header record {' or '.join(names)}")
        return found

    def text(raw: bytes) -> str:
        return raw.decode(encoding, errors="replace").strip(" \0")

    record("LIBRARY", "LIBV8")
    handle.read(2 * RECORD)
    each = int(record("MEMBER", "MEMBV8")[74:78])
    record("DSCRPTR", "DSCPTV8")
    handle.read(2 * RECORD)
    names = record("NAMESTR", "NAMSTV8")
    count = int(names[53:58])
    if count < 1 or each < NAMESTR.size or handle.tell() + count * each > size:
        raise ValueError(f"{count} variables are declared, of {each} bytes each, in a file of {size}")
    block = handle.read(-(-count * each // RECORD) * RECORD)
    variables = []
    for place in range(0, count * each, each):
        kind, width, short, label, format_, start, long = NAMESTR.unpack_from(block, place)
        if width < 1 or kind not in (1, 2) or (kind == 1 and not 2 <= width <= 8):
            raise ValueError(f"variable {text(short)!r} is of type {kind} and {width} bytes wide")
        meant = "text" if kind == 2 else moment_kind(text(format_)) or "number"
        name = (b"NAMSTV8" in names and text(long)) or text(short)
        variables.append(Variable(name, text(label), meant, start, width))
    end = record("OBS", "OBSV8", "LABELV8", "LABELV9")
    if end[20:26] == b"LABELV":
        _long_labels(handle, int(end[48:63]), 3 if end[26:27] == b"8" else 5, variables, text)
        end = record("OBSV8")
    declared = end[48:63].strip(b" \0")
    return variables, int(declared) if end[20:25] == b"OBSV8" and declared.isdigit() else 0


def _long_labels(
    handle: BinaryIO, count: int, parts: int, variables: list[Variable], text: Callable[[bytes], str]
) -> None:
    """Put names and labels that are too long for the variable's own description (version 8) in their place."""
    for _ in range(count):
        number, *lengths = struct.unpack(f">{parts}h", handle.read(2 * parts))
        if not 1 <= number <= len(variables) or min(lengths) < 0:
            raise ValueError(f"a long label is given for variable {number} of {len(variables)}")
        name, *_, label = (text(handle.read(length)) for length in lengths)
        variables[number - 1] = replace(variables[number - 1], name=name or variables[number - 1].name, label=label)
    handle.read(-handle.tell() % RECORD)


def _width(variables: list[Variable]) -> int:
    place = 0
    for variable in sorted(variables, key=lambda variable: variable.start):
        if variable.start != place:
            raise ValueError(f"variable {variable.name} is at byte {variable.start} of a record; {place} was expected")
        place += variable.width
    return place


def _rows(
    handle: BinaryIO, start: int, width: int, declared: int, variables: list[Variable], file: str, notes: list[str]
) -> int:
    """How many records there are: blanks that fill the last 80 bytes of the file aren't records (TS-140)."""
    size = handle.seek(0, 2) - start
    rows, rest = divmod(size, width)
    handle.seek(start + rows * width)
    if rest >= RECORD or (rest and size % RECORD) or handle.read().strip(b" \0"):
        raise CdmError(f"{file}: ends in the middle of record {rows + 1}: the file is cut. Get it again.")
    if size % RECORD:
        notes.append("the file does not fill its last 80 bytes: it may be cut")
    sure = rows if size % RECORD else (size - RECORD) // width + 1  # records that begin before the last 80 bytes
    filling = 0
    while rows > max(sure, declared):
        handle.seek(start + (rows - 1) * width)
        if handle.read(width).strip(b" "):
            break
        rows, filling = rows - 1, filling + 1
    if filling and not declared and all(variable.kind == "text" for variable in variables):
        notes.append(f"{filling} blank record(s) at the end taken as filling of the last 80 bytes")
    if declared and declared != rows:
        raise CdmError(f"{file}: declares {declared} records but holds {rows}: the file is cut. Get it again.")
    return rows
