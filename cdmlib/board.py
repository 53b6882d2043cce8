"""Data access of the dashboard: who may see what is decided here, on every read, and whatever is not allowed is refused."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import duckdb
import pandas as pd
import param

from cdmlib import checks, journal, people, queries, readiness, review, standard, tables, trace
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.standard import literal, quote
from cdmlib.standing import Standing
from cdmlib.study import Study

PACKAGE = Path(__file__).parent
FILTERS = ("study", "site", "subject", "severity", "owner", "cutoff")  # shared by the pages and kept in the URL
PAGES = ("portfolio", "overview", "readiness", "queries", "subjects", "sites", "reconciliation", "runs")
MEMORY = "400MB"  # of one open mart, whoever reads it
KEPT, KEPT_ONE = 64 * 2**20, 4 * 2**20  # bytes of the answers that are kept, and of one of them
LONGEST_EXPORT = 200_000  # rows
FUNCTIONS = ("range", "generate_series", "unnest")  # all else in FROM must be a table
# Free text that a value may stand in. Of a row that is about what a person may not see, they see these columns alone.
TOLD = {
    "findings": "finding_id check_id title severity action domain siteid subjid visit form formrow record_key field status flag first_seen last_seen gone_on review_status owner review_expires reviewer reviewed_on review_outdated query_id query_status",
    "queries": "record_key siteid subjid visit form formrow source dataset source_row query_id data_key visitoid formoid field fieldlabel status state marking_group origin opened_by opened_on answered_on closed_on age_days waiting_days response_days closing_days age_bucket action_owner",
    "edc_queries": "record_key siteid subjid visit form formrow source dataset source_row query_id visitoid formoid field fieldlabel state marking_group opened_by opened opened_on answered answered_on closed closed_on odays qdays",
    "blockers": "criterion title siteid subjid visit form formrow record_key owner",
    "changes": "source dataset record_key subjid field kind from_snapshot to_snapshot",
    "reconciliation": "recon subjid siteid result left_key right_key field status",
    "coding": "dictionary version record_key level confidence method status",
    "edc_issues": "record_key siteid subjid visit form formrow source dataset source_row status",
    "items": "record_key siteid subjid visit form formrow source dataset source_row domain field",
}
PLAIN = (  # about the work: no value of a subject stands in them
    "check_runs", "criteria", "fields", "forecast", "lock_checklist", "measure_runs", "metrics", "query_targets", "readiness", "runs", "visit_plan",
    "weeks_seen", "forecast_back_test",
)  # fmt: skip


HIDDEN = "(hidden: may tell the treatment)"


class Denied(CdmError):
    """This person may not do or see this."""


class NotThere(CdmError):
    """The published results do not have this table, and why."""


@dataclass(frozen=True)
class Visitor:
    """Who looks: a person by id, and whether they have proved to be it by signing in (only then may they enter anything)."""

    id: str
    signed_in: bool = False


@dataclass(frozen=True)
class Rows:
    """One page of a table: its rows, and how many there are in all."""

    rows: pd.DataFrame
    total: int


def program() -> ModuleType:
    """The program that serves the pages: dashboards/app.py, beside the package in a checkout and inside it when installed as a wheel."""
    if "dashboards" not in sys.modules:
        folder = next(path for path in (PACKAGE.parent / "dashboards", PACKAGE / "_dashboards") if path.is_dir())
        found = importlib.util.spec_from_file_location("dashboards", folder / "__init__.py", submodule_search_locations=[str(folder)])
        sys.modules["dashboards"] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules["dashboards"])
    return importlib.import_module("dashboards.app")


def visible(visitor: Visitor) -> list[str]:
    """The ids of the studies that this person may see, in order."""
    return [study for study in _every_study() if _may_see(study, visitor)]


class Reader:
    """One person's reading of one study's published results, of one run until `reopen`; every act here is authorised anew.

    study_id: the study; visitor: who reads; cutoff: the results of that cut-off date (YYYY-MM-DD), the published ones when empty;
    page: for which page. Raises Denied when the person may not see the study or that page of it, and CdmError when nothing is published.
    """

    def __init__(self, study_id: str, visitor: Visitor, cutoff: str = "", page: str = "overview") -> None:
        if page not in PAGES:
            raise CdmError(f"There is no page {page!r}; there are {', '.join(PAGES)}.")
        self.study_id, self.visitor, self.for_page = study_id, visitor, page
        self.reopen(cutoff)

    # Who may do what

    @property
    def study(self) -> Study:
        """The study, when the person may still see it. Raises Denied otherwise."""
        return self._who()[0]

    @property
    def role(self) -> str:
        """The person's role in the study."""
        return self._who()[1]

    @property
    def unblinded(self) -> bool:
        """Whether the person may see the treatment; everybody may in a study that hides nothing."""
        return self._who()[2]

    def may(self, act: str) -> bool:
        """Whether the person may do an act of permissions.csv, such as `see.runs`, `export` or `review`."""
        return self.role in people.permissions().get(act, ()) and (self.visitor.signed_in or act.startswith("see.") or act == "export")

    def require(self, act: str) -> None:
        """Raise Denied unless the person may do the act."""
        if not self.may(act):
            needed = " or ".join(r for r in people.permissions().get(act, ()) if r != "unlisted") or "nobody"
            why = "" if self.visitor.signed_in or act.startswith("see.") else " Only a person who has signed in may enter anything."
            raise Denied(f"{act} in study {self.study_id} may be done by {needed}; {self.visitor.id} is {self.role}.{why}")

    # What there is

    def reopen(self, cutoff: str = "") -> None:
        """Read from the newest results of a cut-off date from now on; of the published ones when empty."""
        study = self._who()[0]
        path = _results(study, cutoff)
        stat = path.stat()
        self._path, self._file, self.cutoff, self.run = path, (path, stat.st_mtime_ns, stat.st_size), cutoff, path.stem
        self._as_seen: tuple[tuple[str, ...], _Mart] | None = None
        mart = self._seen()
        self.as_of, self.title = mart.as_of, mart.title

    def newer(self) -> str:
        """The run that has been published since this one was opened; empty when there is none."""
        path = _results(self.study, self.cutoff)
        return path.stem if path != self._path else ""

    def cutoffs(self) -> list[str]:
        """The cut-off dates that have results, the newest first."""
        return sorted({as_of for as_of, _ in _complete(self.study)}, reverse=True)

    def before(self) -> Reader | None:
        """The same person's reading of the cut-off date before this one; None when there is none."""
        earlier = [as_of for as_of, _ in _complete(self.study) if as_of < self.as_of]
        return Reader(self.study_id, self.visitor, max(earlier), self.for_page) if earlier else None

    def has(self, table: str) -> bool:
        """Whether the results have this table, and the person may read it."""
        return table in self.columns()

    def columns(self) -> dict[str, tuple[str, ...]]:
        """The tables that the person may read, and the columns of each."""
        return self._seen().there

    # Reading

    def rows(self, sql: str, params: dict | None = None) -> pd.DataFrame:
        """What a SELECT on the mart's tables gives. Parameters are `$name`; those that the SELECT does not name are left out.

        Raises NotThere for a table that the results do not have, Denied for anything but a SELECT on them.
        """
        return self._answer("rows", sql, params, lambda found: found.df()).copy(deep=False)  # what a caller changes in its own is not seen in the kept one

    def value(self, sql: str, params: dict | None = None) -> object:
        """The first value of the first row of a SELECT; None when there is no row."""
        row = self._answer("value", sql, params, lambda found: found.fetchone())
        return row[0] if row else None

    def page(
        self,
        sql: str,
        params: dict | None = None,
        *,
        number: int = 0,
        size: int = 50,
        sort: Sequence[tuple[str, bool]] = (),
        search: str = "",
        contains: dict[str, str] | None = None,
        key: Sequence[str] = (),
    ) -> Rows:
        """One page of a SELECT's rows, and how many rows there are in all.

        number: from 0; size: rows; sort: columns with True for descending; search: text in any column, whatever its case;
        contains: text by column; key: columns that settle the order of equal rows (all of them when not given).
        Raises CdmError for a column that the SELECT does not give.
        """
        narrowed, given, names = self._narrowed(sql, params, search, contains or {})
        order = self._order(names, sort, key)
        total = self.value(f"SELECT count(*) FROM ({narrowed})", given)
        rows = self.rows(f"SELECT * FROM ({narrowed}) ORDER BY {order} LIMIT {int(size)} OFFSET {int(number) * int(size)}", given)
        return Rows(rows, total)

    def export(
        self,
        sql: str,
        params: dict | None = None,
        *,
        sort: Sequence[tuple[str, bool]] = (),
        search: str = "",
        contains: dict[str, str] | None = None,
        key: Sequence[str] = (),
    ) -> io.BytesIO:
        """Exactly what `page` shows, all pages of it, as CSV (UTF-8 with a mark that Excel knows); text stays text there.

        Raises Denied unless the person may export, and CdmError above 200,000 rows: nothing is cut off unsaid.
        """
        self.require("export")
        narrowed, given, names = self._narrowed(sql, params, search, contains or {})
        order = self._order(names, sort, key)
        result = self._run(f"SELECT * FROM ({narrowed}) ORDER BY {order} LIMIT {LONGEST_EXPORT + 1}", given)
        found = result.fetchall()
        if len(found) > LONGEST_EXPORT:
            raise CdmError(f"More than {LONGEST_EXPORT:,} rows can't be exported at once. Narrow the filter.")
        return to_csv(names, found)

    def journal(self) -> pd.DataFrame:
        """Every entry of the journal, the newest first; values of findings only for those who may see the treatment."""
        self.require("see.runs")
        study, _, unblinded = self._who()
        rows = pd.DataFrame([vars(entry) for entry in journal.read(study)], columns=journal.NAMES)
        if study.access.unblinding and not unblinded:
            about_values = rows.act.map(_about_values)
            for column in ("old", "new", "reason"):
                rows[column] = rows[column].mask(about_values & rows[column].ne(""), HIDDEN)
        return rows.sort_values("seq", ascending=False, ignore_index=True)

    def chain(self) -> journal.Verification:
        """Whether the journal is as it was written."""
        self.require("see.runs")
        return journal.verify(self.study)

    def runs(self) -> pd.DataFrame:
        """Every run, the newest first: run, status, as_of, snapshot, started_at, finished_at, by, error, shown (read here)."""
        self.require("see.runs")
        columns = ["run", "status", "as_of", "snapshot", "started_at", "finished_at", "by", "error"]
        found = []
        for path in sorted((self.study.folder / "runs").glob("*/manifest.json")):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                manifest = {"status": "unreadable", "error": f"its manifest can't be read: {error}"}
            found.append({"run": path.parent.name} | {name: str(manifest.get(name) or "") for name in columns[1:]})
        rows = pd.DataFrame(found, columns=columns).sort_values(["started_at", "run"], ascending=False, ignore_index=True)
        return rows.assign(shown=rows.run == self.run)

    def stands(self) -> Standing:
        """Where the study stands on its way to the lock."""
        return journal.stands(self.study)

    def checklist(self) -> pd.DataFrame:
        """The lock checklist with what people attested and waived up to now; of an earlier cut-off date, as it was published."""
        study = self.study
        if not self.has("lock_checklist"):
            raise NotThere(f"not run: the results of {self.run} have no lock checklist.")
        if self._path != _results(study, ""):
            return self.rows("SELECT * FROM lock_checklist ORDER BY line")
        return readiness.checklist(study)

    def life(self, subject: str, record: str, field: str) -> trace.Life:
        """What became of one value of a subject, in the published results: see `trace.of`. Decisions are those that the person may read.

        Raises Denied for a value that may tell the treatment to somebody who may not know it.
        """
        study, role, unblinded = self._who()
        if not self.value("SELECT count(*) FROM subjects WHERE subjid = $subject", {"subject": subject}):
            raise CdmError(f"There is no subject {subject!r} in run {self.run}.")
        blinded = bool(study.access.unblinding) and not unblinded
        if blinded and self.value("SELECT count(*) FROM hidden_records WHERE record_key = $record", {"record": record}):
            raise Denied("This record may tell the treatment, and you may not know it: its values' lives are not shown to you.")
        found = trace.of(study, subject, record, field)
        if blinded:
            names = [name.lower() for name in (found.field, *found.made_from)]
            if self.value("SELECT count(*) FROM hidden_columns WHERE list_contains($names, name)", {"names": names}):
                raise Denied("This value may tell the treatment, and you may not know it: its life is not shown to you.")
            found = replace(found, findings=[self._shown("findings", "finding_id", row) for row in found.findings], queries=[self._shown("queries", "query_id", row) for row in found.queries])
            masked = [row | {name: HIDDEN for name in ("old", "new", "why") if row[name]} if _about_values(row["act"]) else row for row in found.decisions]
            found = replace(found, decisions=masked)
        return found if role in people.permissions()["see.runs"] else replace(found, decisions=[])

    # Entering, through the same journalled functions as the workbook and the command line

    def attest(self, line: int, meaning: str) -> None:
        """Attest a line of the lock checklist, as the signed-in person."""
        self.require("attest")
        readiness.attest(self.study, line, meaning, self.visitor.id)

    def waive(self, what: str, until: str, reason: str) -> None:
        """Waive a line of the checklist, or a criterion for a subject, until a date, as the signed-in person."""
        self.require("waive")
        readiness.waive(self.study, what, until, reason, self.visitor.id)

    def waiver(self, what: str) -> journal.Entry | None:
        """The waiver of a line (`line 8`) or of a criterion for a subject (`RD05 DE01-001`) that was entered last, whether it still holds or not."""
        word, _, rest = what.partition(" ")
        return journal.state(self.study, "waive").get((what if word == "line" else f"{word}|{rest}", "until"))

    def comments(self) -> dict[str, journal.Entry]:
        """What people here say about EDC queries up to now, by query id; without those on a query that may tell the treatment to this person."""
        said = queries.comments(self.study)
        if said and not self.unblinded:
            known = self.rows("SELECT query_id FROM queries WHERE text IS NOT NULL AND list_contains($ids, query_id)", {"ids": sorted(said)})
            said = {query: said[query] for query in known.query_id}
        return said

    def comment(self, query_id: str, was: str, text: str) -> None:
        """Say something about an EDC query, as the signed-in person; was: the comment that stood when they began."""
        self.require("query.comment")
        if not self.unblinded and not self.value("SELECT count(*) FROM queries WHERE query_id = $id AND text IS NOT NULL", {"id": query_id}):
            raise Denied(f"There is no query {query_id} in run {self.run}, or you may not read it.")
        queries.comment(self.study, query_id, was, text, self.visitor.id)

    def review(self, finding_id: str, was: dict[str, str], given: dict[str, str]) -> None:
        """Enter a review of a finding (status, comment, owner, expires), as the signed-in person.

        was: what the person saw when they began; a field that somebody else changed meanwhile is refused.
        """
        self.require("review")
        if self._hides(finding_id):
            raise Denied("The values of this finding may tell the treatment: somebody who may know it must review it.")
        review.enter(self.study, self.run, finding_id, was, given, self.visitor.id)

    def reviews(self, finding_id: str) -> dict[str, journal.Entry]:
        """What has been entered on a finding up to now, by field; no comment on a finding that may tell the treatment to this person."""
        shown = set(review.COLUMNS.values()) - ({"comment"} if self._hides(finding_id) else set())
        state = journal.state(self.study, "review")
        return {field: entry for (subject, field), entry in state.items() if subject == finding_id and field in shown}

    # Inside

    def _hides(self, finding_id: str) -> bool:
        """Whether the values of a finding are hidden from this person. Raises CdmError when there is no such finding."""
        found = self.rows("SELECT message IS NULL AND evidence IS NULL AS hidden FROM findings WHERE finding_id = $id", {"id": finding_id})
        if found.empty:
            raise CdmError(f"There is no finding {finding_id} in run {self.run}.")
        return not self.unblinded and bool(found.hidden.iloc[0])

    def _shown(self, table: str, key: str, row: dict) -> dict:
        """A row of published results with those of its texts that this person may read."""
        seen = self.rows(f"SELECT * FROM {table} WHERE {quote(key)} = $id", {"id": row[key]}).to_dict("records")
        return {name: value if seen and pd.notna(seen[0].get(name)) else HIDDEN if value else "" for name, value in row.items()}

    def _who(self) -> tuple[Study, str, bool]:
        """The study, the person's role, and whether they may see the treatment: asked anew on every read."""
        study, role, unblinded = _authorised(self.study_id, self.visitor)
        if role not in people.permissions().get(f"see.{self.for_page}", ()):
            raise Denied(f"The page {self.for_page} of study {self.study_id} is not shown to the role {role}.")
        return study, role, unblinded

    def _answer(self, kind: str, sql: str, params: dict | None, taken: Callable[[duckdb.DuckDBPyConnection], object]) -> object:
        """What is taken from a SELECT's result: asked once of these results and what is hidden in them, authorised each time."""
        mart, given = self._allowed(sql, params)
        key = (mart, kind, sql, repr(given))  # the mart: of this run, as this kind of reader may see it
        if (answer := _answers.find(key)) is None:
            answer = taken(_asked_of(mart, sql, given))
            _answers.keep(key, answer)
        return answer

    def _run(self, sql: str, params: dict | None = None) -> duckdb.DuckDBPyConnection:
        mart, given = self._allowed(sql, params)
        return _asked_of(mart, sql, given)

    def _allowed(self, sql: str, params: dict | None) -> tuple[_Mart, dict]:
        """The mart to ask and the parameters that a SELECT names, when the person may read what it reads."""
        mart = self._seen()
        if missing := sorted(_asked(sql) - mart.there.keys()):
            raise NotThere(f"not run: the results of {self.run} have no {', '.join(missing)}, or you may not see it.")
        return mart, checks.used_params(sql, params or {})

    def _seen(self) -> _Mart:
        """The results as this person may see them now; rights that were given or taken since the last read hold from here on."""
        study, _, unblinded = self._who()
        hidden = () if unblinded else tuple(study.access.unblinding)
        kept = self._as_seen
        if not kept or hidden != kept[0]:
            self._as_seen = kept = hidden, _opened(*self._file, hidden)  # at one stroke: tables are read in threads
        return kept[1]

    def _narrowed(self, sql: str, params: dict | None, search: str, contains: dict[str, str]) -> tuple[str, dict, list[str]]:
        names = self._answer("names", f"SELECT * FROM ({sql}) LIMIT 0", params, lambda found: [column[0] for column in found.description])
        given, tests = dict(params or {}), []
        if search.strip():
            given["search_"] = _like(search)
            tests.append(f"concat_ws(chr(31), {', '.join(f'CAST({quote(name)} AS VARCHAR)' for name in names)}) ILIKE $search_ ESCAPE '\\'")
        for at, (column, text) in enumerate(contains.items()):
            self._known(column, names)
            given[f"contains_{at}_"] = _like(text)
            tests.append(f"CAST({quote(column)} AS VARCHAR) ILIKE $contains_{at}_ ESCAPE '\\'")
        return f"SELECT * FROM ({sql})" + (f" WHERE {' AND '.join(tests)}" if tests else ""), given, names

    def _order(self, names: list[str], sort: Sequence[tuple[str, bool]], key: Sequence[str]) -> str:
        parts = [f"{quote(self._known(column, names))} {'DESC' if down else 'ASC'} NULLS LAST" for column, down in sort]
        return ", ".join(parts + [quote(self._known(column, names)) for column in (key or names)])

    @staticmethod
    def _known(column: str, names: list[str]) -> str:
        if column not in names:
            raise CdmError(f"There is no column {column!r} here; there are {', '.join(names)}.")
        return column


class View(param.Parameterized):
    """The filters that all pages share, as the URL holds them, and the reader of the chosen study.

    Pages watch it; `cutoff` is also triggered when newer results are to be shown.
    """

    study = param.String(doc="study id; empty is all of them")
    site = param.String()
    subject = param.String()
    severity = param.String()
    owner = param.String(doc="who must act")
    cutoff = param.String(doc="cut-off date of the results; empty is the published ones")
    theme = ""  # dark, or empty for light; goes along with every link

    def __init__(self, visitor: Visitor, only: Iterable[str] = (), page: str = "overview", **given: str) -> None:
        self.visitor, self.only, self.for_page = visitor, tuple(only), page
        self._readers: dict[tuple[str, str], Reader] = {}
        super().__init__(**given)

    @property
    def studies(self) -> list[str]:
        """The studies that the person may see here."""
        return [study for study in visible(self.visitor) if not self.only or study in self.only]

    @property
    def reader(self) -> Reader:
        """The reader of the chosen study (the only one there is when none is chosen), at the chosen cut-off date."""
        there = self.studies
        if not (self.study or len(there) == 1):
            raise CdmError("Choose a study." if there else f"{self.visitor.id} may not see any study here.")
        return self.reader_of(self.study or there[0], self.cutoff)

    def reader_of(self, study_id: str, cutoff: str = "") -> Reader:
        """The reader of one study, kept as long as the session. Raises Denied when the person may not see it here."""
        if self.only and study_id not in self.only:
            raise Denied(_denied(study_id, self.visitor))
        if (study_id, cutoff) not in self._readers:
            self._readers[study_id, cutoff] = Reader(study_id, self.visitor, cutoff, self.for_page)
        return self._readers[study_id, cutoff]

    def opened(self) -> list[Reader]:
        """The readers that this session has opened."""
        return list(self._readers.values())

    @property
    def filters(self) -> dict[str, str]:
        """The filters as parameters of a SELECT: $site, $subject, $severity, $owner (each empty when not set) and $as_of."""
        return {name: getattr(self, name) for name in ("site", "subject", "severity", "owner")} | {"as_of": self.reader.as_of}

    def link(self, page: str, **changed: str) -> str:
        """The address of a page with the filters as they are, some of them changed; other names are that page's own."""
        if page not in PAGES:
            raise CdmError(f"There is no page {page!r}; there are {', '.join(PAGES)}.")
        shown = {name: getattr(self, name) for name in FILTERS} | changed
        query = urlencode({name: text for name, text in (shown | {"theme": self.theme}).items() if text})
        return page + (f"?{query}" if query else "")


def where(*columns: str) -> str:
    """The condition that the shared filters put on a SELECT: `where("siteid", "subjid")`; those that are not set match every row."""
    names = {"siteid": "site", "subjid": "subject", "severity": "severity", "owner": "owner", "action_owner": "owner"}
    return " AND ".join(f"(${names[column]} = '' OR {column} = ${names[column]})" for column in columns)


def to_csv(names: Sequence[str], rows: Iterable[Sequence]) -> io.BytesIO:
    """Rows as CSV for Excel: a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(_cell(name) for name in names)
    lines.writerows([_cell(value) for value in row] for row in rows)
    return io.BytesIO(b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "backslashreplace"))


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _number(value) else value


def _number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?", text))


def _like(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text.strip()) + "%"


def _about_values(act: str) -> bool:
    """Whether the entries of an act may hold values of a subject."""
    return act == "review" or act.startswith(("coding", "query"))


def _denied(study_id: str, visitor: Visitor) -> str:
    return f"{visitor.id or 'Somebody who has not signed in'} may not see study {study_id!r}, or there is none. A lead lists people in study.toml."


def _every_study() -> list[str]:
    found = (path.parent.name for path in studies.data_folder().glob("*/study.toml"))
    return sorted(name for name in found if studies.STUDY_ID.fullmatch(name))


def _may_see(study_id: str, visitor: Visitor) -> bool:
    try:
        return bool(_authorised(study_id, visitor))
    except CdmError:  # also a study whose study.toml is broken: nobody can be known to be allowed
        return False


def _authorised(study_id: str, visitor: Visitor) -> tuple[Study, str, bool]:
    """The study, the person's role and whether they may see the treatment. Raises Denied, and says the same when there is no study."""
    if not isinstance(study_id, str) or not studies.STUDY_ID.fullmatch(study_id) or not visitor.id:
        raise Denied(_denied(str(study_id), visitor))
    path = studies.folder_of(study_id) / "study.toml"
    try:
        stat = path.stat()
    except OSError:
        raise Denied(_denied(study_id, visitor)) from None
    study = _study(path, stat.st_mtime_ns, stat.st_size)
    if study.id != study_id:
        raise Denied(_denied(study_id, visitor))
    if not study.people and not visitor.signed_in:  # a study of one's own, on one's own machine
        return study, "unlisted", not study.access.unblinding
    listed = next((person for person in study.people if person.id == visitor.id), None)
    if not listed:
        raise Denied(_denied(study_id, visitor))
    return study, listed.role, listed.unblinded or not study.access.unblinding


@lru_cache(maxsize=64)
def _study(path: Path, changed: int, size: int) -> Study:
    return studies.read(path)


def _complete(study: Study) -> list[tuple[str, Path]]:
    """Cut-off date and mart of every complete run whose results are still there, in the order of the runs."""
    found = []
    for path in sorted((study.folder / "marts").glob("[!.]*.duckdb")):
        as_of = _as_of(study.folder / "runs" / path.stem / "manifest.json")
        found += [(as_of, path)] if as_of else []
    return found


def _as_of(manifest: Path) -> str:
    try:
        stat = manifest.stat()
    except OSError:
        return ""
    return _complete_at(manifest, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _complete_at(manifest: Path, changed: int, size: int) -> str:
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(facts.get("as_of") or "") if facts.get("status") == "complete" else ""


def _results(study: Study, cutoff: str) -> Path:
    """The mart to read. Raises CdmError when there is none."""
    if cutoff:
        found = [path for as_of, path in _complete(study) if as_of == cutoff]
        if not found:
            raise CdmError(f"Study {study.id} has no results of {cutoff}. Choose another cut-off date.")
        return found[-1]
    current = study.folder / "marts" / "current"
    if not current.exists():
        raise CdmError(f"Study {study.id} has no published results yet. Run `cdm weekly {study.id}`.")
    return current.parent / current.read_text(encoding="utf-8").strip()


@dataclass(frozen=True, eq=False)
class _Mart:
    """A mart as one kind of reader may see it, for all sessions of that kind. A newer run is another one, and so is one in which other columns are hidden."""

    con: duckdb.DuckDBPyConnection
    there: dict[str, tuple[str, ...]]
    as_of: str
    title: str


def _asked_of(mart: _Mart, sql: str, given: dict) -> duckdb.DuckDBPyConnection:
    try:
        return mart.con.cursor().execute(sql, given)
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise NotThere(f"not run: {tables.reason(error)}") from None


class _Answers:
    """What the marts answered lately, up to a size in bytes; what was not asked for the longest goes first."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self.most, self.most_of_one, self.size = most, most_of_one, 0
        self.kept: OrderedDict[tuple, tuple[int, object]] = OrderedDict()
        self.lock = threading.Lock()

    def find(self, key: tuple) -> object:
        """What was answered before; None when it is not kept."""
        with self.lock:
            if key not in self.kept:
                return None
            self.kept.move_to_end(key)
            return self.kept[key][1]

    def keep(self, key: tuple, answer: object) -> None:
        """Keep an answer, unless it is too large."""
        size = 2000 + (int(answer.memory_usage(deep=True).sum()) if isinstance(answer, pd.DataFrame) else 0)
        if answer is None or size > self.most_of_one:
            return
        with self.lock:
            self.size += size - self.kept.pop(key, (0, None))[0]
            self.kept[key] = (size, answer)
            while self.size > self.most:
                self.size -= self.kept.popitem(last=False)[1][0]


_answers = _Answers(KEPT, KEPT_ONE)


@lru_cache(maxsize=32)
def _opened(path: Path, changed: int, size: int, hidden: tuple[str, ...]) -> _Mart:
    """A mart as one kind of reader may see it: each table a view, in which what is hidden is empty. One for all sessions of that kind."""
    con = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"ATTACH {literal(str(path))} AS published (READ_ONLY)")
    con.execute("USE published")
    there = tables.collected(con)
    con.execute("USE memory")
    standard.load_macros(con)
    for table, sql in _views(con, there, hidden, path.parents[1]).items():
        con.execute(f"CREATE VIEW {quote(table)} AS {sql}")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return _Mart(con, tables.collected(con), *con.execute("SELECT as_of, title FROM runs").fetchone())


def _views(con: duckdb.DuckDBPyConnection, there: dict[str, tuple[str, ...]], hidden: tuple[str, ...], folder: Path) -> dict[str, str]:
    """The SELECT of each table that may be read. Where columns are hidden, a table that we do not know is left out."""
    if not hidden:
        return {table: f"SELECT * FROM published.{quote(table)}" for table in there}
    names = _hidden_columns(hidden, there)
    carriers = [table for table, columns in there.items() if table in standard.tables() and names & set(columns) and {"dataset", "form"} <= set(columns)]
    about = " UNION ".join(f"SELECT dataset, form, record_key FROM published.{quote(table)}" for table in carriers) or "SELECT NULL, NULL, NULL"
    con.execute(f"CREATE TABLE hidden_records AS {about}")
    con.execute(f"CREATE TABLE hidden_columns AS SELECT unnest([{_texts(name.lower() for name in names)}]) AS name")
    told = {"check_id": _telling_checks(studies.read(folder / "study.toml"), names)}
    views = {}
    for table, columns in there.items():
        if table in TOLD:
            views[table] = _partly(table, columns, names, told)
        elif table in PLAIN or table in standard.tables():
            shown = ", ".join(f"NULL AS {quote(c)}" if c in names else quote(c) for c in columns)
            views[table] = f"SELECT {shown} FROM published.{quote(table)}"
    return views


def _partly(table: str, columns: tuple[str, ...], names: set[str], told: dict[str, set[str]]) -> str:
    """Rows that may be about a hidden value keep only the columns that can't tell it."""
    tests = []
    if "field" in columns:
        tests.append(f"lower(field) IN ({_texts(names)})")
    if "record_key" in columns and table != "items":
        tests.append("record_key IN (SELECT record_key FROM hidden_records WHERE record_key IS NOT NULL)")
    if "form" in columns and table != "items":
        tests.append("lower(form) IN (SELECT lower(form) FROM hidden_records WHERE form IS NOT NULL)")
    if "dataset" in columns and table != "items":
        tests.append("lower(dataset) IN (SELECT lower(dataset) FROM hidden_records WHERE dataset IS NOT NULL)")
    if "check_id" in columns:
        tests.append(f"check_id IN ({_texts(told['check_id'])})")
    about = " OR ".join(f"coalesce({test}, false)" for test in tests)
    if table == "reconciliation" or not tests:
        about = "true"  # what is compared are expressions, and any of them may tell the treatment
    kept = set(TOLD[table].split()) - names
    shown = ", ".join(quote(c) if c in kept else f"CASE WHEN {about} THEN NULL ELSE {quote(c)} END AS {quote(c)}" for c in columns)
    return f"SELECT {shown} FROM published.{quote(table)}"


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(literal(text) for text in sorted(texts)) or "NULL"


def _hidden_columns(hidden: tuple[str, ...], there: dict[str, tuple[str, ...]]) -> set[str]:
    """The names of the hidden columns, with the collected text each is derived from and what else is derived from that.

    Raises CdmError for a column that no standard table and no table of the results has: a misspelt one would hide nothing.
    """
    names = set()
    for entry in hidden:
        table, _, column = entry.partition(".")
        known = {c.name: c for c in standard.tables().get(table, ())}
        if column not in known and column not in there.get(table, ()):
            raise CdmError(f"study.toml: access.unblinding: there is no column {entry!r}.")
        source = (known[column].source if column in known else "") or column
        names |= {column, source} | {name for name, other in known.items() if other.source == source}
    return names


def _telling_checks(study: Study, names: set[str]) -> set[str]:
    """The checks whose SELECT reads a hidden column: that they find something may tell it."""
    return {check.id for check in checks.library(study) if any(re.search(rf"\b{re.escape(name)}\b", check.sql) for name in names)}


@lru_cache(maxsize=2048)
def _asked(sql: str) -> frozenset[str]:
    """The tables that a SELECT reads. Raises Denied for anything but one SELECT on tables by their plain names."""
    told = json.loads(_parser().cursor().execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone()[0])
    if told["error"] or len(told["statements"]) != 1:
        raise Denied(f"Only one SELECT can be read: {told.get('error_message', 'there are several statements')}")
    read, own = set(), set()
    for node in _nodes(told):
        own |= {entry["key"] for entry in (node.get("cte_map") or {}).get("map", [])} if isinstance(node.get("cte_map"), dict) else set()
        if node.get("type") == "TABLE_FUNCTION" and node["function"]["function_name"] not in FUNCTIONS:
            raise Denied(f"{node['function']['function_name']} can't be read from.")
        if node.get("type") == "BASE_TABLE":
            if node["catalog_name"] or node["schema_name"]:
                raise Denied("Tables are read by their plain names.")
            read.add(node["table_name"])
    return frozenset(read - own)


@lru_cache(maxsize=1)
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})


def _nodes(tree: object) -> Iterable[dict]:
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(part)
