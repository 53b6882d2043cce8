"""The kinds of disagreement planted in what third parties send: each changes the rows of one unit, or says that it does not lend itself to it.

A function here goes by the name of the kind in content/feed_kinds.csv and gets the rows of a case, sample, questionnaire or visit.
"""

from __future__ import annotations

from datetime import date

from cdmlib.demo.generate import Rng, between
from cdmlib.demo.lists import Row, days

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
Rows = list[Row]


def _moved(text: str, by: int) -> str:
    """A date some days later, written as it was: 05-MAR-2024 or 2024-03-05."""
    if "-" in text and text[2] == "-":
        day, month, year = text.split("-")
        moved = date(int(year), MONTHS.index(month) + 1, int(day)) + days(by)
        return f"{moved.day:02d}-{MONTHS[moved.month - 1]}-{moved.year}"
    return (date.fromisoformat(text[:10]) + days(by)).isoformat() + text[10:]


def _all(found: Rows, **values: str) -> Rows:
    return [row | values for row in found]


# ── safety database ─────────────────────────────────────────────────────────────────────────────────────────────


def sae_onset_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, onset_date=_moved(found[-1]["onset_date"], -between(rng, 2, 6)))


def sae_outcome_differs(found: Rows, rng: Rng) -> Rows | None:
    return (
        _all(found, event_outcome="Not recovered")
        if found[-1]["event_outcome"] in ("Recovered", "Recovering")
        else None
    )


def sae_criterion_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, life_threatening="Yes") if found[-1]["life_threatening"] == "No" else None


def sae_end_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, end_date=_moved(found[-1]["end_date"], between(rng, 3, 9))) if found[-1]["end_date"] else None


def sae_causality_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, reporter_causality="Related") if found[-1]["reporter_causality"] != "Related" else None


def sae_in_other_words(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, event_verbatim="Emergency admission, cause under investigation")


def sae_missing_in_safety(found: Rows, rng: Rng) -> Rows | None:
    return []


def sae_missing_in_edc(found: Rows, rng: Rng) -> Rows | None:
    """A second case of the subject, of months before."""
    number = found[-1]["case_number"].replace("TVC-", "TVC-9")
    onset = _moved(found[-1]["onset_date"], -between(rng, 60, 90))
    return [
        *found,
        found[0] | {"case_number": number, "event_verbatim": "Hip fracture", "onset_date": onset, "end_date": ""},
    ]


def sae_serious_for_one_side(found: Rows, rng: Rng) -> Rows | None:
    """The safety department has downgraded the event."""
    return (
        _all(found, serious="No", hospitalisation="No")
        if found[-1]["hospitalisation"] == "Yes" and found[-1]["event_outcome"] != "Fatal"
        else None
    )


def sae_subject_not_known(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, subject_id=found[-1]["subject_id"][:-3] + f"{between(rng, 900, 999)}")


# ── central laboratory ──────────────────────────────────────────────────────────────────────────────────────────


def lab_sample_not_received(found: Rows, rng: Rng) -> Rows | None:
    return []


def lab_sample_not_entered(found: Rows, rng: Rng) -> Rows | None:
    moved = _moved(found[0]["collection_date"], 10)
    extra = {
        "accession_number": "U" + found[0]["accession_number"][1:],
        "visit": "UNS",
        "collection_date": moved,
        "received_date": _moved(moved, 1),
    }
    return [*found, *_all(found, **extra)]


def lab_date_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, collection_date=_moved(found[0]["collection_date"], -between(rng, 1, 3)))


def lab_visit_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, visit="W16") if found[0]["visit"] in ("W04", "W12", "W24") else None


def lab_sex_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, sex="F" if found[0]["sex"] == "M" else "M")


def lab_result_differs(found: Rows, rng: Rng) -> Rows | None:
    """Another result of a test that does not go through a conversion, by a tenth."""
    place = next((at for at, row in enumerate(found) if row["test_code"] == "SODIUM"), None)
    if place is None:
        return None
    result = f"{float(found[place]['result']) * 1.1:.0f}"
    return [row | {"result": result} if at == place else row for at, row in enumerate(found)]


def lab_unit_wrong(found: Rows, rng: Rng) -> Rows | None:
    changed = [row | {"unit": "mg/L"} if row["test_code"] == "K" else row for row in found]
    return changed if changed != found else None


def lab_result_twice(found: Rows, rng: Rng) -> Rows | None:
    again = [row | {"result": f"{float(row['result']) + 0.3:.1f}"} for row in found if row["test_code"] == "K"]
    return [*found, *again] if again else None


def lab_accession_twice(found: Rows, rng: Rng) -> Rows | None:
    """One of the tests bears the date of another sample."""
    moved = [
        row | {"collection_date": _moved(row["collection_date"], 20), "received_date": _moved(row["received_date"], 20)}
        for row in found
        if row["test_code"] == "ALT"
    ]
    return [row for row in found if row["test_code"] != "ALT"] + moved if moved and len(found) > 1 else None


# ── randomisation ───────────────────────────────────────────────────────────────────────────────────────────────


def irt_date_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, randomisation_date=_moved(found[0]["randomisation_date"], -between(rng, 1, 4)))


def irt_sex_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, sex="Female" if found[0]["sex"] == "Male" else "Male")


def irt_birth_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, year_of_birth=str(int(found[0]["year_of_birth"]) + 10))


def irt_missing(found: Rows, rng: Rng) -> Rows | None:
    return []


def irt_subject_not_known(found: Rows, rng: Rng) -> Rows | None:
    """A line too many, for a number that nobody has."""
    site = found[0]["subject"].split("-")[0]
    return [
        *found,
        found[0]
        | {
            "subject": f"{site}-{between(rng, 900, 999)}",
            "randomisation_number": "T" + found[0]["randomisation_number"],
        },
    ]


def irt_two_spellings(found: Rows, rng: Rng) -> Rows | None:
    site, _, number = found[0]["subject"].partition("-")
    return [
        *found,
        found[0]
        | {"subject": f"{site}-{int(number):03d}", "randomisation_number": "T" + found[0]["randomisation_number"]},
    ]


# ── questionnaires, device, samples ─────────────────────────────────────────────────────────────────────────────


def epro_missing(found: Rows, rng: Rng) -> Rows | None:
    return []


def epro_late(found: Rows, rng: Rng) -> Rows | None:
    late = between(rng, 9, 20)
    return [row | {name: _moved(row[name], late) for name in ("started_at", "completed_at")} for row in found]


def epro_without_visit(found: Rows, rng: Rng) -> Rows | None:
    return [
        *found,
        *(
            row
            | {
                "visit": "WEEK 16",
                "started_at": _moved(row["started_at"], 8),
                "completed_at": _moved(row["completed_at"], 8),
            }
            for row in found
        ),
    ]


def device_hardly_worn(found: Rows, rng: Rng) -> Rows | None:
    return [
        row | ({"wear_minutes": str(between(rng, 20, 300))} if at > 1 else {"wear_minutes": "800"})
        for at, row in enumerate(found)
    ]


def device_missing(found: Rows, rng: Rng) -> Rows | None:
    return []


def sample_missing(found: Rows, rng: Rng) -> Rows | None:
    return []


def sample_not_entered(found: Rows, rng: Rng) -> Rows | None:
    extra = {"sample_id": found[0]["sample_id"].replace("PK", "PX"), "visit": "WEEK 20", "time_point": "1 H POST-DOSE", "collection_date": _moved(found[0]["collection_date"], 45), "received_date": _moved(found[0]["received_date"], 45)}  # fmt: skip
    return [*found, *_all(found, **extra)]


def sample_time_differs(found: Rows, rng: Rng) -> Rows | None:
    hours, minutes = found[0]["collection_time"].split(":")
    return _all(found, collection_time=f"{int(hours) + 1:02d}:{minutes}")


def sample_visit_differs(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, visit="WEEK 8")


def sample_received_before_taken(found: Rows, rng: Rng) -> Rows | None:
    return _all(found, received_date=_moved(found[0]["collection_date"], -between(rng, 2, 9)))
