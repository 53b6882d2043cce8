"""The weekly run on real notebooks: what it makes, and what it leaves alone when it fails."""

from __future__ import annotations

import json

import nbformat
import pytest
from click.testing import CliRunner

from cdmlib import demo, mart, notebooks
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The demo study, its first week run; tests change no published result that another one reads."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        demo.create(data / "demo")
        notebooks.weekly("demo", "2024-03-04")
        yield studies.load("demo")


def cdm(*arguments):
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def current(study):
    return (study.folder / "marts" / "current").read_text(encoding="utf-8").strip()


def test_a_weekly_run_leaves_executed_notebooks_a_workbook_a_manifest_and_published_results(study):
    run = study.folder / "runs" / "2024-03-04-001"
    assert {path.name for path in run.iterdir()} >= {
        "10_ingest.ipynb",
        "20_cleaning.ipynb",
        "30_reconciliation.ipynb",
        "50_metrics.ipynb",
        "cleaning_demo_2024-03-04.xlsx",
        "manifest.json",
    }
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["status"], manifest["mart"], manifest["as_of"]) == (
        "complete",
        "2024-03-04-001.duckdb",
        "2024-03-04",
    )
    con = mart.open_published(study)
    assert con.execute("SELECT count(*) > 100 FROM subjects").fetchone()[0]
    assert con.execute("SELECT count(*) > 0 FROM findings").fetchone()[0]
    assert con.execute("SELECT count(*) FROM changes").fetchone() == (0,), "the first week has nothing to compare with"
    assert con.execute("SELECT count(*) FROM check_runs WHERE outcome = 'error'").fetchone()[0] == 0
    con.close()


def test_the_executed_notebook_shows_the_parameters_and_results(study):
    notebook = nbformat.read(study.folder / "runs" / "2024-03-04-001" / "20_cleaning.ipynb", as_version=4)
    text = json.dumps(notebook.cells)
    assert "2024-03-04-001" in text and "check_id" in text


def test_the_executed_metrics_show_each_number_with_numerator_and_denominator_and_the_oldest_queries(study):
    notebook = nbformat.read(study.folder / "runs" / "2024-03-04-001" / "50_metrics.ipynb", as_version=4)
    shown = [output.data["text/html"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    con = mart.open_run(study, "2024-03-04-001")
    n, of = con.execute("SELECT numerator, denominator FROM metrics WHERE metric = 'QU01' AND level = 'study'").fetchone()
    oldest = con.execute("SELECT query_id FROM queries WHERE status IN ('open', 'answered') ORDER BY opened_on, query_id LIMIT 20").fetchall()
    con.close()
    assert len(shown) == 14 and f"{n} of {of} (" in shown[0]
    assert any(all(id_ in table for (id_,) in oldest) for table in shown)


def test_metrics_that_can_t_be_shown_take_back_nothing_that_is_published(study, monkeypatch):
    run = notebooks.execute

    def fail(name, *args, **parameters):
        if name == "50_metrics":
            raise CdmError("no metrics today")
        return run(name, *args, **parameters)

    monkeypatch.setattr(notebooks, "execute", fail)
    with pytest.raises(CdmError, match="no metrics today"):
        notebooks.weekly("demo", "2024-03-04")
    assert current(study) == "2024-03-04-002.duckdb"
    manifest = json.loads((study.folder / "runs" / "2024-03-04-002" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"


def test_published_results_are_read_only_and_reach_no_file(study):
    con = mart.open_published(study)
    for sql in ("DELETE FROM findings", "SELECT * FROM read_text('/etc/hostname')"):
        with pytest.raises(Exception, match=r"read-only|disabled"):
            con.execute(sql)
    con.close()


def test_sql_prints_a_table_or_csv(study):
    assert "n" in cdm("sql", "demo", "SELECT count(*) AS n FROM dm").output
    lines = cdm("sql", "demo", "SELECT subjid, siteid FROM dm ORDER BY 1 LIMIT 2", "--csv").output.splitlines()
    assert lines[0] == "subjid,siteid" and len(lines) == 3
    failed = cdm("sql", "demo", "SELECT nothing FROM dm")
    assert failed.exit_code == 1 and "Traceback" not in failed.output


def test_an_unknown_notebook_parameter_is_refused_by_name(study, tmp_path):
    with pytest.raises(CdmError, match="Notebook 10_ingest has no parameter 'sitte'; it has study, cutoff, confirm"):
        notebooks.execute("10_ingest", tmp_path / "out.ipynb", sitte="007")


def test_a_failed_run_shows_the_cells_own_message_is_listed_and_leaves_the_published_results(study):
    before = current(study)
    extract = study.incoming / "2024-03-11"
    ae = (extract / "AE.csv").read_bytes()
    try:
        (extract / "AE.csv").write_bytes(ae.removesuffix(b"EOF\n").removesuffix(b"EOF\r\n").removesuffix(b"EOF"))
        failed = cdm("weekly", "demo", "--cutoff", "2024-03-11")
    finally:
        (extract / "AE.csv").write_bytes(ae)
    assert failed.exit_code == 1
    assert "EOF" in failed.output and "AE.csv" in failed.output and "Traceback" not in failed.output
    assert current(study) == before
    manifest = json.loads((study.folder / "runs" / "2024-03-11-001" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "failed" and "EOF" in manifest["error"]


def test_the_notebooks_run_by_hand_with_their_default_parameters(study, tmp_path):
    first = notebooks.execute("10_ingest", tmp_path / "10.ipynb")
    assert "2024-03-25" in first.read_text(encoding="utf-8")
    notebooks.execute("20_cleaning", tmp_path / "20.ipynb")
    assert current(study) == "2024-03-25-001.duckdb"
