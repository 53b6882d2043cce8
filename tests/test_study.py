"""study.toml: read whole or refused with every mistake named."""

from __future__ import annotations

import pytest

from cdmlib import study as studies
from cdmlib.errors import CdmError

GOOD = """[study]
id = "abc"
title = "A study"

[sources.edc]
layout = "csv"
subject = "SUBJID"

[[visits]]
name = "Week 2"
number = 2
day = 15
before = 3
after = 3
"""


def write(data, text):
    (data / "abc").mkdir(exist_ok=True)
    (data / "abc" / "study.toml").write_text(text, encoding="utf-8")


def test_a_study_is_read_with_its_defaults_and_can_not_be_changed(data):
    write(data, GOOD)
    study = studies.load("abc")
    assert (study.id, study.study.title, study.sources["edc"].encoding, study.visits[0].day) == (
        "abc",
        "A study",
        "utf-8",
        15,
    )
    assert (study.guards.rows_lost, study.guards.subjects_lost) == (0.10, 0.05)
    with pytest.raises(Exception, match="frozen"):
        study.study.title = "other"


def test_every_mistake_is_reported_at_once_with_line_and_meaning(data):
    write(
        data,
        GOOD.replace("layout =", "layot =").replace("number = 2", 'number = "two"').replace("before = 3", "before = -3")
        + '\n[of]\nAE001 = "x"\n',
    )
    with pytest.raises(CdmError) as caught:
        studies.load("abc")
    said = str(caught.value)
    assert "line 6: sources.edc.layot is not a key here; did you mean layout?" in said
    assert "sources.edc.layout (how the extract is laid out" in said and "is missing" in said
    assert "line 11: visits.1.number (visit number, in protocol order)" in said and "'two'" in said
    assert "line 13: visits.1.before (days that the visit may be early)" in said
    assert "of is not a key here; did you mean off?" in said


@pytest.mark.parametrize("bad", ["../x", "a/b", "", ".hidden", "x" * 65, "a b", "a\0b", "%2e%2e", "-x"])
def test_a_study_id_can_not_lead_outside_the_data_folder(data, bad):
    with pytest.raises(CdmError, match="can't be a study id"):
        studies.load(bad)


def test_an_unknown_study_names_those_there_are(data):
    write(data, GOOD)
    with pytest.raises(CdmError, match=r"There is no study 'nope'.*There are: abc"):
        studies.load("nope")


def test_a_study_toml_that_is_not_toml_says_where(data):
    write(data, GOOD + "\nx = = 3\n")
    with pytest.raises(CdmError, match=r"can't be read: .*line 16"):
        studies.load("abc")


def test_the_folder_and_the_id_must_agree(data):
    write(data, GOOD.replace('"abc"', '"abd"'))
    with pytest.raises(CdmError, match="They must agree"):
        studies.load("abc")
