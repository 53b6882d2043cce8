"""What a file is by its first bytes, and whether its column names can be used: the same rules for every layout."""

from __future__ import annotations

import codecs
import re
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import FAULT, visible
from cdmlib.readers.dataset import ROW

KINDS = {  # kind: in words
    "empty": "nothing (0 bytes)",
    "html": "a web page",
    "text": "plain text",
    "json": "JSON",
    "xml": "XML",
    "xpt": "a SAS transport file",
    "cport": "a SAS CPORT file (PROC CPORT, not the XPORT engine)",
    "sas7bdat": "a SAS dataset",
    "xlsx": "an Excel or OpenDocument workbook",
    "ole": "an Office 97-2003 or password-protected file",
    "zip": "a zip archive",
    "gzip": "a gzip archive",
    "pdf": "a PDF document",
}
STARTS = {
    b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!": "xpt",
    b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!": "xpt",
    b"**COMPRESSED** **COMPRESSED**": "cport",
    bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011"): "sas7bdat",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole",
    b"\x1f\x8b": "gzip",
    b"%PDF-": "pdf",
}
PAGE = re.compile(
    r"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script)\b", re.DOTALL | re.IGNORECASE
)


def kind(path: Path) -> str:
    """What a file holds, told from its content alone; one of KINDS."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "empty"
    if found := next((name for start, name in STARTS.items() if head.startswith(start)), ""):
        return "xlsx" if found == "zip" and _is_workbook(path) else found
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = head.decode("utf-16" if wide else "utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    if PAGE.match(text):
        return "html"
    return "xml" if re.match(r"<[?!a-z]", text, re.IGNORECASE) else "json" if text.startswith("{") else "text"


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith(("xl/", "content.xml")) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".ods")  # a damaged workbook; its reader will say so


def check(path: Path, file: str, expected: tuple[str, ...]) -> None:
    """Refuse a file that is empty, a web page, or otherwise not of the expected kinds. Raises CdmError."""
    found = kind(path)
    if found == "empty":
        raise CdmError(f"{file}: empty transfer: the file has 0 bytes. Ask the sender to send it again.")
    if found == "html":
        raise CdmError(f"{file}: is a web page, perhaps a log-in page saved in place of the file. Download it again.")
    if found not in expected:
        wanted = " or ".join(KINDS[name] for name in expected)
        raise CdmError(
            f"{file}: must be {wanted}; its content is {KINDS[found]}. "
            "Declare the layout that fits, or ask for the file as the transfer specification says."
        )


def dataset_name(file: str) -> str:
    """The dataset that a file holds: its name without folder and ending, in upper case."""
    return PurePosixPath(file).stem.upper()


def column_names(names: list[str], file: str, notes: list[str]) -> tuple[str, ...]:
    """Column names without blanks around them. Raises CdmError when one is empty, given twice or can't be stored."""
    clean = [name.strip() for name in names]
    if clean != list(names):
        shown = ", ".join(repr(name) for name in names if name != name.strip())
        notes.append(f"blanks around column names left out: {shown}")
    unnamed = [str(place) for place, name in enumerate(clean, 1) if not name]
    if unnamed or not clean:
        places = f"column {', '.join(unnamed) or '1'} of {len(clean)} has none"
        raise CdmError(f"{file}: every column must have a name; {places}. Correct the export.")
    if bad := [visible(name) for name in clean if FAULT.search(name)]:
        encoding = "encoding it has, perhaps utf-16-le" if any("\0" in name for name in clean) else "encoding it has"
        raise CdmError(f"{file}: column names can't be read: {', '.join(bad[:3])}. Declare the {encoding}.")
    if twice := [name for name, count in Counter(name.casefold() for name in clean).items() if count > 1]:
        shown = ", ".join("/".join(name for name in clean if name.casefold() == key) for key in twice)
        raise CdmError(f"{file}: column names must differ by more than case; given: {shown}. Correct the export.")
    if ROW in (name.casefold() for name in clean):
        raise CdmError(f"{file}: no column can be called {ROW}: it holds the way back to the file. Rename it.")
    return tuple(clean)
