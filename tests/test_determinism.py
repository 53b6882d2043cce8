"""Same in, same out: the notebooks' cells give equal outputs, tables and workbooks wherever, whenever and however they are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cdmlib import demo, standard

CUTOFF = demo.CUT_OFFS[0]
NAMES = ("10_ingest", "20_cleaning", "30_reconciliation", "40_coding", "50_metrics", "60_lock_readiness")
RUNNER = '''
"""Run the cells of notebooks in this process and print what each shows, and the digests of what was made."""
import ast, contextlib, datetime, io, json, locale, os, sys, time

import duckdb
from cdmlib import checks, cleaning, coding, digests, findings, lock, mart, measures, notebooks, queries, readiness, reconcile, snapshot, study

days, threads = int(sys.argv[1]), int(sys.argv[2])
locale.setlocale(locale.LC_ALL, "")
if days:  # another day: the clock of every module of ours is set forward
    real = datetime.datetime
    class Later(real):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + datetime.timedelta(days=days)
    for module in [m for name, m in sys.modules.items() if name.startswith("cdmlib")]:
        if getattr(module, "datetime", None) is real:
            module.datetime = Later
if threads > 1:
    connect = duckdb.connect
    def more(*a, **k):
        return connect(*a, **(k | {"config": (k.get("config") or {}) | {"threads": threads}}))
    duckdb.connect = more

def shown(value):
    return "" if value is None else value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)

outputs, run = {}, mart.new_run(study.load("demo"), "CUTOFF")
for name in NAMES:
    cells, space = notebooks.code_cells(notebooks.folder() / f"{name}.ipynb"), {"display": lambda *values: print(*map(shown, values))}
    for number, cell in enumerate(cells):
        tree, said = ast.parse(cell), io.StringIO()
        last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(said):
            exec(compile(tree, name, "exec"), space)
            value = eval(compile(last, name, "eval"), space) if last else None
        if number == 0:
            space.update({k: v for k, v in {"cutoff": "CUTOFF", "run": run}.items() if k in space})
        outputs[f"{name} {number}"] = said.getvalue() + shown(value)
opened = study.load("demo")
with mart.open_published(opened) as con:
    names = [r[0] for r in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
    made = {}
    for name in names:
        columns = ", ".join(f'"{c[0]}"' for c in con.execute(f'DESCRIBE "{name}"').fetchall() if c[0] != "seconds")
        made[name] = digests.of_table(con, f'(SELECT {columns} FROM "{name}")')
for path in sorted((opened.folder / "runs" / run).glob("*.xlsx")):
    made[path.name] = digests.of_file(path)
for path in sorted(snapshot.find(opened).folder.glob("*.parquet")):
    made[path.name] = digests.of_file(path)
print(json.dumps({"outputs": outputs, "made": made, "started": mart._now()[:10]}))
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The first week of the demo run three times: plainly, plainly again, and with everything around it another."""
    first = tmp_path_factory.mktemp("one")
    demo.create(first / "demo")
    for extract in (first / "demo" / "incoming").iterdir():
        if extract.name != CUTOFF:
            shutil.rmtree(extract)
    places = [first, tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("another place, far away")]
    for place in places[1:]:
        shutil.copytree(first / "demo", place / "demo")
    script = first / "runner.py"
    script.write_text(RUNNER.replace("CUTOFF", CUTOFF).replace("NAMES", repr(NAMES)), encoding="utf-8")
    plain = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    other = {"TZ": "Pacific/Kiritimati", "LC_ALL": "POSIX", "PYTHONHASHSEED": "4242", "OMP_NUM_THREADS": "2"}
    found = []
    for place, around, days, threads in zip(places, (plain, plain, other), (0, 0, 400), (1, 1, 2), strict=True):
        path = {"PYTHONPATH": str(Path(__file__).parents[1]), "CDM_DATA": str(place), "PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, str(script), str(days), str(threads)], env=os.environ | around | path, cwd=place, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def differing(one: dict, two: dict) -> dict:
    return {key: (one.get(key), two.get(key)) for key in one.keys() | two.keys() if one.get(key) != two.get(key)}


@pytest.mark.requirement("R22")
def test_two_runs_are_equal(made):
    assert not differing(made[0]["made"], made[1]["made"])
    assert not differing(made[0]["outputs"], made[1]["outputs"])


@pytest.mark.requirement("R22")
def test_another_day_time_zone_locale_folder_hash_seed_and_number_of_threads_change_nothing(made):
    assert made[0]["started"] != made[2]["started"]
    assert not differing(made[0]["made"], made[2]["made"])
    assert not differing(made[0]["outputs"], made[2]["outputs"])
    assert len(made[0]["made"]) > 40 and sum(map(len, made[0]["outputs"].values())) > 50_000


@pytest.mark.requirement("R22")
def test_no_sql_asks_for_the_day_of_today():
    asking = re.compile(r"\b(now|today|current_date|current_timestamp|localtimestamp|get_current_timestamp|random|uuid)\s*\(|\bcurrent_(date|timestamp)\b", re.IGNORECASE)
    found = [path.name for path in standard.SQL.rglob("*.sql") if asking.search(re.sub(r"/\*.*?\*/|--[^\n]*|'[^']*'", "", path.read_text(encoding="utf-8"), flags=re.DOTALL))]
    assert found == []
