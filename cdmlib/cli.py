"""The command line: `cdm …`, in the order of the path of the data."""

from __future__ import annotations

import csv
import datetime
import shutil
import sys
import time
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from cdmlib.errors import CdmError

out = Console(soft_wrap=True, highlight=False)


class Cdm(click.Group):
    """The commands in the order they are written, and our errors as text without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CdmError as error:
            Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"cdm: {error}")
            sys.exit(1)


@click.group(cls=Cdm, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cdmlib", prog_name="cdm")
def main() -> None:
    """Clinical data management workbench: from raw extracts to cleaning workbooks, every value traceable.

    Studies live in the folder `data` (or in $CDM_DATA).
    """


@main.command()
@click.option(
    "--seed",
    default=20240304,
    show_default=True,
    help="Seed of the random numbers; the same seed makes the same study.",
)
@click.option("--again", is_flag=True, help="Remove the study that is there, with its runs, and make it anew.")
@click.option("--weeks", is_flag=True, help="Also run the four weeks, one after the other.")
@click.option("--score", is_flag=True, help="Compare the findings of the last run with the answer key.")
def demo(seed: int, again: bool, weeks: bool, score: bool) -> None:
    """Make the synthetic study `demo`: 240 subjects, four weekly extracts, planted errors and their answer key."""
    from cdmlib import demo as demonstration
    from cdmlib import study as studies

    folder = studies.data_folder() / "demo"
    if again:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        out.print(
            f"The synthetic study is already in {folder} and is left as it is; --again makes it anew.", markup=False
        )
    else:
        demonstration.create(folder, seed)
        out.print(
            f"The synthetic study is in {folder}; its planted errors are listed in {folder / 'answer_key.csv'}.",
            markup=False,
        )
    if weeks:
        for extract in sorted(path.name for path in (folder / "incoming").iterdir()):
            _weekly("demo", extract, "")
    if score:
        _score()


@main.command()
@click.argument("study")
@click.option(
    "--from",
    "path",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A folder, zip or file with an extract.",
)
@click.option("--cutoff", help="Cut-off date of the extract (YYYY-MM-DD); today when not given.")
@click.option("--title", default="", help="Title of the study, shown on every workbook.")
def new(study: str, path: Path, cutoff: str | None, title: str) -> None:
    """Set up STUDY from an extract: recognise its layout, write study.toml and one table file per domain."""
    from cdmlib import scaffold

    made = scaffold.new(study, path, cutoff or datetime.date.today().isoformat(), title)
    for line in made.said:
        out.print(line, markup=False)
    out.print(f"\nThe study is in {made.folder}. Read study.toml and tables/, then: cdm weekly {study}", markup=False)


@main.command()
@click.argument("study")
@click.option("--cutoff", default="", help="Date of the folder under incoming/; the newest when not given.")
@click.option("--confirm", default="", help="Why a held load is right; kept in the snapshot's manifest.")
def ingest(study: str, cutoff: str, confirm: str) -> None:
    """Store an extract as a snapshot and print the load report."""
    from cdmlib import snapshot
    from cdmlib import study as studies

    done = snapshot.ingest(studies.load(study), cutoff, confirm)
    out.print(done.said, markup=False)
    _print_load(done.snapshot)
    for line in done.snapshot.differences if done.stored else ():
        out.print(f"  {line}", markup=False)


@main.command()
@click.argument("study")
@click.option("--cutoff", default="", help="Date of the folder under incoming/; the newest when not given.")
@click.option("--confirm", default="", help="Why a held load is right; kept in the snapshot's manifest.")
def weekly(study: str, cutoff: str, confirm: str) -> None:
    """Do the week's work: take in the extract, run the checks, write the cleaning workbook, publish."""
    _weekly(study, cutoff, confirm)


@main.group()
def review() -> None:
    """What reviewers entered in a cleaning workbook."""


@review.command("import")
@click.argument("study")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def review_import(study: str, file: Path) -> None:
    """Take the reviewer columns of FILE, a cleaning workbook of STUDY, back into the journal."""
    from cdmlib import review as reviews
    from cdmlib import study as studies

    done = reviews.take_in(studies.load(study), file)
    out.print(done.said, markup=False)
    for c in done.conflicts:
        out.print(
            f"  conflict: finding {c.finding_id}, {c.field}: the workbook had {c.was!r} and says {c.given!r}; {c.by} entered {c.stands!r} meanwhile, which stands",
            markup=False,
        )
    if done.conflicts:
        sys.exit(1)


@main.group()
def journal() -> None:
    """The append-only record of what people decided."""


@journal.command()
@click.argument("study")
def verify(study: str) -> None:
    """Check the hash chain of STUDY's journal against itself and against the heads that the runs recorded."""
    from cdmlib import journal as journals
    from cdmlib import study as studies

    result = journals.verify(studies.load(study))
    for line in (result.said, *result.warnings):
        out.print(line, markup=False)
    if not result.ok:
        sys.exit(1)


@journal.command()
@click.argument("study")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(study: str, file: Path) -> None:
    """Write STUDY's journal, whole, to FILE (.csv or .jsonl)."""
    from cdmlib import journal as journals
    from cdmlib import study as studies

    out.print(f"{journals.export(studies.load(study), file)} entries written to {file}", markup=False)


@main.command()
@click.argument("study")
@click.option("--cutoff", default="", help="Use the newest snapshot up to this date; the newest of all when not given.")
@click.option("--only", multiple=True, metavar="ID", help="Run this check only; may be given more than once.")
def check(study: str, cutoff: str, only: tuple[str, ...]) -> None:
    """Run the checks on STUDY's newest snapshot and print how each ended, publishing nothing.

    To look checks up without running them, see `cdm checks`.
    """
    from cdmlib import checks, tables

    with _scratch(study, cutoff) as work:
        tables.build(work)
        ran = checks.run(work, only)
        table = _table("check", "outcome", "findings", "title", "reason")
        for row in ran.itertuples():
            table.add_row(
                row.check_id,
                _outcome(row.outcome),
                str(row.n_findings) if row.n_findings else "",
                row.title,
                row.reason,
            )
        out.print(table)
        if only:
            for site, subject, visit, message in work.con.execute(
                "SELECT siteid, subjid, visit, message FROM findings ORDER BY ALL LIMIT 20"
            ).fetchall():
                out.print(f"  {site or '-'} {subject or '-'} {visit or '-'}: {message}", markup=False)
    if (ran.outcome == "error").any():
        raise CdmError("At least one check ended in an error.")


@main.command("checks")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--domain", default="", help="Only checks about this standard table, such as ae.")
@click.option("--severity", type=click.Choice(["critical", "major", "minor"]), help="Only this severity.")
@click.option("--action", type=click.Choice(["query", "review", "internal"]), help="Only this action.")
@click.option("--text", default="", help="Only checks with this text in id, title, message or note.")
@click.option("--study", default="", help="Add this study's own checks, its parameters and what it switched off.")
def look_up(ids: tuple[str, ...], domain: str, severity: str | None, action: str | None, text: str, study: str) -> None:
    """Look checks up: list the library, or explain the checks ID with needs, cases and SQL. Nothing is run.

    To run the checks of a study, see `cdm check`.
    """
    from cdmlib import catalogue
    from cdmlib import study as studies

    found = catalogue.entries(studies.load(study) if study else None, domain, severity or "", action or "", text, ids)
    for entry in found if ids else ():
        _explain(entry)
    if ids:
        return
    columns = ("check", "title", "about", "severity", "action", "parameters", *(["switched off"] if study else []))
    table = _table(*columns)
    for entry in found:
        header = entry.check.header
        cells = (entry.check.title, entry.check.domain, header["severity"], header["action"], entry.params_said)
        table.add_row(entry.check.id, *map(_plain, cells), *([_plain(entry.off)] if study else []))
    out.print(table)
    own = sum(entry.own for entry in found)
    off = sum(bool(entry.off) for entry in found)
    of_study = f", {own} of them of study {study}, {off} switched off" if study else ""
    out.print(
        f"{len(found)} checks{of_study}. `cdm checks ID` explains one; `cdm check STUDY` runs them.", markup=False
    )


@main.command()
@click.argument("study", required=False)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder for the evidence; docs/validation or the study's folder when not given.",
)
def uat(study: str | None, folder: Path | None) -> None:
    """Run every case of every check (library, and STUDY's own) and write the evidence as HTML and CSV."""
    from cdmlib import evidence
    from cdmlib import study as studies

    opened = studies.load(study) if study else None
    folder = folder or (opened.folder / "validation" if opened else Path("docs") / "validation")
    done = evidence.write(opened, folder)
    out.print(
        f"{done.checks} checks, {done.cases} cases: {done.passed} passed, {done.failed} failed. Evidence: {folder / 'uat.html'}, {folder / 'uat.csv'}",
        markup=False,
    )
    for line in done.failures:
        out.print(f"  {line}", markup=False)
    if done.failures:
        sys.exit(1)


@main.command("new-check")
@click.argument("check_id")
@click.argument("title")
@click.option("--domain", required=True, help="Standard table that the check is about, such as ae.")
@click.option("--study", help="Write it into this study's checks/; into the library when not given.")
def new_check(check_id: str, title: str, domain: str, study: str | None) -> None:
    """Write a new check, CHECK_ID and TITLE, with its case table, ready to be filled in."""
    from cdmlib import checks, standard
    from cdmlib import study as studies

    folder = studies.load(study).folder / "checks" if study else standard.SQL / "checks"
    path = checks.new(check_id, title, domain, folder)
    out.print(
        f"{path}\n{path.with_suffix('.md')}\nWrite the SELECT and the cases, then: cdm uat{' ' + study if study else ''}",
        markup=False,
    )


@main.command()
@click.argument("study")
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values instead of a table.")
def sql(study: str, query: str, as_csv: bool) -> None:
    """Run a SELECT on STUDY's published results and print what it gives."""
    import duckdb

    from cdmlib import mart
    from cdmlib import study as studies

    con = mart.open_published(studies.load(study))
    try:
        result = con.execute(query)
        names, rows = [column[0] for column in result.description or ()], result.fetchall()
    except duckdb.Error as error:
        raise CdmError(str(error)) from None
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
        return
    table = _table(*names)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    out.print(table)
    out.print(f"{len(rows)} rows")


def _explain(entry: object) -> None:
    from cdmlib import catalogue

    out.print(f"\n[bold]{entry.check.id}[/bold]" + (" (own check of the study)" if entry.own else ""))
    for name, text in catalogue.explained(entry):
        first, *more = text.splitlines()
        out.print(f"  {name:<12} {first}", markup=False)
        for line in more:
            out.print(f"  {'':<12} {line}", markup=False)
    for above, header, rows in catalogue.case_tables(entry.check):
        out.print(f"\n  cases{' with ' + above if above else ''}", markup=False)
        table = _table(*map(_plain, header))
        for row in rows:
            table.add_row(*map(_plain, row))
        out.print(table)
    out.print(entry.check.sql, markup=False)


def _plain(text: str) -> str:
    """Text for a cell, where a square bracket is a bracket and not style."""
    from rich.markup import escape

    return escape(text)


def _weekly(study: str, cutoff: str, confirm: str) -> None:
    from cdmlib import mart, notebooks, snapshot
    from cdmlib import study as studies

    started = time.perf_counter()
    with out.status("starting") as status:

        def step(text: str) -> None:
            out.print(f"{time.perf_counter() - started:5.1f} s  {text}", markup=False)
            status.update(text)

        week = notebooks.weekly(study, cutoff, confirm, step)
    opened = studies.load(study)
    con = mart.open_published(opened)
    stored = con.execute("SELECT snapshot FROM runs").fetchone()[0]
    _print_load(next(s for s in snapshot.list_all(opened) if s.id == stored))
    counts = dict(con.execute("SELECT outcome, count(*) FROM check_runs GROUP BY outcome").fetchall())
    findings = con.execute("SELECT count(*) FROM findings WHERE gone_on IS NULL").fetchone()[0]
    out.print(
        f"{findings} findings. Checks: "
        + ", ".join(f"{counts.get(name, 0)} {_outcome(name)}" for name in ("findings", "clean", "not run", "error"))
    )
    for label, made in (("workbook", week.workbook), ("notebooks", week.notebooks[0].parent), ("results", week.mart)):
        out.print(f"  {label:<10} {made}", markup=False)
    out.print(f"{time.perf_counter() - started:5.1f} s  done", markup=False)


def _score() -> None:
    from cdmlib import demo as demonstration
    from cdmlib import mart
    from cdmlib import study as studies

    opened = studies.load("demo")
    con = mart.open_published(opened)
    as_of = con.execute("SELECT as_of FROM runs").fetchone()[0]
    found = con.execute("SELECT check_id, record_key FROM findings WHERE gone_on IS NULL").fetchall()
    score = demonstration.score(found, demonstration.read_answer_key(opened.folder), as_of)
    table = _table("kind of planted error", "check", "planted", "found", "recall")
    for row in score.kinds:
        table.add_row(
            row.kind,
            row.check_id or "(none aims at it)",
            str(row.planted),
            str(row.found),
            f"{row.found / row.planted:.2f}",
        )
    out.print(table)
    out.print(score.said, markup=False)


def _scratch(study: str, cutoff: str):
    from cdmlib import mart

    return mart.scratch(study, cutoff)


def _print_load(snapshot: object) -> None:
    from cdmlib import snapshot as snapshots

    table = _table("source", "dataset", "rows in file", "stored", "quarantined", "subjects", "notes")
    report = snapshots.load_report(snapshot)
    for row in report.itertuples():
        table.add_row(
            row.source,
            row.dataset,
            str(row.rows_in_file),
            str(row.rows_stored),
            str(row.rows_quarantined),
            str(row.subjects),
            row.notes,
        )
    out.print(table)
    lost = int((report.rows_in_file - report.rows_stored - report.rows_quarantined).sum())
    out.print(
        f"{len(report)} datasets, {report.rows_in_file.sum()} rows in the files, {report.rows_stored.sum()} stored, {report.rows_quarantined.sum()} quarantined, {lost} lost",
        markup=False,
    )


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        number = column in (
            "findings",
            "rows in file",
            "stored",
            "quarantined",
            "subjects",
            "planted",
            "found",
            "recall",
        )
        table.add_column(
            column,
            overflow="fold",
            justify="right" if number else "left",
            no_wrap=column in ("check", "dataset", "outcome"),
        )
    return table


def _outcome(outcome: str) -> str:
    colour = {"clean": "green", "findings": "yellow", "not run": "magenta", "error": "red"}[outcome]
    return f"[{colour}]{outcome}[/{colour}]"
