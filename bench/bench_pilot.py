"""The library on the public pilot study: every check's count, and the counts beside those of the Pinnacle 21 report.

`python bench/bench_pilot.py` prints both pages; `--doc` writes them to docs/. It needs the public files ($CDM_REALDATA).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pilot import findings, pinnacle, run

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doc", action="store_true", help="write docs/pilot_findings.md and docs/pinnacle.md")
    given = parser.parse_args()
    folder = run.realdata()
    if not folder.is_dir():
        print(f"The public files are not at {folder}: nothing to measure. Set CDM_REALDATA to their folder.")
        return
    with tempfile.TemporaryDirectory() as data:
        ended = run.outcomes(folder, Path(data))
    rows = pinnacle.comparison(folder, ended["sdtm"])
    pages = {"pilot_findings.md": findings.page(ended), "pinnacle.md": pinnacle.page(rows)}
    for name, text in pages.items():
        if given.doc:
            (DOCS / name).write_text(text, encoding="utf-8")
        else:
            print(text)
    for line in (*findings.unread(ended), *(f"{row['rule']}: not explained" for row in pinnacle.unexplained(rows))):
        print(line)


if __name__ == "__main__":
    main()
