"""Run the whole library on both public extracts of the pilot study: the forms as CSV, and the SDTM package."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from cdmlib import checks, mart, scaffold, snapshot, tables
from cdmlib import study as studies

CUTOFF = "2015-12-31"  # after the last date of the study
EXTRACTS = {"crf": "cdisc-pilot-crf", "sdtm": "cdisc-pilot-sdtm"}


def realdata() -> Path:
    """The folder of public real files: $CDM_REALDATA, or the one beside the project's folder."""
    return Path(os.environ.get("CDM_REALDATA", Path(__file__).parents[3] / "shared" / "realdata"))


def outcomes(folder: Path, data: Path) -> dict[str, pd.DataFrame]:
    """How every check ended on each extract, by check id; the studies are set up, unedited, below `data`."""
    os.environ["CDM_DATA"] = str(data)
    ended = {}
    for name, source in EXTRACTS.items():
        scaffold.new(name, folder / source, CUTOFF)
        snapshot.ingest(studies.load(name))
        with mart.scratch(name) as work:
            tables.build(work)
            ended[name] = checks.run(work).set_index("check_id")
    return ended


def count(ended: pd.DataFrame, check: str) -> str:
    """The number of findings, `clean`, or `not run` with the reason."""
    row = ended.loc[check]
    return str(row.n_findings) if row.outcome == "findings" else row.outcome
