"""Run the notebooks with papermill: declared parameters only, each run kept, a failed cell ends the run with its own message."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cdmlib import mart, snapshot
from cdmlib import study as studies
from cdmlib.errors import CdmError

PACKAGE = Path(__file__).parent
WEEKLY = ("10_ingest", "20_cleaning", "30_reconciliation", "40_coding", "50_metrics", "60_lock_readiness")
SHOWING = WEEKLY[2:]  # these read published results and change nothing
DECLARED = {"30_reconciliation": "reconciliations", "40_coding": "dictionaries"}  # shown when the study declares any


@dataclass(frozen=True)
class Week:
    """What a weekly run made: its id, the published mart, the workbook and the executed notebooks."""

    run: str
    mart: Path
    workbook: Path
    notebooks: tuple[Path, ...]


def folder() -> Path:
    """Where the notebooks are: beside the package in a checkout, inside it when installed as a wheel."""
    return next(path for path in (PACKAGE.parent / "notebooks", PACKAGE / "_notebooks") if path.is_dir())


def readable_tables() -> None:
    """Show data frames whole: every row up to 500, and no text cut off."""
    pd.options.display.max_rows = 500
    pd.options.display.max_colwidth = None
    pd.options.display.precision = 4


def execute(name: str, output: Path, **parameters: str) -> Path:
    """Run one notebook with parameters and keep it, executed, at `output`.

    Raises CdmError for a parameter the notebook does not declare, and with the cell's own message when a cell fails.
    """
    import papermill  # slow to import, and not needed inside a notebook
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.ERROR)
    path = folder() / f"{name}.ipynb"
    declared = list(papermill.inspect_notebook(str(path)))
    for parameter in parameters:
        if parameter not in declared:
            raise CdmError(f"Notebook {name} has no parameter {parameter!r}; it has {', '.join(declared)}.")
    given = {parameter: parameters[parameter] for parameter in declared if parameter in parameters}  # in one order, however they were kept
    os.environ["CDM_DATA"] = str(studies.data_folder().resolve())
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="cdm-") as sockets:  # one of its own, so that two runs at once do not meet
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                str(path), str(output.resolve()), given, kernel_name="python3", progress_bar=False,
                resources={"metadata": {"path": str(path.parent)}},  # the kernel's folder; papermill's `cwd` would move this process, and others run beside
                config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/k"} if os.name == "posix" else {"transport": "tcp"}),  # no open port on a shared host
                extra_arguments=["--IPKernelApp.log_level=50"],
            )  # fmt: skip
    except PapermillExecutionError as error:
        known = error.ename in ("CdmError", "Held")
        raise CdmError(
            f"{error.evalue}"
            if known
            else f"Notebook {name} stopped in cell {error.cell_index + 1}: {error.ename}: {error.evalue}"
        ) from None
    return output


def weekly(study_id: str, cutoff: str = "", confirm: str = "", step: Callable[[str], None] = lambda text: None) -> Week:
    """Take in the extract of a cut-off date, run every check, write the workbook, publish the results and show the measures.

    cutoff: date of the folder under incoming/; empty takes the newest. confirm: reason, when a load was held. step: told each step.
    A failed step leaves what was published before in place and the run listed as failed.
    """
    from cdmlib import archive  # slow to import, and not needed inside a notebook

    study = studies.load(study_id)
    archive.seal_left_over(study, folder())
    cutoff = cutoff or snapshot.newest_incoming(study)
    run = mart.new_run(study, cutoff)
    mart.note(study, run, confirm=confirm)
    out = study.folder / "runs" / run
    try:
        step(f"run {run}: taking in the extract of {cutoff}")
        first = execute("10_ingest", out / "10_ingest.ipynb", study=study_id, cutoff=cutoff, confirm=confirm)
        step("building tables, running checks, writing the workbook")
        second = execute("20_cleaning", out / "20_cleaning.ipynb", study=study_id, cutoff=cutoff, run=run)
    except BaseException as error:
        mart.finish(study, run, "failed", error=str(error))
        archive.seal(study, run, folder())
        raise
    shown = [name for name in SHOWING if name not in DECLARED or getattr(study, DECLARED[name])]
    mart.note(study, run, notebooks=["10_ingest", "20_cleaning", *shown])
    step("showing the results: " + ", ".join(shown))  # they are published by now: a failure here takes nothing back
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the kernels do the work, each in a process of its own
        showing = {name: pool.submit(execute, name, out / f"{name}.ipynb", study=study_id, run=run) for name in shown}
    failed = {name: error for name, made in showing.items() if (error := made.exception())}
    if failed:
        said = "; ".join(f"{name}: {error}" for name, error in failed.items())
        mart.note(study, run, not_shown=said)
    step("sealing the archive")
    archive.seal(study, run, folder())
    if failed:
        raise CdmError(f"The results of run {run} are published, but not every notebook that shows them ran. {said}")
    made = (first, second, *(made.result() for made in showing.values()))
    return Week(run, study.folder / "marts" / f"{run}.duckdb", next(out.glob("cleaning_*.xlsx")), made)


def code_cells(path: Path) -> list[str]:
    """The code cells of a notebook."""
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
