"""Medical coding: dictionaries in their layouts, what the machine may code, what people decide, and what a new version does."""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyreadstat
import pytest
from click.testing import CliRunner

from cdmlib import checks, coding, demo, findings, journal, mart, measures, snapshot, tables
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.coding import autocode, decisions, dictionary, layouts, suggest, upversion, words
from cdmlib.coding.decisions import QUERY, Choice
from cdmlib.demo import dictionaries as made_up
from cdmlib.errors import CdmError
from cdmlib.study import DictionarySource

WEEK = "2024-03-04"
PEOPLE = "".join(
    f'\n[[people]]\nid = "{id_}"\nname = "{id_}"\nrole = "{role}"\n'
    for id_, role in (("cora", "coder"), ("carl", "coder"), ("lena", "lead"), ("dan", "data manager"))
)


def source(layout: str, **given) -> DictionarySource:
    return DictionarySource(folder="x", layout=layout, **given)


def dictionary_of(*terms: tuple) -> dictionary.Dictionary:
    """A dictionary from (code, term, current, preferred code); the class is the same for all."""
    rows = []
    names = {code: term for code, term, *_ in terms}
    for code, term, *more in terms:
        current, preferred = (*more, True, code)[:2] if len(more) < 2 else more
        rows.append(
            {"code": code, "term": term, "level": "LLT", "is_current": current, "preferred_code": preferred, "preferred_term": names[preferred],
             "class_code": "1", "class_term": "All"} | {f"key{n}": key for n, key in enumerate(words.keys(term), 1)}
        )  # fmt: skip
    columns = [*dictionary.Term.__annotations__, "key1", "key2", "key3", "key4"]
    types = [(name, pa.bool_() if name == "is_current" else pa.string()) for name in columns]
    return dictionary.Dictionary("meddra", "meddra", "1.0", "x", pa.Table.from_pylist(rows, schema=pa.schema(types)))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The made-up dictionaries in all three layouts."""
    folder = tmp_path_factory.mktemp("dictionaries")
    made_up.write_meddra(folder / "meddra")
    made_up.write_meddra(folder / "meddra-2.0", "2.0")
    made_up.write_b3(folder / "whodrug-b3")
    made_up.write_c3(folder / "whodrug-c3")
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """The demo study with people and its first extract taken in; tests copy it."""
    folder = tmp_path_factory.mktemp("data") / "demo"
    demo.create(folder)
    with (folder / "study.toml").open("a", encoding="utf-8") as file:
        file.write(PEOPLE)
    for later in sorted((folder / "incoming").iterdir())[2:]:
        shutil.rmtree(later)
    snapshot.ingest(studies.read(folder / "study.toml"), WEEK)
    return folder


@pytest.fixture
def study(template, data) -> studies.Study:
    shutil.copytree(template, data / "demo")
    return studies.load("demo")


def run(study_id: str = "demo", cutoff: str = WEEK) -> tuple[Path, str]:
    """A weekly run without its notebooks: the coding workbook and the run's id."""
    work = mart.begin(study_id, cutoff)
    tables.build(work)
    coding.code(work)
    checks.run(work, [check.id for check in checks.library() if check.domain == "coding"])
    findings.follow(work)
    book = coding.write(work)
    mart.publish(work)
    return book, work.run


def published(study, sql: str) -> list[tuple]:
    with mart.open_published(study) as con:
        return con.execute(sql).fetchall()


def fill(book: Path, to: Path, sheet: str, entries: dict[str, dict[str, object]]) -> Path:
    """A copy of a workbook with cells filled in: by verbatim, column → value."""
    xl = openpyxl.load_workbook(book)
    page = xl[sheet]
    names = {str(cell.value).rsplit("\n", 1)[-1]: cell.column for cell in page[3]}
    done = set()
    for row in range(4, page.max_row + 1):
        verbatim = page.cell(row, names["verbatim"]).value
        for column, value in entries.get(verbatim, {}).items():
            page.cell(row, names[column]).value = value
            done.add(verbatim)
    assert done == set(entries)
    xl.save(to)
    return to


# ── dictionaries ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_public_file_set_in_the_meddra_layout_loads_with_currency_hierarchy_and_version(realdata):
    loaded = dictionary.load_folder("meddra", realdata / "meddra-fake" / "MedAscii", source("meddra"))
    assert loaded.version == "0.0"
    assert {code: (t.is_current, t.preferred_code, t.class_code) for code, t in loaded.by_code.items()} == {
        "10001111": (True, "10001111", "10000100"),
        "10001112": (False, "10001111", "10000100"),
        "10002111": (True, "10002111", "10000200"),
    }


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_the_made_up_dictionary_has_at_least_400_terms_in_each_layout(made, layout):
    loaded = dictionary.load_folder("x", made / layout, source(layout))
    assert loaded.terms.num_rows >= 400
    assert loaded.version == ("1.0" if layout == "meddra" else "Mar 2024")
    assert all(t.preferred_term and t.class_term for t in loaded.by_code.values())


def test_the_same_drugs_in_both_whodrug_layouts_are_the_same_terms(made):
    b3, c3 = (dictionary.load_folder("x", made / layout, source(layout)) for layout in ("whodrug-b3", "whodrug-c3"))
    fields = ("code", "term", "level", "preferred_code", "preferred_term", "class_code", "class_term")
    assert b3.terms.select(fields).to_pylist() == c3.terms.select(fields).to_pylist()
    assert b3.by_code["90000101001"].class_code == "Q01AC; Q01BC"  # several classes are all given
    assert c3.by_code["90000101002"].ingredients == "Ramipril"


def cut_last(text: bytes) -> bytes:
    return text[:-9]


def without_line(text: bytes, number: int) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join(lines[: number - 1] + lines[number:])


BAD = [  # layout, file, what is done to it, what is said
    ("meddra", "llt.asc", cut_last, r"llt.asc line 479: the file ends in the middle of a record \(\d of 11 columns\); it was truncated"),
    ("meddra", "pt.asc", lambda t: t.replace(b"Bradycardia$", b"Brady$cardia$", 1), r"pt.asc line 1: has 12 columns; pt.asc has 11"),
    ("meddra", "pt.asc", lambda t: without_line(t, 1), r"llt.asc line 1: pt_code '94000001' is not in pt.asc; are the files of one version\?"),
    ("meddra", "pt.asc", lambda t: t.replace(b"94000001", b"94000004", 1), "pt_code '94000004' is given 2 times|is not in pt.asc"),
    ("meddra", "mdhier.asc", lambda t: t.replace(b"$Bradycardia$", b"$Slow heart$", 1), "mdhier.asc line 1: pt 94000001 is called 'Slow heart', in pt.asc 'Bradycardia'"),
    ("meddra", "mdhier.asc", lambda t: without_line(t, 2), "pt.asc line 2: preferred term 94000004 has no primary path in mdhier.asc"),
    ("meddra", "mdhier.asc", lambda t: t.replace(b"$Y$", b"$J$", 1), "primary_soc_fg must be Y or N; it is 'J'"),
    ("meddra", "llt.asc", lambda t: t.replace(b"$Y$$", b"$X$$", 1), "llt.asc line 1: llt_currency must be Y or N; it is 'X'"),
    ("meddra", "llt.asc", lambda t: t.replace(b"Bradycardia", b"Bradycardi\xe9", 1), "llt.asc line 1: byte 0xe9 is not utf-8; declare the encoding"),
    ("meddra", "smq_list.asc", lambda t: t.replace(b"$1.0$", b"$2.0$"), "versions are mixed: meddra_release.asc says 1.0, smq_list.asc says 2.0"),
    ("meddra", "soc.asc", None, "soc.asc is missing. It holds hlgt.asc"),
    ("meddra", "hlt.asc", lambda t: b"", "hlt.asc: is empty"),
    ("whodrug-b3", "dd.txt", lambda t: t + b"900001010\r\n", "dd.txt line 421: has 9 characters, too few: drug_name begins at character 31"),
    ("whodrug-b3", "dd.txt", lambda t: t.replace(b"\r\n", b" more\r\n", 1), "dd.txt line 1: has 1,535 characters; a line of dd.txt has at most 1,530"),
    ("whodrug-b3", "dd.txt", lambda t: t + t.split(b"\r\n")[0], "dd.txt line 421: drug code 900001 01 001 stands in line 1 too"),
    ("whodrug-b3", "dda.txt", lambda t: t.replace(b"Q01AC", b"Z99ZZ", 1), "dda.txt line 1: atc_code 'Z99ZZ' is not in ina.txt"),
    ("whodrug-b3", "ina.txt", None, "ina.txt is missing"),
    ("whodrug-c3", "thg.txt", lambda t: t.replace(b"Q01AC ", b"Z99ZZ ", 1), "thg.txt line 1: atc_code 'Z99ZZ' is not in atc.txt"),
    ("whodrug-c3", "mp.txt", lambda t: without_line(t, 1), r"(thg|ing).txt line 1: medicinal_product_id '1' is not in mp.txt"),
    ("whodrug-c3", "sun.txt", lambda t: without_line(t, 1), "ing.txt line 1: substance_id '700001' is not in sun.txt"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "file", "spoil", "said"), BAD, ids=[f"{b[0]}-{b[1]}-{n}" for n, b in enumerate(BAD)]
)
def test_a_faulty_dictionary_is_refused_with_file_and_line(made, tmp_path, layout, file, spoil, said):
    shutil.copytree(made / layout, tmp_path / "d")
    path = tmp_path / "d" / file
    if spoil:
        path.write_bytes(spoil(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(CdmError, match=said):
        dictionary.load_folder("x", tmp_path / "d", source(layout))


def test_a_declared_version_must_be_that_of_the_files_and_one_must_be_known(made, tmp_path):
    with pytest.raises(CdmError, match=r"versions are mixed: .*study.toml says 26.1"):
        dictionary.load_folder("x", made / "meddra", source("meddra", version="26.1"))
    shutil.copytree(made / "meddra", tmp_path / "d")
    for name in ("meddra_release.asc", "smq_list.asc", "smq_content.asc"):
        (tmp_path / "d" / name).unlink()
    with pytest.raises(CdmError, match="no file says which version it is"):
        dictionary.load_folder("x", tmp_path / "d", source("meddra"))
    assert dictionary.load_folder("x", tmp_path / "d", source("meddra", version="26.1")).version == "26.1"


def test_file_names_in_capitals_another_encoding_and_narrower_substances_are_read(made, tmp_path):
    shutil.copytree(made / "whodrug-c3", tmp_path / "d")
    narrow = [line[:140] + line[280:] for line in (tmp_path / "d" / "sun.txt").read_text(encoding="utf-8").splitlines()]
    (tmp_path / "d" / "sun.txt").unlink()
    (tmp_path / "d" / "SUN.TXT").write_bytes("\n".join(narrow).replace("Ramipril", "Ramipríl").encode("cp1252"))
    loaded = dictionary.load_folder("x", tmp_path / "d", source("whodrug-c3", encoding="cp1252"))
    assert loaded.by_code["90000101001"].ingredients == "Ramipríl"


def test_a_dictionary_is_read_once_and_again_when_its_files_change(made, tmp_path, monkeypatch):
    shutil.copytree(made / "meddra", tmp_path / "d")
    first = dictionary.load_folder("m", tmp_path / "d", source("meddra"), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "read", lambda *_: pytest.fail("the files were read again"))
        second = dictionary.load_folder("m", tmp_path / "d", source("meddra"), tmp_path / "cache")
    assert (second.terms.to_pylist(), second.version) == (first.terms.to_pylist(), first.version)
    path = tmp_path / "d" / "llt.asc"
    path.write_bytes(path.read_bytes().replace(b"Slow pulse", b"Slow beats"))
    third = dictionary.load_folder("m", tmp_path / "d", source("meddra"), tmp_path / "cache")
    assert "Slow beats" in {t.term for t in third.by_code.values()}


# ── what the machine may code ───────────────────────────────────────────────────────────────────────────────────

SAME = [  # verbatim, term, at which stage they meet
    ("HEADACHE ", "Headache", 1), ("Head-ache", "Head ache", 1), ("Ménière’s disease", "Menieres disease", 1), ("Naevus", "NÆVUS", 0),
    ("Localised oedema", "Localized edema", 2), ("Diarrhoea", "Diarrhea", 2), ("Tumour", "tumor", 2), ("Haemorrhoids", "Hemorrhoids", 2),
    ("Headaches", "Headache", 3), ("Biopsies", "Biopsy", 3), ("Abscesses", "Abscess", 3), ("Bone metastases", "Bone metastasis", 3),
    ("Block, left bundle branch", "Left bundle branch block", 4), ("Infection of the kidney", "Kidney infection", 4),
    ("Pain in back", "Back pain", 0), ("Pain without fever", "Pain with fever", 0), ("No pain", "Pain", 0), ("Gas", "Ga", 0),
]  # fmt: skip


@pytest.mark.parametrize(("verbatim", "term", "stage"), SAME, ids=[row[0] for row in SAME])
def test_a_verbatim_meets_a_term_at_the_mildest_stage_that_fits(verbatim, term, stage):
    alike = [a == b for a, b in zip(words.keys(verbatim), words.keys(term), strict=True)]
    assert (alike.index(True) + 1 if True in alike else 0) == stage


def test_a_dose_and_a_form_are_no_part_of_a_drugs_name_but_an_s_is():
    assert words.keys("Ramipril 2.5 mg tablets", drug=True)[2] == "ramipril"
    assert words.keys("Concors", drug=True)[3] == "concors"


TERMS = dictionary_of(
    ("10", "Headache"), ("11", "Head pain", True, "10"), ("12", "Cephalalgia", False, "10"), ("20", "Nausea"), ("30", "Cold"), ("31", "Cold."),
    ("40", "Nausea and vomiting"), ("50", "Diarrhea"), ("60", "Stroke"), ("61", "Apoplexy", False, "60"), ("62", "apoplexy", True, "60"),
)  # fmt: skip
MATCHES = [  # verbatim, code, method, flag
    ("Headache", "10", "exact", ""), ("headache", "10", "normalised", ""), ("Pain, head", "11", "normalised", ""), ("DIARRHOEA", "50", "normalised", ""),
    ("Cranium ache", "10", "synonym", ""), ("cranium aches", "10", "synonym", ""), ("Bad head", "11", "decision", ""), ("BAD HEADS", "11", "decision", ""),
    ("Cephalalgia", "", "", "not current"), ("Old one", "", "", "not in version"), ("COLD", "", "", "ambiguous"), ("Cold", "30", "exact", ""),
    ("Headache and nausea", "", "", "several terms"), ("nausea/headaches", "", "", "several terms"), ("Nausea and vomiting", "40", "exact", ""),
    ("APOPLEXY", "62", "normalised", ""), ("Hedache", "", "", ""), ("?!", "", "", ""), ("Headache and something", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("verbatim", "code", "method", "flag"), MATCHES, ids=[row[0] for row in MATCHES])
def test_the_machine_codes_only_what_is_one_current_term_and_says_how(verbatim, code, method, flag):
    index = autocode.index(TERMS, {"Cranium ache": "10", "Old one": "99"}, {"Bad head": "11"})
    found = autocode.match(index, verbatim)
    assert (found.code, found.method, found.flag) == (code, method, flag)
    assert bool(found.flag) == (found.because != "" and not found.code)


def test_suggestions_are_ranked_never_hold_what_is_not_current_and_are_the_same_again():
    index = autocode.index(TERMS, {"Cranium ache": "10"})
    offered = suggest.suggest(index, ["Hedache", "severe headache", "Cephalalgya", "craniun ache", "zzzz", ""])
    assert (offered[0][0].code, offered[0][0].confidence) == ("10", 93)
    assert offered[1][0].code == "10"
    assert "12" not in {s.code for suggestions in offered for s in suggestions}
    assert (offered[3][0].code, offered[3][0].by) == ("10", "cranium ache")
    assert offered[4] == offered[5] == ()
    assert suggest.suggest(index, ["Hedache", "severe headache", "Cephalalgya", "craniun ache", "zzzz", ""]) == offered


# ── a study ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_term_of_the_demo_is_coded_as_the_key_says_by_the_method_it_says_and_none_wrong(study):
    with mart.scratch("demo", WEEK) as work:
        tables.build(work)
        said = coding.code(work)
        rows = work.con.execute(
            "SELECT DISTINCT dictionary, verbatim, code, coalesce(method, '') FROM coding"
        ).fetchall()
        offers = work.con.execute("SELECT dictionary, verbatim, number, code FROM coding_suggestions").fetchall()
        total = work.con.execute("SELECT count(*) FILTER (NOT blank(aeterm)) FROM ae").fetchone()[0]
        assert work.con.execute(
            "SELECT count(*), count(DISTINCT record_key) FROM coding WHERE domain = 'ae'"
        ).fetchone() == (total, total)
    key = {(row["dictionary"], row["verbatim"]): row for row in demo.read_coding_key(study.folder)}
    known = [row for row in rows if row[:2] in key]
    assert len(known) > 110 and {"exact", "normalised", "synonym", ""} == {row[3] for row in known}
    for name, verbatim, code, method in known:
        right = key[name, verbatim]
        expected = "" if right["method"] == "misspelt" else right["method"]
        assert (method, code or "") == (expected, right["code"] if expected else ""), verbatim
    score = demo.score_coding([row[:3] for row in rows], offers, key.values())
    assert score.wrong == () and score.first == score.waiting > 5
    assert list(said["column"]) == ["ae.aeterm", "cm.cmtrt", "mh.mhterm"] and set(said["not_run"]) == {""}


def test_without_a_dictionary_nothing_is_coded_and_the_checks_say_so(study, data):
    text = (study.folder / "study.toml").read_text(encoding="utf-8")
    start, end = text.index("[dictionaries.meddra]"), text.index("synonyms_whodrug.csv\"]") + len("synonyms_whodrug.csv\"]")
    (study.folder / "study.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    with mart.scratch("demo", WEEK) as work:
        tables.build(work)
        assert coding.code(work)["not_run"].tolist() == ["no dictionary declared"]
        ran = checks.run(work, ["CD001", "CD004"])
        assert set(ran["outcome"]) == {"not run"} and set(ran["reason"]) == {"table coding is not collected"}
    assert "no dictionary declared" in CliRunner().invoke(main, ["coding", "demo"]).output


def test_which_columns_are_coded_can_be_declared_otherwise_and_mistakes_are_named(study):
    path = study.folder / "study.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text + '\n[coding]\nmh.mhterm = ""\ncm.cmindc = "meddra"\n', encoding="utf-8"
    )
    assert coding.declared(studies.load("demo")) == [
        ("ae", "aeterm", "meddra"),
        ("cm", "cmindc", "meddra"),
        ("cm", "cmtrt", "whodrug"),
    ]
    path.write_text(
        text + '\n[coding]\nae.aetrem = "meddra"\nae.aeterm = "snomed"\n', encoding="utf-8"
    )
    with pytest.raises(
        CdmError, match=r"(?s)coding.ae.aetrem is not a column.*'snomed' is not declared; there is meddra, whodrug"
    ):
        coding.declared(studies.load("demo"))


def test_a_list_of_synonyms_with_mistakes_is_refused_line_by_line(study):
    path = study.folder / "dictionaries" / "synonyms_meddra.csv"
    path.write_text("verbatim,code\nGout attack,94000001\ngout  attack,94000002\n,94000003\n", encoding="utf-8")
    with pytest.raises(
        CdmError,
        match=r"(?s)line 3: 'gout  attack' is given two codes, 94000001 and 94000002.*line 4: verbatim and code",
    ):
        autocode.read_synonyms(study, "meddra")
    path.write_text("term;code\n", encoding="utf-8")
    with pytest.raises(CdmError, match="must name the columns verbatim and code"):
        autocode.read_synonyms(study, "meddra")


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────


def loaded(study) -> dict[str, dictionary.Dictionary]:
    return {name: coding.load(study, name) for name in study.dictionaries}


FALL = Choice("meddra", 'Fall at home ("slipped")', "94000157", "a fall")


def as_(person: str, monkeypatch) -> None:
    monkeypatch.setenv("CDM_USER", person)


@pytest.mark.parametrize("person", ["dan", "lena"])
def test_only_a_coder_may_decide(study, monkeypatch, person):
    as_(person, monkeypatch)
    with pytest.raises(
        CdmError, match=rf'{person} \(.*\) may not decide on codes; that takes somebody with role = "coder"'
    ):
        decisions.decide(study, loaded(study), [FALL])
    assert journal.read(study) == []


def test_where_nobody_is_listed_nobody_may_code(study, monkeypatch):
    text = (study.folder / "study.toml").read_text(encoding="utf-8")
    (study.folder / "study.toml").write_text(re.sub(r"\[\[people\]\]\n(?:\w+ = .*\n)+", "", text), encoding="utf-8")
    assert not studies.load("demo").people
    as_("cora", monkeypatch)
    with pytest.raises(CdmError, match=r"(?s)cora \(unlisted\) may not decide.*\[\[people\]\]"):
        decisions.decide(studies.load("demo"), loaded(study), [FALL])


def test_the_manifest_of_a_run_says_which_dictionaries_it_coded_with(study):
    _, name = run()
    manifest = json.loads((study.folder / "runs" / name / "manifest.json").read_text(encoding="utf-8"))
    stated = {key: value["version"] for key, value in manifest["dictionaries"].items()}
    assert stated == {"meddra": "1.0", "whodrug": "Mar 2024"}
    assert manifest["dictionaries"]["meddra"]["content"] == coding.load(study, "meddra").digest


def test_a_decision_counts_for_every_record_waits_for_another_person_and_is_approved(study, monkeypatch):
    run()
    as_("cora", monkeypatch)
    decisions.decide(study, loaded(study), [FALL])
    with pytest.raises(CdmError, match=r"(?s)Nobody may approve their own decisions.*was decided by cora"):
        coding.approve(study)
    as_("dan", monkeypatch)
    with pytest.raises(CdmError, match="may not approve codes"):
        coding.approve(study)
    run()
    sql = "SELECT DISTINCT status, method, term, coder, approver FROM coding WHERE verbatim LIKE 'Fall at%'"
    assert published(study, sql) == [("decided", "decision", "Fall", "cora", None)]
    as_("lena", monkeypatch)
    done, own = coding.approve(study)
    assert [d.code for d in done] == ["94000157"] and own == []
    run()
    assert published(study, sql) == [("approved", "decision", "Fall", "cora", "lena")]
    entries = journal.read(study, act="coding")
    assert [(e.actor, e.role, e.field, e.new, e.reason) for e in entries if e.field != "evidence"] == [
        ("cora", "coder", "code", "94000157", "a fall"),
        ("lena", "lead", "approval", "approved 94000157", ""),
    ]
    assert journal.verify(study).ok


def test_an_approval_is_for_one_code_and_ends_when_the_code_changes(study):
    books = loaded(study)
    decisions.decide(study, books, [FALL], "cora", "coder")
    decisions.approve(study, None, True, "", "lena", "lead")
    decisions.decide(study, books, [Choice("meddra", FALL.verbatim, "94000158", "fell down")], "carl", "coder")
    (standing,) = decisions.standing(study).values()
    assert (standing.code, standing.coder, standing.approver, standing.waiting) == ("94000158", "carl", "", True)


def test_a_rejected_decision_comes_back_to_the_coder_with_the_reason_and_can_be_made_again(study):
    decisions.decide(study, loaded(study), [FALL], "cora", "coder")
    with pytest.raises(CdmError, match="A rejection needs its reason"):
        decisions.approve(study, None, False, "", "lena", "lead")
    decisions.approve(study, None, False, "an accident, not a fall", "lena", "lead")
    run()
    sql = "SELECT DISTINCT status, flag, because, code, suggested_code FROM coding WHERE verbatim LIKE 'Fall at%'"
    assert published(study, sql) == [
        ("uncoded", "rejected", "rejected by lena: an accident, not a fall", None, "94000157")
    ]
    decisions.decide(study, loaded(study), [FALL], "cora", "coder")
    assert next(iter(decisions.standing(study).values())).waiting


def test_codes_that_do_not_exist_or_are_not_current_and_questions_without_text_are_refused_together(study):
    old = next(t.code for t in coding.load(study, "meddra").by_code.values() if not t.is_current)
    wrong = [Choice("meddra", "A", "123"), Choice("meddra", "B", old), Choice("meddra", "C", QUERY)]
    with pytest.raises(
        CdmError, match=r"(?s)'A': '123' is not in meddra 1.0.*'B': .* is no longer current.*'C': say in the comment"
    ):
        decisions.decide(study, loaded(study), wrong, "cora", "coder")
    assert journal.read(study) == []


def test_a_question_to_the_site_becomes_a_query_on_the_field_of_the_record(study):
    decisions.decide(
        study, loaded(study), [Choice("meddra", FALL.verbatim, QUERY, "Was it a fall or fainting?")], "cora", "coder"
    )
    run()
    found = published(study, "SELECT check_id, field, message FROM findings WHERE check_id = 'CD003'")
    assert len(found) == published(study, "SELECT count(*) FROM ae WHERE aeterm LIKE 'Fall at home%'")[0][0] > 0
    assert found[0][1] == "aeterm" and "Was it a fall or fainting? Please correct the term" in found[0][2]


def test_one_record_may_be_coded_otherwise_which_is_a_finding_until_its_text_changes(study):
    run()
    keys = [
        row[0] for row in published(study, "SELECT record_key FROM ae WHERE aeterm = 'Headache' ORDER BY record_key")
    ]
    alone = Choice("meddra", "Headache", coding_code(study, "Migraine"), "typical", keys[0])
    decisions.decide(study, loaded(study), [alone], "cora", "coder")
    run()
    assert published(study, "SELECT record_key FROM findings WHERE check_id = 'CD001'") == [(keys[0],)]
    extract = study.incoming / "2024-03-11"
    path = extract / "AE.csv"
    number = keys[0].split("|")[1]
    lines = path.read_text(encoding="utf-8").split("\n")
    lines = [line.replace(",Headache,", ",Headache at night,") if f",{number}," in line else line for line in lines]
    path.write_text("\n".join(lines), encoding="utf-8")
    snapshot.ingest(study, "2024-03-11")
    run("demo", "2024-03-11")
    assert published(study, "SELECT count(*) FROM findings WHERE check_id = 'CD001' AND gone_on IS NULL") == [(0,)]
    changed = published(study, f"SELECT message FROM findings WHERE check_id = 'CD002' AND record_key = '{keys[0]}'")
    assert "was Headache, coded as Migraine" in changed[0][0] and "is Headache at night now" in changed[0][0]


def coding_code(study, term: str) -> str:
    return next(t.code for t in coding.load(study, "meddra").by_code.values() if t.term == term)


# ── the workbook ────────────────────────────────────────────────────────────────────────────────────────────────


def test_choices_come_back_from_the_workbook_by_number_by_code_and_as_a_question(study, tmp_path, monkeypatch):
    book, _ = run()
    entries = {
        "Fracture, left wrist": {"choice": 2},
        "Cataract of both eyes": {"choice": "94000061", "comment": "both eyes are one term"},
        FALL.verbatim: {"choice": "query", "comment": "Fall or fainting?"},
    }
    filled = fill(book, tmp_path / "back.xlsx", "To code (meddra)", entries)
    as_("cora", monkeypatch)
    done = coding.take_in(study, filled)
    assert (done.choices, done.conflicts) == (3, ())
    standing = {d.verbatim: (d.code, d.reason) for d in decisions.standing(study).values()}
    assert standing["Fracture, left wrist"] == (coding_code(study, "Fracture of wrist"), "")
    assert standing[FALL.verbatim] == (QUERY, "Fall or fainting?")
    again = coding.take_in(study, filled)
    assert (again.choices, again.already) == (0, 3) and len(journal.read(study)) == 6
    fresh, _ = run()
    assert "Fracture, left wrist" not in {
        row[0] for row in openpyxl.load_workbook(fresh)["To code (meddra)"].iter_rows(values_only=True)
    }
    yes = {
        "Fracture, left wrist": {"approve": "yes"},
        "Cataract of both eyes": {"approve": "no", "comment": "one each"},
    }
    signed = fill(fresh, tmp_path / "signed.xlsx", "To approve", yes)
    with pytest.raises(CdmError, match="Nobody may approve their own decisions"):
        coding.take_in(study, signed)
    as_("lena", monkeypatch)
    done = coding.take_in(study, signed)
    assert (done.approved, done.rejected) == (1, 1)


def test_a_drug_code_that_excel_made_a_number_of_is_still_its_code(study, tmp_path, monkeypatch):
    as_("cora", monkeypatch)
    book, _ = run()
    code = next(t.code for t in coding.load(study, "whodrug").by_code.values() if t.term == "Magnesium")
    filled = fill(book, tmp_path / "b.xlsx", "To code (whodrug)", {"Magnesium": {"choice": int(code)}})
    assert coding.take_in(study, filled).choices == 1
    assert decisions.standing(study)["whodrug|magnesium"].code == code


SPOILT = [
    ("To code (meddra)", "Fracture, left wrist", {"choice": "5"}, "there is no suggestion 5"),
    (
        "To code (meddra)",
        "Fracture, left wrist",
        {"choice": "12345678"},
        "'12345678' is neither the number of a suggestion nor a code of meddra 1.0",
    ),
    (
        "To code (meddra)",
        "Fracture, left wrist",
        {"choice": "query"},
        "say in the comment what the site is to be asked",
    ),
    (
        "To code (meddra)",
        "Fracture, left wrist",
        {"choice": "1", "row_id": "0000"},
        "don't belong together; one of them was altered",
    ),
    ("To code (meddra)", "Fracture, left wrist", {"choice": "1", "verbatim": "Fracture"}, "don't belong together"),
]


@pytest.mark.parametrize(("sheet", "verbatim", "cells", "said"), SPOILT, ids=[row[3][:20] for row in SPOILT])
def test_a_workbook_with_a_mistake_is_refused_whole_with_sheet_and_row(
    study, tmp_path, monkeypatch, sheet, verbatim, cells, said
):
    as_("cora", monkeypatch)
    book, _ = run()
    filled = fill(book, tmp_path / "b.xlsx", sheet, {verbatim: cells, "Cataract of both eyes": {"choice": "1"}})
    with pytest.raises(CdmError, match=rf"(?s)was not taken in:.*sheet {sheet[:7]}.* row \d+: .*{said}"):
        coding.take_in(study, filled)
    assert journal.read(study) == []


def test_what_another_coder_decided_meanwhile_stands_and_is_a_conflict(study, tmp_path):
    book, _ = run()
    filled = fill(
        book,
        tmp_path / "b.xlsx",
        "To code (meddra)",
        {"Fracture, left wrist": {"choice": "1"}, "Cataract of both eyes": {"choice": "1"}},
    )
    decisions.decide(
        study,
        loaded(study),
        [Choice("meddra", "Fracture, left wrist", coding_code(study, "Fracture of wrist"))],
        "carl",
        "coder",
    )
    done = coding.take_in(study, filled, "cora", "coder")
    assert done.choices == 1 and "carl decided" in done.conflicts[0]
    assert decisions.standing(study)["meddra|fracture, left wrist"].coder == "carl"


def test_what_the_machine_coded_can_be_coded_otherwise(study, tmp_path):
    book, _ = run()
    filled = fill(
        book,
        tmp_path / "b.xlsx",
        "Coded (meddra)",
        {"Headache": {"choice": coding_code(study, "Migraine"), "comment": "so agreed"}},
    )
    coding.take_in(study, filled, "cora", "coder")
    run()
    sql = "SELECT DISTINCT term, method FROM coding WHERE verbatim = 'Headache'"
    assert published(study, sql) == [("Migraine", "decision")]
    book, _ = run()
    back = fill(
        book, tmp_path / "c.xlsx", "Coded (meddra)", {"Headache": {"choice": "none"}, "Nausea": {"choice": "none"}}
    )
    done = coding.take_in(study, back, "cora", "coder")
    assert (done.choices, done.already) == (1, 1)  # on Nausea there was no decision to take back
    run()
    assert published(study, sql) == [("Headache", "exact")]


def test_a_workbook_of_another_version_or_another_kind_is_refused(study, tmp_path, made):
    book, _ = run()
    shutil.rmtree(study.folder / "dictionaries" / "meddra")
    shutil.copytree(made / "meddra-2.0", study.folder / "dictionaries" / "meddra")
    text = (study.folder / "study.toml").read_text(encoding="utf-8").replace('version = "1.0"', 'version = "2.0"')
    (study.folder / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CdmError, match=r"was written with meddra 1\.0; the study now codes with 2\.0"):
        coding.take_in(studies.load("demo"), book, "cora", "coder")
    openpyxl.Workbook().save(tmp_path / "other.xlsx")
    with pytest.raises(CdmError, match="it is not a coding workbook"):
        coding.take_in(study, tmp_path / "other.xlsx", "cora", "coder")


# ── the notebook, the command line, measures, versions ──────────────────────────────────────────────────────────


def test_a_coder_picks_from_the_worklist_of_the_notebook(study, monkeypatch):
    run()
    as_("cora", monkeypatch)
    with mart.open_published(study) as con:
        work = coding.worklist(con)
        row = next(at for at, verbatim in work.verbatim.items() if verbatim == "Fracture, left wrist")
        assert work.loc[row, "1"].startswith("Wrist fracture (")
        assert coding.decide(con, {}).empty and journal.read(study) == []
        with pytest.raises(CdmError, match=rf"(?s)row 999: the worklist has rows.*row {row}: .* has \d suggestions"):
            coding.decide(con, {999: 1, row: 0})
        assert coding.decide(con, {row: 1}, "left or right is no term").who.tolist() == ["cora"]
        assert coding.awaiting(con).verbatim.tolist() == ["Fracture, left wrist"]
    found = coding.find("demo", "meddra", "wrist").term
    assert {"Wrist fracture", "Wrist pain"} <= set(found) and "wrist" in found[0].lower()


def test_the_command_line_codes_takes_in_and_approves(study, tmp_path, monkeypatch):
    book, _ = run()

    def cdm(*arguments: str, user: str = "cora"):
        return CliRunner().invoke(main, ["coding", "demo", *map(str, arguments)], env={"CDM_USER": user})

    assert "reported terms coded (" in cdm("--out", tmp_path / "c.xlsx").output and (tmp_path / "c.xlsx").exists()
    filled = fill(book, tmp_path / "b.xlsx", "To code (meddra)", {"Fracture, left wrist": {"choice": "1"}})
    refused = cdm("import", filled, user="dan")
    assert refused.exit_code == 1 and "may not decide on codes" in refused.stderr
    assert "1 choices" in cdm("import", filled).output
    assert cdm("approve").exit_code == 1
    assert "1 decisions approved" in cdm("approve", user="lena").output
    changed = cdm("upversion", "--to", study.folder / "dictionaries" / "meddra-2.0", "--out", tmp_path / "up.csv")
    assert "no longer current" in changed.output and (tmp_path / "up.csv").exists()
    assert "Wrist fracture" in cdm("find", "wrist", "--dictionary", "meddra").output


def test_coverage_is_the_share_of_records_with_a_code_by_dictionary_form_and_site(study):
    work = mart.begin("demo", WEEK)
    tables.build(work)
    coding.code(work)
    measures.run(work)
    rows = work.con.execute("SELECT record_key, dictionary, siteid, form, code, method FROM coding").fetchall()
    stated = {
        (m, lv, s, c): (n, d)
        for m, lv, s, c, n, d in work.con.execute(
            "SELECT metric, level, siteid, category, numerator, denominator FROM metrics WHERE metric LIKE 'CO%'"
        ).fetchall()
    }
    for metric, at in (("CO01", 1), ("CO02", 3)):
        for value in {row[at] for row in rows}:
            mine = [row for row in rows if row[at] == value]
            assert stated[metric, "study", None, value] == (sum(bool(row[4]) for row in mine), len(mine))
            for site in {row[2] for row in mine}:
                here = [row for row in mine if row[2] == site]
                assert stated[metric, "site", site, value] == (sum(bool(row[4]) for row in here), len(here))
    methods = Counter(row[5] or "none" for row in rows)
    assert {c: n for (m, lv, _, c), (n, d) in stated.items() if m == "CO03" and lv == "study"} == methods
    assert stated["CO04", "study", None, None] == (0, 0)
    work.con.close()


def test_a_new_version_says_what_moves_what_is_no_longer_current_and_what_stays(study):
    run()
    with mart.open_published(study) as con:
        frame = upversion.compare(con, study, "meddra", study.folder / "dictionaries" / "meddra-2.0")
        total = con.execute("SELECT count(DISTINCT verbatim) FROM coding WHERE dictionary = 'meddra'").fetchone()[0]
        with pytest.raises(CdmError, match="which the study codes with already"):
            upversion.compare(con, study, "meddra", study.folder / "dictionaries" / "meddra")
    by = {row.verbatim: (row.result, row.what) for row in frame.itertuples()}
    assert len(frame) == total
    assert by["Gout attack"] == ("no longer current", "Gout flare")
    assert by["Contusion"] == ("renamed", "Contusion → Bruising")
    assert by["Insomnia"][0] == "moved" and "class: Mind and sleep → Head and nerves" in by["Insomnia"][1]
    assert "high level term: Spinning → Dizzy states" in by["Vertigo"][1]
    assert by["Headache"] == ("unchanged", "")
    counts = upversion.summary(frame)
    assert counts.reported_terms.sum() == total


# ── real terms ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pilot(realdata) -> list[dict[str, str]]:
    """The terms of the pilot study: verbatim, lowest level term, preferred term, class."""
    with (
        zipfile.ZipFile(realdata / "cdisc-pilot-sdtm" / "cdiscpilot_update2.zip") as file,
        tempfile.TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "ae.xpt"
        path.write_bytes(file.read("SDTM/ae.xpt"))
        frame, _ = pyreadstat.read_xport(path)
    return frame[["AETERM", "AELLT", "AEDECOD", "AEBODSYS"]].to_dict("records")


def pilot_dictionary(pilot, lowest: bool) -> dictionary.Dictionary:
    """A dictionary from the pilot's own term columns: its preferred terms, and (lowest) its lowest level terms under them."""
    preferred = {row["AEDECOD"]: f"{n:08d}" for n, row in enumerate({r["AEDECOD"]: r for r in pilot}.values(), start=1)}
    terms = [(code, name) for name, code in preferred.items()]
    below = {row["AELLT"]: row["AEDECOD"] for row in pilot if row["AELLT"] not in preferred}
    terms += [(f"9{n:07d}", llt, True, preferred[pt]) for n, (llt, pt) in enumerate(below.items(), 1)] if lowest else []
    return dictionary_of(*terms)


def typo(rng: random.Random, text: str) -> str:
    """One letter of a text replaced, left out, put in, or exchanged with the next."""
    at, kind, letter = rng.randrange(len(text)), rng.randrange(4), rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    changed = (
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at:],
        text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
    )
    return changed[kind]


def test_the_pilots_verbatims_are_coded_by_the_machine_and_none_wrong(pilot):
    index = autocode.index(pilot_dictionary(pilot, lowest=True))
    terms = index.dictionary.by_code
    coded = [(row, autocode.match(index, row["AETERM"]).code) for row in pilot]
    assert all(code and terms[code].preferred_term == row["AEDECOD"] for row, code in coded)
    others = {row["AELLT"]: row["AEDECOD"] for row in pilot if row["AELLT"] != row["AEDECOD"]}
    index = autocode.index(
        pilot_dictionary(pilot, lowest=False)
    )  # only preferred terms: the other names are verbatims nobody has seen
    found = {llt: autocode.match(index, llt).code for llt in others}
    right = [
        llt for llt, code in found.items() if code and index.dictionary.by_code[code].preferred_term == others[llt]
    ]
    wrong = [
        llt for llt, code in found.items() if code and index.dictionary.by_code[code].preferred_term != others[llt]
    ]
    print(
        f"\n{len(coded)} of {len(pilot)} verbatims coded; of {len(others)} names not in the dictionary {len(right)} coded right, {len(wrong)} wrong"
    )
    assert wrong == [] and len(right) >= 25


@pytest.mark.parametrize(("errors", "first", "among"), [(1, 0.97, 0.99), (2, 0.93, 0.96)])
def test_suggestions_find_the_pilots_terms_despite_typed_errors(pilot, errors, first, among):
    index, rng = autocode.index(pilot_dictionary(pilot, lowest=True)), random.Random(errors)
    right = {}
    for code, term in index.dictionary.by_code.items():
        text = term.term
        for _ in range(errors):
            text = typo(rng, text)
        match = autocode.match(index, text)
        assert match.code in ("", code), text
        if not match.code:
            right[text] = code
    offers = dict(zip(right, suggest.suggest(index, list(right)), strict=True))
    top = sum(bool(offers[text]) and offers[text][0].code == code for text, code in right.items()) / len(right)
    five = sum(code in {s.code for s in offers[text]} for text, code in right.items()) / len(right)
    print(f"\n{errors} typed errors in {len(right)} terms: first suggestion right {top:.1%}, one of five {five:.1%}")
    assert top >= first and five >= among
