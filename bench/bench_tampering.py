"""Tamper at random with the archive of a run, in every way we can think of, and see whether the verifier finds it and names the file.

`python bench/bench_tampering.py STUDY RUN [N]` works on a copy of the study; 1,000 tamperings when N is not given.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cdmlib import archive, keys, verify
from cdmlib import study as studies


def flip(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes() or b" ")
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def swap(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    pairs = [i for i in range(len(data) - 1) if data[i] != data[i + 1]]
    if not pairs:
        return flip(path, dice)
    at = dice.choice(pairs)
    data[at], data[at + 1] = data[at + 1], data[at]
    path.write_bytes(data)


def delete(path: Path, dice: random.Random) -> None:
    path.unlink()


def replace(path: Path, dice: random.Random) -> None:
    path.write_bytes(dice.randbytes(max(1, path.stat().st_size)))


def truncate(path: Path, dice: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: dice.randrange(len(data))] if data else b"x")


def lengthen(path: Path, dice: random.Random) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def reorder(path: Path, dice: random.Random) -> None:
    lines = path.read_bytes().split(b"\n")
    if len(set(lines)) < 3:
        return flip(path, dice)
    before = lines[:]
    while lines == before:
        dice.shuffle(lines)
    path.write_bytes(b"\n".join(lines))


def add(path: Path, dice: random.Random) -> None:
    path.with_name(f"extra-{path.name}").write_bytes(b"not ours")


def sign_anew(path: Path, dice: random.Random) -> None:
    folder = next(parent for parent in path.parents if parent.name == "archive")
    text = keys.sign(Ed25519PrivateKey.generate(), folder.parent.name, archive.digest_of(folder), keys.INSTALLATION, "x", "system", "sealed")
    (folder / "signatures" / f"{keys.INSTALLATION}.json").write_text(text, encoding="utf-8")


WAYS = (flip, swap, delete, replace, truncate, lengthen, reorder, add, sign_anew)


def tamper(study: studies.Study, run: str, times: int, dice: random.Random) -> list[str]:
    """Tamper `times` times with the archive or the snapshot, each time undone again; returns what was not found or not named."""
    folder = archive.folder_of(study, run)
    inputs = archive.read(folder, "inputs/inputs.json")
    places = [*(p for p in folder.rglob("*") if p.is_file()), *((study.folder / "snapshots" / inputs["snapshot"]["id"]).glob("*"))]
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(places):
        by_kind.setdefault(path.suffix + path.parent.name, []).append(path)
    missed = []
    for number in range(times):
        way = WAYS[number % len(WAYS)]
        path = dice.choice(by_kind[dice.choice(sorted(by_kind))])
        if path.parent.parent.name == "snapshots" and way in (add, sign_anew):
            path = folder / "bagit.txt"
        signature = folder / "signatures" / f"{keys.INSTALLATION}.json"
        kept, kept_signature = path.read_bytes(), signature.read_bytes()
        way(path, dice)
        report = verify.run(study.id, run, execute=False)
        text = "\n".join(line for level in report.levels for line in level.said)
        name = f"{keys.INSTALLATION}.json" if way is sign_anew else path.name if path.name != "installation.json" else "installation"
        if report.ok or (name not in text and path.name != "tagmanifest-sha512.txt"):
            missed.append(f"{way.__name__} of {path.relative_to(study.folder)}: {'not found' if report.ok else 'not named'}: {text[:200]}")
        path.with_name(f"extra-{path.name}").unlink(missing_ok=True)
        path.write_bytes(kept)
        signature.write_bytes(kept_signature)
    return missed


def main() -> None:
    if len(sys.argv) < 3:
        print(__doc__)
        return
    study, run, times = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copytree(studies.load(study).folder, Path(temporary) / study)
        os.environ["CDM_DATA"] = temporary
        missed = tamper(studies.load(study), run, times, random.Random(1))
    for line in missed:
        print(line)
    print(f"{times} tamperings, {times - len(missed)} found with the file named")


if __name__ == "__main__":
    main()
