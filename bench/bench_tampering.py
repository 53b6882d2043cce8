"""Tamper at random with the archive of a run, in every way we can think of, and see whether the verifier finds it and names the file.

`python bench/bench_tampering.py STUDY RUN [N]` works on a copy of the study; 1,000 tamperings when N is not given.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import nbformat
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cdmlib import archive, bag, keys, verify
from cdmlib import study as studies

FORGED = ("executed", "parameters.json", "results.json", "outputs")  # where a forger would want another text


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


def take_older(path: Path, dice: random.Random) -> None:
    """The same file of the archive of another run."""
    folder = _archive(path)
    others = [p / path.relative_to(folder) for p in sorted(folder.parents[1].glob("*/archive")) if p != folder]
    others = [p for p in others if p.is_file() and p.read_bytes() != path.read_bytes()]
    if not others:
        return flip(path, dice)
    shutil.copyfile(dice.choice(others), path)


def edit_parameter(path: Path, dice: random.Random) -> None:
    if path.suffix == ".ipynb":
        return _edit(path, lambda cells: next(c for c in cells if "injected-parameters" in c.metadata.get("tags", ())).update(source='cutoff = "2031-01-01"'))
    facts = json.loads(path.read_text(encoding="utf-8"))
    chosen = dice.choice(sorted(facts))
    facts[chosen] = facts[chosen] | {"cutoff": "2031-01-01"} if isinstance(facts[chosen], dict) else "2031-01-01"
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def edit_output(path: Path, dice: random.Random) -> None:
    if path.suffix == ".parquet":
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE t AS FROM read_parquet('{path}')")
            column = dice.choice([name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE t)").fetchall()])
            con.execute(f'ALTER TABLE t ALTER "{column}" TYPE VARCHAR')
            con.execute(f'INSERT INTO t ("{column}") VALUES (\'1\')')
            con.execute(f"COPY t TO '{path}' (FORMAT parquet)")
        return None
    return _edit(path, lambda cells: dice.choice([o for c in cells for o in c.get("outputs", ())]).update(output_type="stream", name="stdout", text="clean\n"))


def remove_cell(path: Path, dice: random.Random) -> None:
    _edit(path, lambda cells: cells.pop(dice.randrange(len(cells))))


def replace_image(path: Path, dice: random.Random) -> None:
    """Another picture where an output has one, else a picture in the place of what an output showed."""

    def change(cells: list) -> None:
        shown = [o for c in cells for o in c.get("outputs", ()) if "data" in o]
        pictures = [o for o in shown if "image/png" in o.data]
        dice.choice(pictures or shown).data["image/png"] = base64.b64encode(dice.randbytes(80)).decode()

    _edit(path, change)


def _edit(path: Path, change) -> None:
    book = nbformat.read(path, as_version=4)
    change(book.cells)
    path.write_text(json.dumps(book), encoding="utf-8")


def _archive(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.name == "archive")


BYTES = (flip, swap, delete, replace, truncate, lengthen, reorder, add, take_older)  # with any file
MEANING = {edit_parameter: "*/*.ipynb parameters.json", edit_output: "executed/*.ipynb outputs/tables/*.parquet", remove_cell: "executed/*.ipynb", replace_image: "executed/*.ipynb"}
PLAIN, LISTED, SIGNED = "as it is", "lists of the bag made anew", "lists made anew and signed by a stranger"


def tamper(study: studies.Study, run: str, times: int, dice: random.Random, known: Path | None = None) -> tuple[Counter, list[str]]:
    """Tamper `times` times, each undone again. Returns how often each way was found, and a line for each that was not found or not named.

    A forger who makes the lists anew hides which file it was: then the signature must be named as not of this archive, or not of a known key.
    """
    folder = archive.folder_of(study, run)
    inputs = archive.read(folder, "inputs/inputs.json")
    extract = study.folder / "incoming" / archive.read(folder, "run.json")["cutoff"]
    of_bag = sorted(p for p in folder.rglob("*") if p.is_file())
    beyond = sorted((*(study.folder / "snapshots" / inputs["snapshot"]["id"]).glob("*"), *extract.glob("*")))
    kept = {path: path.read_bytes() for path in (folder / bag.MANIFEST, folder / bag.TAGS, *(folder / "signatures").glob("*"))}
    found, missed = Counter(), []
    for number in range(times):
        hidden = (PLAIN, PLAIN, LISTED, SIGNED)[number % 4]
        way = dice.choice((*BYTES, *MEANING))
        if way in MEANING:
            there = sorted(p for pattern in MEANING[way].split() for p in (folder / "data").glob(pattern) if p.suffix != ".ipynb" or p.parent.name == "executed")
        elif hidden == PLAIN:
            there = of_bag if way in (add, take_older) else of_bag + beyond
        else:
            there = [p for p in of_bag if p.is_relative_to(folder / "data")]
        by_kind: dict[str, list[Path]] = {}
        for path in there:
            by_kind.setdefault(f"{path.parent.name if path.parent.name in ('signatures', 'tables', 'executed', 'notebooks') else ''}*{path.suffix}", []).append(path)
        kind = dice.choice(sorted(by_kind))
        path = dice.choice(by_kind[kind])
        before = path.read_bytes()
        way(path, dice)
        if hidden != PLAIN:
            bag.list_anew(folder)
        if hidden == SIGNED:
            _sign(folder, dice)
        report = verify.run(study.id, run, execute=False, known=known)
        said = "\n".join(line for level in report.levels for line in level.said)
        names = {PLAIN: path.stem if path.parent.name == "signatures" else path.name, LISTED: "is not of this archive", SIGNED: "is not the signature that the journal holds"}
        if way is add and hidden == PLAIN:
            names[PLAIN] = f"extra-{path.name}"
        if report.ok or names[hidden] not in said:
            missed.append(f"{way.__name__} of {path.relative_to(study.folder)}, {hidden}: {'not named' if not report.ok else 'not found'}: {said[:300]}")
        else:
            found[way.__name__, kind, hidden] += 1
        path.with_name(f"extra-{path.name}").unlink(missing_ok=True)
        for changed, content in ({path: before} | kept).items():
            changed.write_bytes(content)
        for stray in (folder / "signatures").glob("mallory*"):
            stray.unlink()
    return found, missed


def _sign(folder: Path, dice: random.Random) -> None:
    """A stranger's signature in the place of one that is there, or beside it with the others made to fit as well."""
    key, digest = Ed25519PrivateKey.generate(), archive.digest_of(folder)
    for path in sorted((folder / "signatures").glob("*.json")):
        said = keys.read(path.read_text(encoding="utf-8"))
        path.write_text(keys.sign(key, folder.parent.name, digest, path.stem, said.name, said.role, said.meaning), encoding="utf-8")
    if dice.random() < 0.5:
        (folder / "signatures" / "mallory.json").write_text(keys.sign(key, folder.parent.name, digest, "mallory", "Mallory", "auditor", "I saw it"), encoding="utf-8")


def table(found: Counter) -> str:
    """How many tamperings of each way were found, by how they were hidden, and over how many kinds of file."""
    ways = sorted({way for way, _, _ in found})
    lines = [f"{'way':<16}{'plain':>8}{'lists anew':>12}{'re-signed':>11}{'kinds of file':>15}"]
    for way in ways:
        n = [sum(c for (w, _, h), c in found.items() if (w, h) == (way, hidden)) for hidden in (PLAIN, LISTED, SIGNED)]
        lines.append(f"{way:<16}{n[0]:>8}{n[1]:>12}{n[2]:>11}{len({k for w, k, _ in found if w == way}):>15}")
    return "\n".join(lines)


def main() -> None:
    if len(sys.argv) < 3:
        print(__doc__)
        return
    study, run, times = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copytree(studies.load(study).folder, Path(temporary) / study)
        os.environ["CDM_DATA"] = temporary
        found, missed = tamper(studies.load(study), run, times, random.Random(1))
    for line in missed:
        print(line)
    print(table(found))
    print(f"{times} tamperings, {found.total()} found with the file or the signature named")


if __name__ == "__main__":
    main()
