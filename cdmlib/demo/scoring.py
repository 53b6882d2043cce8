"""How many of the planted errors the findings name, and which findings nothing planted explains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cdmlib.demo.lists import Row


@dataclass(frozen=True)
class KindScore:
    """One kind of error: how many were in the extract, how many were found; check_id may be empty (no check aims)."""

    kind: str
    check_id: str
    planted: int
    found: int

    @property
    def recall(self) -> float:
        return self.found / self.planted


@dataclass(frozen=True)
class Score:
    """Recall by kind, and the findings (check id, record key) without a planted cause."""

    kinds: tuple[KindScore, ...]
    unexplained: tuple[tuple[str, str], ...]
    findings: int

    @property
    def precision(self) -> float:
        """Share of findings that a planted error explains."""
        return 1 - len(self.unexplained) / self.findings if self.findings else 1.0

    @property
    def recall(self) -> float:
        """Share of planted errors found, over all kinds."""
        planted = sum(kind.planted for kind in self.kinds)
        return sum(kind.found for kind in self.kinds) / planted if planted else 1.0

    def rows(self) -> list[dict[str, object]]:
        """The table to print: kind, check, planted, found, recall."""
        return [
            {"kind": k.kind, "check": k.check_id, "planted": k.planted, "found": k.found, "recall": round(k.recall, 3)}
            for k in self.kinds
        ]

    @property
    def said(self) -> str:
        """The result in words, with every finding that nothing planted explains."""
        aimed = [kind for kind in self.kinds if kind.check_id]
        beyond = [kind for kind in self.kinds if not kind.check_id]
        lines = [
            f"{sum(k.found for k in aimed)} of {sum(k.planted for k in aimed)} planted errors that a check aims at "
            f"are found, and {sum(k.found for k in beyond)} of {sum(k.planted for k in beyond)} that none aims at.",
            f"{self.findings - len(self.unexplained)} of {self.findings} findings have a planted cause.",
        ]
        return "\n".join(lines + [f"  no planted cause: {check} on {key}" for check, key in self.unexplained])


@dataclass(frozen=True)
class CodingScore:
    """Different reported terms of which the coding key knows the right code: coded by the machine, and the suggestions for the others."""

    machine: int
    wrong: tuple[tuple[str, str, str], ...]  # verbatim, code given, right code
    waiting: int
    first: int
    among: int

    @property
    def said(self) -> str:
        lines = [
            f"Coding: the machine coded {self.machine} different reported terms, {len(self.wrong)} of them wrong. Of {self.waiting} others the "
            f"first suggestion is right for {self.first}, one of the suggestions for {self.among}."
        ]
        return "\n".join(
            lines
            + [
                f"  wrong: {verbatim} has {given}, right is {right or 'a choice'}"
                for verbatim, given, right in self.wrong
            ]
        )


def score_coding(
    coded: Iterable[tuple[str, str, str | None]], offers: Iterable[tuple[str, str, int, str]], key: Iterable[Row]
) -> CodingScore:
    """Hold codes (dictionary, verbatim, code) and suggestions (dictionary, verbatim, number, code) against the right codes.

    A term without a right code in the key is one that only a person can decide: a code from the machine is wrong.
    """
    right = {(row["dictionary"], row["verbatim"]): row["code"] for row in key}
    suggested: dict[tuple[str, str], list[str]] = {}
    for dictionary, verbatim, _, code in sorted(offers):
        suggested.setdefault((dictionary, verbatim), []).append(code)
    known = sorted({(d, v, code or "") for d, v, code in coded if (d, v) in right})
    machine = [(d, v, code) for d, v, code in known if code]
    waiting = [(d, v) for d, v, code in known if not code and right[d, v]]
    return CodingScore(
        len(machine), tuple((v, code, right[d, v]) for d, v, code in machine if code != right[d, v]), len(waiting),
        sum(suggested.get(place, [""])[0] == right[place] for place in waiting), sum(right[place] in suggested.get(place, []) for place in waiting),
    )  # fmt: skip


def present(row: Row, as_of: str) -> bool:
    """Whether a planted error stands in the extract of a cut-off date."""
    return row["first_week"] <= as_of and (not row["last_week"] or as_of <= row["last_week"])


def score(findings: Iterable[tuple[str, str]], answer_key: Iterable[Row], as_of: str) -> Score:
    """Hold the findings (check id, record key) of a cut-off date against the answer key.

    An error is found when its check names its record; one that no check aims at, when any check names its record.
    """
    found = set(findings)
    named = {key for _, key in found}
    counts: dict[tuple[str, str], list[int]] = {}
    explained: set[tuple[str, str]] = set()
    for row in answer_key:
        count = counts.setdefault((row["kind"], row["check_id"]), [0, 0])
        if not present(row, as_of):
            continue
        expected = [tuple(item.split(":", 1)) for item in row["also_expected"].split(";") if item]
        explained.update(expected)
        if row["check_id"]:
            explained.add((row["check_id"], row["record_key"]))
        else:
            explained.update(item for item in found if item[1] == row["record_key"])
        count[0] += 1
        count[1] += (row["check_id"], row["record_key"]) in found if row["check_id"] else row["record_key"] in named
    kinds = tuple(KindScore(kind, check, *count) for (kind, check), count in counts.items() if count[0])
    return Score(kinds, tuple(sorted(found - explained)), len(found))


READS = {  # the EDC forms that a reconciliation reads: an error planted in one of them is a cause too
    "sae": ("ae",),
    "lab_header": ("lb", "dm"),
    "lab_results": ("lb",),
    "samples": ("pc",),
    "irt": ("ds", "dm", "ex"),
    "epro": ("sv",),
    "device": ("sv",),
}


@dataclass(frozen=True)
class ReconciliationScore:
    """Recall by kind of planted disagreement, the findings without a cause, and the pairs that are of two different things."""

    kinds: tuple[KindScore, ...]
    unexplained: tuple[tuple[str, ...], ...]
    findings: int
    pairs: int
    wrong_pairs: tuple[tuple[str, str, str], ...]

    @property
    def recall(self) -> float:
        planted = sum(kind.planted for kind in self.kinds)
        return sum(kind.found for kind in self.kinds) / planted if planted else 1.0

    @property
    def precision(self) -> float:
        """Share of findings that a planted disagreement, or a planted error of the EDC, explains."""
        return 1 - len(self.unexplained) / self.findings if self.findings else 1.0

    @property
    def said(self) -> str:
        """The result in words, with every finding that nothing explains and every pair that is wrong."""
        lines = [
            f"Reconciliation: {sum(k.found for k in self.kinds)} of {sum(k.planted for k in self.kinds)} planted disagreements are found (recall {self.recall:.3f}).",
            f"{self.findings - len(self.unexplained)} of {self.findings} reconciliation findings have a planted cause (precision {self.precision:.3f}).",
            f"{self.pairs - len(self.wrong_pairs)} of {self.pairs} pairs are of one and the same thing.",
        ]
        lines += [f"  no planted cause: {', '.join(part or '-' for part in found)}" for found in self.unexplained]
        return "\n".join(lines + [f"  wrong pair: {', '.join(pair)}" for pair in self.wrong_pairs])


def score_reconciliation(
    findings: Iterable[tuple[str, str, str, str]], pairs: Iterable[tuple[str, str, str]], keys: tuple[list[Row], list[Row]], errors: Iterable[Row], as_of: str
) -> ReconciliationScore:
    """Hold reconciliation findings (check, reconciliation, field, subject) and pairs (reconciliation, left, right key) against the answer keys.

    keys: the disagreements and the true pairs. errors: the answer key of the EDC, whose errors on the forms that a reconciliation reads
    explain what it finds about the subject.
    """
    disagreements, truth = keys
    found = sorted(findings)
    named = {(f"{check}@{recon}" + (f":{field}" if field else ""), subject) for check, recon, field, subject in found}
    caused, counts = set(), {}
    for row in disagreements:
        if row["kind"] == "edc_error":
            continue
        count = counts.setdefault((row["kind"], row["expected"].partition("@")[0]), [0, 0])
        if not present(row, as_of):
            continue
        expected = [row["expected"], *filter(None, row["also_expected"].split(";"))]
        caused |= {(item, row["subjid"]) for item in expected}
        count[0] += 1
        anywhere = row["expected"].startswith("RC006")  # a number that is not known has no subject
        count[1] += any(item == row["expected"] and (anywhere or subject == row["subjid"]) for item, subject in named)
        if anywhere:
            caused |= {(item, subject) for item, subject in named if item == row["expected"]}
    by_form = {(row["subjid"], row["domain"]) for row in errors if present(row, as_of)}
    by_form |= {(row["subjid"], row["feed"]) for row in disagreements if row["kind"] == "edc_error" and present(row, as_of)}
    unexplained = [
        item
        for item in found
        if (f"{item[0]}@{item[1]}" + (f":{item[2]}" if item[2] else ""), item[3]) not in caused
        and not any((item[3], form) in by_form for form in READS.get(item[1], ()))
    ]
    right = {(row["recon"], row["right_key"]): row["left_key"] for row in truth}
    known = [pair for pair in pairs if (pair[0], pair[2]) in right]
    wrong = [pair for pair in known if right[pair[0], pair[2]] != pair[1]]
    kinds = tuple(KindScore(kind, check, *count) for (kind, check), count in counts.items() if count[0])
    return ReconciliationScore(kinds, tuple(unexplained), len(found), len(known), tuple(wrong))
