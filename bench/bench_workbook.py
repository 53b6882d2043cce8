"""CPU seconds to write 100,000 rows × 20 columns as a check's sheet, beside bare xlsxwriter loops over the rows."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import xlsxwriter

from cdmlib import workbook

ROWS = 100_000
EVIDENCE = tuple(f"value{i}" for i in range(1, 14))
COLUMNS = (*workbook.KEYS, *EVIDENCE, "message", "finding_id")


def rows() -> Iterator[tuple]:
    """Made-up rows as checks give them: short texts, two numbers, some empty cells, a sentence of two lines, an id."""
    for i in range(ROWS):
        keys = (f"{100 + i % 40}", f"{100 + i % 40}-{i % 997:03d}", f"Week {i % 12}", "Vital Signs", f"{i % 9 + 1}")
        texts = ("SYSBP", "Headache", "2024-03-05", "2024-03-02", None, "mmHg", "NOT RELATED", "N", "DOSE NOT CHANGED")
        message = f"Headache: start date 2024-03-05 is after end date 2024-03-02. Please correct one, or confirm {i}."
        yield (*keys, *texts, None, i, i / 7, "RECOVERED", message, f"AE004-{i:016x}")


def bare(path: Path) -> None:
    """The fastest plain use of xlsxwriter: text and numbers, no formats, empty cells left out."""
    xl = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = xl.add_worksheet()
    for at, row in enumerate(rows()):
        for col, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(at, col, value)
            elif value is not None:
                sheet.write_number(at, col, value)
    xl.close()


def formatted(path: Path) -> None:
    """The same loop with a format on every cell, empty and reviewer cells too: what any formatted sheet costs."""
    xl = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet, form = xl.add_worksheet(), xl.add_format({"border": 1, "text_wrap": True})
    for at, row in enumerate(rows()):
        for col, value in enumerate((*row, None, None, None)):
            if isinstance(value, str):
                sheet.write_string(at, col, value, form)
            elif value is None:
                sheet.write_blank(at, col, None, form)
            else:
                sheet.write_number(at, col, value, form)
    xl.close()


def ours(path: Path) -> None:
    """The same rows through the writer: formats, reviewer columns, row heights, every value made safe, contents."""
    check = workbook.CheckSheet(
        "AE004", "Adverse event starts after it ends", "ae", "major", "query", "findings",
        n=ROWS, columns=COLUMNS, highlighted=frozenset(EVIDENCE[2:4]), rows=rows(),
    )  # fmt: skip
    workbook.write(path, workbook.Workbook("BENCH", "Benchmark", "2024-06-30", "run", "snapshot", checks=(check,)))


def main() -> None:
    """Write each in turn and print CPU seconds (least disturbed by a busy machine), sizes and the ratios."""
    seconds = {}
    print(f"{ROWS:,} rows x {len(COLUMNS)} columns")
    with tempfile.TemporaryDirectory() as folder:
        for act in (bare, formatted, ours):
            path = Path(folder) / f"{act.__name__}.xlsx"
            start = time.process_time()
            act(path)
            seconds[act.__name__] = time.process_time() - start
            print(f"  {act.__name__:9} {seconds[act.__name__]:6.1f} s  {path.stat().st_size / 1e6:5.1f} MB")
    for name in ("bare", "formatted"):
        print(f"  ratio to {name}: {seconds['ours'] / seconds[name]:.2f}")


if __name__ == "__main__":
    main()
