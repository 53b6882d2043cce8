"""Values and bytes as text: numbers, dates and unreadable bytes are spelled alike, whatever file they come from."""

from __future__ import annotations

import codecs
import io
import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdmlib.errors import CdmError
from cdmlib.readers.dataset import ROW

KEEP = "cdmlib-keep"  # codec error handler: a byte that can't be decoded becomes the character U+DC00 + byte
FAULT = re.compile("[\0\ud800-\udfff]")  # what no stored text may hold: NUL, and what stands for such bytes
EMPTY = "column names only, no rows"  # the note of a dataset without rows
BOMS = {  # byte order mark: (declarations that it fits, codec for what follows); the longer of two alike comes first
    codecs.BOM_UTF32_LE: (("utf-32", "utf-32-le"), "utf-32-le"),
    codecs.BOM_UTF32_BE: (("utf-32", "utf-32-be"), "utf-32-be"),
    codecs.BOM_UTF8: (("utf-8", "utf-8-sig"), "utf-8"),
    codecs.BOM_UTF16_LE: (("utf-16", "utf-16-le"), "utf-16-le"),
    codecs.BOM_UTF16_BE: (("utf-16", "utf-16-be"), "utf-16-be"),
}
DATE = re.compile(
    r"(?:DATE|(?:DDMMYY|MMDDYY|YYMMDD)[BCDNPS]?|[EB]8601DA|IS8601DA|WEEKDAT[EX]|WORDDAT[EX]|NLDATE)\d*\.?\d*"
)
DATETIME = re.compile(r"(?:DATETIME|DATEAMPM|MDYAMPM|DTDATE|[EB]8601D[TN]|IS8601DT|NLDATM)\d*\.?\d*")
TIME = re.compile(r"(?:TIME|TIMEAMPM|TOD|HHMM|[EB]8601TM|IS8601TM|NLTIME)\d*\.?\d*")


def _keep(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(KEEP, _keep)


def codec(encoding: str, file: str) -> str:
    """Python's own name of an encoding. Raises CdmError when there is none of that name."""
    try:
        "".encode(encoding)  # refuses codecs that aren't text, too
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise CdmError(f"{file}: {encoding!r} is not an encoding. Declare utf-8, cp1252, utf-16 …") from None


def opened(path: Path, encoding: str, file: str, notes: list[str]) -> io.TextIOWrapper:
    """A text file open by its declared encoding, line ends untouched, a fitting byte order mark left out and noted.

    Raises CdmError when the byte order mark tells of another encoding than the declared one.
    """
    declared = codec(encoding, file)
    handle = path.open("rb")
    head = handle.read(4)
    bom = next((bom for bom in BOMS if head.startswith(bom)), b"")
    handle.seek(len(bom))
    if bom:
        fits, declared_now = BOMS[bom]
        if declared not in fits:
            handle.close()
            raise CdmError(
                f"{file}: is declared as {encoding} but begins with the byte order mark of {fits[0]}. "
                f'Declare encoding = "{fits[0]}" if that is how it was written.'
            )
        declared = declared_now
        notes.append(f"byte order mark of {fits[0]} at the start left out")
    return io.TextIOWrapper(handle, declared, errors=KEEP, newline="")


def visible(text: str) -> str:
    r"""Text with NULs and bytes that couldn't be read spelled out, such as \xE9."""
    return FAULT.sub(lambda found: _spelled(found[0], r"\x{:02X}", r"\u{:04X}"), text)


def fault(text: str, column: str, encoding: str, dataset: str) -> str:
    """Why a text can't be stored, for the reader; empty when it can."""
    if not (found := FAULT.search(text)):
        return ""
    place = f" in column {column}" if column else ""
    if found[0] == "\0":
        return f"NUL byte (0x00){place}"
    if not 0xDC00 <= ord(found[0]) <= 0xDCFF:
        return f"half a character ({_spelled(found[0], '', 'U+{:04X}')}){place}"
    other = "cp1252" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else "<the right one>"
    return (
        f"byte {_spelled(found[0], '0x{:02X}', '')}{place} can't be read as {encoding}; "
        f'declare encodings.{dataset.lower()} = "{other}" if that is how it was written'
    )


def _spelled(character: str, byte: str, half: str) -> str:
    code = ord(character)
    return byte.format(code & 0xFF) if code == 0 or 0xDC00 <= code <= 0xDCFF else half.format(code)


def number(value: float) -> str:
    """A number as text: whole ones without a point (`5`), others as short as they can be (`54.43`, `1e-10`)."""
    if isinstance(value, int) or (value == value // 1 and abs(value) < 2**63):
        return str(int(value))
    return repr(float(value))


def numbers(values: np.ndarray) -> pa.Array:
    """Many numbers as text, spelled as `number` does; not-a-number is null."""
    missing = np.isnan(values)
    size = np.abs(values)
    whole = (size < 2**63) & (values == np.trunc(values))
    plain = ~whole & (size >= 1e-4) & (size < 1e10)  # where Arrow spells numbers as Python does
    text = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
    if plain.any():
        text = pc.if_else(pa.array(plain), pa.array(values).cast(pa.string()), text)
    odd = ~whole & ~plain & ~missing
    if odd.any():
        text = pc.replace_with_mask(text, pa.array(odd), pa.array([repr(v) for v in values[odd].tolist()]))
    return pc.if_else(pa.array(missing), None, text) if missing.any() else text


def moment_kind(format_: str) -> str:
    """What a SAS format makes of a number: date, datetime, time, or nothing."""
    name = format_.strip().upper()
    kinds = {"date": DATE, "datetime": DATETIME, "time": TIME}
    return next((kind for kind, pattern in kinds.items() if pattern.fullmatch(name)), "")


def moment(value: float, kind: str) -> str:
    """A SAS date, datetime or time as ISO 8601 text; a number that can't be one stays a number."""
    try:
        if kind == "date" and value == value // 1:
            return (date(1960, 1, 1) + timedelta(days=value)).isoformat()
        if kind == "datetime":
            return _short((datetime(1960, 1, 1) + timedelta(seconds=value)).isoformat())
        if kind == "time" and 0 <= value < 10**9:
            minutes, seconds = divmod(round(value, 6), 60)
            return f"{int(minutes // 60):02}:{int(minutes % 60):02}:" + _short(f"{seconds:09.6f}")
    except OverflowError:
        pass
    return number(value)


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def emptied(texts: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Texts with the empty ones, and those that the specification declares to mean empty, as null."""
    return pc.if_else(pc.is_in(texts, value_set=pa.array(["", *missing], pa.string())), None, texts)


def batch(columns: tuple[str, ...], arrays: list[pa.Array], rows: list[int] | np.ndarray) -> pa.RecordBatch:
    """A batch as every reader gives it: the columns as text, and source_row."""
    schema = pa.schema([*((column, pa.string()) for column in columns), (ROW, pa.int64())])
    return pa.RecordBatch.from_arrays([*arrays, pa.array(rows, pa.int64())], schema=schema)
