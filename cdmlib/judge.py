"""Judge a re-execution: every cell's output and every table against what was archived, exactly, but for what the archived policy excludes."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import nbformat

from cdmlib import digests
from cdmlib.standard import literal, quote

KINDS = ("column", "notebook metadata", "output field", "text", "plot ids", "image")
PLOT = "application/vnd.holoviews_exec.v0+json"  # an output that holds it is a plot of hvPlot or Panel
IDS = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
FORBIDDEN = ("nbval-skip", "nbval-ignore-output", "nbval-raises-exception", "skip-execution", "raises-exception")
LONGEST = 300  # characters of a value in the report


@dataclass(frozen=True)
class Difference:
    """One difference: in which file, where in it, what was archived and what came."""

    file: str
    where: str
    archived: str
    again: str


@dataclass
class Verdict:
    """What was compared, every difference, and how often each exclusion of the policy was used."""

    compared: Counter = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    excluded: Counter = field(default_factory=Counter)

    def note(self, file: str, where: str, archived: object, again: object) -> None:
        if archived != again:
            self.differences.append(Difference(file, where, *_shown(archived, again)))


def _shown(archived: object, again: object) -> tuple[str, str]:
    """Two values short enough to be read, from where they part."""
    one, two = (value if isinstance(value, str) else repr(value) for value in (archived, again))
    start = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, start - 60)
    return tuple(("…" if start else "") + text[start : start + LONGEST] for text in (one, two))


def policy_faults(policy: dict) -> list[str]:
    """What the judge can't follow in a policy: an exclusion of a kind it does not know."""
    return [f"policy.json: the exclusion {e.get('id')!r} is of no known kind" for e in policy.get("exclusions", ()) if e.get("kind") not in KINDS]


def whole(executed: Path, source: Path | None) -> list[Difference]:
    """What of an executed notebook does not come from its source: cells deleted, added, changed, skipped or never run."""
    verdict = Verdict()
    try:
        cells = nbformat.read(executed, as_version=4).cells
        sources = nbformat.read(source, as_version=4).cells if source else []
    except Exception as error:  # whatever is wrong with the file is told
        return [Difference(executed.name, "file", "a notebook", f"{type(error).__name__}: {error}"[:LONGEST])]
    added = ("injected-parameters", "papermill-error-cell-tag")
    own = [cell for cell in cells if not set(added) & set(cell.metadata.get("tags", ()))]
    verdict.note(executed.name, "number of cells", len(sources), len(own))
    stopped = any(output.output_type == "error" for cell in cells if cell.cell_type == "code" for output in cell.outputs)
    for number, (one, two) in enumerate(zip(sources, own, strict=False), start=1):
        verdict.note(executed.name, f"cell {number}, source", (one.cell_type, one.source), (two.cell_type, two.source))
        if two.cell_type == "code" and two.source.strip() and two.execution_count is None and not stopped:
            verdict.note(executed.name, f"cell {number}", "executed", "never run")
    for number, cell in enumerate(cells, start=1):
        if bad := sorted(set(FORBIDDEN) & set(cell.metadata.get("tags", ()))):
            verdict.note(executed.name, f"cell {number}, tags", "", ", ".join(bad))
    return verdict.differences


def notebooks(verdict: Verdict, archived: Path, again: Path, policy: dict, folders: tuple[str, str]) -> None:
    """Compare two executions of a notebook, cell by cell. folders: the data folder of each, which differ by place alone."""
    kinds = {e["kind"]: e for e in policy["exclusions"]}
    dropped = {e["field"] for e in policy["exclusions"] if e["kind"] == "output field"}
    try:
        one, two = (nbformat.read(path, as_version=4) for path in (archived, again))
    except Exception as error:
        verdict.note(archived.name, "file", "a notebook", f"{type(error).__name__}: {error}")
        return
    if "notebook metadata" in kinds:
        verdict.excluded[kinds["notebook metadata"]["id"]] += 1
    verdict.note(archived.name, "number of cells", len(one.cells), len(two.cells))
    for number, (a, b) in enumerate(zip(one.cells, two.cells, strict=False), start=1):
        verdict.compared["cells"] += 1
        for what in ("cell_type", "source", "execution_count"):
            verdict.note(archived.name, f"cell {number}, {what}", *(_placed(verdict, c.get(what), f, kinds) for c, f in zip((a, b), folders, strict=True)))
        verdict.note(archived.name, f"cell {number}, tags", *(list(c.metadata.get("tags", ())) for c in (a, b)))
        outputs = a.get("outputs", []), b.get("outputs", [])
        verdict.note(archived.name, f"cell {number}, number of outputs", *map(len, outputs))
        for nth, (x, y) in enumerate(zip(*outputs, strict=False), start=1):
            verdict.compared["outputs"] += 1
            x, y = (_drawn(verdict, output, kinds) for output in (x, y))
            for key in sorted(x.keys() | y.keys()):
                if key in dropped:
                    verdict.excluded[next(e["id"] for e in policy["exclusions"] if e.get("field") == key)] += 1
                    continue
                verdict.note(
                    archived.name, f"cell {number}, output {nth}, {key}", *(_placed(verdict, o.get(key), f, kinds) for o, f in zip((x, y), folders, strict=True))
                )


def _drawn(verdict: Verdict, output: dict, kinds: dict) -> dict:
    """An output as the policy's rules for plots and images compare it: a plot with its random ids numbered as they come, an image as its pixels."""
    shown, output = output.get("data", {}), dict(output)
    if PLOT in shown and "plot ids" in kinds:
        numbers: dict[str, int] = {}

        def numbered(text: str) -> str:
            return IDS.sub(lambda found: f"id {numbers.setdefault(found[0], len(numbers) + 1)}", text)

        output["data"], output["metadata"] = (_texts(output[name], numbered) for name in ("data", "metadata"))
        verdict.excluded[kinds["plot ids"]["id"]] += len(numbers)
    if "image" in kinds and set(IMAGES) & shown.keys():
        output["data"] = {kind: _pixels(verdict, value, kinds["image"]["id"]) if kind in IMAGES else value for kind, value in output["data"].items()}
    return output


def _pixels(verdict: Verdict, packed: str, exclusion: str) -> str:
    """Size of an image and SHA-256 of its pixels, however it is packed and whatever it says of who drew it; the text itself when it is no image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(packed))) as image:
            if getattr(image, "n_frames", 1) > 1:
                return packed
            plain = image.convert("RGBA") if image.mode == "P" else image
            digest = hashlib.sha256(plain.tobytes()).hexdigest()
            verdict.excluded[exclusion] += 1
            return f"image, {image.width} by {image.height}, {plain.mode}, {image.info.get('transparency', 'plain')}, pixels {digest}"
    except Exception:  # whatever is wrong with it, it is compared as it stands
        return packed


def _placed(verdict: Verdict, value: object, folder: str, kinds: dict) -> object:
    """A value with the data folder's path as <data>, where the policy says so."""
    if "text" not in kinds or not folder:
        return value

    def placed(text: str) -> str:
        text, n = re.subn(rf"{re.escape(folder)}(?![\w.-])", "<data>", text)
        verdict.excluded[kinds["text"]["id"]] += n
        return text

    return _texts(value, placed)


def _texts(value: object, change: Callable[[str], str]) -> object:
    """A value with every text in it changed; lists and dictionaries through and through."""
    if isinstance(value, dict):
        return {key: _texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def tables(verdict: Verdict, archived: Path, again: duckdb.DuckDBPyConnection, results: dict, policy: dict) -> None:
    """Compare the tables in an archive's folder with those of a mart by their digests; where these differ, the first rows that do are told."""
    there = {row[0] for row in again.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database() AND NOT temporary").fetchall()}
    verdict.note("results.json", "tables", sorted(results["tables"]), sorted(there))
    out: dict[str, dict[str, str]] = {}
    for e in policy["exclusions"]:
        if e["kind"] == "column":
            out.setdefault(e["table"], {})[e["column"]] = e["id"]
    with duckdb.connect(config={"threads": 1}) as con:
        for name in sorted(there & results["tables"].keys()):
            verdict.compared["tables"] += 1
            path = archived / f"{name}.parquet"
            columns = results["tables"][name]["columns"]
            kinds = dict(again.execute(f"SELECT column_name, column_type FROM (DESCRIBE {quote(name)})").fetchall())
            verdict.note(f"outputs/tables/{name}.parquet", "columns", columns, kinds)
            if columns != kinds:
                continue
            kept = [column for column in columns if column not in out.get(name, {})]
            for column in columns.keys() - set(kept):
                verdict.excluded[out[name][column]] += results["tables"][name]["rows"]
            cells = ", ".join(map(quote, kept))
            if len(kept) == len(columns):
                old = results["tables"][name]["digest"]
                new = digests.of_table(again, quote(name))
            else:
                old = digests.of_table(con, f"(SELECT {cells} FROM read_parquet({literal(str(path))}))")
                new = digests.of_table(again, f"(SELECT {cells} FROM {quote(name)})")
            if old != new:
                _first_rows(verdict, name, con.execute(f"SELECT {cells} FROM read_parquet({literal(str(path))})").fetchall(), again.execute(f"SELECT {cells} FROM {quote(name)}").fetchall())


def _first_rows(verdict: Verdict, name: str, old: list[tuple], new: list[tuple]) -> None:
    """The first rows that only one of two tables has, side by side, and how many there are."""
    olds, news = Counter(map(repr, old)), Counter(map(repr, new))
    gone, came = sorted((olds - news).elements()), sorted((news - olds).elements())
    file = f"outputs/tables/{name}.parquet"
    verdict.differences.append(Difference(file, "digest", f"{len(old)} rows, {len(gone)} of them only archived", f"{len(new)} rows, {len(came)} of them only now"))
    for nth in range(min(3, max(len(gone), len(came)))):
        pair = _shown(gone[nth] if nth < len(gone) else "", came[nth] if nth < len(came) else "")
        verdict.differences.append(Difference(file, f"row that differs, number {nth + 1}", *pair))
