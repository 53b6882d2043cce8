"""The command line: `cdm …`, in the order of the path of the data."""

from __future__ import annotations

import csv
import datetime
import getpass
import os
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


class OfStudy(click.Group):
    """Commands of one study, named before them: `cdm coding STUDY`, `cdm coding STUDY import FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        verb = next((at for at, arg in enumerate(args) if at and arg in self.commands), len(args))
        own = args[:verb]
        if own and not own[0].startswith("-"):  # options may follow the study, as everywhere else
            own = [*own[1:], own[0]]
        return super().parse_args(ctx, own + args[verb:])


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
    from cdmlib import lock
    from cdmlib import study as studies

    done = lock.ingest(studies.load(study), cutoff, confirm)
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


@main.command()
@click.argument("study")
@click.option("--from", "before", default="", metavar="WHICH", help="Snapshot to compare with: its id or cut-off date; the one before when not given.")
@click.option("--to", "after", default="", metavar="WHICH", help="Snapshot that is compared: its id or cut-off date; the newest when not given.")
@click.option("--most", default=50, show_default=True, help="So many changed cells are printed.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write every change to this file.")
def changes(study: str, before: str, after: str, most: int, file: Path | None) -> None:
    """What changed in STUDY from one snapshot to another: a line per dataset, then the changed cells, old → new."""
    import duckdb

    from cdmlib import changes as differences
    from cdmlib import study as studies

    opened = studies.load(study)
    old, new = differences.choose(opened, before, after)
    con = duckdb.connect(config={"threads": 1})
    out.print(f"{study}: {old.id} → {new.id}", markup=False)
    for line in differences.said(differences.between(con, opened, old, new)):
        out.print(line, markup=False)
    found = differences.as_read(con)
    for row in found.limit(most).fetchall():
        out.print(differences.sentence(dict(zip(found.columns, row, strict=True))), markup=False)
    total = found.aggregate("count(*)").fetchone()[0]
    if total > most:
        out.print(f"… and {total - most} lines more. --most {total} prints them, --csv FILE writes every column that changed.")
    if file:
        written = differences.write(con, file)
        out.print(f"{written} changes written to {file}", markup=False)


@main.command()
@click.argument("study")
def runs(study: str) -> None:
    """The runs of STUDY: complete, failed (also those that were killed) or running, which one is published, and their archives.

    Seals the runs that ended without an archive.
    """
    from cdmlib import archive, notebooks
    from cdmlib import study as studies

    opened = studies.load(study)
    archive.seal_left_over(opened, notebooks.folder())
    for run in archive.runs(opened).itertuples():
        when = f"{run.started_at} to {run.finished_at}" if run.finished_at else f"{run.started_at}"
        shown = ", published" if run.published else ""
        sealed = f"archive {run.archive[:12]} signed by {run.signed_by}" if run.archive else "no archive yet"
        out.print(f"{run.run}  {run.status}{shown}, as of {run.as_of}, {when}, by {run.by}; {sealed}", markup=False)
        if run.changed:
            out.print(f"  changed since the run before: {run.changed}", markup=False)
        if run.not_shown:
            out.print(f"  published, but not shown in notebooks: {run.not_shown}", markup=False)
        if run.error:
            out.print(f"  {run.error}", markup=False)


@main.command()
@click.argument("study")
@click.argument("run")
@click.option("--out", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the run, with all that re-executing it needs, into this zip.")
@click.option("--sign", "meaning", default="", metavar="MEANING", help="Sign the archive as yourself; say what the signature means. The password is asked for.")
@click.option("--as", "person", default="", help="Who signs; $CDM_USER or the signed-in user when not given.")
@click.option("--password", default="", help="Asked for when not given; do not keep it in scripts.")
def archive(study: str, run: str, path: Path | None, meaning: str, person: str, password: str) -> None:
    """Sign the archive of RUN of STUDY, or take it away as one zip for `cdm verify` and `cdm restore`."""
    from cdmlib import archive as archives
    from cdmlib import restore as away
    from cdmlib import study as studies

    opened = studies.load(study)
    if not path and not meaning:
        raise CdmError("Say what to do with the archive: --out FILE.zip, or --sign MEANING.")
    if meaning:
        who = _person(opened, person, "archive.signed")
        made = archives.sign(opened, run, who, password or click.prompt("Password", hide_input=True), meaning)
        out.print(f"Signed: {made.name} ({made.role}), {made.signed_at} (UTC), meaning: {made.meaning}; key {made.fingerprint}", markup=False)
    if path:
        if path.suffix != ".zip":
            raise CdmError(f"{path.name} must end in .zip.")
        away.take_away(opened, run, path)
        out.print(f"{path} ({path.stat().st_size / 1e6:.1f} MB) and {away.signature_of(path).name}; the keys are in {opened.folder / 'keys.csv'}", markup=False)


@main.command("verify")
@click.argument("study")
@click.argument("run")
@click.option("--here", is_flag=True, help="Re-execute with the packages of this environment, not in a fresh one made from the archived lock.")
@click.option("--wheels", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder with the packages, so that no network is needed.")
@click.option("--keys", "known", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The keys.csv that you trust; the study's own when not given.")
@click.option("--head", "heads", multiple=True, metavar="SEQ:HASH", help="A head of the journal that you kept elsewhere, as cdm journal verify prints it; may be given more than once.")
@click.option("--no-run", is_flag=True, help="Only files, signatures and journal; nothing is executed.")
@click.option("--no-nbval", is_flag=True, help="Without nbval's second opinion.")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of the report; verifications/ of the study, or the working folder.")
@click.option("--as", "person", default="", help="Sign the report as this person; the password is asked for.")
@click.option("--password", default="", help="Asked for when not given; do not keep it in scripts.")
def verify_run(study: str, run: str, here: bool, wheels: Path | None, known: Path | None, heads: tuple[str, ...], no_run: bool, no_nbval: bool, folder: Path | None, person: str, password: str) -> None:
    """Prove that RUN of STUDY (or FILE.zip of one) is what it was: PASS or FAIL per level, as one page.

    L0 files, L1 signatures, L2 journal, L3 the same result when executed again, L4 what today's version does differently.

    L3 makes a fresh environment from the archived lock. Without a network it takes the packages from the folder of --wheels, which is filled
    elsewhere, on the same kind of machine and Python: pip download --require-hashes -r requirements.lock -d FOLDER
    """
    from cdmlib import keys, verify
    from cdmlib import study as studies

    sign = None
    if person:
        opened = studies.load(study)
        who, key = _person(opened, person, "archive.key"), None
        key = keys.of_person(opened, who, password or click.prompt("Password", hide_input=True))
        name, role = next((p.name, p.role) for p in opened.people if p.id == who)

        def sign(subject: str, digest: str) -> str:
            return keys.sign(key, subject, digest, who, name, role, "I made this verification")

    report = verify.run(study, run, here, wheels, known, not no_run, not no_nbval, tuple(_head(h)[:2] for h in heads), lambda text: out.print(text, markup=False))
    there = studies.folder_of(study)
    page = verify.write(report, folder or (there / "verifications" if there.is_dir() else Path.cwd()), sign)
    for level in report.levels:
        out.print(f"{level.id}  {level.status:<8} {level.title}", markup=False)
        for line in (*level.said, *(f"{d.file}, {d.where}: {d.archived!r} became {d.again!r}" for d in level.differences[:10])):
            out.print(f"      {line}", markup=False)
        if level.excluded:
            out.print("      excluded by the archived policy: " + ", ".join(f"{name} {n} times" for name, n in level.excluded.items()), markup=False)
    out.print(f"{report.said}. Report: {page}", markup=False)
    if not report.ok:
        sys.exit(1)


@main.command()
@click.argument("study")
@click.option("--subject", required=True, help="The subject's id.")
@click.option("--record", required=True, help="The record's key, as the workbook shows it.")
@click.option("--field", "field_", required=True, help="The standard column (aestdtc), or the source's own field (AESTDAT).")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of the pages; traces/ of the study when not given.")
def trace(study: str, subject: str, record: str, field_: str, folder: Path | None) -> None:
    """Show the life of a value of STUDY: the line as received, each snapshot, findings, queries, decisions, what was delivered."""
    from cdmlib import study as studies
    from cdmlib import trace as traces

    opened = studies.load(study)
    life = traces.of(opened, subject, record, field_)
    out.print(f"{life.table}.{life.field} ({life.label}) of {life.record}, made from {', '.join(life.made_from) or 'nothing in the source alone'}: {life.value or '(blank)'}", markup=False)
    for name, heading in traces.HEADINGS.items():
        out.print(f"{heading}: {len(getattr(life, name)) or 'none'}", markup=False)
        for row in getattr(life, name):
            out.print("  " + " | ".join(str(value) for value in row.values() if value != ""), markup=False)
    out.print(f"Pages: {traces.write(life, folder or opened.folder / 'traces')}", markup=False)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Data folder to restore into; $CDM_DATA or `data` when not given.")
def restore(file: Path, into: Path | None) -> None:
    """Make a working study folder of FILE, an archived run or a backup."""
    from cdmlib import restore as back
    from cdmlib import study as studies

    target = into or studies.data_folder()
    target.mkdir(parents=True, exist_ok=True)
    if not back.signature_of(file).exists():
        out.print(f"{back.signature_of(file).name} is missing: nothing vouches for {file.name} but its own list of files.", markup=False)
    out.print(f"Restored: {back.restore(file, target).folder}", markup=False)


@main.command()
@click.argument("study")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the backup; best on another disk.")
@click.option("--drill", is_flag=True, help="Also restore it into an empty folder and compare; the journal keeps the result.")
def backup(study: str, folder: Path, drill: bool) -> None:
    """Write the whole of STUDY into one signed zip."""
    from cdmlib import restore as back
    from cdmlib import study as studies

    opened = studies.load(study)
    path = back.backup(opened, folder)
    out.print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)", markup=False)
    if drill:
        faults, looked_at = back.drill(opened, path)
        for line in faults or [f"Drill passed, all came back as it is: {looked_at}. The journal keeps this."]:
            out.print(line, markup=False)
        if faults:
            sys.exit(1)


@main.command()
@click.argument("study")
@click.argument("act", type=click.Choice(["import"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def review(study: str, act: str, file: Path) -> None:
    """Take what reviewers entered in FILE, a cleaning workbook of STUDY, back into the journal: cdm review STUDY import FILE."""
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


@main.command()
@click.argument("study")
@click.argument("act", required=False, type=click.Choice(("upload", "close", "comment")))
@click.option("--again", is_flag=True, help="With upload: also what was exported before and has no open query yet.")
@click.option("--query", "query_id", default="", help="With comment: the EDC query that it is about.")
@click.option("--text", default="", help="With comment: what to say; the comments there are when not given.")
def queries(study: str, act: str | None, again: bool, query_id: str, text: str) -> None:
    """EDC queries of STUDY by status and who must act; `upload` writes the query upload file, `close` lists what can be closed.

    The upload file has one row per query to raise. What it holds is remembered in the journal and not exported again. `comment` keeps in the
    journal what is said here about a query; the EDC is not told.
    """
    from cdmlib import mart
    from cdmlib import queries as edc_queries
    from cdmlib import study as studies

    opened = studies.load(study)
    if again and act != "upload":
        raise CdmError("--again belongs to `upload`.")
    if (query_id or text) and act != "comment":
        raise CdmError("--query and --text belong to `comment`.")
    if act == "comment":
        said = edc_queries.comments(opened)
        if text and not query_id:
            raise CdmError("Say which query the comment is about: --query ID.")
        if text:
            edc_queries.comment(opened, query_id, said[query_id].new if query_id in said else "", text)
            out.print(f"Comment on query {query_id} entered.", markup=False)
            return
        for query, entry in sorted(said.items()):
            if query_id in ("", query):
                out.print(f"{query}: {entry.new} ({entry.actor}, {entry.utc[:10]})", markup=False)
        return
    if act == "upload":
        path, n = edc_queries.upload(opened, again)
        out.print(f"{n} queries to raise: {path}" if path else "Nothing to raise that was not exported before.", markup=False)
        return
    with mart.open_published(opened) as con:
        if act == "close":
            for row in (close := edc_queries.to_close(con, opened)).itertuples():
                where = " / ".join(str(part) for part in (row.visit, row.form, row.formrow, row.field) if part)
                out.print(f"{row.query_id} {row.query_status}: {row.siteid} {row.subjid} {where}: {row.query_text}", markup=False)
                out.print(f"    {row.because}: {row.finding}", markup=False)
            out.print(f"{len(close)} to close", markup=False)
            return
        _print_frame(edc_queries.summary(con))
        n = len(edc_queries.to_raise(con, opened))
        close = f"{len(edc_queries.to_close(con, opened))} to close" if edc_queries.listed(con) else "no query listing: which to close is not known"
        out.print(f"{n} to raise (cdm queries {study} upload); {close} (cdm queries {study} close).", markup=False)


@main.command()
@click.argument("study")
@click.option("--subject", default="", help="Only this subject, with every row that blocks it.")
@click.option("--site", default="", help="Only the subjects of this site.")
def readiness(study: str, subject: str, site: str) -> None:
    """Which subjects of STUDY are clean, what blocks the others, and whose action it is."""
    from cdmlib import mart
    from cdmlib import study as studies

    with mart.open_published(studies.load(study)) as con:
        _require(con, "readiness", study)
        where = "level = 'subject' AND ($subject = '' OR subjid = $subject) AND ($site = '' OR siteid = $site)"
        given = {"subject": subject, "site": site}
        if subject:
            _print_frame(con.execute(f"SELECT criterion, title, status, blockers, owner FROM readiness WHERE {where} ORDER BY criterion", given).df())
            _print_frame(con.execute("SELECT criterion, visit, form, what, owner FROM blockers WHERE subjid = ? ORDER BY ALL", [subject]).df())
            return
        _print_frame(
            con.execute(
                f"""SELECT siteid AS site, subjid AS subject, status, blockers, owner, b.criteria AS "blocked by" FROM readiness
                    LEFT JOIN (SELECT subjid, string_agg(criterion, ' ' ORDER BY criterion) AS criteria FROM readiness
                               WHERE level = 'subject' AND status = 'blocked' AND criterion <> 'all' GROUP BY subjid) b USING (subjid)
                    WHERE criterion = 'all' AND {where} ORDER BY site, subject""",
                given,
            ).df()
        )
        clean, total, version = con.execute(
            f"SELECT count(*) FILTER (ready), count(*), max(version) FROM readiness WHERE criterion = 'all' AND {where}", given
        ).fetchone()
        out.print(f"{clean} of {total} subjects are clean, by version {version} of the study's definition: nothing of", markup=False)
        for criterion, title, outcome, reason in con.execute("SELECT criterion, title, outcome, reason FROM criteria WHERE clean ORDER BY 1").fetchall():
            out.print(f"  {criterion}  {title}" + (f": NOT RUN, {reason}" if outcome == "not run" else ""), markup=False)


def _require(con: object, table: str, study: str) -> None:
    from cdmlib import tables

    if table not in tables.collected(con):
        raise CdmError(f"The published results of {study} have no {table}. Run `cdm weekly {study}`.")


@main.group(invoke_without_command=True)
@click.argument("study")
@click.pass_context
def checklist(ctx: click.Context, study: str) -> None:
    """The lock checklist of STUDY: 34 lines, computed from the data or attested by a named person."""
    from cdmlib import readiness as ready
    from cdmlib import study as studies

    ctx.obj = studies.load(study)
    if not ctx.invoked_subcommand:
        rows = ready.checklist(ctx.obj)
        for row in rows.itertuples():
            out.print(f"{row.line:>3}  {row.status:<9} {row.title}: {row.evidence}", markup=False)
        done = rows.status.isin((*ready.DONE, "signed")).sum()
        out.print(f"{done} of {len(rows)} lines done", markup=False)


@checklist.command()
@click.argument("line", type=int)
@click.option("--meaning", required=True, help="What you attest, in words; it is shown with your name and the date.")
@click.pass_obj
def attest(study: object, line: int, meaning: str) -> None:
    """Attest LINE of the checklist, as yourself."""
    from cdmlib import readiness as ready

    ready.attest(study, line, meaning)
    out.print(f"line {line}: {ready.checklist(study).set_index('line').evidence[line]}", markup=False)


@checklist.command()
@click.argument("what", nargs=-1, required=True)
@click.option("--until", required=True, help="The last day on which the waiver holds (YYYY-MM-DD).")
@click.option("--reason", required=True, help="Why it is waived, in words.")
@click.pass_obj
def waive(study: object, what: tuple[str, ...], until: str, reason: str) -> None:
    """Waive WHAT until a date: `line 8`, or a criterion for a subject such as `RD05 DE01-001`."""
    from cdmlib import readiness as ready

    ready.waive(study, " ".join(what), until, reason)
    out.print(f"{' '.join(what)} is waived until {until}", markup=False)


PERSON = click.option("--as", "person", default="", help="Who signs; $CDM_USER or the signed-in user when not given.")
PASSWORD = click.option("--password", prompt=True, hide_input=True, help="Asked for when not given; do not keep it in scripts.")


@main.group()
@click.argument("study")
@click.pass_context
def lock(ctx: click.Context, study: str) -> None:
    """Lock STUDY: freeze its tables, have three people sign them, and keep them as they are."""
    from cdmlib import study as studies

    ctx.obj = studies.load(study)


@lock.command()
@click.pass_obj
def status(study: object) -> None:
    """Where the study stands, and who has signed."""
    from cdmlib import journal as journals
    from cdmlib import lock as locks

    stands = journals.stands(study)
    out.print(f"Study {study.id} is {stands.said}.", markup=False)
    if stands.lock:
        _print_signatures(locks.verify(study), study)


@lock.command("dry-run")
@click.option("--stage", type=click.Choice(("soft", "final")), default="final", show_default=True, help="For which step.")
@click.pass_obj
def dry_run(study: object, stage: str) -> None:
    """What the checklist would hold against the lock today; nothing is changed."""
    from cdmlib import readiness as ready

    held = ready.blocking(study, stage, datetime.datetime.now(datetime.UTC).date().isoformat())
    for line in held:
        out.print(line, markup=False)
    out.print(f"Dry run: {len(held)} lines block the {stage} lock." if held else f"Dry run: nothing blocks the {stage} lock.", markup=False)
    if held:
        sys.exit(1)


@lock.command()
@click.option("--reason", default="", help="A remark for the journal.")
@click.pass_obj
def soft(study: object, reason: str) -> None:
    """Freeze the tables of the published results, when the checklist allows it."""
    from cdmlib import lock as locks
    from cdmlib import people as persons

    made = locks.soft(study, *persons.acting(study, "lock.soft"), reason)
    tables = made.manifest["tables"]
    out.print(f"{made.manifest['lock']}: {len(tables)} tables, {sum(facts['rows'] for facts in tables.values())} rows frozen in {made.folder}", markup=False)
    out.print(f"digest {made.digest}\nTo sign: data management, clinical, biostatistics (three people): cdm lock {study.id} sign", markup=False)


@lock.command()
@click.option("--function", "function_", required=True, type=click.Choice(("data management", "clinical", "biostatistics")), help="For which function.")
@click.option("--meaning", required=True, help="What the signature means, such as: I confirm that the data are complete and clean.")
@PERSON
@PASSWORD
@click.pass_obj
def sign(study: object, function_: str, meaning: str, person: str, password: str) -> None:
    """Sign what is frozen; the password is asked for again."""
    from cdmlib import lock as locks

    made = locks.sign(study, _person(study, person, "lock.sign"), password, function_, meaning)
    out.print(f"Signed: {made.name}, for {made.function}, {made.utc} (UTC), meaning: {made.meaning}; digest {made.digest}", markup=False)


@lock.command("final")
@click.pass_obj
def final_(study: object) -> None:
    """Lock the study, when all have signed and nothing has changed."""
    from cdmlib import lock as locks
    from cdmlib import people as persons

    out.print(f"Study {study.id} is {locks.final(study, *persons.acting(study, 'lock.final')).said}.", markup=False)
    _print_signatures(locks.verify(study), study)


@lock.command()
@click.option("--reason", required=True, help="Why, in words.")
@click.pass_obj
def reopen(study: object, reason: str) -> None:
    """Open a soft lock again; its signatures no longer count."""
    from cdmlib import lock as locks
    from cdmlib import people as persons

    out.print(f"Study {study.id} is {locks.reopen(study, *persons.acting(study, 'lock.reopen'), reason).said}.", markup=False)


@lock.command("verify")
@click.pass_obj
def verify_lock(study: object) -> None:
    """Prove that the frozen set is unchanged and that its signatures hold."""
    from cdmlib import lock as locks

    verified = locks.verify(study)
    out.print(f"Study {study.id} is {verified.standing.said}.", markup=False)
    _print_signatures(verified, study)
    for fault in verified.faults:
        out.print(f"  FAULT: {fault}", markup=False)
    out.print("The lock does not hold." if verified.faults else f"{verified.standing.lock} holds: every file, digest and signature is as it was.", markup=False)
    if verified.faults:
        sys.exit(1)


def _print_signatures(verified: object, study: object) -> None:
    from cdmlib import lock as locks

    for s in locks.signature_page(study, verified):
        out.print(f"  {s['name']} ({s['role']}) for {s['function']}, {s['utc']} (UTC), meaning: {s['meaning']}; digest {s['digest'][:16]}…; holds: {s['holds']}", markup=False)


def _person(study: object, person: str, act: str) -> str:
    """Who signs: the one named, else the acting person; either way one who may do the act."""
    from cdmlib import people as persons

    if not person:
        return persons.acting(study, act)[0]
    who = persons.person(study, person)
    persons.may(act, who.id, who.role)
    return who.id


@main.group()
@click.argument("study")
@click.pass_context
def unlock(ctx: click.Context, study: str) -> None:
    """Change part of a locked STUDY: one person asks, two others approve, and it ends by itself."""
    from cdmlib import study as studies

    ctx.obj = studies.load(study)


@unlock.command()
@click.option("--subject", "subjects", multiple=True, help="A subject that may change; all when not given.")
@click.option("--form", "forms", multiple=True, help="A form or standard table that may change; all when not given.")
@click.option("--field", "fields", multiple=True, help="A field that may change; all when not given.")
@click.option("--days", type=float, default=5, show_default=True, help="For how many days.")
@click.option("--reason", required=True, help="Why, in words.")
@click.pass_obj
def ask(study: object, subjects: tuple, forms: tuple, fields: tuple, days: float, reason: str) -> None:
    """Ask for an unlock of some subjects, forms or fields."""
    from cdmlib import lock as locks
    from cdmlib import people as persons
    from cdmlib.standing import in_words

    scope = {"subjects": list(subjects), "forms": list(forms), "fields": list(fields)}
    made = locks.ask_unlock(study, *persons.acting(study, "unlock.request"), scope, days, reason)
    out.print(f"{made.id}: {in_words(made.scope)} until {made.expires} (UTC). Two others must approve: cdm unlock {study.id} approve {made.id}", markup=False)


@unlock.command()
@click.argument("unlock_id")
@PERSON
@PASSWORD
@click.pass_obj
def approve(study: object, unlock_id: str, person: str, password: str) -> None:
    """Approve UNLOCK_ID, which somebody else asked for."""
    from cdmlib import lock as locks

    stands = locks.decide_unlock(study, _person(study, person, "unlock.approve"), password, unlock_id, True)
    out.print(f"Study {study.id} is {stands.said}.", markup=False)


@unlock.command()
@click.argument("unlock_id")
@click.option("--reason", required=True, help="Why, in words.")
@PERSON
@PASSWORD
@click.pass_obj
def refuse(study: object, unlock_id: str, reason: str, person: str, password: str) -> None:
    """Refuse UNLOCK_ID."""
    from cdmlib import lock as locks

    stands = locks.decide_unlock(study, _person(study, person, "unlock.refuse"), password, unlock_id, False, reason)
    out.print(f"Study {study.id} is {stands.said}.", markup=False)


@main.command()
@click.argument("study")
@click.option("--format", "formats", multiple=True, help="parquet, csv, xpt or dataset-json; all of them when not given.")
def deliver(study: str, formats: tuple[str, ...]) -> None:
    """Deliver the locked tables of STUDY with checksums and record counts; every file is read back and compared."""
    from cdmlib import export as exports
    from cdmlib import people as persons
    from cdmlib import study as studies

    opened = studies.load(study)
    made = exports.deliver(opened, *persons.acting(opened, "delivery"), formats)
    _print_frame(made.counts)
    out.print(f"Delivered: {made.folder}", markup=False)


@main.group(invoke_without_command=True)
@click.argument("study")
@click.pass_context
def people(ctx: click.Context, study: str) -> None:
    """The people of STUDY, their roles and what each role may do."""
    from cdmlib import people as persons
    from cdmlib import study as studies

    ctx.obj = studies.load(study)
    if not ctx.invoked_subcommand:
        table = _table("id", "name", "role", "password", "may")
        for person in ctx.obj.people:
            acts = ", ".join(act for act, roles in persons.permissions().items() if person.role in roles)
            table.add_row(person.id, person.name, person.role, "set" if persons.has_password(person.id) else "not set", acts)
        out.print(table)


@people.command()
@PERSON
@click.option("--old", default="", help="The password up to now, where there is one; asked for when not given.")
@click.option("--new", prompt=True, hide_input=True, confirmation_prompt=True, help="The new password; asked for when not given.")
@click.pass_obj
def password(study: object, person: str, old: str, new: str) -> None:
    """Set your password, which you give again whenever you sign."""
    from cdmlib import keys
    from cdmlib import people as persons

    who = _person(study, person, "password")
    if not old and persons.has_password(who):
        old = click.prompt("Old password", hide_input=True)
    persons.set_password(study, who, new, old)
    keys.renew_password(who, old, new)
    out.print(f"The password of {who} is set.", markup=False)


@people.command()
@PERSON
@PASSWORD
@click.option("--reason", default="", help="Why, when you have a key already.")
@click.pass_obj
def key(study: object, person: str, password: str, reason: str) -> None:
    """Make the key that you sign archives with; your password opens it."""
    from cdmlib import keys

    made = keys.create(study, _person(study, person, "archive.key"), password, reason)
    out.print(f"Key {keys.fingerprint(made)}; it is listed in {study.folder / 'keys.csv'}", markup=False)


@people.command()
@click.argument("person")
@click.option("--reason", required=True, help="Why, in words.")
@click.pass_obj
def reset(study: object, person: str, reason: str) -> None:
    """Let PERSON set a new password without the old one; a lead does that for somebody else."""
    from cdmlib import people as persons

    persons.reset_password(study, person, *persons.acting(study, "password.reset"), reason)
    out.print(f"{person} can set a new password: cdm people {study.id} password", markup=False)


@main.command()
@click.argument("studies", nargs=-1, metavar="STUDY...")
@click.option("--port", default=5006, show_default=True, help="Port to listen on.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on; beyond this machine only with sign-in and over https.")
@click.option("--origin", "origins", multiple=True, help="Address that people open, exact, such as https://cdm.example.org; may be given more than once.")
@click.option("--sign-in", "way", type=click.Choice(("none", "password", "oidc", "proxy")), default="none", show_default=True, help="How people prove who they are.")
@click.option("--as", "person", default="", help="Who looks when nobody signs in; $CDM_USER or the signed-in user when not given. Nothing can be entered then.")
@click.option("--idle", default=15.0, show_default=True, help="Minutes without a click or entry after which a person is signed out.")
def dashboard(studies: tuple[str, ...], port: int, address: str, origins: tuple[str, ...], way: str, person: str, idle: float) -> None:
    """Serve the dashboard of STUDY... (of all when none is given): how far each is from the lock, what blocks it and who must act.

    Each person sees the studies whose study.toml lists them. `--sign-in password` takes the passwords of `cdm people STUDY password`;
    `oidc` takes the OpenID provider at CDM_OIDC_ISSUER, with the client id PANEL_OAUTH_KEY and the secret PANEL_OAUTH_SECRET that it gave
    to the address of the dashboard with /login (PANEL_OAUTH_JWT_USER names the claim with the user name, else preferred_username); `proxy`
    takes the user name from the header X-Forwarded-User of a proxy that sends CDM_PROXY_SECRET as the header Cdm-Proxy-Secret.
    """
    from cdmlib import board
    from cdmlib import study as every

    for study in studies:
        every.load(study)
    app = board.program()
    sign_ins = app.signin.SignIns(idle * 60)
    looks = (person or os.environ.get("CDM_USER") or getpass.getuser()) if way == "none" else ""
    door = app.Door(address, port, origins, way, looks, os.environ.get("CDM_PROXY_SECRET", ""), sign_ins=sign_ins)
    if way == "none" and not (seen := [s for s in board.visible(board.Visitor(looks)) if not studies or s in studies]):
        raise CdmError(f"{looks} is not one of the people of {', '.join(studies) or 'any study'}. Say who looks: --as, with an id of study.toml.")
    who = f"{looks} looks at {', '.join(seen)}, and nothing can be entered" if way == "none" else f"people sign in ({way})"
    out.print(f"The dashboard is at {door.served_to[0]}; {who}. Ctrl-C ends it.", markup=False)
    app.serve(door, studies)


@main.group(cls=OfStudy, invoke_without_command=True)
@click.argument("study")
@click.option("--cutoff", default="", help="Use the newest snapshot up to this date; the newest of all when not given.")
@click.option(
    "--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write a coding workbook to this file."
)
@click.pass_context
def coding(context: click.Context, study: str, cutoff: str, file: Path | None) -> None:
    """Code STUDY's reported terms with what has been decided so far and print how far it is, publishing nothing."""
    from cdmlib import coding as codes
    from cdmlib import tables

    context.obj = study
    if context.invoked_subcommand:
        return
    with _scratch(study, cutoff) as work:
        tables.build(work)
        for row in codes.code(work).itertuples():
            if row.not_run:
                out.print(f"{row.column}: not run, {row.not_run}", markup=False)
                continue
            how = ", ".join(
                f"{getattr(row, name)} {name}"
                for name in ("exact", "normalised", "synonym", "decision")
                if getattr(row, name)
            )
            done = row.records - row.query - row.uncoded
            out.print(
                f"{row.column} with {row.dictionary} {row.version}: {done} of {row.records} reported terms coded ({how}); "
                f"{row.query} with the site, {row.uncoded} wait for a coder, {row.flagged} of them flagged",
                markup=False,
            )
        if file and (written := codes.write(work, file)):
            out.print(f"{written}", markup=False)


@coding.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def coding_import(study: str, file: Path) -> None:
    """Take the choices and approvals in FILE, a coding workbook of STUDY, back into the journal."""
    from cdmlib import coding as codes
    from cdmlib import study as studies

    done = codes.take_in(studies.load(study), file)
    out.print(done.said, markup=False)
    for conflict in done.conflicts:
        out.print(f"  conflict: {conflict}", markup=False)
    if done.choices or done.approved or done.rejected:
        out.print(f"They count from the next run on: cdm weekly {study}", markup=False)
    if done.conflicts:
        sys.exit(1)


@coding.command("approve")
@click.option(
    "--verbatim", multiple=True, help="Approve the decision on this reported term only; may be given more than once."
)
@click.option("--reject", is_flag=True, help="Reject instead; the coder decides again.")
@click.option("--reason", default="", help="Why; a rejection needs it.")
@click.pass_obj
def coding_approve(study: str, verbatim: tuple[str, ...], reject: bool, reason: str) -> None:
    """Approve the coding decisions of other people in STUDY; nobody approves their own."""
    from cdmlib import coding as codes
    from cdmlib import study as studies

    opened = studies.load(study)
    subjects = codes.subjects(opened, verbatim) if verbatim or reject else None
    done, own = codes.approve(opened, subjects, not reject, reason)
    for decision in done:
        out.print(
            f"  {decision.verbatim} → {decision.term} ({decision.code}), decided by {decision.coder}", markup=False
        )
    out.print(
        f"{len(done)} decisions {'rejected' if reject else 'approved'}; {len(own)} of your own wait for another person.",
        markup=False,
    )


@coding.command("upversion")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the new version of the dictionary.",
)
@click.option("--dictionary", "name", default="", help="Which dictionary; needed when the study declares several.")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every reported term with what becomes of it to this CSV file.",
)
@click.pass_obj
def coding_upversion(study: str, folder: Path, name: str, file: Path | None) -> None:
    """Say what a new version of a dictionary does to STUDY's published codes: what moves, what is no longer current, what stays."""
    from cdmlib import coding as codes
    from cdmlib import mart
    from cdmlib import study as studies

    opened = studies.load(study)
    con = mart.open_published(opened)
    frame = codes.compare(con, opened, codes.only(opened, name, folder), folder.resolve())
    _print_frame(codes.summary(frame))
    for row in frame[~frame.result.isin(("unchanged", "uncoded"))].itertuples():
        now = f"; now {row.new_term} ({row.new_code})" if row.new_code not in ("", row.code) else ""
        out.print(f"  {row.result}: {row.verbatim}, {row.records} records: {row.what}{now}", markup=False)
    if file:
        frame.to_csv(file, index=False, lineterminator="\n")
        out.print(f"{len(frame)} reported terms written to {file}", markup=False)


@coding.command("find")
@click.argument("text")
@click.option("--dictionary", "name", default="", help="Which dictionary; needed when the study declares several.")
@click.pass_obj
def coding_find(study: str, text: str, name: str) -> None:
    """Look TEXT up in a dictionary of STUDY: terms that hold it or are like it."""
    from cdmlib import coding as codes
    from cdmlib import study as studies

    _print_frame(codes.find(study, codes.only(studies.load(study), name), text))


@main.group()
def journal() -> None:
    """The append-only record of what people decided."""


@journal.command()
@click.argument("study")
@click.option("--head", "heads", multiple=True, metavar="SEQ:HASH", help="A head printed earlier and kept elsewhere; may be given more than once.")
def verify(study: str, heads: tuple[str, ...]) -> None:
    """Check STUDY's journal against itself and the heads that its appends and runs recorded; print its head, to be kept elsewhere."""
    from cdmlib import journal as journals
    from cdmlib import study as studies

    opened = studies.load(study)
    result = journals.verify(opened, [*journals.anchors(opened), *map(_head, heads)] if heads else None)
    out.print(result.said, markup=False)
    if not result.ok:
        sys.exit(1)
    out.print("Head: {}:{}".format(*journals.head(opened)), markup=False)


def _head(text: str) -> tuple[int, str, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise CdmError(f"{text!r} is not a head: it must be SEQ:HASH, as cdm journal verify prints it.")
    return int(number), digest, f"The head given, {text[:20]}…,"


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
    from cdmlib import checks, reconcile, tables
    from cdmlib import coding as codes

    with _scratch(study, cutoff) as work:
        tables.build(work)
        reconcile.build(work)
        codes.code(work)
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


@main.command("reconcile")
@click.argument("study")
@click.option("--cutoff", default="", help="Use the newest snapshot up to this date; the newest of all when not given.")
@click.option("--only", multiple=True, metavar="NAME", help="This reconciliation only, with what it finds; may be given more than once.")
def reconcile_(study: str, cutoff: str, only: tuple[str, ...]) -> None:
    """Hold STUDY's sources against each other on the newest snapshot and print how each reconciliation ended, publishing nothing."""
    from cdmlib import reconcile, tables

    with _scratch(study, cutoff) as work:
        there = reconcile.declared(work.study)
        if unknown := [name for name in only if name not in there]:
            raise CdmError(f"{study} declares no reconciliation {', '.join(unknown)}; there are {', '.join(there) or 'none'}.")
        if not there:
            raise CdmError(
                f"{study} declares no reconciliation. Write [reconciliations.<name>] into study.toml; ready-made are {', '.join(reconcile.ready_made())}."
            )
        tables.build(work)
        done = reconcile.build(work)
        table = _table("reconciliation", "outcome", "left", "right", "agree", "differ", "only left", "only right", "ambiguous", "not known", "reason")
        for row in done.itertuples():
            if not only or row.recon in only:
                table.add_row(row.recon, *map(str, row[3:]))
        out.print(table)
        if only:
            found = reconcile.to_settle(work.con, rows=10_000)
            for row in found[found.recon.isin(only)].itertuples():
                values = f"{row.left_value or '-'} | {row.right_value or '-'}"
                out.print(f"  {row.result:<15} {row.siteid or '-'} {row.subjid or '-'} {row.visit or '-'}: {', '.join(filter(None, (row.record, row.what))) or 'record'}: {values}", markup=False)
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
    """Run every case of every check (library, and STUDY's own) and measure and write the evidence as HTML and CSV."""
    from cdmlib import evidence
    from cdmlib import study as studies

    opened = studies.load(study) if study else None
    folder = folder or (opened.folder / "validation" if opened else Path("docs") / "validation")
    done = evidence.write(opened, folder)
    out.print(
        f"{done.checks} checks and measures, {done.cases} cases: {done.passed} passed, {done.failed} failed. Evidence: {folder / 'uat.html'}, {folder / 'uat.csv'}",
        markup=False,
    )
    for line in done.failures:
        out.print(f"  {line}", markup=False)
    if done.failures:
        sys.exit(1)


@main.command()
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("docs") / "validation", show_default=True, help="Folder of the evidence.")
@click.option("--tests", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the tests; that of this checkout when not given.")
@click.option("--no-demo", is_flag=True, help="Without running the synthetic study and executing it again.")
def validate(folder: Path, tests: Path | None, no_demo: bool) -> None:
    """Write the validation evidence: installation (IQ), operation (OQ), and a form for the organisation's own trial (PQ)."""
    from cdmlib import validation

    here = Path(validation.__file__).parent.parent / "tests"
    made = validation.write(folder, tests or (here if here.is_dir() else None), not no_demo, lambda text: out.print(text, markup=False))
    for line in made.failures:
        out.print(f"  {line}", markup=False)
    passed = sum(r["outcome"] == "passed" for r in made.requirements)
    out.print(
        f"{len(made.packages)} packages, {passed} of {len(made.requirements)} requirements passed, {made.cases['passed']} of {made.cases['cases']} cases: {folder / 'oq.html'}", markup=False
    )
    if made.failures:
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
    ours = f"gone_on IS NULL AND domain NOT IN {demonstration.THIRD_PARTY}"
    found = con.execute(f"SELECT check_id, record_key FROM findings WHERE {ours}").fetchall()
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
    between = demonstration.reconciled(con, opened.folder, as_of)
    table = _table("planted disagreement", "check", "planted", "found", "recall")
    for row in between.kinds:
        table.add_row(row.kind, row.check_id, str(row.planted), str(row.found), f"{row.recall:.2f}")
    out.print(table)
    out.print(between.said, markup=False)
    coded = con.execute(
        "SELECT DISTINCT dictionary, verbatim, code FROM coding WHERE method IS DISTINCT FROM 'decision'"
    ).fetchall()
    offers = con.execute("SELECT dictionary, verbatim, number, code FROM coding_suggestions").fetchall()
    out.print(
        demonstration.score_coding(coded, offers, demonstration.read_coding_key(opened.folder)).said, markup=False
    )


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


def _print_frame(rows: object) -> None:
    table = _table(*rows.columns)
    for row in rows.astype(object).where(rows.notna(), "").itertuples(index=False):
        table.add_row(*map(str, row))
    out.print(table)
    out.print(f"{len(rows)} rows")


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
            "left",
            "right",
            "agree",
            "differ",
            "only left",
            "only right",
            "ambiguous",
            "not known",
        )
        table.add_column(
            column,
            overflow="fold",
            justify="right" if number else "left",
            no_wrap=column in ("check", "dataset", "outcome"),
        )
    return table


def _print_frame(frame: object) -> None:
    table = _table(*(name.replace("_", " ") for name in frame.columns))
    for row in frame.itertuples(index=False):
        table.add_row(*("" if value is None or value != value else str(value) for value in row))
    out.print(table)


def _outcome(outcome: str) -> str:
    colour = {"clean": "green", "findings": "yellow", "not run": "magenta", "error": "red"}[outcome]
    return f"[{colour}]{outcome}[/{colour}]"
