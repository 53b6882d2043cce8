"""Made-up dictionaries in the three layouts: terms of plain words, and codes, hierarchy and trade names that nobody else has."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from cdmlib.coding import layouts
from cdmlib.demo.lists import Row, rows

LEVELS = {
    "soc": 91,
    "hlgt": 92,
    "hlt": 93,
    "llt": 94,
}  # first figures of the codes; a preferred term is a lowest level term too


def write_meddra(folder: Path, version: str = "1.0") -> None:
    """A dictionary in the MedDRA layout; version 2.0 has the changes that content/dictionary_changes.csv lists."""
    terms = [dict(row) for row in rows("dictionary_terms")]
    codes: dict[tuple, str] = {}
    for row in terms:
        for level, name in (
            ("soc", row["soc"]),
            ("hlgt", (row["soc"], row["hlgt"])),
            ("hlt", (row["soc"], row["hlt"])),
            ("llt", row["llt"]),
        ):
            codes.setdefault((level, name), f"{LEVELS[level]}{1 + sum(k[0] == level for k in codes):06d}")
        row["code"] = codes["llt", row["llt"]]
    for change in rows("dictionary_changes") if version != "1.0" else ():
        row = next(row for row in terms if row["llt"] == change["llt"])
        moved = [r for r in terms if r["pt"] == row["pt"]] if change["column"] in ("soc", "hlt") else [row]
        for each in moved:
            each[change["column"]] = change["value"]
        if change["column"] == "llt" and row["pt"] == change["llt"]:
            for each in [r for r in terms if r["pt"] == change["llt"]]:
                each["pt"] = change["value"]
        if change["column"] == "soc":  # the groups go along
            codes.setdefault(
                ("hlgt", (change["value"], row["hlgt"])),
                f"{LEVELS['hlgt']}{1 + sum(k[0] == 'hlgt' for k in codes):06d}",
            )
            codes.setdefault(
                ("hlt", (change["value"], row["hlt"])), f"{LEVELS['hlt']}{1 + sum(k[0] == 'hlt' for k in codes):06d}"
            )
        if change["column"] == "hlt":
            other = next(r for r in rows("dictionary_terms") if r["hlt"] == change["value"])
            for each in moved:
                each["soc"], each["hlgt"] = other["soc"], other["hlgt"]
    pt_code = {row["pt"]: row["code"] for row in terms if row["pt"] == row["llt"]}
    path = {  # of each preferred term: codes of its high level term, group and class
        row["pt"]: (codes["hlt", (row["soc"], row["hlt"])], codes["hlgt", (row["soc"], row["hlgt"])], codes["soc", row["soc"]], row) for row in terms
    }  # fmt: skip
    socs = list(dict.fromkeys(row["soc"] for row in terms))
    lines: dict[str, list] = {
        name: [] for name in ("llt", "pt", "hlt", "hlgt", "soc", "hlt_pt", "hlgt_hlt", "soc_hlgt", "mdhier", "intl_ord")
    }
    for row in terms:
        lines["llt"].append([row["code"], row["llt"], pt_code[row["pt"]], *[""] * 6, row["current"], ""])
    for pt, (hlt, hlgt, soc, row) in path.items():
        lines["pt"].append([pt_code[pt], pt, "", soc, *[""] * 7])
        lines["hlt"].append([hlt, row["hlt"], *[""] * 7])
        lines["hlgt"].append([hlgt, row["hlgt"], *[""] * 7])
        lines["soc"].append([soc, row["soc"], row["soc"][:4], *[""] * 7])
        lines["hlt_pt"].append([hlt, pt_code[pt]])
        lines["hlgt_hlt"].append([hlgt, hlt])
        lines["soc_hlgt"].append([soc, hlgt])
        lines["mdhier"].append(
            [pt_code[pt], hlt, hlgt, soc, pt, row["hlt"], row["hlgt"], row["soc"], row["soc"][:4], "", soc, "Y"]
        )
    lines["intl_ord"] = [[str(number), codes["soc", soc]] for number, soc in enumerate(socs, start=1)]
    lines["smq_list"] = [
        ["95000001", "Falls and what they do", "1", "Terms of falls", "Made up", "", version, "A", "N"]
    ]
    lines["smq_content"] = [["95000001", pt_code["Fall"], "4", "2", "A", "0", "A", "1.0", "1.0"]]
    lines["meddra_release"] = [[version, "English", "", "", ""]]
    folder.mkdir(parents=True)
    for name, cells in lines.items():
        text = dict.fromkeys("$".join(row) + "$\n" for row in cells)
        (folder / f"{name}.asc").write_bytes("".join(text).encode("utf-8"))


def _drugs() -> list[Row]:
    """Every drug name with its record and sequence numbers; the preferred name of a record has sequences 01 and 001."""
    records: dict[str, list[Row]] = {}
    for row in rows("dictionary_drugs"):
        records.setdefault(row["preferred"], []).append(row)
    found = []
    for number, names in enumerate(records.values(), start=1):
        for at, row in enumerate(names, start=1):
            found.append({**row, "record": f"{900000 + number}", "sequence_1": "01", "sequence_2": f"{at:03d}"})
    return found


def write_b3(folder: Path) -> None:
    """A dictionary in the WHODrug B3 layout."""
    drugs = _drugs()
    dd = [
        [
            d["record"],
            d["sequence_1"],
            d["sequence_2"],
            str(sum(map(int, d["record"])) % 10),
            "N",
            "23",
            "0000",
            "",
            "01",
            "",
            "234",
            d["name"],
        ]
        for d in drugs
    ]
    dda = [
        [d["record"], "01", "001", str(sum(map(int, d["record"])) % 10), code, "234", "*"]
        for d in drugs if d["sequence_2"] == "001" for code in d["classes"].split(";")
    ]  # fmt: skip
    ina = [[row["code"], str(_level(row["code"])), row["text"]] for row in rows("dictionary_classes")]
    _fixed(
        folder,
        "whodrug-b3",
        {"dd.txt": dd, "dda.txt": dda, "ina.txt": ina, "version.txt": [["MADE-UP DRUGS B3 GLOBALB3Mar24"]]},
    )


def write_c3(folder: Path) -> None:
    """The same drugs in the WHODrug C3 layout; every name has two products, in two strengths."""
    drugs, mp, thg, ing, sun = _drugs(), [], [], [], []
    substances = {
        name: f"{700000 + number}" for number, name in enumerate(dict.fromkeys(d["preferred"] for d in drugs), start=1)
    }
    for drug in drugs:
        for strength in ("10", "20"):
            id_ = f"{1 + len(mp)}"
            mp.append(
                [id_, "", drug["record"], drug["sequence_1"], drug["sequence_2"], "0000000001", f"00000000{strength}", "Y" if drug["sequence_2"] == "001" else "N", drug["name"],
                 "", "", "", "", "XXX", "1", "1", "1", "XXX", "023", "1", "1", "20240301", "20240301"]
            )  # fmt: skip
            thg += [
                [f"{1 + len(thg) + n}", code, "20240301", "Y", id_]
                for n, code in enumerate(drug["classes"].split(";"))
                if code
            ]
            ing.append([f"{1 + len(ing)}", "20240301", substances[drug["preferred"]], strength, "", "1", "1", id_])
    sun = [[id_, "", "English", name, "023", "1"] for name, id_ in substances.items()]
    atc = [[row["code"], str(_level(row["code"])), row["text"]] for row in rows("dictionary_classes")]
    files = {
        "mp.txt": mp,
        "thg.txt": thg,
        "ing.txt": ing,
        "sun.txt": sun,
        "atc.txt": atc,
        "org.txt": [["1", "Nobody", "XXX"]],
        "ccode.txt": [["XXX", "Nowhere"]],
    }
    _fixed(folder, "whodrug-c3", files | {"version.txt": [["MADE-UP DRUGS C3 GLOBALC3Mar24"]]})


def _level(code: str) -> int:
    return {1: 1, 3: 2, 4: 3, 5: 4}[len(code)]


def _fixed(folder: Path, layout: str, cells: dict[str, list[list[str]]]) -> None:
    folder.mkdir(parents=True)
    for file in layouts.files(layout):
        widths = file.widths(10**6)
        text = "".join(
            "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\r\n"
            for row in cells[file.name]
        )
        (folder / file.name).write_bytes(text.encode("utf-8"))


def write(folder: Path) -> None:
    """The dictionaries of the demo study, a later version of one of them, its lists of synonyms, and the right codes of its terms."""
    write_meddra(folder / "dictionaries" / "meddra")
    write_meddra(folder / "dictionaries" / "meddra-2.0", "2.0")
    write_b3(folder / "dictionaries" / "whodrug")
    codes = code_by_term()
    for name in ("meddra", "whodrug"):
        lines = [(row["verbatim"], codes[name, row["term"]]) for row in rows("synonyms") if row["dictionary"] == name]
        _csv(folder / "dictionaries" / f"synonyms_{name}.csv", ("verbatim", "code"), lines)
    key = [
        (
            row["dictionary"],
            row["verbatim"],
            row["term"],
            codes.get((row["dictionary"], row["term"]), ""),
            row["method"],
        )
        for row in rows("verbatims")
    ]
    right = {row["verbatim"]: row["term"] for row in rows("verbatims") if row["dictionary"] == "meddra"}
    key += [
        ("meddra", row["misspelt"], right[row["term"]], codes["meddra", right[row["term"]]], "misspelt")
        for row in rows("ae_terms")
    ]
    _csv(folder / "coding_key.csv", ("dictionary", "verbatim", "term", "code", "method"), key)


def code_by_term() -> dict[tuple[str, str], str]:
    """The code of each term of version 1.0, by dictionary and term; a drug name that two records have is left out."""
    terms = list(dict.fromkeys(row["llt"] for row in rows("dictionary_terms")))
    codes = {("meddra", term): f"{LEVELS['llt']}{number:06d}" for number, term in enumerate(terms, start=1)}
    drugs = _drugs()
    names = [drug["name"] for drug in drugs]
    return codes | {
        ("whodrug", d["name"]): d["record"] + d["sequence_1"] + d["sequence_2"]
        for d in drugs
        if names.count(d["name"]) == 1
    }


def _csv(path: Path, header: Iterable[str], lines: Iterable[Iterable[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    path.write_bytes(text.getvalue().encode("utf-8"))
