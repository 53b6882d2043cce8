"""Verbatims and dictionary terms reduced to what they have in common: case, punctuation, spelling, plural, word order, dose."""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache

from cdmlib import standard

STAGES = ("case and punctuation", "spelling", "plural", "word order")  # from the mildest change to the strongest
DRUG_STAGES = (
    "case and punctuation",
    "spelling",
    "dose and form",
    "word order",
)  # a drug's name with an s may be another drug
NOT_A_WORD = re.compile(r"[\W_]+")
APOSTROPHE = re.compile(r"['’`´](?=s\b)|(?<=s)['’`´]", re.IGNORECASE)
SMALL = {"of", "the", "a", "an"}
DOSE = re.compile(
    r"\b\d+([ .]\d+)* ?(mg|g|ug|mcg|ng|kg|ml|l|iu|ie|i e|mmol|meq|puffs?)\b( ?(ml|day|d|h|puff)\b)?|\b(tablets?|tabs?|tbl|capsules?|caps?|film coated|retard|oral|po)\b"
)
PLURALS = (
    (re.compile(r"(?<!e)ases$"), "asis"),
    (re.compile(r"(?<=[^aeiou])ies$"), "y"),
    (re.compile(r"(ch|sh|x|ss|zz)es?$"), r"\1"),  # rash and rashes, headache and headaches
    (re.compile(r"(?<=[a-z]{2})ae$"), "a"),
    (re.compile(r"(?<=[a-z]{2})(?<![suia])s$"), ""),
)


@cache
def _spellings() -> tuple[tuple[re.Pattern, str], ...]:
    with (standard.SQL / "dictionaries" / "spelling.csv").open(encoding="utf-8", newline="") as file:
        return tuple((re.compile(row["british"]), row["american"]) for row in csv.DictReader(file))


def plain(text: str) -> str:
    """A text without case, accents and punctuation, its words one space apart."""
    text = APOSTROPHE.sub("", text)
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return NOT_A_WORD.sub(" ", text.casefold()).strip()


def keys(text: str, drug: bool = False) -> tuple[str, str, str, str]:
    """What a text is compared by at each of the STAGES (DRUG_STAGES for a drug), each on top of the one before."""
    one = two = plain(text)
    for pattern, american in _spellings():
        two = pattern.sub(american, two)
    undosed = " ".join(DOSE.sub(" ", two).split()) or two
    three = undosed if drug else " ".join(_singular(word) for word in two.split())
    four = " ".join(sorted(word for word in three.split() if word not in SMALL))
    return one, two, three, four


@cache
def _singular(word: str) -> str:
    for pattern, ending in PLURALS if len(word) > 3 else ():
        if pattern.search(word):
            return pattern.sub(ending, word)
    return word


def folded(text: str) -> str:
    """A verbatim as decisions go by it: outer and repeated spaces and case don't make another verbatim."""
    return " ".join(text.split()).casefold()
