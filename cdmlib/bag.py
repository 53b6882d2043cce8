"""A folder as a BagIt bag (RFC 8493): data/ with the files, and beside it the SHA-512 of each; `sha512sum -c` reads these lists too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

MANIFEST, TAGS = "manifest-sha512.txt", "tagmanifest-sha512.txt"
FIXED = ("bag-info.txt", "bagit.txt", MANIFEST)  # what the tag manifest lists
BESIDE = {*FIXED, TAGS, "data", "signatures"}


def make(folder: Path, info: dict[str, str]) -> None:
    """Make a folder a bag, in its place: all that it holds goes into data/. info: the lines of bag-info.txt."""
    held = sorted(folder.iterdir())
    working = folder / ".data"  # something that is held may be called data
    working.mkdir()
    for path in held:
        path.rename(working / path.name)
    working.rename(folder / "data")
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", encoding="utf-8")
    (folder / "bag-info.txt").write_text("".join(f"{name}: {' '.join(value.split())}\n" for name, value in info.items()), encoding="utf-8")
    list_anew(folder)


def list_anew(folder: Path) -> None:
    """Write the two lists of a bag for what it holds now."""
    payload = sorted(path.relative_to(folder).as_posix() for path in (folder / "data").rglob("*") if path.is_file())
    for listed, names in ((MANIFEST, payload), (TAGS, FIXED)):
        written = {name: re.sub("[%\r\n]", lambda c: f"%{ord(c[0]):02X}", name) for name in names}
        lines = (f"{_sha512(folder / name)}  {text}\n" for name, text in written.items())
        (folder / listed).write_text("".join(lines), encoding="utf-8", newline="\n")


def faults(folder: Path) -> list[str]:
    """What is wrong with a bag: every file that is missing, changed or added, and every line of its lists that can't be read."""
    payload = (path.relative_to(folder).as_posix() for path in folder.glob("data/**/*") if path.is_file() or path.is_symlink())
    found = _held_against(folder, TAGS, (name for name in FIXED if (folder / name).is_file())) + _held_against(folder, MANIFEST, payload)
    return found + [f"{path.name} does not belong to the bag" for path in sorted(folder.iterdir()) if path.name not in BESIDE]


def _held_against(folder: Path, listed: str, names: Iterable[str]) -> list[str]:
    """What of the files with these names is not as one of the two lists says."""
    try:
        lines = (folder / listed).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        return [f"{listed} can't be read: {error}"]
    known, wrong = {}, []
    for number, line in enumerate(lines, start=1):
        digest, _, name = line.partition(" ")
        name = re.sub("%(25|0D|0A)", lambda c: chr(int(c[1], 16)), name.strip().removeprefix("*"))
        if not re.fullmatch("[0-9a-f]{128}", digest) or not name or name in known:
            wrong.append(f"{listed}, line {number}, can't be read or names a file again: {line[:80]!r}")
        known[name] = digest
    there = set(names)
    wrong += [f"{name} is missing" for name in sorted(known.keys() - there)] + [f"{name} was added" for name in sorted(there - known.keys())]
    return wrong + [f"{name} was changed" for name in sorted(known.keys() & there) if _sha512(folder / name) != known[name]]


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
