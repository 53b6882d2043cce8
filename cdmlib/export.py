"""Deliver a locked database: its standard tables in four formats, each read back and compared with what was signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyreadstat

from cdmlib import digests, journal, lock, mart, snapshot, standard, workbook
from cdmlib.errors import CdmError, listed
from cdmlib.journal import Act
from cdmlib.lock import Frozen
from cdmlib.standard import literal, quote
from cdmlib.study import Study

CSV = "HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR ''"
NUMBERS = ("DOUBLE", "BIGINT")
TRIMMED = "SAS has no empty text apart from a missing one and drops spaces at the end; compared after both"


@dataclass(frozen=True)
class Format:
    """One way to write a table: how its files end, the writer, the reader back, and what the format can't keep."""

    suffix: str
    write: Callable
    read: Callable
    loses: str = ""


@dataclass(frozen=True)
class Delivery:
    """What was delivered: its folder, and one row per table with its rows in the frozen set and in each file."""

    folder: Path
    counts: pd.DataFrame


def deliver(study: Study, actor: str, role: str, formats: tuple[str, ...] = ()) -> Delivery:
    """Write the locked standard tables to deliveries/<lock>-<number>: Parquet, CSV, SAS transport (version 8) and Dataset-JSON.

    formats: which of parquet, csv, xpt, dataset-json; all when empty. Beside them SHA256SUMS (for `sha256sum -c`),
    manifest.json with the signatures, and record_counts.xlsx. Raises CdmError unless the study is locked and the lock
    holds, and when a file read back is not equal to what was signed; nothing is delivered then.
    """
    wanted = formats or tuple(FORMATS)
    if unknown := sorted(set(wanted) - FORMATS.keys()):
        raise CdmError(f"There is no format {', '.join(unknown)}; there are {', '.join(FORMATS)}.")
    verified = lock.verify(study)
    if verified.standing.state != "locked" or not verified.ok:
        problems = list(verified.faults) or [f"the study is {verified.standing.said}"]
        raise CdmError(listed(problems, f"Study {study.id} can't be delivered; only a lock that holds is:"))
    held = lock.frozen(study)
    number = 1 + len(list((study.folder / "deliveries").glob(f"{verified.standing.lock}-*")))
    folder = study.folder / "deliveries" / f"{verified.standing.lock}-{number:03d}"
    folder.parent.mkdir(exist_ok=True)
    with snapshot.building(folder) as working:
        counts = _write(held, working, wanted)
        if wrong := [f"{row.table}.{FORMATS[f].suffix}: {row[f]}" for _, row in counts.iterrows() for f in wanted if row[f] != row.rows]:
            raise CdmError(listed(wrong, "Not delivered, since what was read back is not what was signed:"))
        _describe(study, held, verified, counts, working, wanted)
        for inner in (path for path in working.iterdir() if path.is_dir()):
            for path in inner.iterdir():
                snapshot.sync(path)
    journal.append(study, actor, role, [Act("delivery", folder.name, new=digests.of_file(folder / "SHA256SUMS"))])
    return Delivery(folder, counts)


def _write(held: Frozen, working: Path, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Every clinical table in every format; per table its rows, and per format the rows read back or what differs."""
    names = [name for name in held.manifest["tables"] if name in (*standard.domains(), "subjects", "visits")]
    lines = []
    for name in names:
        line = {"table": name, "rows": held.manifest["tables"][name]["rows"], "columns": len(held.manifest["tables"][name]["columns"])}
        with duckdb.connect(config={"threads": 1}) as con:
            con.execute(f"CREATE TABLE signed AS SELECT * FROM read_parquet({literal(str(held.parquet(name)))})")
            columns = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE signed)").fetchall())
            for form in wanted:
                path = working / form / f"{name}.{FORMATS[form].suffix}"
                path.parent.mkdir(exist_ok=True)
                FORMATS[form].write(con, name, columns, path, held)
                line[form] = _compare(con, columns, path, FORMATS[form])
        lines.append(line)
    return pd.DataFrame(lines)


def _compare(con: duckdb.DuckDBPyConnection, columns: dict[str, str], path: Path, form: Format) -> int | str:
    """The rows that a file holds when all its values are those that were signed, else what differs."""
    con.execute("DROP TABLE IF EXISTS back")
    form.read(con, columns, path)
    trimmed = ", ".join(
        f"nullif(rtrim({quote(c)}), '') AS {quote(c)}" if t not in NUMBERS and form.loses else quote(c) for c, t in columns.items()
    )
    rows = con.execute("SELECT count(*) FROM back").fetchone()[0]
    if digests.of_table(con, f"(SELECT {trimmed} FROM signed)") == digests.of_table(con, f"(SELECT {trimmed} FROM back)"):
        return rows
    order = "ORDER BY record_key"
    different = con.execute(f"SELECT count(*) FROM (SELECT {trimmed} FROM signed EXCEPT SELECT {trimmed} FROM back)").fetchone()[0]
    first = con.execute(f"SELECT record_key FROM (SELECT {trimmed} FROM signed EXCEPT SELECT {trimmed} FROM back) {order} LIMIT 1").fetchone()
    return f"{rows} rows, {different} of them not as signed{f', the first {first[0]}' if first else ''}"


def _cast(columns: dict[str, str]) -> str:
    return ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in columns.items())


def _write_parquet(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], path: Path, held: Frozen) -> None:
    con.execute(f"COPY (SELECT * FROM signed ORDER BY record_key) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _read_parquet(con: duckdb.DuckDBPyConnection, columns: dict[str, str], path: Path) -> None:
    con.execute(f"CREATE TABLE back AS SELECT * FROM read_parquet({literal(str(path))})")


def _write_csv(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], path: Path, held: Frozen) -> None:
    con.execute(f"COPY (SELECT * FROM signed ORDER BY record_key) TO {literal(str(path))} (FORMAT csv, {CSV})")


def _read_csv(con: duckdb.DuckDBPyConnection, columns: dict[str, str], path: Path) -> None:
    kinds = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    con.execute(
        f"""CREATE TABLE back AS SELECT * FROM read_csv({literal(str(path))}, columns = {{{kinds}}}, auto_detect = false, header = true,
            delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, max_line_size = 10000000)"""
    )


def _labels(name: str, columns: dict[str, str]) -> dict[str, str]:
    return {column: standard.label(name, column) for column in columns}


def _write_xpt(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], path: Path, held: Frozen) -> None:
    values = [quote(c) if t in NUMBERS else f"coalesce({quote(c)}, '') AS {quote(c)}" for c, t in columns.items()]
    frame = con.execute(f"SELECT {', '.join(values)} FROM signed ORDER BY record_key").df()
    for column, kind in columns.items():
        frame[column] = frame[column].astype("float64" if kind in NUMBERS else "object")
    label = f"{held.manifest['study']} {held.manifest['lock']} {name}"[:40]
    pyreadstat.write_xport(frame, path, label, _labels(name, columns), name.upper(), file_format_version=8)


def _read_xpt(con: duckdb.DuckDBPyConnection, columns: dict[str, str], path: Path) -> None:
    frame, _ = pyreadstat.read_xport(path)
    table = pa.table({c: pa.array(frame[c], pa.float64() if t in NUMBERS else pa.string(), from_pandas=True) for c, t in columns.items()})
    _keep(con, columns, table)


def _keep(con: duckdb.DuckDBPyConnection, columns: dict[str, str], read: pa.Table) -> None:
    con.register("read", read)
    con.execute(f"CREATE TABLE back AS SELECT {_cast(columns)} FROM read")
    con.unregister("read")


def _write_dataset_json(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], path: Path, held: Frozen) -> None:
    facts, kinds = held.manifest, {"DOUBLE": "double", "BIGINT": "integer"}
    head = {
        "datasetJSONCreationDateTime": facts["locked_at"],
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{facts['study']}.{facts['lock']}.{name}",
        "originator": "cdmlib",
        "studyOID": facts["study"],
        "metaDataVersionOID": f"{facts['study']}.{facts['lock']}",
        "itemGroupOID": f"IG.{name.upper()}",
        "records": facts["tables"][name]["rows"],
        "name": name.upper(),
        "label": name.upper(),
        "columns": [
            {"itemOID": f"IT.{name.upper()}.{column.upper()}", "name": column, "label": label, "dataType": kinds.get(columns[column], "string")}
            for column, label in _labels(name, columns).items()
        ],
    }
    cursor = con.cursor().execute("SELECT * FROM signed ORDER BY record_key")
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [')
        between = "\n"
        while rows := cursor.fetchmany(10_000):
            file.write(between + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
            between = ",\n"
        file.write("\n]}\n")


def _read_dataset_json(con: duckdb.DuckDBPyConnection, columns: dict[str, str], path: Path) -> None:
    whole = json.loads(path.read_text(encoding="utf-8"))
    values = list(zip(*whole["rows"], strict=True)) or [()] * len(columns)
    kinds = {"DOUBLE": pa.float64(), "BIGINT": pa.int64()}
    named = {c["name"]: v for c, v in zip(whole["columns"], values, strict=True)}
    _keep(con, columns, pa.table({c: pa.array(named[c], kinds.get(t, pa.string())) for c, t in columns.items()}))


FORMATS = {
    "parquet": Format("parquet", _write_parquet, _read_parquet),
    "csv": Format("csv", _write_csv, _read_csv),
    "xpt": Format("xpt", _write_xpt, _read_xpt, TRIMMED),
    "dataset-json": Format("json", _write_dataset_json, _read_dataset_json),
}


def _describe(study: Study, held: Frozen, verified: lock.Verified, counts: pd.DataFrame, working: Path, wanted: tuple[str, ...]) -> None:
    """Beside the tables: who signed what, checksums of every file, and the sheet of record counts."""
    facts, signatures = held.manifest, lock.signature_page(study, verified)
    said = {
        "study": study.id,
        "title": study.study.title,
        "lock": facts["lock"],
        "digest": held.digest,
        "as_of": facts["as_of"],
        "snapshot": facts["snapshot"],
        "signatures": signatures,
        "formats": {form: FORMATS[form].loses for form in wanted},
        "records": counts[["table", "rows"]].set_index("table")["rows"].to_dict(),
    }
    mart.replace(working / "manifest.json", json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    note = "Every file was read back and compared, value by value, with what was signed." + (f" xpt: {TRIMMED}." if "xpt" in wanted else "")
    rows = ((*row, "equal") for row in counts.astype(object).itertuples(index=False, name=None))
    sheet = workbook.ListingSheet("Record counts", "Record counts", note, (*counts.columns, "compared"), len(counts), rows)
    columns = ("function", "name", "role", "utc", "meaning", "digest", "holds")
    signed = workbook.ListingSheet(
        "Signatures", "Signatures", "Signed with the password given again.", columns, len(signatures), (tuple(s[c] for c in columns) for s in signatures)
    )
    book = workbook.Workbook(
        study.id, f"{study.study.title}: delivery of {facts['lock']}", facts["as_of"], facts["run"], facts["snapshot"],
        (("Lock", facts["lock"]), ("Digest", held.digest), ("Tables", len(counts)), ("Records", int(counts["rows"].sum()))), None, (), (sheet, signed),
    )  # fmt: skip
    workbook.write(working / "record_counts.xlsx", book)
    paths = sorted(path for path in working.rglob("*") if path.is_file())
    sums = "".join(f"{digests.of_file(path)}  {path.relative_to(working).as_posix()}\n" for path in paths)
    mart.replace(working / "SHA256SUMS", sums)
