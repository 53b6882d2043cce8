"""What goes wrong in a record. Kinds that the demo study plants as well are in cdmlib/demo/kinds.py and are used from there.

A function has the name of its kind in kinds.csv, takes a Case and gives the wrong values, or None when the record does not
suit it. Keys beside field names: `others` are changes to further records, `drop` are records that were never entered,
`subject` is the subject that the record was entered under by mistake. The words in the column `how` of kinds.csv that take
fields (`blank AESER`, `times LBORRES 10`) are at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cdmlib.demo import kinds
from cdmlib.demo.generate import Record, between, pick
from cdmlib.demo.lists import Row, by, days, known, parts, written

TESTS = ("SYSBP", "DIABP", "PULSE", "TEMP", "WEIGHT", "HEIGHT")


@dataclass(frozen=True)
class Case(kinds.Case):
    """A record that may take an error, with what else the subject has and who else is there."""

    record: Record
    of: Callable[[str], tuple[tuple[int, Row, str], ...]]  # form → the subject's records: place, right values, folder
    people: tuple[str, ...]  # subjects that this kind of error is planted among

    def at_visit(self, form: str) -> tuple[tuple[int, Row, str], ...]:
        return tuple(item for item in self.of(form) if item[2] == self.record.visit)


def _lasts(c: Case, prefix: str, at_least: int) -> bool:
    start, end = known(c.v[f"{prefix}STDAT"]), known(c.v[f"{prefix}ENDAT"])
    return bool(start and end and (end - start).days >= at_least)


# ── demographics ────────────────────────────────────────────────────────────────────────────────────────────────


def birth_year_transposed(c: Case) -> Row | None:
    """1957 becomes 1975; the age was entered by hand and stays."""
    year = str(c.subject.birth.year)
    wrong = int(year[:2] + year[3] + year[2])
    if abs(wrong - c.subject.birth.year) < 9 or not 19 <= c.subject.consent.year - wrong <= 89:
        return None
    return {"BRTHDAT": written(date(wrong, c.subject.birth.month, min(c.subject.birth.day, 28)))}


def birth_day_and_month_exchanged(c: Case) -> Row | None:
    born = c.subject.birth
    if born.day > 12 or born.day == born.month:
        return None
    return {"BRTHDAT": written(date(born.year, born.day, born.month))}


def birth_in_wrong_century(c: Case) -> Row | None:
    return {"BRTHDAT": written(date(c.subject.birth.year + 100, c.subject.birth.month, min(c.subject.birth.day, 28)))}


def consent_after_screening(c: Case) -> Row | None:
    """The month of the consent is one too late: blood was drawn before it, says the form."""
    day = c.subject.consent + days(30)
    return {"RFICDAT": written(day)} if day <= c.as_of else None


def consent_year_not_changed(c: Case) -> Row | None:
    """In January the old year is written: consent a year before screening."""
    return {
        "RFICDAT": written(date(c.subject.consent.year - 1, c.subject.consent.month, min(c.subject.consent.day, 28)))
    }


def country_of_other_site(c: Case) -> Row | None:
    return {"COUNTRY": pick(c.rng, [code for code in ("DEU", "FRA", "POL", "USA") if code != c.v["COUNTRY"]])}


def sex_exchanged(c: Case) -> Row | None:
    return {"SEX": "F" if c.v["SEX"] == "M" else "M"}


# ── adverse events ──────────────────────────────────────────────────────────────────────────────────────────────


def ae_day_and_month_exchanged(c: Case) -> Row | None:
    """4 March entered as 3 April by a site that writes the month first; still a plausible date."""
    start, end = known(c.v["AESTDAT"]), known(c.v["AEENDAT"])
    if not start or start.day > 12 or start.day == start.month:
        return None
    wrong = date(start.year, start.day, start.month)
    if not c.subject.consent < wrong < (end or c.as_of) or wrong > (c.subject.left or c.as_of):
        return None
    return {"AESTDAT": written(wrong)}


def ae_29_february(c: Case) -> Row | None:
    """29 February of a year that has none."""
    start = known(c.v["AESTDAT"])
    fits = start and start.year == 2023 and kinds._plain(c)
    return {"AESTDAT": "29 FEB 2023"} if fits else None


def fatal_but_not_serious(c: Case) -> Row | None:
    return {"AESER": "N", "AESDTH": "", "AESHOSP": "", "AESLIFE": ""} if c.v["AEOUT"] == "FATAL" else None


def fatal_but_mild(c: Case) -> Row | None:
    return {"AESEV": "MILD"} if c.v["AEOUT"] == "FATAL" else None


def life_threatening_but_mild(c: Case) -> Row | None:
    return {"AESLIFE": "Y", "AESEV": "MILD"} if c.v["AESER"] == "Y" and c.v["AEOUT"] != "FATAL" else None


def fatal_ends_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 2, 9))
    return {"AEENDAT": written(day)} if c.v["AEOUT"] == "FATAL" and day <= c.as_of else None


def fatal_ends_before_death(c: Case) -> Row | None:
    start = known(c.v["AESTDAT"])
    fits = c.v["AEOUT"] == "FATAL" and (c.subject.death - start).days >= 3
    return {"AEENDAT": written(c.subject.death - days(2))} if fits else None


def second_fatal_event(c: Case) -> Row | None:
    """Two events of one subject are both said to have killed."""
    if not c.subject.death or c.v["AEOUT"] == "FATAL" or not any(v["AEOUT"] == "FATAL" for _, v, _ in c.of("AE")):
        return None
    day = written(c.subject.death)
    return {"AEOUT": "FATAL", "AEENDAT": day, "AEONGO": "N", "AESER": "Y", "AESDTH": "Y", "AESEV": "SEVERE"}


def event_goes_on_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 4, 12))
    fits = day and day <= c.as_of and c.v["AEENDAT"] and c.v["AEOUT"] != "FATAL"
    return {"AEENDAT": written(day)} if fits else None


def related_before_first_dose(c: Case) -> Row | None:
    start = known(c.v["AESTDAT"])
    early = start and (not c.subject.first_dose or start < c.subject.first_dose)
    return {"AEREL": "RELATED"} if early and c.v["AEREL"] == "NOT RELATED" else None


def action_before_first_dose(c: Case) -> Row | None:
    end = known(c.v["AEENDAT"])
    early = end and c.subject.first_dose and end < c.subject.first_dose
    return {"AEACN": "DRUG INTERRUPTED"} if early else None


def treatment_without_medication(c: Case) -> Row | None:
    """Treatment was given, says the event; no medication refers to it."""
    referred = {v["CMAENO"] for _, v, _ in c.of("CM")}
    return {"AECONTRT": "Y"} if c.v["AECONTRT"] == "N" and c.v["AESPID"] not in referred else None


def medication_without_treatment(c: Case) -> Row | None:
    """A medication refers to the event, which says that nothing was given."""
    referred = {v["CMAENO"] for _, v, _ in c.of("CM")}
    return {"AECONTRT": "N"} if c.v["AECONTRT"] == "Y" and c.v["AESPID"] in referred else None


def two_events_in_one_term(c: Case) -> Row | None:
    return {"AETERM": f"{c.v['AETERM']} and vomiting"} if kinds._plain(c) else None


def procedure_as_event(c: Case) -> Row | None:
    return (
        {"AETERM": pick(c.rng, ("Coronary angiography", "Appendectomy", "Blood transfusion"))}
        if kinds._plain(c)
        else None
    )


def term_cut_off(c: Case) -> Row | None:
    return {"AETERM": c.v["AETERM"][:12]} if len(c.v["AETERM"]) > 16 and kinds._plain(c) else None


def term_with_damaged_letters(c: Case) -> Row | None:
    """UTF-8 read as Latin-1 somewhere on the way."""
    term = pick(c.rng, ("Übelkeit", "Dyspnée", "Ból głowy", "Müdigkeit", "Fièvre"))
    return {"AETERM": term.encode().decode("cp1252", errors="replace")} if kinds._plain(c) else None


def term_with_lost_letters(c: Case) -> Row | None:
    """Letters that the target encoding did not have became replacement characters."""
    return (
        {"AETERM": re.sub("[aeiou]", "\N{REPLACEMENT CHARACTER}", c.v["AETERM"], count=1)} if kinds._plain(c) else None
    )


def term_is_placeholder(c: Case) -> Row | None:
    return {"AETERM": pick(c.rng, ("XXX", "test", "n/a", "see above", "???"))} if kinds._plain(c) else None


def event_number_twice(c: Case) -> Row | None:
    before = c.neighbour(-1)[1]
    referred = {v["CMAENO"] for _, v, _ in c.of("CM")}
    return {"AESPID": before["AESPID"]} if before and c.v["AESPID"] not in referred else None


def interrupted_without_gap(c: Case) -> Row | None:
    start, subject = known(c.v["AESTDAT"]), c.subject
    fits = c.v["AEACN"] == "DOSE NOT CHANGED" and c.v["AESER"] == "N" and start and subject.first_dose
    return {"AEACN": "DRUG INTERRUPTED"} if fits and subject.first_dose < start < subject.last_dose else None


def event_soon_in_future(c: Case) -> Row | None:
    fits = c.v["AEONGO"] == "Y" and kinds._plain(c) and not c.subject.death
    return {"AESTDAT": written(c.as_of + days(between(c.rng, 3, 60)))} if fits else None


def event_is_in_history(c: Case) -> Row | None:
    """A condition that the subject brought along is entered as an event as well."""
    terms = [v["MHTERM"] for _, v, _ in c.of("MH") if v["MHONGO"] == "Y"]
    return {"AETERM": pick(c.rng, terms)} if terms and kinds._plain(c) else None


def answer_in_other_language(c: Case) -> Row | None:
    return (
        {"AESER": {"DE": "Nein", "FR": "Non", "PL": "Nie"}.get(c.subject.site["country"], "Nope")}
        if c.v["AESER"] == "N"
        else None
    )


def ended_without_end_date(c: Case) -> Row | None:
    return {"AEENDAT": ""} if c.v["AEENDAT"] and kinds._plain(c) and c.v["AEONGO"] == "N" else None


def event_under_other_subject(c: Case) -> Row | None:
    """Entered in the form of another subject."""
    others = [person for person in c.people if person != c.subject.id]
    return {"subject": pick(c.rng, others)} if others and kinds._plain(c) else None


def start_in_other_calendar(c: Case) -> Row | None:
    """Day, month and year in figures, where the form asks for letters."""
    start = known(c.v["AESTDAT"])
    return {"AESTDAT": f"{start.day:02d}/{start.month:02d}/{start.year}"} if start and kinds._plain(c) else None


def unresolved_but_ended_at_death(c: Case) -> Row | None:
    """An event that had not resolved is given the date of the death as its end."""
    fits = c.subject.death and c.v["AEONGO"] == "Y" and c.v["AEOUT"] == "NOT RECOVERED/NOT RESOLVED"
    return {"AEENDAT": written(c.subject.death), "AEONGO": "N"} if fits else None


# ── medications and history ─────────────────────────────────────────────────────────────────────────────────────


def dose_of_medication_times_ten(c: Case) -> Row | None:
    return {"CMDSTXT": f"{float(c.v['CMDSTXT']) * 10:g}"} if c.v["CMDSTXT"] else None


def milligrams_as_grams(c: Case) -> Row | None:
    return {"CMDOSU": "g"} if c.v["CMDOSU"] == "mg" and float(c.v["CMDSTXT"] or 0) >= 20 else None


def dose_in_words(c: Case) -> Row | None:
    return {"CMDSTXT": pick(c.rng, ("1 tablet", "half", "one puff"))} if c.v["CMDSTXT"] else None


def history_number_unknown(c: Case) -> Row | None:
    return {"CMMHNO": str(int(c.v["CMMHNO"]) + 40)} if c.v["CMMHNO"] else None


def medication_before_event(c: Case) -> Row | None:
    """Given for an event that began only weeks later."""
    start = known(c.v["CMSTDAT"])
    return {"CMSTDAT": written(start - days(between(c.rng, 20, 60)))} if c.v["CMAENO"] and start else None


def medication_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 4, 20))
    return {"CMENDAT": written(day)} if day and day <= c.as_of and c.v["CMENDAT"] == written(c.subject.death) else None


def medication_ongoing_after_death(c: Case) -> Row | None:
    fits = c.subject.death and c.v["CMENDAT"] == written(c.subject.death)
    return {"CMENDAT": "", "CMONGO": "Y"} if fits else None


def medication_starts_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 1, 6))
    fits = day and day + days(9) <= c.as_of and c.v["CMENDAT"] == written(c.subject.death)
    return {"CMSTDAT": written(day), "CMENDAT": written(day + days(2))} if fits else None


def medication_misspelt(c: Case) -> Row | None:
    name = c.v["CMTRT"]
    return {"CMTRT": name[:2] + name[3] + name[2] + name[4:]} if len(name) > 6 and name[2] != name[3] else None


def ongoing_left_empty(c: Case) -> Row | None:
    return {"CMONGO": ""} if c.v["CMONGO"] == "Y" and not c.v["CMENDAT"] else None


def history_ongoing_left_empty(c: Case) -> Row | None:
    return {"MHONGO": ""} if c.v["MHONGO"] == "Y" and not c.v["MHENDAT"] else None


def medication_in_future(c: Case) -> Row | None:
    fits = c.v["CMONGO"] == "Y" and not c.v["CMAENO"] and not c.subject.death
    return {"CMSTDAT": written(c.as_of + days(between(c.rng, 5, 300)))} if fits else None


def history_before_birth(c: Case) -> Row | None:
    return {"MHSTDAT": f"UN UNK {c.subject.birth.year - between(c.rng, 1, 9)}"}


def history_in_future(c: Case) -> Row | None:
    found = parts(c.v["MHSTDAT"])
    return {"MHSTDAT": f"UN UNK {int(found[0]) + 20}"} if found and c.v["MHONGO"] == "Y" else None


def history_twice(c: Case) -> Row | None:
    return {"MHTERM": c.v["MHTERM"].upper(), "MHSPID": str(len(c.form) + 1)} if c.v["MHONGO"] == "Y" else None


def history_number_twice(c: Case) -> Row | None:
    before = c.neighbour(-1)[1]
    referred = {v["CMMHNO"] for _, v, _ in c.of("CM")}
    return {"MHSPID": before["MHSPID"]} if before and c.v["MHSPID"] not in referred else None


# ── disposition, dosing, visits, eligibility ────────────────────────────────────────────────────────────────────


def randomised_before_consent(c: Case) -> Row | None:
    return (
        {"DSSTDAT": written(c.subject.consent - days(between(c.rng, 3, 20)))}
        if c.v["DSDECOD"] == "RANDOMIZED"
        else None
    )


def screen_failure_but_dosed(c: Case) -> Row | None:
    fits = c.v["DSSCAT"] == "STUDY PARTICIPATION" and c.subject.first_dose and not c.subject.death
    return {"DSDECOD": "SCREEN FAILURE", "DSTERM": "Eligibility criteria not met"} if fits else None


def death_dates_differ(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 2, 9))
    return {"DTHDAT": written(day)} if c.v["DSSCAT"] == "STUDY TREATMENT" and day and day <= c.as_of else None


def death_in_future(c: Case) -> Row | None:
    day = c.subject.death and date(c.subject.death.year + 1, c.subject.death.month, min(c.subject.death.day, 28))
    fits = day and day > c.as_of and c.v["DSSCAT"] == "STUDY PARTICIPATION"
    return {"DTHDAT": written(day), "DSSTDAT": written(day)} if fits else None


def visit_after_disposition(c: Case) -> Row | None:
    """The end of participation is dated before the last visit, though after the last dose."""
    last = max(c.subject.visits.values())
    fits = c.v["DSSCAT"] == "STUDY PARTICIPATION" and c.v["DSDECOD"] == "COMPLETED" and c.subject.last_dose
    day = last - days(between(c.rng, 4, 12))
    return {"DSSTDAT": written(day)} if fits and day > c.subject.last_dose else None


def randomisation_not_entered(c: Case) -> Row | None:
    return {"drop": (c.index,)} if c.v["DSDECOD"] == "RANDOMIZED" else None


def participation_not_ended(c: Case) -> Row | None:
    """The subject completed months ago and the disposition page was never filled in."""
    fits = c.v["DSSCAT"] == "STUDY PARTICIPATION" and c.v["DSDECOD"] == "COMPLETED"
    return {"drop": (c.index,)} if fits and (c.as_of - c.subject.left).days > 30 else None


def completed_though_left_early(c: Case) -> Row | None:
    fits = c.v["DSSCAT"] == "STUDY PARTICIPATION" and c.v["DSDECOD"] in ("WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP")
    return {"DSDECOD": "COMPLETED", "DSTERM": "Completed"} if fits else None


def lost_though_visited(c: Case) -> Row | None:
    """A subject who came to the last visit is entered as lost to follow-up."""
    fits = c.v["DSSCAT"] == "STUDY PARTICIPATION" and c.v["DSDECOD"] == "COMPLETED"
    return {"DSDECOD": "LOST TO FOLLOW-UP", "DSTERM": "Not reached"} if fits else None


def dose_of_no_arm(c: Case) -> Row | None:
    return {"EXDSTXT": pick(c.rng, ("15", "30", "200"))}


def dose_in_grams(c: Case) -> Row | None:
    return {"EXDOSU": "g"} if c.v["EXDOSU"] == "mg" else None


def interval_not_closed(c: Case) -> Row | None:
    return {"EXENDAT": ""} if c.v["EXENDAT"] and c.neighbour(1)[1] else None


def interval_twice(c: Case) -> Row | None:
    return {"EXSPID": str(len(c.form) + 1)} if c.v["EXENDAT"] else None


def dosed_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 3, 9))
    return {"EXENDAT": written(day)} if day and day <= c.as_of and c.neighbour(1)[0] < 0 and c.v["EXENDAT"] else None


def dosing_in_future(c: Case) -> Row | None:
    end = known(c.v["EXENDAT"])
    fits = end and c.neighbour(1)[0] < 0 and not c.subject.death
    return {"EXENDAT": written(date(end.year + 1, end.month, min(end.day, 28)))} if fits else None


def dose_reduced_without_event(c: Case) -> Row | None:
    """The dosing says that an event was the reason; no event says so."""
    acts = {v["AEACN"] for _, v, _ in c.of("AE")}
    fits = (
        not c.v["EXADJ"]
        and c.v["EXDSTXT"] == "20"
        and not acts & {"DOSE REDUCED", "DRUG INTERRUPTED", "DRUG WITHDRAWN"}
    )
    return {"EXADJ": "Adverse event", "EXDSTXT": "10"} if fits else None


def dosed_long_after_end(c: Case) -> Row | None:
    """The end of the last interval is dated weeks after the subject's disposition."""
    left, end = c.subject.left, known(c.v["EXENDAT"])
    day = left and left + days(between(c.rng, 5, 30))
    fits = (
        end
        and c.neighbour(1)[0] < 0
        and not c.subject.death
        and day <= c.as_of
        and any(v["DSSCAT"] == "STUDY PARTICIPATION" for _, v, _ in c.of("DS"))
    )
    return {"EXENDAT": written(day)} if fits else None


def missed_visit_with_date(c: Case) -> Row | None:
    return {"SVOCCUR": "N"} if c.v["SVOCCUR"] == "Y" and c.record.visit not in ("SCR", "BL") else None


def missed_visit_without_reason(c: Case) -> Row | None:
    return {"SVREASND": ""} if c.v["SVREASND"] else None


def visit_dates_exchanged(c: Case) -> Row | None:
    """The dates of two visits that follow each other are exchanged."""
    index, after = c.neighbour(1)
    fits = after and c.v["SVSTDAT"] and after["SVSTDAT"] and c.record.visit in ("W02", "W04", "W08", "W12", "W16")
    return {"SVSTDAT": after["SVSTDAT"], "others": ((index, {"SVSTDAT": c.v["SVSTDAT"]}),)} if fits else None


def two_visits_on_one_day(c: Case) -> Row | None:
    before = c.neighbour(-1)[1]
    fits = before and before["SVSTDAT"] and c.v["SVSTDAT"] and c.record.visit in ("W04", "W08", "W12", "W16", "W24")
    return {"SVSTDAT": before["SVSTDAT"]} if fits else None


def visit_entered_twice(c: Case) -> Row | None:
    day = known(c.v["SVSTDAT"])
    return (
        {"SVSTDAT": written(day + days(between(c.rng, 1, 4)))}
        if day and day + days(4) <= c.as_of and c.record.visit in ("W04", "W08", "W12")
        else None
    )


def visit_not_entered(c: Case) -> Row | None:
    """Nothing of the visit reached the database, not even that it was missed."""
    if c.record.visit not in ("W04", "W08", "W12") or c.v["SVOCCUR"] != "Y" or not c.neighbour(1)[1]:
        return None
    return {"drop": (c.index, *(i for form in ("VS", "LB", "EG", "QS") for i, _, _ in c.at_visit(form)))}


def visit_page_not_entered(c: Case) -> Row | None:
    """Results of the visit are there, the page with its date is not."""
    return (
        {"drop": (c.index,)}
        if c.record.visit in ("W04", "W08", "W12") and c.at_visit("VS") and c.v["SVOCCUR"] == "Y"
        else None
    )


def visit_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 3, 12))
    return {"SVSTDAT": written(day)} if day and day <= c.as_of and c.v["SVSTDAT"] and c.neighbour(1)[0] < 0 else None


def eligible_no_but_dosed(c: Case) -> Row | None:
    if c.v["IEYN"] != "Y" or not c.subject.first_dose:
        return None
    return {
        "IEYN": "N",
        "IECAT": "EXCLUSION",
        "IETESTCD": "EXCL02",
        "IETEST": "Systolic blood pressure below 95 mmHg",
        "IEORRES": "Y",
    }


def eligible_yes_with_criterion(c: Case) -> Row | None:
    return {"IEYN": "Y"} if c.v["IETESTCD"] else None


def not_eligible_without_criterion(c: Case) -> Row | None:
    return {"IECAT": "", "IETESTCD": "", "IETEST": "", "IEORRES": ""} if c.v["IEYN"] == "N" else None


def inclusion_answered_wrong_way(c: Case) -> Row | None:
    """An inclusion criterion that is not met is answered yes."""
    return {"IEORRES": "Y"} if c.v["IECAT"] == "INCLUSION" and c.v["IEORRES"] == "N" else None


# ── vital signs ─────────────────────────────────────────────────────────────────────────────────────────────────


def pounds_as_kilograms(c: Case) -> Row | None:
    """The scale showed pounds; the form says kilograms."""
    fits = c.v["WEIGHT"] and c.v.get("WEIGHT_UN") == "kg" and c.neighbour(-1)[1]
    return {"WEIGHT": f"{float(c.v['WEIGHT']) / 0.45359237:.1f}"} if fits else None


def label_of_other_weight_unit(c: Case) -> Row | None:
    """The figure is right and the unit is not."""
    other = {"kg": "lb", "lb": "kg"}.get(c.v.get("WEIGHT_UN", ""))
    return {"WEIGHT_UN": other} if other and c.v["WEIGHT"] and c.neighbour(-1)[1] else None


def inches_as_centimetres(c: Case) -> Row | None:
    fits = c.v["HEIGHT"] and c.v.get("HEIGHT_UN") == "cm"
    return {"HEIGHT": f"{float(c.v['HEIGHT']) / 2.54:.1f}"} if fits else None


def fahrenheit_as_celsius(c: Case) -> Row | None:
    fits = c.v["TEMP"] and c.v.get("TEMP_UN") == "C"
    return {"TEMP": f"{float(c.v['TEMP']) * 1.8 + 32:.1f}"} if fits else None


def point_lost_in_temperature(c: Case) -> Row | None:
    return {"TEMP": c.v["TEMP"].replace(".", "")} if c.v.get("TEMP_UN") == "C" and "." in c.v["TEMP"] else None


def point_moved_in_weight(c: Case) -> Row | None:
    fits = c.v["WEIGHT"] and c.v.get("WEIGHT_UN") == "kg"
    return {"WEIGHT": f"{float(c.v['WEIGHT']) / 10:.2f}"} if fits else None


def systolic_transposed(c: Case) -> Row | None:
    """128 becomes 182: possible, but not for somebody who has 130 at all other visits."""
    text = c.v["SYSBP"]
    wrong = len(text) == 3 and text[0] + text[2] + text[1]
    return (
        {"SYSBP": wrong}
        if wrong and 45 <= int(wrong) - int(text) <= 72 and int(wrong) < 200 and c.neighbour(-1)[1]
        else None
    )


def weight_transposed(c: Case) -> Row | None:
    """71 becomes 17, 86 becomes 68."""
    text = c.v["WEIGHT"]
    fits = c.v.get("WEIGHT_UN") == "kg" and "." in text and len(text.partition(".")[0]) == 2 and c.neighbour(-1)[1]
    wrong = fits and text[1] + text[0] + text[2:]
    return {"WEIGHT": wrong} if wrong and abs(float(wrong) - float(text)) >= 15 else None


def height_and_weight_exchanged(c: Case) -> Row | None:
    fits = c.v["HEIGHT"] and c.v["WEIGHT"] and c.v.get("HEIGHT_UN") == "cm"
    return {"HEIGHT": c.v["WEIGHT"], "WEIGHT": c.v["HEIGHT"]} if fits else None


def diastolic_repeats_systolic(c: Case) -> Row | None:
    return {"DIABP": c.v["SYSBP"]} if c.v["SYSBP"] and c.v["DIABP"] else None


def code_for_missing(c: Case) -> Row | None:
    return {"PULSE": pick(c.rng, ("999", "-1", "0"))} if c.v["PULSE"] else None


def vitals_dated_wrong_year(c: Case) -> Row | None:
    day = known(c.v["VSDAT"])
    return {"VSDAT": written(date(day.year - 1, day.month, min(day.day, 28)))} if day else None


def vitals_dated_other_month(c: Case) -> Row | None:
    """The month is one too early; the date stays between consent and death."""
    day = known(c.v["VSDAT"])
    return {"VSDAT": written(day - days(30))} if day and day - days(30) > c.subject.consent else None


def vitals_page_twice(c: Case) -> Row | None:
    fits = c.v["SYSBP"] and c.record.visit in ("W04", "W08", "W12")
    return {"PULSE": str(int(c.v["PULSE"]) + 4)} if fits and c.v["PULSE"] else None


def vitals_page_not_entered(c: Case) -> Row | None:
    return {"drop": (c.index,)} if c.v["SYSBP"] and c.record.visit in ("W04", "W08", "W12") else None


def vitals_not_performed_without_reason(c: Case) -> Row | None:
    return {"VSREASND": ""} if c.v["VSREASND"] else None


# ── laboratory ──────────────────────────────────────────────────────────────────────────────────────────────────


def sample_dated_wrong_year(c: Case) -> Row | None:
    day = known(c.v["LBDAT"])
    fits = day and c.record.visit in ("W04", "W12", "W24")
    return {"LBDAT": written(date(day.year - 1, day.month, min(day.day, 28)))} if fits else None


def sample_dated_other_month(c: Case) -> Row | None:
    day = known(c.v["LBDAT"])
    return {"LBDAT": written(day - days(30))} if day and c.record.visit in ("W12", "W24") else None


def sample_in_future(c: Case) -> Row | None:
    day = known(c.v["LBDAT"])
    moved = day and date(day.year + 1, day.month, min(day.day, 28))
    return {"LBDAT": written(moved)} if day and moved > c.as_of and not c.subject.death else None


def label_of_other_lab_unit(c: Case) -> Row | None:
    """The figure of one unit system with the label of the other."""
    row = by("lab_tests", "testcd")[c.v["LBTESTCD"]]
    other = {row["unit"]: row["us_unit"], row["us_unit"]: row["unit"]}.get(c.v["LBORRESU"], "")
    fits = c.v["LBORRES"] and other and c.v["LBTESTCD"] in ("CREAT", "GLUC", "CA", "HGB", "ALB")
    return {"LBORRESU": other} if fits else None


def decimal_comma(c: Case) -> Row | None:
    return {"LBORRES": c.v["LBORRES"].replace(".", ",")} if "." in c.v["LBORRES"] else None


def range_upside_down(c: Case) -> Row | None:
    return {"LBORNRLO": c.v["LBORNRHI"], "LBORNRHI": c.v["LBORNRLO"]} if c.v["LBORNRLO"] else None


def range_missing(c: Case) -> Row | None:
    return {"LBORNRLO": "", "LBORNRHI": ""} if c.v["LBORNRLO"] else None


def range_of_other_sex(c: Case) -> Row | None:
    """The laboratory used the limits of the other sex."""
    row = by("lab_tests", "testcd")[c.v["LBTESTCD"]]
    if not c.v["LBORRES"] or c.v["LBTESTCD"] not in ("HGB", "CREAT") or c.subject.site["units"] == "conventional":
        return None
    other = "f" if c.subject.sex == "M" else "m"
    low, high = row[f"low_{other}"], row[f"high_{other}"]
    return (
        {"LBORNRLO": low, "LBORNRHI": high}
        if float(low) <= float(c.v["LBORRES"]) <= float(high) and not c.v["LBCLSIG"]
        else None
    )


def not_done_with_result(c: Case) -> Row | None:
    return {"LBSTAT": "NOT DONE", "LBREASND": "Tube lost"} if c.v["LBORRES"] else None


def lab_not_done_without_reason(c: Case) -> Row | None:
    return {"LBREASND": ""} if c.v["LBREASND"] else None


def significance_missing(c: Case) -> Row | None:
    return {"LBCLSIG": ""} if c.v["LBCLSIG"] else None


def significance_without_event(c: Case) -> Row | None:
    """A result called clinically significant, and no adverse event at all."""
    return (
        {"LBCLSIG": "Y"} if c.v["LBCLSIG"] == "N" and c.record.visit not in ("SCR", "BL") and not c.of("AE") else None
    )


def negative_result(c: Case) -> Row | None:
    return {"LBORRES": f"-{c.v['LBORRES']}"} if c.v["LBORRES"] else None


def laboratory_not_entered(c: Case) -> Row | None:
    """No result of the visit reached the database."""
    tests = c.at_visit("LB")
    fits = c.record.visit in ("W04", "W12") and c.v["LBTESTCD"] == "HGB"
    return {"drop": tuple(i for i, _, _ in tests)} if fits else None


def neighbouring_tests_exchanged(c: Case) -> Row | None:
    """Sodium and potassium in each other's line."""
    index, after = c.neighbour(1)
    fits = c.v["LBTESTCD"] == "SODIUM" and after and after["LBTESTCD"] == "K" and c.v["LBORRES"] and after["LBORRES"]
    return {"LBORRES": after["LBORRES"], "others": ((index, {"LBORRES": c.v["LBORRES"]}),)} if fits else None


def alat_and_asat_exchanged(c: Case) -> Row | None:
    """Two enzymes of much the same height in each other's line."""
    index, after = c.neighbour(1)
    fits = c.v["LBTESTCD"] == "ALT" and after and after["LBTESTCD"] == "AST" and c.v["LBORRES"] and after["LBORRES"]
    return (
        {"LBORRES": after["LBORRES"], "others": ((index, {"LBORRES": c.v["LBORRES"]}),)}
        if fits and not c.v["LBCLSIG"] and not after["LBCLSIG"]
        else None
    )


def cells_per_microlitre(c: Case) -> Row | None:
    """Leukocytes counted per microlitre under a label of 10^9 per litre."""
    return {"LBORRES": f"{float(c.v['LBORRES']) * 1000:.0f}"} if c.v["LBTESTCD"] == "WBC" and c.v["LBORRES"] else None


def haematocrit_as_fraction(c: Case) -> Row | None:
    return {"LBORRES": f"{float(c.v['LBORRES']) / 100:.2f}"} if c.v["LBTESTCD"] == "HCT" and c.v["LBORRES"] else None


def lab_result_transposed(c: Case) -> Row | None:
    """Two figures exchanged, the result stays within the limits."""
    text = c.v["LBORRES"]
    if c.v["LBTESTCD"] != "PLAT" or len(text) != 3 or text[1] == text[2]:
        return None
    wrong = text[0] + text[2] + text[1]
    return (
        {"LBORRES": wrong}
        if float(c.v["LBORNRLO"]) <= float(wrong) <= float(c.v["LBORNRHI"]) and not c.v["LBCLSIG"]
        else None
    )


def laboratory_copied(c: Case) -> Row | None:
    """All results of a visit are those of the visit before."""
    if c.v["LBTESTCD"] != "HGB" or c.record.visit not in ("W04", "W12", "W24"):
        return None
    here = {v["LBTESTCD"]: (i, v) for i, v, folder in c.of("LB") if folder == c.record.visit}
    earlier = {"W04": "BL", "W12": "W04", "W24": "W12"}[c.record.visit]
    there = {v["LBTESTCD"]: v for _, v, folder in c.of("LB") if folder == earlier}
    if (
        set(here) != set(there)
        or not all(v["LBORRES"] for v in there.values())
        or not all(v["LBORRES"] for _, v in here.values())
    ):
        return None
    copied = {i: {f: there[code][f] for f in ("LBORRES", "LBCLSIG")} for code, (i, v) in here.items()}
    return copied.pop(c.index) | {"others": tuple(copied.items())}


def liver_signal_without_event(c: Case) -> Row | None:
    """Results that fulfil Hy's law, and no adverse event: either the results or the missing event is wrong."""
    if c.v["LBTESTCD"] != "ALT" or not c.v["LBORRES"] or c.record.visit == "SCR" or c.of("AE"):
        return None
    others = [(i, v) for i, v, _ in c.at_visit("LB") if v["LBTESTCD"] == "BILI" and v["LBORRES"]]
    if not others:
        return None
    index, bilirubin = others[0]
    digits = len(bilirubin["LBORRES"].partition(".")[2])
    high = {"LBORRES": f"{float(bilirubin['LBORNRHI']) * 2.6:.{digits}f}", "LBCLSIG": "N"}
    return {"LBORRES": f"{float(c.v['LBORNRHI']) * 4.2:.0f}", "LBCLSIG": "N", "others": ((index, high),)}


def sample_entered_twice(c: Case) -> Row | None:
    """The same sample with the same result in two lines."""
    return {"LBTEST": c.v["LBTEST"]} if c.v["LBORRES"] else None


def test_name_misspelt(c: Case) -> Row | None:
    return (
        {"LBTESTCD": c.v["LBTESTCD"][:-1] + "O"}
        if c.v["LBTESTCD"] in ("GLUC", "UREA", "CREAT") and c.v["LBORRES"]
        else None
    )


# ── electrocardiogram, questionnaire, procedures, deviations ────────────────────────────────────────────────────


def qt_and_qrs_exchanged(c: Case) -> Row | None:
    return {"EGQT": c.v["EGQRS"], "EGQRS": c.v["EGQT"]} if c.v["EGQT"] else None


def qtc_not_from_qt(c: Case) -> Row | None:
    """The corrected interval belongs to another tracing."""
    return {"EGQTCF": str(int(c.v["EGQTCF"]) + pick(c.rng, (-45, 48)))} if c.v["EGQTCF"] else None


def interval_in_seconds(c: Case) -> Row | None:
    return {"EGQT": f"{int(c.v['EGQT']) / 1000:.3f}"} if c.v["EGQT"] else None


def ecg_rate_times_ten(c: Case) -> Row | None:
    return {"EGHR": c.v["EGHR"] + "0"} if c.v["EGHR"] else None


def ecg_not_done_with_results(c: Case) -> Row | None:
    return {"EGPERF": "N"} if c.v["EGHR"] else None


def ecg_not_done_without_reason(c: Case) -> Row | None:
    return {"EGREASND": ""} if c.v["EGREASND"] else None


def ecg_dated_other_month(c: Case) -> Row | None:
    day = known(c.v["EGDAT"])
    return {"EGDAT": written(day - days(30))} if day and c.record.visit in ("W12", "W24", "EOS") else None


def ecg_before_consent(c: Case) -> Row | None:
    fits = c.record.visit == "SCR" and c.v["EGDAT"]
    return {"EGDAT": written(c.subject.consent - days(between(c.rng, 4, 20)))} if fits else None


def ecg_page_twice(c: Case) -> Row | None:
    return {"EGPR": str(int(c.v["EGPR"]) + 6)} if c.v["EGPR"] else None


def answer_outside_scale(c: Case) -> Row | None:
    return {"QSQ3": pick(c.rng, ("0", "7", "55"))} if c.v["QSQ3"] else None


def score_added_wrong(c: Case) -> Row | None:
    return {"QSTOTAL": str(int(c.v["QSTOTAL"]) + pick(c.rng, (-2, 3)))} if c.v["QSTOTAL"] else None


def questionnaire_not_done_with_answers(c: Case) -> Row | None:
    return {"QSPERF": "N"} if c.v["QSQ1"] else None


def questionnaire_twice(c: Case) -> Row | None:
    return {"QSQ1": str(6 - int(c.v["QSQ1"]))} if c.v["QSQ1"] and c.v["QSQ1"] != "3" else None


def questionnaire_after_death(c: Case) -> Row | None:
    day = c.subject.death and c.subject.death + days(between(c.rng, 3, 12))
    return {"QSDAT": written(day)} if day and day <= c.as_of and c.v["QSDAT"] else None


def procedure_before_consent(c: Case) -> Row | None:
    day = written(c.subject.consent - days(between(c.rng, 3, 40)))
    return {"PRSTDAT": day, "PRENDAT": day}


def procedure_ends_before_start(c: Case) -> Row | None:
    day = known(c.v["PRSTDAT"])
    return {"PRENDAT": written(day - days(between(c.rng, 2, 9)))}


def procedure_twice(c: Case) -> Row | None:
    return {"PRTRT": c.v["PRTRT"].upper(), "PRSPID": "2"}


def deviation_before_consent(c: Case) -> Row | None:
    return {"DVSTDAT": written(c.subject.consent - days(between(c.rng, 4, 40)))}


def deviation_twice(c: Case) -> Row | None:
    return {"DVTERM": c.v["DVTERM"], "DVSPID": "2"}


# ── a whole site ────────────────────────────────────────────────────────────────────────────────────────────────


def digit_preference(c: Case) -> Row | None:
    """Every blood pressure rounded to tens."""
    if not c.v["SYSBP"]:
        return None
    lower = round(int(c.v["DIABP"] or 80), -1)
    return {"SYSBP": str(max(round(int(c.v["SYSBP"]), -1), lower + 20))} | (
        {"DIABP": str(lower)} if c.v["DIABP"] else {}
    )


def invented_vital_signs(c: Case) -> Row | None:
    """Blood pressure and pulse as somebody writes who has not measured: everybody has much the same."""
    if not (c.v["SYSBP"] and c.v["DIABP"] and c.v["PULSE"]):
        return None
    return {
        "SYSBP": str(127 + between(c.rng, 0, 2)),
        "DIABP": str(79 + between(c.rng, 0, 2)),
        "PULSE": str(71 + between(c.rng, 0, 2)),
    }


# ── words that take fields ──────────────────────────────────────────────────────────────────────────────────────


def blank(c: Case, *names: str) -> Row | None:
    """The first field is there and is left empty, with the others."""
    return {name: "" for name in names} if c.v.get(names[0]) else None


def put(c: Case, name: str, *words: str) -> Row | None:
    """Another text stands in a field that was filled in."""
    text = " ".join(words)
    return {name: text} if c.v.get(name) and c.v[name] != text else None


def times(c: Case, name: str, factor: str) -> Row | None:
    """The number times a factor, with as many decimals as it had."""
    text = c.v.get(name, "")
    digits = len(text.partition(".")[2])
    return {name: f"{float(text) * float(factor):.{digits}f}"} if text.replace(".", "", 1).isdigit() else None


def year(c: Case, name: str, step: str) -> Row | None:
    """The year of a full date is some years off."""
    day = known(c.v.get(name, ""))
    return {name: written(date(day.year + int(step), day.month, min(day.day, 28)))} if day else None


def absent(c: Case) -> Row | None:
    """The page was never entered."""
    return {"drop": (c.index,)}
