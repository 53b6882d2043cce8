"""Validation evidence of the checks: every case, what was expected, what came, as HTML and CSV."""

from __future__ import annotations

import csv
import html
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cdmlib import __version__, checks, measures
from cdmlib.mart import replace
from cdmlib.study import Study

STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#1c2733}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1.6rem}th,td{border:1px solid #d4dbe2;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:#eef2f6}.failed{background:#fbe3e1;font-weight:600}h2{margin-bottom:.2rem;font-size:1.1rem}p{margin:.2rem 0}code,pre{background:#f6f8fa}pre{padding:.6rem;overflow-x:auto}"""


@dataclass(frozen=True)
class Evidence:
    """How a run of all cases went; `failures` says each that did not pass, and each check whose cases could not be run."""

    checks: int
    cases: int
    passed: int
    failed: int
    failures: tuple[str, ...]


def write(study: Study | None, folder: Path) -> Evidence:
    """Run every case of the library's checks and measures, and of a study's own checks, and write uat.html and uat.csv into `folder`."""
    ran = checks.run_cases(study) + measures.run_cases()
    folder.mkdir(parents=True, exist_ok=True)
    results = [result for _, results, _ in ran for result in results]
    failures = [f"{check.id}: cases could not be run: {reason}" for check, _, reason in ran if reason]
    failures += [
        f"{r.check_id} case {r.number}: expected {r.expected}, got {r.got} ({r.because})"
        for r in results
        if not r.passed
    ]
    passed = sum(result.passed for result in results)
    done = Evidence(len(ran), len(results), passed, len(results) - passed, tuple(failures))
    with (folder / "uat.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["check_id", "case", "expected", "got", "result", "because"])
        writer.writerows(
            [r.check_id, r.number, r.expected, r.got, "passed" if r.passed else "FAILED", r.because] for r in results
        )
        writer.writerows([check.id, "", "", "", "NOT RUN", reason] for check, _, reason in ran if reason)
    replace(folder / "uat.html", _page(study, done, ran))
    return done


def _page(study: Study | None, done: Evidence, ran: list) -> str:
    name = f"the library and study {study.id}" if study else "the library"
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Check cases</title><style>{STYLE}</style>",
        f"<h1>Acceptance of the checks of {html.escape(name)}</h1>",
        f"<p>cdmlib {__version__}, DuckDB {duckdb.__version__}. {done.checks} checks and measures, {done.cases} cases: {done.passed} passed, {done.failed} failed.</p>",
    ]
    for check, results, reason in ran:
        parts.append(
            f"<h2>{check.id} {html.escape(check.title)}</h2><p>{html.escape(check.note)}</p><pre>{html.escape(check.sql)}</pre>"
        )
        if reason:
            parts.append(f"<p class='failed'>Cases not run: {html.escape(reason)}</p>")
            continue
        rows = "".join(
            f"<tr{'' if r.passed else ' class=failed'}><td>{r.number}</td><td>{html.escape(r.because)}</td><td>{r.expected}</td><td>{r.got}</td>"
            f"<td>{'passed' if r.passed else 'FAILED'}</td></tr>"
            for r in results
        )
        parts.append(
            f"<table><tr><th>Case</th><th>Because</th><th>Expected</th><th>Got</th><th>Result</th></tr>{rows}</table>"
        )
    return "\n".join(parts) + "\n"
