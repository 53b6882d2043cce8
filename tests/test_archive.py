"""Archived runs: what is sealed, what every tampering looks like to the verifier, and the way back to a working study."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import duckdb
import nbformat
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cdmlib import archive, digests, journal, judge, keys, mart, notebooks, people, restore, tables, trace, verify
from cdmlib import bag as bags
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError
from cdmlib.journal import Act

WEEK1, WEEK2 = "2024-03-04", "2024-03-11"
RUN1, RUN2 = f"{WEEK1}-001", f"{WEEK2}-001"
PASSWORD = "correct horse battery"
TOML = """[study]
id = "abc"
title = "A study"

[sources.edc]
layout = "csv"
subject = "SUBJID"
keys = { "*" = ["ID"] }

[[people]]
id = "dora"
name = "Dora Example"
role = "data manager"

[[people]]
id = "axel"
name = "Axel Example"
role = "auditor"
"""
AE_TABLE = """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || ID AS record_key, SITE AS siteid, SUBJID AS subjid, 'Adverse events' AS form, source, dataset, source_row, AETERM AS aeterm,
       AESTDAT AS aestdat, iso_date(AESTDAT) AS aestdtc, iso_date(AEENDAT) AS aeendtc
FROM   edc.AE
"""
HEAD = "ID,SITE,SUBJID,AETERM,AESTDAT,AEENDAT\n"
AE1 = HEAD + "1,01,S1,Headache,05 MAR 2024,02 MAR 2024\n2,01,S2,Rash,01 MAR 2024,02 MAR 2024\n3,02,S3,Cough,03 MAR 2024,01 MAR 2024\n"
AE2 = HEAD + "1,01,S1,Headache,01 MAR 2024,02 MAR 2024\n2,01,S2,Rash,01 MAR 2024,02 MAR 2024\n3,02,S3,Cough,03 MAR 2024,01 MAR 2024\n"


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="module")
def two_weeks(tmp_path_factory):
    """A data folder with a small study, two weekly runs and a review between them, made once; tests work on copies."""
    data = tmp_path_factory.mktemp("made") / "data"
    folder = data / "abc"
    (folder / "tables").mkdir(parents=True)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    (folder / "tables" / "ae.sql").write_text(AE_TABLE, encoding="utf-8")
    for cutoff, text in ((WEEK1, AE1), (WEEK2, AE2)):
        (folder / "incoming" / cutoff).mkdir(parents=True)
        (folder / "incoming" / cutoff / "AE.csv").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        notebooks.weekly("abc", WEEK1)
        study = studies.load("abc")
        people.set_password(study, "dora", PASSWORD)
        with mart.open_published(study) as con:
            finding = con.execute("SELECT finding_id FROM findings WHERE record_key = 'AE|3' ORDER BY 1").fetchone()[0]
        journal.append(study, "dora", "data manager", [Act("review", finding, "comment", "", "asked the site", "seen")])
        notebooks.weekly("abc", WEEK2)
        keys.create(study, "dora", PASSWORD)
        archive.sign(study, RUN2, "dora", PASSWORD, "I made this run")
    return data


@pytest.fixture
def study(two_weeks, tmp_path, monkeypatch):
    shutil.copytree(two_weeks, tmp_path / "data")
    monkeypatch.setenv("CDM_DATA", str(tmp_path / "data"))
    return studies.load("abc")


def bag(study, run=RUN2) -> Path:
    return study.folder / "runs" / run / "archive"


def levels(report) -> dict[str, str]:
    return {level.id: level.status for level in report.levels}


def said(report) -> str:
    return "\n".join(line for level in report.levels for line in level.said)


def quick(study, target=RUN2, **more):
    return verify.run("abc", target, execute=False, **more)


def bagged_anew(folder: Path, by: Ed25519PrivateKey | None = None) -> None:
    """What a forger does after a change: make the manifests anew, and sign with a key of their own."""
    bags.list_anew(folder)
    if by:
        text = keys.sign(by, RUN2, archive.digest_of(folder), keys.INSTALLATION, "vm", "system", "sealed at the end of the run")
        (folder / "signatures" / "installation.json").write_text(text, encoding="utf-8")


@pytest.mark.requirement("R21")
def test_a_run_is_a_bag_with_a_crate_that_holds_what_was_run_on_what_with_what_result(study):
    folder = bag(study)
    listed = [line.split("  ", 1) for name in (bags.MANIFEST, bags.TAGS) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    assert all(hashlib.sha512((folder / name).read_bytes()).hexdigest() == digest for digest, name in listed) and bags.faults(folder) == []
    there = {path.relative_to(folder / "data").as_posix() for path in (folder / "data").rglob("*") if path.is_file()}
    assert {
        "run.json", "parameters.json", "policy.json", "results.json", "ro-crate-metadata.json", "inputs/inputs.json", "inputs/snapshot.json", "study/study.toml",
        "study/tables/ae.sql", "code/sql/macros.sql", "environment/requirements.lock", "environment/platform.json", "journal/segment.jsonl", "journal/head.json",
        "notebooks/20_cleaning.ipynb", "executed/20_cleaning.ipynb", f"outputs/cleaning_abc_{WEEK2}.xlsx", "outputs/tables/findings.parquet",
    } <= there  # fmt: skip
    assert [name for name in there if name.startswith("code/cdmlib-") and name.endswith(".whl")]
    graph = {item["@id"]: item for item in json.loads((folder / "data" / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]}
    action = graph["#run-20_cleaning"]
    assert action["@type"] == "CreateAction" and action["instrument"]["@id"] == "notebooks/20_cleaning.ipynb"
    assert {"@id": "outputs/tables/findings.parquet"} in action["result"]
    assert {item["@id"] for item in graph["./"]["hasPart"]} == there - {"ro-crate-metadata.json"}
    assert {name for _, name in listed} == {f"data/{name}" for name in there} | set(bags.FIXED)
    assert archive.read(folder, "parameters.json")["20_cleaning"] == {"study": "abc", "cutoff": WEEK2, "run": RUN2}
    entries = [json.loads(line) for line in (folder / "data" / "journal" / "segment.jsonl").read_text(encoding="utf-8").splitlines()]
    assert "asked the site" in {entry["new"] for entry in entries}
    for name, facts in archive.read(folder, "results.json")["tables"].items():
        with mart.open_run(study, RUN2) as con:
            assert con.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == facts["rows"]


@pytest.mark.requirement("R22")
def test_an_archived_run_gives_the_same_again_in_another_folder_without_network(study):
    report = verify.run("abc", RUN2, here=True)
    assert levels(report) == dict.fromkeys(("L0", "L1", "L2", "L3", "L4"), verify.PASS), said(report)
    third = report.levels[3]
    assert "THIS environment" in third.said[0] and not third.differences
    assert third.excluded["seconds"] > 0 and third.excluded["metadata"] == 4
    assert any(line.startswith("nbval: passed") for line in third.said)
    if verify.without_network():
        assert "executed without network" in third.said


@pytest.mark.requirement("R22")
def test_a_fresh_environment_is_made_of_the_archived_lock_and_library_from_a_folder_of_packages_alone(study, tmp_path):
    """With a lock of one small package, since a folder with all of them is 280 MB: what is shown is how the environment is made, not the whole run in it."""
    folder, wheels = tmp_path / "archive", tmp_path / "wheels"
    shutil.copytree(bag(study), folder)
    wheels.mkdir()
    small = wheels / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(small, "w") as file:
        file.writestr("small.py", "size = 7\n")
        file.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        file.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("small-1.0.dist-info/RECORD", "")
    (folder / "data" / "environment" / "requirements.lock").write_text(f"small==1.0 --hash=sha256:{digests.of_file(small)}\n", encoding="utf-8")
    asked, level = verify.Asked(False, wheels, True, False, None, (), print), verify.Level("L3")
    python, path = verify._environment(folder, tmp_path / "env", tmp_path, asked, level)
    code = "import cdmlib, small; from importlib.metadata import distributions; print(small.size, cdmlib.__file__, *sorted(d.name for d in distributions()))"
    printed = subprocess.run([python, "-c", code], env=verify._surroundings(tmp_path, path), cwd=tmp_path, capture_output=True, text=True).stdout.split()
    assert printed[0] == "7" and printed[1].startswith(str(tmp_path / "env")) and set(printed[2:]) - {"pip", "setuptools", "wheel"} == {"cdmlib", "small"}
    assert "from a folder of packages, without an index" in level.said[-1]
    small.write_bytes(small.read_bytes() + b"x")
    with pytest.raises(CdmError, match="Expected sha256"):
        verify._environment(folder, tmp_path / "other", tmp_path, asked, level)
    small.unlink()
    with pytest.raises(CdmError, match="pip download --require-hashes"):
        verify._environment(folder, tmp_path / "other", tmp_path, asked, level)


@pytest.mark.requirement("R22")
def test_another_result_is_found_by_the_re_execution_even_when_the_whole_archive_was_made_anew_by_its_maker(study, monkeypatch):
    folder = bag(study)
    path = folder / "data" / "executed" / "10_ingest.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("is stored as", "is not stored as"), encoding="utf-8")
    bagged_anew(folder)
    for level in ("L1", "L2"):
        monkeypatch.setattr(verify, f"_{level.lower()}", lambda *a, level=level: verify.Level(level, verify.PASS))
    report = verify.run("abc", RUN2, here=True, second=False)
    assert levels(report)["L3"] == verify.FAIL
    assert [(d.file, d.where) for d in report.levels[3].differences] == [("10_ingest.ipynb", "cell 5, output 1, text")]


def executed(tmp_path: Path, change) -> tuple[judge.Verdict, list]:
    """The verdict on a changed copy of a notebook of three cells, and what its source says of it."""
    cells = [nbformat.v4.new_code_cell("1 + 1", id="a"), nbformat.v4.new_code_cell("plot()", id="b"), nbformat.v4.new_code_cell("print(2)", id="c")]
    paths = [tmp_path / "source" / "x.ipynb", tmp_path / "one" / "x.ipynb", tmp_path / "two" / "x.ipynb"]
    for path in paths:
        path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), paths[0])
    for number, cell in enumerate(cells, start=1):
        cell.execution_count = number
    cells[0].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    image = base64.b64encode(b"picture").decode()
    cells[1].outputs = [nbformat.v4.new_output("display_data", {"image/png": image, "text/plain": "<Figure>"})]
    cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text="2\n")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), paths[1])
    change(cells)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), paths[2])
    verdict = judge.Verdict()
    policy = json.loads(archive.POLICY.read_text(encoding="utf-8"))
    judge.notebooks(verdict, paths[1], paths[2], policy, ("/a/data", "/b/data"))
    return verdict, judge.whole(paths[2], paths[0])


def unrun(cell):
    cell.outputs, cell.execution_count = [], None


@pytest.mark.requirement("R22")
@pytest.mark.parametrize(
    ("change", "where", "of_source"),
    [
        (lambda cells: None, "", ""),
        (lambda cells: cells[1].outputs[0].data.update({"image/png": base64.b64encode(b"forgery").decode()}), "cell 2, output 1, data", ""),
        (lambda cells: cells[0].outputs[0].data.update({"text/plain": "3"}), "cell 1, output 1, data", ""),
        (lambda cells: cells[2].outputs[0].update(text="3\n"), "cell 3, output 1, text", ""),
        (lambda cells: unrun(cells[2]), "cell 3, execution_count", "cell 3"),
        (lambda cells: cells.pop(1), "number of cells", "number of cells"),
        (lambda cells: cells.clear(), "number of cells", "number of cells"),
        (lambda cells: cells[0].metadata.update(tags=["nbval-skip"]), "cell 1, tags", "cell 1, tags"),
        (lambda cells: cells[1].outputs.clear(), "cell 2, number of outputs", ""),
        (lambda cells: cells[2].update(source="print(3)"), "cell 3, source", "cell 3, source"),
        (lambda cells: cells.insert(0, cells.pop(2)), "cell 1, source", "cell 1, source"),
    ],
    ids=["nothing", "image", "result", "printed", "skipped", "deleted", "all deleted", "tagged", "output removed", "source", "reordered"],
)
def test_the_judge_finds_what_was_done_to_a_notebook(tmp_path, change, where, of_source):
    verdict, own = executed(tmp_path, change)
    found = [d.where for d in verdict.differences]
    assert (where in found) if where else not found
    assert (of_source in [d.where for d in own]) if of_source else not own


def picture(change=lambda image: None, kind: str = "PNG", mode: str = "RGB", **packed) -> str:
    """A small picture as a notebook keeps it."""
    image = Image.linear_gradient("L").convert(mode)
    change(image)
    held = io.BytesIO()
    image.save(held, kind, **packed)
    return base64.b64encode(held.getvalue()).decode()


def said_by(program: str) -> PngInfo:
    info = PngInfo()
    info.add_text("Software", program)
    return info


PLOT = {"text/html": "<div id='{0}'></div><script>docs_json = {{'{1}': {{'roots': ['{0}'], 'y': [3, {2}]}}}}</script>", judge.PLOT: ""}
ID1, ID2, ID3, ID4 = (str(uuid.UUID(int=n, version=4)) for n in range(1, 5))


def drawn(image: str = "", ids: tuple[str, str] = (ID1, ID2), y: int = 4, marked: bool = True) -> dict:
    data = {"image/png": image} if image else {k: v.format(*ids, y) for k, v in PLOT.items() if marked or k != judge.PLOT}
    return {"output_type": "display_data", "data": data, "metadata": {} if image else {judge.PLOT: {"id": ids[0]}}}


@pytest.mark.requirement("R22")
@pytest.mark.parametrize(
    ("one", "two", "differs"),
    [
        (drawn(picture()), drawn(picture(compress_level=0, pnginfo=said_by("another program"))), False),
        (drawn(picture()), drawn(picture(lambda image: image.putpixel((7, 9), (1, 2, 3)))), True),
        (drawn(picture()), drawn(picture(lambda image: image.putpixel((0, 0), (0, 0, 1)))), True),
        (drawn(picture(mode="L")), drawn(picture(mode="L", transparency=7)), True),
        (drawn(picture()), drawn(picture(kind="GIF", save_all=True, append_images=[Image.new("RGB", (256, 256))])), True),
        (drawn(picture()), drawn(base64.b64encode(b"no picture").decode()), True),
        (drawn(), drawn(ids=(ID3, ID4)), False),
        (drawn(), drawn(ids=(ID3, ID3)), True),
        (drawn(), drawn(y=5), True),
        (drawn(marked=False), drawn(ids=(ID3, ID4), marked=False), True),
    ],
    ids=["packed anew", "a pixel", "a shade", "see-through", "more frames", "no picture", "drawn again", "parts joined", "data", "no plot"],
)
def test_a_plot_is_compared_by_its_data_and_an_image_by_its_pixels(one, two, differs, tmp_path):
    paths, verdict = (tmp_path / "one.ipynb", tmp_path / "two.ipynb"), judge.Verdict()
    for path, output in zip(paths, (one, two), strict=True):
        cell = nbformat.v4.new_code_cell("draw()", id="a", execution_count=1, outputs=[nbformat.from_dict(output)])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    policy = json.loads(archive.POLICY.read_text(encoding="utf-8"))
    judge.notebooks(verdict, *paths, policy, ("", ""))
    assert bool(verdict.differences) == differs
    judge.notebooks(exact := judge.Verdict(), *paths, {"exclusions": []}, ("", ""))
    assert exact.differences, "without these rules every one of them differs"


@pytest.mark.requirement("R22")
def test_a_plot_and_an_image_drawn_again_by_another_process_are_the_same(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell(text, id=name) for name, text in (
        ("a", "import pandas as pd\nimport panel as pn\nfrom cdmlib import figures\npn.extension()"),
        ("b", "figures.bars(pd.DataFrame({'site': ['01', '02'], 'n': [3, 4]}), 'site', 'n', title='Subjects')"),
        ("c", "from PIL import Image\nImage.linear_gradient('L')"),
    )]  # fmt: skip
    source = tmp_path / "source.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}), source)
    monkeypatch.setattr(notebooks, "folder", lambda: tmp_path)
    made = [notebooks.execute("source", tmp_path / f"{seed}.ipynb") for seed in "12"]
    judge.notebooks(verdict := judge.Verdict(), *made, json.loads(archive.POLICY.read_text(encoding="utf-8")), ("", ""))
    assert not verdict.differences and verdict.excluded["ids of plots"] > 10 and verdict.excluded["packing of images"] == 4


@pytest.mark.requirement("R01")
def test_a_changed_parquet_file_a_changed_parameter_and_a_changed_snapshot_are_named(study):
    for place in ("outputs/tables/findings.parquet", "parameters.json", "study/study.toml"):
        path = bag(study) / "data" / place
        kept = path.read_bytes()
        path.write_bytes(kept[:-20] + bytes([kept[-20] ^ 1]) + kept[-19:])
        report = quick(study)
        path.write_bytes(kept)
        assert levels(report)["L0"] == verify.FAIL and place in said(report)
    (stored,) = (study.folder / "snapshots").glob(f"{WEEK2}-*/edc.AE.parquet")
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    assert f"{stored.parent.name}/edc.AE.parquet was changed" in said(quick(study))


@pytest.mark.requirement("R13")
def test_an_archive_signed_anew_by_a_stranger_is_refused(study):
    (bag(study) / "data" / "run.json").write_text("{}", encoding="utf-8")
    bagged_anew(bag(study), Ed25519PrivateKey.generate())
    found = levels(quick(study))
    assert (found["L1"], found["L2"], found["L3"]) == (verify.FAIL, verify.FAIL, verify.NOT_RUN)


@pytest.mark.requirement("R13")
def test_a_signature_taken_away_or_put_under_another_archive_is_found(study):
    mine = bag(study) / "signatures" / "dora.json"
    assert "Dora Example (data manager)" in said(quick(study))
    shutil.copy2(mine, bag(study, RUN1) / "signatures")
    assert "dora.json is not of this archive" in said(quick(study, RUN1))
    mine.unlink()
    report = quick(study)
    assert levels(report)["L1"] == verify.FAIL and "the signature of dora is missing" in said(report)


@pytest.mark.requirement("R13")
def test_a_whole_study_folder_made_anew_by_a_stranger_is_found_by_the_keys_or_the_head_that_the_verifier_kept(study, two_weeks, tmp_path, monkeypatch):
    mine, (seq, head) = tmp_path / "keys.csv", journal.head(study)
    shutil.copy2(study.folder / "keys.csv", mine)
    forged = tmp_path / "forged" / "abc"
    shutil.copytree(study.folder, forged, ignore=lambda at, names: {"journal.db", "journal.heads", "keys.csv", "runs", "marts", "snapshots"} & set(names))
    monkeypatch.setenv("CDM_DATA", str(tmp_path / "forged"))
    (forged / "incoming" / WEEK2 / "AE.csv").write_text(AE2.replace("Cough", "Sneeze"), encoding="utf-8")
    run = mart.new_run(studies.load("abc"), WEEK2)
    mart.finish(studies.load("abc"), run, "failed", error="tried")
    archive.seal(studies.load("abc"), run, notebooks.folder())
    report = quick(study, run)
    assert report.ok and "--keys" in said(report) and "--head" in said(report)  # it says what it can't know
    assert levels(quick(study, run, known=mine))["L1"] == verify.FAIL
    report = quick(study, run, heads=((seq, head),))
    assert levels(report)["L2"] == verify.FAIL and "The head given" in said(report)


@pytest.mark.requirement("R01")
def test_a_head_that_the_verifier_kept_vouches_for_the_journal_up_to_it(study, tmp_path):
    head = journal.head(study)
    report = quick(study, heads=(head,))
    assert levels(report)["L2"] == verify.PASS and "--head" not in said(report)
    path = restore.take_away(study, RUN1, tmp_path / "run.zip")
    assert "it shows nothing here" in said(quick(study, str(path), heads=(head,)))


@pytest.mark.requirement("R01")
def test_an_archive_whose_results_name_what_is_no_type_or_whose_views_read_files_is_not_opened(study, tmp_path):
    path = bag(study) / "data" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    results["tables"]["ae"]["columns"]["aeterm"] = "VARCHAR) FROM read_text('/etc/passwd'); COPY (SELECT 1"
    path.write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(CdmError, match="type of column that there is not"):
        archive.mart_from_parquet(bag(study), tmp_path / "x.duckdb")
    results["tables"]["ae"]["columns"]["aeterm"] = "VARCHAR"
    results["views"] = {"v": f"CREATE VIEW v AS SELECT 1; COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'"}
    path.write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(duckdb.PermissionException):
        archive.mart_from_parquet(bag(study), tmp_path / "x.duckdb")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.requirement("R01")
def test_an_older_archive_in_the_place_of_a_newer_one_and_an_older_journal_are_found(study):
    shutil.rmtree(bag(study))
    shutil.copytree(bag(study, RUN1), bag(study))
    assert levels(quick(study))["L2"] == verify.FAIL
    (study.folder / "journal.db").unlink()
    assert levels(quick(study, RUN1))["L2"] == verify.FAIL


@pytest.mark.requirement("R01")
def test_a_changed_journal_is_found(study):
    import sqlite3

    con = sqlite3.connect(study.folder / "journal.db")
    con.execute("DROP TRIGGER journal_update")
    con.execute("UPDATE journal SET new = 'never mind' WHERE act = 'review'")
    con.commit()
    con.close()
    report = quick(study)
    assert levels(report)["L2"] == verify.FAIL and "not as it was written" in said(report)


@pytest.mark.requirement("R09")
def test_a_run_taken_away_verifies_elsewhere_by_the_keys_the_verifier_brings_and_becomes_a_working_study(study, tmp_path, monkeypatch):
    path = restore.take_away(study, RUN2, tmp_path / "run.zip")
    mine = tmp_path / "keys.csv"
    shutil.copy2(study.folder / "keys.csv", mine)
    with mart.open_run(study, RUN2) as con:
        before = {name: digests.of_table(con, f'"{name}"') for name in tables.collected(con)}
    monkeypatch.setenv("CDM_DATA", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    report = quick(study, str(path), known=mine)
    assert [levels(report)[x] for x in ("L0", "L1", "L2")] == [verify.PASS] * 3, said(report)
    unknown = verify.run("abc", str(path))
    assert levels(unknown)["L1"] == levels(unknown)["L3"] == verify.NOT_RUN and "not proven" in unknown.said  # a stranger's code is not executed
    other = tmp_path / "other.csv"
    other.write_text(mine.read_text(encoding="utf-8").replace("installation,", "installation,AAAA", 1), encoding="utf-8")
    assert levels(quick(study, str(path), known=other))["L1"] == verify.FAIL
    back = restore.restore(path, tmp_path / "elsewhere")
    with mart.open_published(back) as con:
        assert {name: digests.of_table(con, f'"{name}"') for name in tables.collected(con)} == before
    assert journal.verify(back).ok
    assert levels(verify.run("abc", RUN2, here=True, second=False))["L3"] == verify.PASS
    with pytest.raises(CdmError, match="is there already"):
        restore.restore(path, tmp_path / "elsewhere")


@pytest.mark.requirement("R09")
def test_a_zip_that_was_changed_cut_off_or_lost_its_signature_does_not_verify(study, tmp_path):
    path = restore.take_away(study, RUN2, tmp_path / "run.zip")
    whole, beside = path.read_bytes(), restore.signature_of(path)
    assert quick(study, str(path)).ok
    for at in random.Random(1).sample(range(len(whole)), 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert not quick(study, str(path)).ok
    for text in (whole[: len(whole) // 2], whole + b"x", b""):
        path.write_bytes(text)
        assert not quick(study, str(path)).ok
    path.write_bytes(whole)
    beside.unlink()
    assert "nothing vouches" in said(quick(study, str(path)))


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt"])
def test_a_zip_that_leads_out_of_the_folder_is_not_unpacked(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(name, "x")
    (tmp_path / "into").mkdir()
    with pytest.raises(CdmError, match="leads out"):
        restore.unpack(tmp_path / "x.zip", tmp_path / "into")
    assert not list((tmp_path / "into").iterdir()) and not (tmp_path / "out.txt").exists()


@pytest.mark.requirement("R26")
def test_a_backup_comes_back_whole_the_drill_is_logged_and_a_damaged_one_is_refused(study, tmp_path):
    path = restore.backup(study, tmp_path / "backups")
    entries = len(journal.read(study)) - 1  # without that of the backup itself
    assert restore.drill(study, path) == ([], f"{entries} journal entries, 2 archives, the results of 2 runs, 2 snapshots")
    (tmp_path / "back").mkdir()
    back = restore.restore(path, tmp_path / "back")
    assert {p.name for p in (back.folder / "marts").glob("*.duckdb")} == {f"{RUN1}.duckdb", f"{RUN2}.duckdb"}
    assert (back.folder / "marts" / "current").read_text(encoding="utf-8").strip() == f"{RUN2}.duckdb"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert restore.drill(study, path)[0]
    assert [e.new for e in journal.read(study, act="archive.drill")] == ["passed", "failed"]


@pytest.mark.requirement("R21")
def test_a_run_that_was_killed_is_listed_and_sealed_as_failed_and_one_that_works_is_left_alone(study):
    code = f"from cdmlib import mart, study; mart.new_run(study.load('abc'), '{WEEK2}'); import os; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    working = mart.new_run(study, WEEK2)
    (sealed,) = archive.seal_left_over(study, notebooks.folder())
    assert (sealed.run, working) == (f"{WEEK2}-002", f"{WEEK2}-003")
    report = quick(study, sealed.run)
    assert report.ok and report.status_of_run == "failed"
    assert dict(archive.runs(study)[["run", "status"]].itertuples(index=False))[working] == "running"
    assert archive.seal_left_over(study, notebooks.folder()) == []
    (study.folder / "runs" / f"{WEEK2}-004").mkdir()  # killed before it wrote down anything
    (sealed,) = archive.seal_left_over(study, notebooks.folder())
    assert (sealed.run, quick(study, sealed.run).ok, quick(study, sealed.run).status_of_run) == (f"{WEEK2}-004", True, "failed")


@pytest.mark.requirement("R21")
def test_a_run_stopped_after_it_had_published_says_which_notebooks_it_did_not_show(study):
    run = f"{WEEK2}-002"
    made = study.folder / "runs" / run
    shutil.copytree(study.folder / "runs" / RUN2, made, ignore=shutil.ignore_patterns("archive"))
    shutil.copy2(study.folder / "marts" / f"{RUN2}.duckdb", study.folder / "marts" / f"{run}.duckdb")
    facts = {name: value for name, value in archive.manifest(study, run).items() if name != "archive"}
    (made / "manifest.json").write_text(json.dumps(facts | {"run": run}), encoding="utf-8")
    book = nbformat.read(made / "50_metrics.ipynb", as_version=4)
    book.cells[-1].update(outputs=[], execution_count=None)
    nbformat.write(book, made / "50_metrics.ipynb")
    (made / "60_lock_readiness.ipynb").unlink()
    assert [sealed.run for sealed in archive.seal_left_over(study, notebooks.folder())] == [run]
    assert archive.read(bag(study, run), "run.json")["not_shown"] == archive.manifest(study, run)["not_shown"] == "50_metrics, 60_lock_readiness: stopped before"
    assert not (bag(study, run) / "data" / "executed" / "50_metrics.ipynb").exists() and quick(study, run).ok
    assert "not shown in notebooks: 50_metrics, 60_lock_readiness" in CliRunner().invoke(main, ["runs", "abc"]).output


@pytest.mark.requirement("R21")
def test_sealing_that_is_cut_off_at_any_step_leaves_no_archive_or_a_whole_one(study, monkeypatch):
    run = mart.new_run(study, WEEK2)
    mart.finish(study, run, "failed", error="tried")
    steps = [(archive.bags, "make"), (archive.keys, "sign"), (archive.journal, "append"), (archive.mart, "note")]
    for place, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                archive.seal(study, run, notebooks.folder())
        if bag(study, run).exists():
            assert bags.faults(bag(study, run)) == []
    assert [s.run for s in archive.seal_left_over(study, notebooks.folder())] == [run]
    assert quick(study, run).ok
    assert len(journal.read(study, act="archive.sealed", subject=run)) == 1


@pytest.mark.requirement("R21")
def test_an_archive_that_was_removed_is_not_made_anew(study):
    shutil.rmtree(bag(study))
    with pytest.raises(CdmError, match="its archive is gone"):
        archive.seal(study, RUN2, notebooks.folder())
    assert not quick(study).ok


@pytest.mark.requirement("R16")
def test_a_locked_study_still_lets_its_runs_be_sealed_and_signed():
    from cdmlib.standing import Standing, refusal

    for state in ("soft locked", "locked"):
        assert refusal(Standing(state=state, lock="L001"), Act("archive.sealed", RUN1), "cdmlib", "system", "2026-01-01T00:00:00+00:00") == ""


@pytest.mark.requirement("R22")
def test_the_life_of_a_value_goes_from_the_line_received_to_the_decisions(study, tmp_path):
    life = trace.of(study, "S3", "AE|3", "AESTDAT")
    assert (life.table, life.field, life.value) == ("ae", "aestdat", "03 MAR 2024")
    life = trace.of(study, "S1", "AE|1", "aestdtc")
    assert [(r["cut-off"], r["file"], r["row"], r["as received"], r["standard value"]) for r in life.received] == [
        (WEEK1, "AE.csv", life.received[0]["row"], "AESTDAT = 05 MAR 2024", "2024-03-05"),
        (WEEK2, "AE.csv", life.received[1]["row"], "AESTDAT = 01 MAR 2024", "2024-03-01"),
    ]
    assert {f["status"] for f in life.findings} == {"resolved"}
    third = trace.of(study, "S3", "AE|3", "aestdtc")
    assert [(d["who"], d["new"], d["why"]) for d in third.decisions] == [("dora", "asked the site", "seen")]
    page = trace.write(third, tmp_path)
    assert "asked the site" in page.read_text(encoding="utf-8") and json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["record"] == "AE|3"
    with pytest.raises(CdmError, match="No standard table has a record"):
        trace.of(study, "S1", "AE|3", "aestdtc")
    with pytest.raises(CdmError, match="no field 'AEXYZ'"):
        trace.of(study, "S1", "AE|1", "AEXYZ")


@pytest.mark.requirement("R11")
def test_a_key_opens_with_the_password_alone_follows_a_new_password_and_is_never_kept_in_the_open(study):
    path = studies.data_folder() / "keys" / "dora.pem"
    assert b"ENCRYPTED" in path.read_bytes() and path.stat().st_mode & 0o077 == 0
    with pytest.raises(CdmError, match="is wrong"):
        keys.of_person(study, "dora", "a wrong password")
    people.set_password(study, "dora", "another good phrase", PASSWORD)
    with pytest.raises(CdmError, match="earlier password"):
        keys.of_person(study, "dora", "another good phrase")
    assert keys.renew_password("dora", PASSWORD, "another good phrase")
    keys.of_person(study, "dora", "another good phrase")


@pytest.mark.requirement("R08")
def test_the_commands_print_and_write_a_page_that_the_verifier_signs(study, tmp_path):
    people.set_password(study, "axel", PASSWORD)
    keys.create(study, "axel", PASSWORD)

    def cdm(*arguments):
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    done = cdm("verify", "abc", RUN2, "--no-run", "--out", str(tmp_path / "out"), "--as", "axel", "--password", PASSWORD)
    assert done.exit_code == 0 and "L0  PASS" in done.output and "not proven: L3" in done.output
    (page,) = (tmp_path / "out").glob("*.html")
    assert "Axel Example (auditor)" in page.read_text(encoding="utf-8")
    signed = keys.read(page.with_suffix(".signature.json").read_text(encoding="utf-8"))
    assert signed.digest == digests.of_file(page.with_suffix(".json"))
    assert "signed by installation, dora" in cdm("runs", "abc").output
    (bag(study) / "data" / "run.json").unlink()
    failed = cdm("verify", "abc", RUN2, "--no-run", "--out", str(tmp_path / "out"))
    assert failed.exit_code == 1 and "run.json" in failed.output and "Traceback" not in failed.output


def test_the_wheel_has_equal_bytes_when_the_code_is_equal_and_runs_from_a_folder(tmp_path):
    from cdmlib import wheel

    one, two = tmp_path / "1.whl", tmp_path / "2.whl"
    wheel.write(one, notebooks.folder())
    wheel.write(two, notebooks.folder())
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as file:
        file.extractall(tmp_path / "code")
    code = "import cdmlib, sys; from cdmlib import notebooks; print(cdmlib.__file__, notebooks.folder())"
    printed = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path / "code")}, capture_output=True, text=True, cwd=tmp_path).stdout
    assert printed.split() == [str(tmp_path / "code" / "cdmlib" / "__init__.py"), str(tmp_path / "code" / "cdmlib" / "_notebooks")]
