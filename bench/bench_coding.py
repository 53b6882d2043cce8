"""Seconds to code 100,000 different verbatims against 80,000 terms: half of them a term in other spelling, half with one or two typed errors."""

import random
import time

import pyarrow as pa

from cdmlib.coding import autocode, suggest, words
from cdmlib.coding.dictionary import Dictionary, Term

TERMS, VERBATIMS = 80_000, 100_000
STEMS = (
    "arthr", "bronch", "cardi", "cephal", "cholecyst", "col", "cyst", "derm", "encephal", "enter", "gastr",
    "gingiv", "gloss", "hepat", "hist", "kerat", "laryng", "lip", "mast", "mening", "my", "nephr", "neur",
    "ocul", "oste", "ot", "pancreat", "pharyng", "phleb", "pneum", "proct", "psych", "pyel", "ren", "retin",
    "rhin", "sinus", "splen", "stomat", "thromb", "thyr", "trache", "ureter", "vas", "ventricul",
)  # fmt: skip
ENDINGS = (
    "itis", "osis", "algia", "oma", "opathy", "emia", "oplasty", "ectomy", "orrhoea", "uria", "plegia", "aemia",
    "ation", "ure",
)  # fmt: skip
WORDS = (
    "acute", "chronic", "left", "right", "upper", "lower", "severe", "recurrent", "infection", "disorder",
    "abnormal", "increased", "decreased", "site", "procedure", "injury", "test", "pain", "swelling", "bleeding",
    "congenital", "bacterial", "viral", "allergic", "benign", "malignant", "of", "the", "with", "and", "due",
    "to",
)  # fmt: skip


def dictionary(rng: random.Random) -> Dictionary:
    """A made-up dictionary of terms of one to five words, as long and as alike as real ones."""
    vocabulary = sorted(
        {
            (rng.choice(STEMS) + "o") * rng.choice((0, 0, 1)) + rng.choice(STEMS) + rng.choice(ENDINGS)
            for _ in range(9_000)
        }
    )
    names: set[str] = set()
    while len(names) < TERMS:
        names.add(
            " ".join(
                rng.choice(WORDS) if rng.random() < 0.4 else rng.choice(vocabulary)
                for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5)))
            ).capitalize()
        )
    terms = sorted(names)
    keys = [words.keys(term) for term in terms]
    codes = [f"9{n:07d}" for n in range(TERMS)]
    columns = {name: [None] * TERMS for name in Term.__annotations__} | {
        "code": codes,
        "term": terms,
        "level": ["LLT"] * TERMS,
        "is_current": [True] * TERMS,
    }
    columns |= {f"key{n + 1}": [key[n] for key in keys] for n in range(4)}
    return Dictionary("bench", "meddra", "1.0", "", pa.table(columns))


def typo(rng: random.Random, text: str) -> str:
    at, kind, letter = rng.randrange(len(text)), rng.randrange(4), rng.choice("abcdefghijklmnopqrstuvwxyz")
    return (
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at:],
        text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
    )[kind]


def main() -> None:
    """Print the seconds of each step, what was coded, and how often the suggestions hold the right term."""
    rng = random.Random(7)
    start = time.perf_counter()
    coded_with = dictionary(rng)
    terms, codes = coded_with.terms.column("term").to_pylist(), coded_with.terms.column("code").to_pylist()
    right: dict[str, str] = {}
    while len(right) < VERBATIMS:
        at = rng.randrange(TERMS)
        text, errors = terms[at], rng.choice((0, 0, 1, 2))
        if errors == 0:
            text = rng.choice((text.upper(), text.lower(), text + ".", " ".join(reversed(text.split()))))
        for _ in range(errors):
            text = typo(rng, text)
        if text.strip():
            right.setdefault(text, codes[at])
    print(
        f"{TERMS:,} terms and {VERBATIMS:,} different verbatims made in {time.perf_counter() - start:.1f} s (not counted)"
    )
    start = time.perf_counter()
    index = autocode.index(coded_with)
    made = {text: autocode.match(index, text) for text in right}
    at_match = time.perf_counter()
    left = [text for text, match in made.items() if not match.code]
    offers = suggest.suggest(index, left)
    end = time.perf_counter()
    coded = [text for text, match in made.items() if match.code]
    print(
        f"  coded by the machine {len(coded):,} in {at_match - start:.1f} s, {sum(made[t].code != right[t] for t in coded):,} to another term, which the errors or the other word order made"
    )
    print(f"  suggestions for {len(left):,} others in {end - at_match:.1f} s")
    first = sum(bool(o) and o[0].code == right[t] for t, o in zip(left, offers, strict=True)) / len(left)
    among = sum(right[t] in {s.code for s in o} for t, o in zip(left, offers, strict=True)) / len(left)
    print(f"  first suggestion right {first:.1%}, one of five {among:.1%}")
    print(f"  total {end - start:.1f} s")


if __name__ == "__main__":
    main()
