"""Put each kind of error into the records of subjects of its own, and keep which records it touches."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from zlib import crc32

from bench.detection import forms, wrong
from cdmlib.demo import errors_planted, kinds
from cdmlib.demo.extract import number_records
from cdmlib.demo.generate import CUT_OFFS, MOMENTS, Record, Subject, generator, shuffled
from cdmlib.demo.lists import Row, by, fields

FOLDER = Path(__file__).parent
AT = MOMENTS[-1]
AS_OF = date.fromisoformat(CUT_OFFS[-1])
ENOUGH, FEWEST = 40, 10  # eligible records that a kind should have, and subjects that it gets at least
PAIRS = 160  # subjects among whom two are exchanged or are one


@dataclass(frozen=True)
class Error:
    """One planted error: its kind, the record, what was changed where, and the keys on which a finding is its doing."""

    kind: str
    subject: str
    index: int
    before: Row
    after: Row
    hit: frozenset[str] = frozenset()  # a finding of an aimed check here is the error found
    touched: frozenset[str] = frozenset()  # any finding here is explained by the error


@dataclass(frozen=True)
class Trial:
    """All records of the clean trial by form and subject, and the subjects that each kind of error is planted among."""

    subjects: dict[str, Subject]
    records: tuple[Record, ...]
    forms: dict[tuple[str, str], tuple[int, ...]]
    pools: dict[str, tuple[str, ...]]
    cache: dict = field(default_factory=dict)

    def of(self, form: str, subject: str) -> tuple[tuple[int, Row, str], ...]:
        """A subject's records of a form that are in the extract: place, right values with empty ones, folder."""
        key = (form, subject)
        if key not in self.cache:
            found = ((i, self.records[i].right(AT), self.records[i].visit) for i in self.forms.get(key, ()))
            self.cache[key] = tuple((i, empty(form) | values, folder) for i, values, folder in found if values)
        return self.cache[key]


@cache
def all_kinds() -> tuple[Row, ...]:
    """The kinds of error, one row each, in the order of the forms."""
    with (FOLDER / "kinds.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def empty(form: str) -> Row:
    names = forms.FIELDS.get(form) or tuple(row["field"] for row in fields(form))
    return dict.fromkeys(names, "")


def function_of(kind: Row) -> Callable[[wrong.Case], Row | None]:
    """What makes the wrong values: named in the column `how`, else the function with the kind's own name."""
    word, *names = (kind["how"] or kind["kind"]).split(" ")
    made = getattr(wrong, word, None) or getattr(kinds, word)
    return lambda case: made(case, *names)


def trial(subjects: dict[str, Subject], records: list[Record]) -> Trial:
    """The clean trial with its subjects dealt out: sites to kinds of a whole site, the dead to kinds that need a death, and so on.

    Of the other subjects one in ten takes no error; a kind gets so many that it has ENOUGH eligible records.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        places[record.form, record.subject].append(index)
    dealt = Trial(subjects, tuple(records), {key: tuple(value) for key, value in places.items()}, {})
    there = [subject for subject in subjects.values() if dealt.of("DM", subject.id)]
    sites = sorted({s.site["site"] for s in there}, key=lambda site: sum(s.site["site"] == site for s in there))
    for kind, site in zip((k for k in all_kinds() if k["act"] == "site"), sites, strict=False):
        dealt.pools[kind["kind"]] = tuple(s.id for s in there if s.site["site"] == site)
    taken = {person for pool in dealt.pools.values() for person in pool}
    left = shuffled(generator(2), (s.id for s in there if s.id not in taken))
    for kind in (k for k in all_kinds() if k["act"] == "pair"):  # of two subjects of whatever fate
        dealt.pools[kind["kind"]], left = tuple(left[:PAIRS]), left[PAIRS:]
        taken |= set(dealt.pools[kind["kind"]])
    groups: dict[str, list[str]] = {"death": [], "failure": [], "": []}
    for subject in shuffled(generator(1), (s for s in there if s.id not in taken)):
        group = {"DEATH": "death", "SCREEN FAILURE": "failure"}.get(subject.fate, "")
        groups[group if dealt.of("DS", subject.id) else ""].append(subject.id)
    clean = []
    for group, people in groups.items():
        clean += people[::10]
        stream = [person for place, person in enumerate(people) if place % 10]
        _deal(dealt, [k for k in all_kinds() if k["needs"] == group and k["act"] not in ("site", "pair")], stream)
    dealt.pools[""] = tuple(clean)
    return dealt


def _deal(trial: Trial, wanted: list[Row], stream: list[str]) -> None:
    """Give the subjects of one group to the kinds in turn, until each has enough or nobody is left."""
    pools: dict[str, list[str]] = {kind["kind"]: [] for kind in wanted}
    enough = dict.fromkeys(pools, 0)
    while stream and (hungry := [k for k in wanted if enough[k["kind"]] < ENOUGH or len(pools[k["kind"]]) < FEWEST]):
        for kind in hungry[: len(stream)]:
            person = stream.pop()
            pools[kind["kind"]].append(person)
            enough[kind["kind"]] += len(suiting(trial, kind, person, ("", person)))
    trial.pools.update({name: tuple(pool) for name, pool in pools.items()})


def suiting(trial: Trial, kind: Row, subject: str, people: tuple[str, ...]) -> list[tuple[int, Row]]:
    """The records of one subject that lend themselves to a kind, with the wrong values of each."""
    rng = generator(crc32(kind["kind"].encode()), crc32(subject.encode()))
    items = trial.of(kind["form"], subject)
    form = tuple((i, values) for i, values, _ in items)
    make, found = function_of(kind), []
    for index, values, _ in items:
        case = wrong.Case(
            index=index, v=values, subject=trial.subjects[subject], as_of=AS_OF, form=form, rng=rng,
            events=len(trial.of("AE", subject)), record=trial.records[index],
            of=lambda other: trial.of(other, subject), people=people,
        )  # fmt: skip
        given = make(case)
        if given is not None and (given or kind["act"] == "add"):
            found.append((index, given))
    return found


def eligible(trial: Trial, kind: Row) -> list[tuple[int, Row]]:
    """The records that lend themselves to a kind, with the wrong values of each, spread over the subjects and then by chance.

    The order does not depend on how many are taken, so a higher density holds the errors of a lower one.
    """
    rng = generator(crc32(kind["kind"].encode()))
    if kind["act"] == "pair":
        return _pairs(trial, kind, rng)
    pool = trial.pools[kind["kind"]]
    turn: dict[str, int] = defaultdict(int)
    ordered = []
    for index, given in shuffled(rng, (item for subject in pool for item in suiting(trial, kind, subject, pool))):
        subject = trial.records[index].subject
        ordered.append((turn[subject], len(ordered), index, given))
        turn[subject] += 1
    return [(index, given) for _, _, index, given in sorted(ordered, key=lambda item: item[:2])]


def _pairs(trial: Trial, kind: Row, rng) -> list[tuple[int, Row]]:
    """Two subjects at a time, each in one pair at most; the changes of both stand in the first one's error."""
    act = {"duplicate_subject": errors_planted._same_person, "labs_swapped": errors_planted._exchanged}[kind["kind"]]
    world = errors_planted.Trial(trial.subjects, list(trial.records), trial.forms, set(), "")
    people = [trial.subjects[id] for id in shuffled(rng, trial.pools[kind["kind"]])]
    used, found = set(), []
    for one in people:
        for other in people:
            alike = one.sex == other.sex and one.site["country"] == other.site["country"] and one.id < other.id
            if not alike or {one.id, other.id} & used:
                continue
            if wrong_values := act(world, one, other, AT):
                (index, values), *others = wrong_values
                found.append((index, values | {"others": tuple(others)}))
                used |= {one.id, other.id}
    return found


def plant(trial: Trial, density: float) -> tuple[list[Record], list[Error], dict[str, int]]:
    """The records with a share `density` of the eligible ones made wrong, at least one of a kind; the errors; eligible by kind."""
    records, errors, possible = list(trial.records), [], {}
    dropped: set[int] = set()
    for kind in all_kinds():
        found = trial.cache.setdefault(("eligible", kind["kind"]), None) or eligible(trial, kind)
        trial.cache["eligible", kind["kind"]] = found
        possible[kind["kind"]] = len(found)
        number = len(found) if kind["act"] == "site" else max(1, round(density * len(found)))
        used: set[int] = set()
        taken = 0
        for index, given in found:
            others = dict(given.get("others", ()))
            places = {index, *others, *given.get("drop", ())}
            if taken >= number:
                break
            if places & used:
                continue
            used |= places
            taken += 1
            errors.append(_enter(trial, records, dropped, kind, index, given))
    return (*_with_keys(trial, records, errors, dropped), possible)


def _enter(trial: Trial, records: list[Record], dropped: set[int], kind: Row, index: int, given: Row) -> Error:
    """Make one record wrong, or add one, or leave some out; which records those are is kept for the keys."""
    record, right = trial.records[index], trial.records[index].right(AT)
    values = {name: text for name, text in given.items() if name not in ("also", "others", "drop", "subject")}
    before = {name: right.get(name, "") for name in values}
    if kind["act"] == "add":
        place = max(records[i].position for i in trial.forms[record.form, record.subject]) + 1 if record.position else 0
        records.append(replace(record, position=place, history=((record.created, right | values),)))
        return Error(kind["kind"], record.subject, index, before, values | {"added": str(len(records) - 1)})
    if given.get("drop"):
        dropped |= set(given["drop"])
        return Error(kind["kind"], record.subject, index, {}, {"dropped": " ".join(map(str, given["drop"]))})
    moved = given.get("subject", record.subject)
    records[index] = replace(record, subject=moved, history=((record.created, right | values),))
    for other, change in given.get("others", ()):
        history = ((records[other].created, records[other].right(AT) | change),)
        records[other] = replace(records[other], history=history)
    touched = " ".join(str(i) for i, _ in given.get("others", ()))
    return Error(kind["kind"], record.subject, index, before, values | {"others": touched, "moved": moved})


def _with_keys(
    trial: Trial, records: list[Record], errors: list[Error], dropped: set[int]
) -> tuple[list[Record], list[Error]]:
    """Leave the dropped records out and give every error the record keys that the study's tables will have."""
    kept = [record for index, record in enumerate(records) if index not in dropped]
    ids: dict[int, str] = {}
    for further in (False, True):  # the demo's forms and the further ones come in files of their own, numbered each
        own = [i for i, r in enumerate(records) if i not in dropped and (r.form in forms.FIELDS) == further]
        ids |= dict(zip(own, number_records([records[i] for i in own]), strict=True))
    about = {kind["kind"]: kind for kind in all_kinds()}

    def key(index: int, changed: Row | None = None) -> list[str]:
        """The key of a record; of a vital signs page only the tests that were changed, where nothing else was."""
        form = records[index].form
        whole = f"{form}|{ids[index]}"
        tests = {name.removesuffix("_UN").removesuffix("ND") for name in changed or ()}
        return (
            [f"{whole}|{test}" for test in sorted(tests)]
            if form == "VS" and tests and tests <= set(wrong.TESTS)
            else [whole]
        )

    def also(error: Error, words: str) -> list[str]:
        found = []
        for word in words.split():
            form, _, where = word.partition("@")
            own = trial.of(records[error.index].form, error.subject)
            if word == "likewise":  # one finding for all records of a site and test: those of the other errors
                found += likewise[error.kind, site_and_test(error)]
                continue
            if word == "visits":
                found += [f"{error.subject}|{row['name']}" for row in by("visits", "folder").values()]
                continue
            if word == "next":
                test = trial.records[error.index].right(AT).get("LBTESTCD")
                line = [i for i, values, _ in own if values.get("LBTESTCD") == test]
                place = line.index(error.index)
                chosen = [*line[max(0, place - 1) : place], *line[place + 1 : place + 2]]
                for i in chosen:
                    found += key(i, error.before) if i in ids else []
                continue
            named = forms_of(trial) if form == "all" else (form.upper(),)
            for name in named:
                items = trial.of(name, error.subject)
                found += [
                    k
                    for i, _, folder in items
                    if i in ids and (not where or folder == trial.records[error.index].visit)
                    for k in key(i)
                ]
        return found

    def site_and_test(error: Error) -> tuple[str, str | None]:
        return trial.subjects[error.subject].site["site"], trial.records[error.index].right(AT).get("LBTESTCD")

    likewise: dict[tuple, list[str]] = defaultdict(list)
    for error in errors:
        if error.index in ids:
            likewise[error.kind, site_and_test(error)] += key(error.index)
    finished = []
    for error in errors:
        kind, after = about[error.kind], error.after
        own = key(error.index, error.before) if error.index in ids else []
        own += key(int(after["added"])) if "added" in after else []
        for index in map(int, after.get("others", "").split()):
            own += key(index)
            own.append(records[index].subject)
        visit = by("visits", "folder")[trial.records[error.index].visit]["name"]
        own += [error.subject, f"{error.subject}|{visit}"]
        if (
            other := after.get("moved", error.subject)
        ) != error.subject:  # the form of the one who got it is wrong as well
            own += [other, *(k for i, _, _ in trial.of(records[error.index].form, other) if i in ids for k in key(i))]
        if kind["act"] == "site":
            own.append(trial.subjects[error.subject].site["number"])
        hit = own + also(error, kind["found_on"])
        shown = {name: text for name, text in after.items() if name not in ("added", "others", "moved", "dropped")}
        finished.append(
            replace(error, after=shown, hit=frozenset(hit), touched=frozenset(hit + also(error, kind["knock_on"])))
        )
    return kept, finished


def forms_of(trial: Trial) -> tuple[str, ...]:
    return tuple(sorted({form for form, _ in trial.forms}))
