"""An extract (a file, a folder or a zip) as one list of files; archives are checked before they are unpacked."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cdmlib.errors import CdmError

RATIO, RATIO_FROM, TOTAL = 200, 100 * 10**6, 20 * 10**9  # a member may not unpack to more than this
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError, OSError, ValueError
)  # fmt: skip
IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|~\$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@dataclass(frozen=True)
class Member:
    """One file of an extract: its name in the extract (`pilot.zip/SDTM/ae.xpt`) and where it can be read."""

    name: str
    path: Path


@contextmanager
def members(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[list[Member]]:
    """The wanted files of an extract in the order of their names, zips unpacked to a folder that is gone afterwards.

    Raises CdmError when there is nothing at `path`, or an archive is damaged, protected or unsafe to unpack.
    """
    if not path.exists():
        raise CdmError(f"{path}: there is no such file or folder. Name an extract: a file, a folder or a zip.")
    if path.is_dir():
        found = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
    else:
        found = {path.name: path}
    with tempfile.TemporaryDirectory(prefix="cdm-", ignore_cleanup_errors=True) as unpacked:
        listed: list[Member] = []
        for name, place in found.items():
            if place.suffix.lower() == ".zip" and not IGNORED.search(name):
                prefix = (
                    f"{name}/" if path.is_dir() else ""
                )  # names are paths inside the extract; a zip given itself is the extract
                listed += _unpacked(place, name, prefix, Path(unpacked), wanted)
            elif not IGNORED.search(name) and wanted(name):
                listed.append(Member(name, place))
        yield sorted(listed, key=lambda member: member.name)


def check_members(infos: list[zipfile.ZipInfo], archive: str) -> None:
    """Raises CdmError for an archive that could write outside its folder, hide a file or fill the disk."""
    seen: dict[str, str] = {}
    for info in infos:
        name = info.orig_filename
        parts = PurePosixPath(name).parts
        why = ""
        if not name:
            why = "it has no name"
        elif name.startswith("/") or ".." in parts or "\\" in name or re.match(r"[A-Za-z]:", name) or "\0" in name:
            why = "its name leads outside the archive"
        elif stat.S_ISLNK(info.external_attr >> 16):
            why = "it is a link to another file"
        elif info.flag_bits & 0x1:
            why = "it is protected by a password"
        elif name.casefold() in seen:
            why = f"the archive also holds {seen[name.casefold()]}, the same name"
        elif info.file_size > RATIO_FROM and info.file_size > RATIO * max(info.compress_size, 1):
            why = f"it would unpack to {info.file_size:,} bytes from {info.compress_size:,}, which is not data"
        if why:
            raise CdmError(
                f"{archive}: the member {name!r} can't be unpacked: {why}. Ask for an archive of plain files."
            )
        seen[name.casefold()] = name
    if (total := sum(info.file_size for info in infos)) > TOTAL:
        largest = max(infos, key=lambda info: info.file_size).orig_filename
        raise CdmError(
            f"{archive}: would unpack to {total:,} bytes; the limit is {TOTAL:,}. The largest is {largest!r}."
        )


def _unpacked(path: Path, archive: str, prefix: str, folder: Path, wanted: Callable[[str], bool]) -> list[Member]:
    found = []
    try:
        with zipfile.ZipFile(path) as zipped:
            infos = zipped.infolist()
            check_members(infos, archive)
            for info in infos:
                name = prefix + info.filename
                if info.is_dir() or IGNORED.search(info.filename):
                    continue
                if name.lower().endswith(".zip"):
                    raise CdmError(f"{archive}: the member {info.filename!r} is itself a zip. Unpack it first.")
                if not wanted(name):
                    continue
                place = Path(tempfile.mkdtemp(dir=folder)) / f"member{PurePosixPath(name).suffix}"
                with zipped.open(info) as packed, place.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
                found.append(Member(name, place))
    except DAMAGED as error:
        raise CdmError(f"{archive}: the archive is damaged or can't be unpacked ({error}). Ask for it again.") from None
    return found
