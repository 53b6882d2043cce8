"""How much of what goes wrong the library finds, by kind, and how often it speaks without cause.

`python bench/bench_detection.py` makes a clean trial, plants each kind of error of bench/detection/kinds.csv among subjects of
its own at four densities, runs every check as in a week's work, and prints recall and precision by kind.
`--doc FILE` also writes the table as a page. Same seed, same figures.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.detection import measure, page

SEED, SUBJECTS = 20240325, 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--density", type=float, action="append", help="share of the eligible records made wrong")
    parser.add_argument("--doc", type=Path, help="write the page here")
    parser.add_argument(
        "--misses", action="store_true", help="also print errors not found and findings without a cause"
    )
    given = parser.parse_args()
    densities = tuple(given.density or measure.DENSITIES)
    result = measure.run(given.seed, given.subjects, densities)
    print(page.table(result, page.PLAIN))
    print(page.said(result))
    if given.misses:
        print_misses(result)
    if given.doc:
        given.doc.write_text(page.document(result), encoding="utf-8")


def print_misses(result: measure.Result) -> None:
    """Up to three missed errors and the false findings of each kind, by check, at each density."""
    for check, number in Counter(check for check, *_ in result.clean).most_common():
        example = next(finding for finding in result.clean if finding[0] == check)
        print(f"clean data: {check} speaks {number} times, such as on {example}")
    for density, kinds in result.by_density.items():
        for kind in kinds:
            print(
                f"{density:.1%} {kind.kind}: {kind.planted} planted, aimed {' '.join(kind.aimed) or '-'}; spoke: {dict(kind.checks)}"
            )
            for error in kind.missed[:3] if kind.aimed else ():
                print(
                    f"{density:.1%} {kind.kind}: missed by {kind.aimed}: {error.subject} {error.before} -> {error.after}"
                )
            for check, number in Counter(check for check, *_ in kind.false).items():
                example = next(finding for finding in kind.false if finding[0] == check)
                print(f"{density:.1%} {kind.kind}: {check} speaks {number} times without cause, such as on {example}")


if __name__ == "__main__":
    main()
