"""The kinds of error: what each does to a record. A function has the name of its kind in content/kinds.csv.

Each takes a Case and gives the wrong values, the telling field first, or None when the record does not suit it. The key
"also" holds findings on other records: (check, place of the record, field).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cdmlib.demo.generate import Rng, Subject, age, between, pick
from cdmlib.demo.lists import Row, by, days, known, parts, rows, written

VITAL_SIGNS = ("SYSBP", "DIABP", "PULSE", "TEMP", "WEIGHT", "HEIGHT")


@dataclass(frozen=True)
class Case:
    """A record that may take an error: its right values at a cut-off, its subject, and the records of that form."""

    index: int
    v: Row
    subject: Subject
    as_of: date
    form: tuple[tuple[int, Row | None], ...]  # all records of the subject's form in order; None when not yet entered
    events: int  # how many adverse events the subject has in all
    rng: Rng

    @property
    def place(self) -> int:
        return [index for index, _ in self.form].index(self.index)

    def neighbour(self, step: int) -> tuple[int, Row | None]:
        """The record before (-1) or after (1) on the form; its values are None when it is not there."""
        place = self.place + step
        return self.form[place] if 0 <= place < len(self.form) else (-1, None)


def _blank(field: str) -> Callable[[Case], Row | None]:
    return lambda c: {field: ""} if c.v.get(field) else None


dose_missing = _blank("EXDSTXT")
sex_missing = _blank("SEX")
consent_missing = _blank("RFICDAT")
ae_term_missing = _blank("AETERM")
ae_severity_missing = _blank("AESEV")
ae_start_missing = _blank("AESTDAT")
cm_name_missing = _blank("CMTRT")
cm_dose_without_unit = _blank("CMDOSU")
lb_unit_missing = _blank("LBORRESU")
race_missing = _blank("RACE")
dose_unit_missing = _blank("EXDOSU")
dose_frequency_missing = _blank("EXDOSFRQ")


def eligibility_not_answered(c: Case) -> Row | None:
    return {"IEYN": ""} if c.v["IEYN"] == "Y" else None


def eligible_with_criterion(c: Case) -> Row | None:
    return {"IEYN": "Y"} if c.v["IEYN"] == "N" and c.v["IETESTCD"] else None


def criterion_not_named(c: Case) -> Row | None:
    return {"IETESTCD": "", "IETEST": ""} if c.v["IEYN"] == "N" and c.v["IETESTCD"] else None


def country_of_other_site(c: Case) -> Row | None:
    return {"COUNTRY": "FRA" if c.v["COUNTRY"] == "USA" else "USA"}


def text_with_space_at_end(c: Case) -> Row | None:
    return {"MHTERM": c.v["MHTERM"] + " "}


def text_with_damaged_letter(c: Case) -> Row | None:
    return {"MHTERM": c.v["MHTERM"].replace("y", "Ã½").replace("i", "Ã\xad", 1)} if "y" in c.v["MHTERM"] else None


def _plain(c: Case) -> bool:
    """An event that no other check looks at."""
    return c.v["AESER"] == "N" and c.v["AEACN"] in ("DOSE NOT CHANGED", "NOT APPLICABLE")


def _ended(c: Case, prefix: str = "AE", lasting: int = 1) -> bool:
    start, end = known(c.v[f"{prefix}STDAT"]), known(c.v[f"{prefix}ENDAT"])
    return bool(start and end and (end - start).days >= lasting and c.v[f"{prefix}ONGO"] == "N")


def ae_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 2, 9))
    if not day or day + days(4) > c.as_of or not _plain(c) or not _ended(c) or c.v["AECONTRT"] != "N":
        return None
    return {"AESTDAT": written(day), "AEENDAT": written(day + days(3))}


def data_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 3, 12))
    fits = day and day < c.as_of and c.neighbour(1)[0] < 0 and c.v["VSDAT"]
    return {"VSDAT": written(day), "also": (("VS012", c.index, ""),)} if fits else None


def two_dispositions(c: Case) -> Row | None:
    day = c.subject.left + days(5)
    if c.v["DSSCAT"] != "STUDY PARTICIPATION" or c.v["DSDECOD"] != "COMPLETED" or day > c.as_of:
        return None
    return {"DSDECOD": "WITHDRAWAL BY SUBJECT", "DSTERM": "Withdrew consent", "DSSTDAT": written(day)}


def death_date_missing(c: Case) -> Row | None:
    return {"DTHDAT": ""} if c.v["DTHDAT"] and c.v["DSSCAT"] == "STUDY PARTICIPATION" else None


def death_against_other_disposition(c: Case) -> Row | None:
    return {"DSDECOD": "WITHDRAWAL BY SUBJECT"} if c.v["DTHDAT"] and c.v["DSSCAT"] == "STUDY PARTICIPATION" else None


def dosing_after_disposition(c: Case) -> Row | None:
    if c.v["DSSCAT"] != "STUDY PARTICIPATION" or not c.subject.first_dose or c.subject.death:
        return None
    return {"DSSTDAT": written(c.subject.last_dose - days(between(c.rng, 2, 9)))}


def randomised_twice(c: Case) -> Row | None:
    day = c.subject.first_dose and c.subject.first_dose + days(between(c.rng, 1, 5))
    return {"DSSTDAT": written(day)} if c.v["DSDECOD"] == "RANDOMIZED" and day <= c.as_of else None


def disposition_date_missing(c: Case) -> Row | None:
    return {"DSSTDAT": ""} if c.v["DSSCAT"] == "STUDY PARTICIPATION" and not c.v["DTHDAT"] else None


def dosing_start_after_end(c: Case) -> Row | None:
    start, end = known(c.v["EXSTDAT"]), known(c.v["EXENDAT"])
    fits = c.neighbour(1)[0] < 0 and c.neighbour(-1)[1] and end and (end - start).days > 10 and not c.subject.death
    return {"EXENDAT": written(start - days(between(c.rng, 2, 6)))} if fits else None


def dosing_overlap(c: Case) -> Row | None:
    before = c.neighbour(-1)[1]
    end = before and known(before["EXENDAT"])
    fits = end and known(c.v["EXSTDAT"]) == end + days(1) and (end - known(before["EXSTDAT"])).days > 10
    return {"EXSTDAT": written(end - days(between(c.rng, 2, 6)))} if fits else None


def dosing_gap(c: Case) -> Row | None:
    start, before, day = known(c.v["EXSTDAT"]), c.neighbour(-1)[1], between(c.rng, 10, 16)
    fits = (
        before
        and before["EXENDAT"] == written(start - days(1))
        and start + days(day + 5) < (known(c.v["EXENDAT"]) or c.as_of)
    )
    return {"EXSTDAT": written(start + days(day))} if fits else None


def dosed_before_consent(c: Case) -> Row | None:
    if c.place or len([values for _, values in c.form if values]) > 1:
        return None
    return {"EXSTDAT": written(c.subject.consent - days(between(c.rng, 2, 6)))}


def dosed_before_randomisation(c: Case) -> Row | None:
    if c.place or len([values for _, values in c.form if values]) > 1:
        return None
    day = c.subject.first_dose - days(between(c.rng, 1, 3))
    return {"EXSTDAT": written(day)} if day > c.subject.consent else None


def visit_out_of_window(c: Case) -> Row | None:
    day, visit = known(c.v["SVSTDAT"]), by("visits", "name")
    folders = {c.subject.visits[folder]: folder for folder in c.subject.visits}
    late = {"W08": 5, "W12": 5, "W16": 7}.get(folders.get(day, ""))
    if not late or not visit:
        return None
    planned = c.subject.first_dose + days({"W08": 56, "W12": 84, "W16": 112}[folders[day]])
    moved = planned + days(late + between(c.rng, 2, 6))
    after = min((other for other in c.subject.visits.values() if other > day), default=date.max)
    return {"SVSTDAT": written(moved)} if moved < min(after, c.as_of) else None


def visits_out_of_order(c: Case) -> Row | None:
    day, before = known(c.v["SVSTDAT"]), c.neighbour(-1)[1]
    earlier = before and known(before["SVSTDAT"])
    if (
        not earlier
        or day not in (c.subject.visits.get("W04"), c.subject.visits.get("W08"))
        or c.subject.visits.get("UNS")
    ):
        return None
    return (
        {"SVSTDAT": written(earlier - days(between(c.rng, 2, 5)))}
        if earlier > c.subject.first_dose + days(10)
        else None
    )


def demographics_twice(c: Case) -> Row | None:
    day = known(c.v["DMDAT"]) + days(1)
    return {"DMDAT": written(day)} if day <= c.as_of else None


def age_out_of_range(c: Case) -> Row | None:
    birth = date(c.subject.consent.year - 16, c.subject.birth.month, min(c.subject.birth.day, 28))
    return {"AGE": str(age(birth, c.subject.consent)), "BRTHDAT": written(birth)}


def age_against_birth_date(c: Case) -> Row | None:
    swapped = c.v["AGE"][::-1]
    return {"AGE": swapped} if abs(int(swapped) - int(c.v["AGE"])) >= 9 and 19 <= int(swapped) <= 95 else None


def ae_before_consent(c: Case) -> Row | None:
    fits = _plain(c) and known(c.v["AESTDAT"])
    return {"AESTDAT": written(c.subject.consent - days(between(c.rng, 2, 25)))} if fits else None


def ae_start_after_end(c: Case) -> Row | None:
    return {"AESTDAT": c.v["AEENDAT"], "AEENDAT": c.v["AESTDAT"]} if _plain(c) and _ended(c, lasting=3) else None


def ae_partial_start_after_end(c: Case) -> Row | None:
    if not _plain(c) or not _ended(c):
        return None
    later = known(c.v["AEENDAT"]).replace(day=28) + days(10)
    return {"AESTDAT": f"UN {written(later)[3:]}"} if later < c.as_of - days(20) else None


def ae_ongoing_with_end(c: Case) -> Row | None:
    return {"AEONGO": "Y"} if _plain(c) and _ended(c) else None


def ae_neither_end_nor_ongoing(c: Case) -> Row | None:
    return {"AEONGO": ""} if _plain(c) and c.v["AEONGO"] == "Y" else None


def fatal_without_death_date(c: Case) -> Row | None:
    fits = _plain(c) and _ended(c) and not c.subject.death
    return {"AEOUT": "FATAL", "AESER": "Y", "AESDTH": "Y", "AESEV": "SEVERE"} if fits else None


def criterion_without_serious(c: Case) -> Row | None:
    return {"AESHOSP": "Y"} if _plain(c) else None


def serious_without_criterion(c: Case) -> Row | None:
    return {"AESER": "Y"} if _plain(c) else None


def ae_duplicate(c: Case) -> Row | None:
    if not _plain(c) or not (_ended(c, lasting=4) or c.v["AEONGO"] == "Y"):
        return None
    start = known(c.v["AESTDAT"]) + days(1)
    return {"AETERM": c.v["AETERM"].upper(), "AESPID": str(len(c.form) + 1), "AESTDAT": written(start)}


def death_against_outcome(c: Case) -> Row | None:
    return {"AESDTH": "N"} if c.v["AEOUT"] == "FATAL" else None


def ae_duplicate_in_other_words(c: Case) -> Row | None:
    wrong = ae_duplicate(c)
    return wrong and wrong | {"AETERM": f"Episode of {c.v['AETERM'].lower()}", "AECONTRT": "N"}


def ae_severity_mistaken(c: Case) -> Row | None:
    return {"AESEV": "MILD"} if c.v["AESEV"] == "MODERATE" and _plain(c) else None


def drug_withdrawn_without_disposition(c: Case) -> Row | None:
    fits = c.v["AEACN"] == "DOSE NOT CHANGED" and c.v["AESER"] == "N" and c.subject.fate == "COMPLETED"
    return {"AEACN": "DRUG WITHDRAWN"} if fits else None


def outcome_against_end_date(c: Case) -> Row | None:
    if not _plain(c):
        return None
    if c.v["AEONGO"] == "Y":
        return {"AEOUT": "RECOVERED/RESOLVED"}
    return {"AEOUT": "NOT RECOVERED/NOT RESOLVED"} if c.v["AEENDAT"] else None


def cm_start_after_end(c: Case) -> Row | None:
    fits = _ended(c, "CM", 3) and not c.subject.death
    return {"CMSTDAT": c.v["CMENDAT"], "CMENDAT": c.v["CMSTDAT"]} if fits else None


def cm_ongoing_with_end(c: Case) -> Row | None:
    return {"CMONGO": "Y"} if c.v["CMENDAT"] and not c.subject.death else None


def cm_duplicate(c: Case) -> Row | None:
    if c.v["CMONGO"] != "Y" or c.subject.death:
        return None
    return {"CMTRT": c.v["CMTRT"].upper(), "CMSPID": str(len(c.form) + 1)}


def mh_after_consent(c: Case) -> Row | None:
    day = c.subject.consent + days(between(c.rng, 3, 30))
    return {"MHSTDAT": written(day)} if c.v["MHONGO"] == "Y" and day < min(c.as_of, c.subject.left) else None


def mh_ongoing_with_end(c: Case) -> Row | None:
    return {"MHENDAT": written(c.subject.consent - days(between(c.rng, 20, 60)))} if c.v["MHONGO"] == "Y" else None


def mh_start_after_end(c: Case) -> Row | None:
    end, start = known(c.v["MHENDAT"]), parts(c.v["MHSTDAT"])
    wrong = end and date(end.year - 3, end.month, min(end.day, 28))
    return {"MHENDAT": written(wrong)} if end and int(start[0]) > wrong.year else None


def vs_blood_pressure_swapped(c: Case) -> Row | None:
    upper, lower = c.v.get("SYSBP"), c.v.get("DIABP")
    if not upper or not lower or int(lower) < 72 or int(upper) > 118:
        return None
    far_off = tuple(("VS013", c.index, field) for field in ("SYSBP", "DIABP"))  # from the visits before and after
    return {"SYSBP": lower, "DIABP": upper, "also": far_off}


def vs_implausible(c: Case) -> Row | None:
    return {"PULSE": c.v["PULSE"] + "0"} if c.v.get("PULSE") else None


def vs_pulse_misread(c: Case) -> Row | None:
    return {"PULSE": f"{c.v['PULSE'][:-1]}7"} if c.v.get("PULSE", "").endswith("1") else None


def vs_weight_jump(c: Case) -> Row | None:
    before = [values["WEIGHT"] for _, values in c.form[: c.place] if values and values.get("WEIGHT")]
    after = [index for index, _ in c.form[c.place + 1 :]]
    if not c.v.get("WEIGHT") or not before:
        return None
    return {
        "WEIGHT": f"{float(c.v['WEIGHT']) * 1.18:.1f}",
        "also": tuple(("VS003", index, "WEIGHT") for index in after[:1]),
    }


def vs_missing(c: Case) -> Row | None:
    field = pick(c.rng, ("PULSE", "TEMP", "DIABP"))
    return {field: "", f"{field}_UN": ""} if c.v.get(field) else None


def vs_height_changed(c: Case) -> Row | None:
    if not c.v.get("HEIGHT") or not c.place:
        return None
    off = 4 if c.v["HEIGHT_UN"] == "in" else 10
    return {"HEIGHT": f"{float(c.v['HEIGHT']) - off:.{1 if off == 4 else 0}f}"}


def vs_result_though_not_done(c: Case) -> Row | None:
    field = pick(c.rng, ("TEMP", "WEIGHT", "PULSE"))
    return {f"{field}ND": "1"} if c.v.get(field) else None


def vs_results_though_not_performed(c: Case) -> Row | None:
    tests = [test for test in VITAL_SIGNS if c.v[test]]
    also = tuple((check, c.index, test) for check in ("VS006", "VS007") for test in tests)
    return {"VSPERF": "N", "also": also} if len(tests) >= 5 else None


def lb_missing(c: Case) -> Row | None:
    return {"LBORRES": "", "LBCLSIG": ""} if c.v.get("LBORRES") else None


def lb_text(c: Case) -> Row | None:
    return {"LBORRES": pick(c.rng, ("see report", "haemolysed", "normal"))} if c.v.get("LBORRES") else None


def _within(v: Row, result: float) -> bool:
    return float(v["LBORNRLO"]) <= result <= float(v["LBORNRHI"])


def lb_factor(c: Case) -> Row | None:
    suits = c.v["LBTESTCD"] in ("K", "CA", "ALB", "GLUC", "CREAT", "HGB") and c.v["LBORRES"]
    if not suits or not _within(c.v, float(c.v["LBORRES"])):
        return None
    digits = max(0, len(c.v["LBORRES"].partition(".")[2]) - 1)
    wrong = {"LBORRES": f"{float(c.v['LBORRES']) * 10:.{digits}f}", "LBCLSIG": "N"}
    return wrong | {"also": tuple((check, c.index, "") for check in ("LB015", "LB019", "LB039"))}


def _compared(c: Case) -> bool:
    """The subject has two other results of the test near this one, so that one that is far off stands out."""
    others = [row["LBORRES"] for i, row in c.form if row and i != c.index and row["LBTESTCD"] == c.v["LBTESTCD"]]
    near = [float(text) for text in others if text]
    return len(near) >= 2 and all(0.8 < result / float(c.v["LBORRES"]) < 1.25 for result in near)


def lb_factor_within_limits(c: Case) -> Row | None:
    if c.v["LBTESTCD"] not in ("ALT", "AST", "BILI") or not c.v["LBORRES"] or not _compared(c):
        return None
    result, high = float(c.v["LBORRES"]) * 10, float(c.v["LBORNRHI"])
    digits = len(c.v["LBORRES"].partition(".")[2])
    return {"LBORRES": f"{result:.{digits}f}", "LBCLSIG": "N"} if 2 * high < result < 4.5 * high else None


def lb_before_consent(c: Case) -> Row | None:
    fits = known(c.v["LBDAT"]) == c.subject.visits["SCR"]
    return {"LBDAT": written(c.subject.consent - days(between(c.rng, 5, 28)))} if fits else None


def lb_duplicate(c: Case) -> Row | None:
    if not c.v.get("LBORRES") or not _within(c.v, float(c.v["LBORRES"]) * 1.06):
        return None
    digits = len(c.v["LBORRES"].partition(".")[2])
    other = f"{float(c.v['LBORRES']) * 1.06:.{digits}f}"
    return {"LBORRES": other, "LBCLSIG": ""} if other != c.v["LBORRES"] else None


def date_unreadable(c: Case) -> Row | None:
    year = parts(c.v["MHSTDAT"])[0]
    return (
        {"MHSTDAT": pick(c.rng, (f"31 FEB {year}", f"spring {year}", f"12 MRZ {year}"))}
        if c.v["MHONGO"] == "Y"
        else None
    )


def date_in_future(c: Case) -> Row | None:
    end = known(c.v["CMENDAT"])
    return (
        {"CMENDAT": written(date(end.year + 10, end.month, min(end.day, 28)))} if end and not c.subject.death else None
    )


def number_as_text(c: Case) -> Row | None:
    return {"WEIGHT": c.v["WEIGHT"].replace(".", ",")} if "." in c.v.get("WEIGHT", "") else None


def age_as_text(c: Case) -> Row | None:
    return (
        {"AGE": {"60": "sixty", "65": "sixty-five", "70": "seventy"}[c.v["AGE"]]}
        if c.v["AGE"] in ("60", "65", "70")
        else None
    )


def outside_code_list(c: Case) -> Row | None:
    return (
        {"AESEV": "SEVER"}
        if c.v["AESEV"] == "SEVERE" and c.v["AESER"] == "N"
        else {"AESEV": "MITTEL"}
        if c.v["AESEV"] == "MODERATE" and _plain(c)
        else None
    )


def sex_outside_code_list(c: Case) -> Row | None:
    return {"SEX": "W"} if c.v["SEX"] == "F" and c.subject.site["country"] == "DE" else None


def ae_term_misspelt(c: Case) -> Row | None:
    return (
        {"AETERM": by("ae_terms", "term")[c.v["AETERM"]]["misspelt"]}
        if c.v["AETERM"] in by("ae_terms", "term")
        else None
    )


def ae_number_unknown(c: Case) -> Row | None:
    return {"CMAENO": str(int(c.v["CMAENO"]) + 20)} if c.v["CMAENO"] else None


def value_in_other_unit(c: Case) -> Row | None:
    us, result = c.subject.site["units"] == "conventional", c.v.get("LBORRES")
    if not result or c.v["LBTESTCD"] not in ("HGB", "UREA") or us != (c.v["LBTESTCD"] == "HGB") or not _compared(c):
        return None
    wrong = float(result) * (0.6206 if us else 2.801)
    if _within(c.v, wrong) or wrong > 5 * float(c.v["LBORNRHI"]):
        return None
    return {"LBORRES": f"{wrong:.1f}", "LBCLSIG": "N", "also": (("LB019", c.index, ""),)}


def vitals_copied(c: Case) -> Row | None:
    before, tests = c.neighbour(-1)[1], ("SYSBP", "DIABP", "PULSE", "TEMP", "WEIGHT")
    if (
        c.place < 2
        or not before
        or not all(before.get(test) and c.v.get(test) for test in tests)
        or before["SYSBP"] == c.v["SYSBP"]
    ):
        return None
    return {test: before[test] for test in tests}


def dose_reduced_without_dosing_change(c: Case) -> Row | None:
    fits = c.v["AEACN"] == "DOSE NOT CHANGED" and c.v["AESER"] == "N"
    return {"AEACN": "DOSE REDUCED"} if fits else None


def condition_of_other_sex(c: Case) -> Row | None:
    terms = [row["term"] for row in rows("mh_terms") if row["sex"] and row["sex"] != c.subject.sex]
    return (
        {"MHTERM": pick(c.rng, terms)}
        if c.v["MHTERM"] in ("Obesity", "Gout", "Varicose veins", "Chronic kidney disease")
        else None
    )


def _blank_of_plain(field: str) -> Callable[[Case], Row | None]:
    return lambda c: {field: ""} if c.v.get(field) and _plain(c) else None


ae_serious_missing = _blank_of_plain("AESER")
ae_outcome_missing = _blank_of_plain("AEOUT")


def _other_term(term: str) -> Callable[[Case], Row | None]:
    """Another term for an event that no medication refers to."""
    return lambda c: {"AETERM": term} if c.v["AETERM"] and _plain(c) and c.v["AECONTRT"] == "N" else None


ae_term_general = _other_term("Pain")
ae_terms_together = _other_term("Nausea and dizziness")


def cm_indication_missing(c: Case) -> Row | None:
    return {"CMINDC": "", "CMMHNO": ""} if c.v["CMMHNO"] else None


def mh_number_unknown(c: Case) -> Row | None:
    return {"CMMHNO": str(int(c.v["CMMHNO"]) + 30)} if c.v["CMMHNO"] else None


def cm_before_condition(c: Case) -> Row | None:
    return {"CMSTDAT": "UN UNK 1995"} if c.v["CMMHNO"] else None


def cm_is_study_treatment(c: Case) -> Row | None:
    fits = c.v["CMMHNO"] and c.v["CMONGO"] == "Y" and c.subject.first_dose
    return {"CMTRT": "Tarvocardine"} if fits else None


def cm_dose_factor(c: Case) -> Row | None:
    return {"CMDSTXT": f"{float(c.v['CMDSTXT']) * 1000:g}"} if c.v["CMTRT"] in ("Bisoprolol", "Ramipril") else None


def mh_before_birth(c: Case) -> Row | None:
    return {"MHSTDAT": f"UN UNK {c.subject.birth.year - 2}"} if c.v["MHONGO"] == "Y" else None


def mh_duplicate(c: Case) -> Row | None:
    return {"MHTERM": c.v["MHTERM"].upper(), "MHSPID": str(len(c.form) + 1)} if c.v["MHONGO"] == "Y" else None


def mh_terms_together(c: Case) -> Row | None:
    return {"MHTERM": f"{c.v['MHTERM']} and sleep apnoea"} if c.v["MHONGO"] == "Y" else None


def _treated(c: Case) -> bool:
    day = known(c.v["LBDAT"])
    return bool(day and c.subject.first_dose and day > c.subject.first_dose)


def lb_significant_without_event(c: Case) -> Row | None:
    return {"LBCLSIG": "Y"} if c.v["LBCLSIG"] == "N" and not c.events and _treated(c) else None


def lb_significance_missing(c: Case) -> Row | None:
    return {"LBCLSIG": ""} if c.v["LBCLSIG"] == "N" else None


def lb_significant_within_range(c: Case) -> Row | None:
    return {"LBCLSIG": "Y"} if c.v["LBORRES"] and _within(c.v, float(c.v["LBORRES"])) else None


def lb_range_exchanged(c: Case) -> Row | None:
    low, high = c.v["LBORNRLO"], c.v["LBORNRHI"]
    return {"LBORNRLO": high, "LBORNRHI": low} if c.v["LBTESTCD"] == "K" and low else None


def lb_range_missing(c: Case) -> Row | None:
    return {"LBORNRLO": "", "LBORNRHI": ""} if c.v["LBTESTCD"] == "ALT" and c.v["LBORNRLO"] else None


def lb_unit_of_other_sites(c: Case) -> Row | None:
    return {"LBORRESU": "mEq/L"} if c.v["LBTESTCD"] == "SODIUM" and c.v["LBORRESU"] == "mmol/L" else None


def lb_negative(c: Case) -> Row | None:
    fits = c.v["LBTESTCD"] in ("CREAT", "GLUC") and c.v["LBORRES"]
    return {"LBORRES": f"-{c.v['LBORRES']}", "LBCLSIG": "N"} if fits else None


def lb_haemoglobin_mistyped(c: Case) -> Row | None:
    if c.v["LBTESTCD"] != "HGB" or not c.v["LBORRES"] or c.subject.site["units"] == "conventional":
        return None
    return {"LBORRES": f"{float(c.v['LBORRES']) * 0.62:.0f}", "LBCLSIG": "N"}


def lb_entered_twice(c: Case) -> Row | None:
    return {"LBORRES": c.v["LBORRES"]} if c.v["LBORRES"] and c.v["LBCLSIG"] != "Y" else None


def lb_result_though_not_done(c: Case) -> Row | None:
    return {"LBSTAT": "NOT DONE"} if c.v["LBORRES"] else None


def lb_date_missing(c: Case) -> Row | None:
    return {"LBDAT": ""} if c.v["LBORRES"] and c.v["LBCLSIG"] != "Y" else None


def lb_after_end_of_study(c: Case) -> Row | None:
    day = c.subject.left and c.subject.left + days(between(c.rng, 40, 55))
    fits = day and day < c.as_of and c.subject.fate == "COMPLETED" and c.v["LBCLSIG"] != "Y"
    return {"LBDAT": written(day)} if fits and known(c.v["LBDAT"]) == c.subject.visits.get("EOS") else None


def lb_date_against_visit(c: Case) -> Row | None:
    day = known(c.v["LBDAT"]) + days(between(c.rng, 12, 20))
    fits = day < c.as_of and c.v["LBCLSIG"] != "Y" and known(c.v["LBDAT"]) == c.subject.visits.get("W04")
    return {"LBDAT": written(day)} if fits else None


def lb_fasting_missing(c: Case) -> Row | None:
    return {"LBFAST": ""} if c.v["LBTESTCD"] == "GLUC" and c.v["LBORRES"] else None


def lb_critical_without_event(c: Case) -> Row | None:
    fits = c.v["LBTESTCD"] == "K" and c.v["LBORRES"] and not c.events and _treated(c)
    return {"LBORRES": "7.2", "LBCLSIG": "N"} if fits else None


def vs_date_missing(c: Case) -> Row | None:
    return {"VSDAT": ""} if c.v["VSDAT"] and c.v["DIABP"] else None


def vs_before_consent(c: Case) -> Row | None:
    fits = known(c.v["VSDAT"]) == c.subject.visits["SCR"]
    return {"VSDAT": written(c.subject.consent - days(between(c.rng, 5, 28)))} if fits else None


def vs_date_against_visit(c: Case) -> Row | None:
    day = c.v["VSDAT"] and known(c.v["VSDAT"]) + days(between(c.rng, 8, 12))
    fits = day and day < c.as_of and c.v["DIABP"] and known(c.v["VSDAT"]) == c.subject.visits.get("W04")
    return {"VSDAT": written(day)} if fits else None


def vs_pulse_jump(c: Case) -> Row | None:
    before, after = c.neighbour(-1)[1], c.neighbour(1)[1]
    if not before or not after or not before["PULSE"] or not after["PULSE"] or not c.v["PULSE"]:
        return None
    return {"PULSE": str(max(int(before["PULSE"]), int(after["PULSE"])) + 64)}


def vs_pressures_close(c: Case) -> Row | None:
    return {"SYSBP": str(int(c.v["DIABP"]) + 6)} if c.v["SYSBP"] and int(c.v["DIABP"]) >= 70 else None


def vs_unit_missing(c: Case) -> Row | None:
    return {"PULSE_UN": ""} if c.v["PULSE"] else None


def vs_unit_unknown(c: Case) -> Row | None:
    return {"WEIGHT_UN": "stone"} if c.v["WEIGHT"] else None


def ae_two_events_in_one_term(c: Case) -> Row | None:
    known = c.v["AETERM"] in {row["llt"] for row in rows("dictionary_terms")} - {"Nausea", "Vomiting"}
    return {"AETERM": f"{c.v['AETERM']} and nausea"} if known else None


def ae_term_no_longer_current(c: Case) -> Row | None:
    old = [row["llt"] for row in rows("dictionary_terms") if row["pt"] == c.v["AETERM"] and row["current"] == "N"]
    return {"AETERM": old[0]} if old else None


