"""Kill a weekly run, its whole process group, at random moments: each must leave a whole, verified archive or be listed as failed.

`python bench/bench_killed.py [N]` does it N times (60) with `cdm weekly` on a study of six subjects, notebooks and all; some minutes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cdmlib import archive, journal, mart, notebooks, verify
from cdmlib import study as studies
from cdmlib.study import Study
from tests.golden import make

CDM = (sys.executable, "-c", "from cdmlib.cli import main; main()")


def faults(study: Study, looked_at: set[str]) -> list[str]:
    """What is not as it must be after a kill, of the runs not looked at before: first as it was left, then once `cdm runs` has settled it."""
    wrong = []
    new = sorted(path.parent.name for path in study.folder.glob("runs/*/manifest.json") if path.parent.name not in looked_at)
    for run in new:
        if not archive.folder_of(study, run).exists():
            continue
        report, status = verify.run(study.id, run, execute=False), archive.manifest(study, run)["status"]
        if report.levels[0].status != verify.PASS:  # it is put in its place as a whole, or not at all
            wrong.append(f"{run}: an archive is there that is not whole: {report.levels[0].said}")
        if report.ok and status not in ("complete", "failed"):
            wrong.append(f"{run}: the archive verifies, but the run is {status}")
    archive.seal_left_over(study, notebooks.folder())
    listed = archive.runs(study).set_index("run")
    for run in new:
        report, published = verify.run(study.id, run, execute=False), (study.folder / "marts" / f"{run}.duckdb").exists()
        if not report.ok or report.status_of_run != listed.status[run] or listed.status[run] not in ("complete", "failed"):
            wrong.append(f"{run} is listed as {listed.status[run]}; its archive says {report.status_of_run}: {report.said} {[x.said for x in report.levels if x.status == verify.FAIL]}")
        if (listed.status[run] == "complete") != published:
            wrong.append(f"{run} is {listed.status[run]}, and its results are {'there' if published else 'not there'}")
        looked_at.add(run)
    if list(study.folder.glob("runs/*/.archive*")):
        wrong.append("a half-made archive was left")
    chain = journal.verify(study)
    return wrong if chain.ok else [*wrong, chain.said]


def kill(study: Study, after: float) -> bool:
    """Start `cdm weekly` and kill its process group so many seconds later; whether it was still at work then."""
    job = subprocess.Popen([*CDM, "weekly", study.id, "--cutoff", make.WEEKS[1]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        job.wait(after)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        time.sleep(2.5)  # a notebook's kernel is a session of its own, and ends itself when its parent is gone
        return True


def main() -> None:
    times, dice, looked_at, wrong = int(sys.argv[1]) if len(sys.argv) > 1 else 60, random.Random(1), set(), []
    with tempfile.TemporaryDirectory() as temporary:
        os.environ |= {"CDM_DATA": temporary, "CDM_USER": "dora", "PYTHONPATH": str(Path(__file__).parents[1])}
        make.study(Path(temporary) / "golden")
        study = studies.load("golden")
        started = time.perf_counter()
        notebooks.weekly("golden", make.WEEKS[0])
        usual, killed = time.perf_counter() - started, 0
        wrong += faults(study, looked_at)
        for number in range(times):
            killed += kill(study, dice.uniform(0.3, usual * 1.05))
            wrong += (found := faults(study, looked_at))
            print(f"{number + 1}: {len(looked_at)} runs", *found, sep="\n  ", flush=True)
        ended = Counter(mart.runs(study).status)
    print(f"{times} runs of about {usual:.0f} s, {killed} killed at work: {dict(ended)}; {len(wrong)} faults")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
