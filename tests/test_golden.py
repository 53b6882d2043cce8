"""Archives that earlier versions made go on verifying, and no tampering with one is missed."""

from __future__ import annotations

import lzma
import random
import shutil
from pathlib import Path

import pytest

from bench import bench_tampering
from cdmlib import restore, verify
from cdmlib import study as studies

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.zip.xz"))
TAMPERINGS, SEED = 520, 20240311


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name.removesuffix(".zip.xz"))
def golden(request, data, tmp_path) -> tuple[Path, Path]:
    """One of the kept archives as it was taken away, and the list of the keys that sealed it; there is no such study here."""
    path = tmp_path / request.param.stem
    path.write_bytes(lzma.decompress(request.param.read_bytes()))
    shutil.copy2(restore.signature_of(request.param.with_suffix("")), tmp_path)
    return path, request.param.parent / f"{path.stem}.keys.csv"


@pytest.mark.requirement("R22")
def test_an_archive_kept_from_an_earlier_version_verifies_and_gives_the_same_again_or_every_difference_is_listed(golden):
    path, known = golden
    report = verify.run("golden", str(path), here=True, known=known, second=False)
    found = {level.id: level for level in report.levels}
    assert [found[x].status for x in ("L0", "L1", "L2")] == [verify.PASS] * 3, report
    third, fourth = found["L3"], found["L4"]
    # Its own code in today's environment: the same, or other packages are named and every difference is listed.
    assert third.status == verify.PASS or (third.status == verify.FAIL and third.differences and any("differ" in line or ", and is " in line for line in third.said)), third
    # Today's code: the same, or every difference is listed. Nothing may end in an error, and nothing be left uncompared.
    assert fourth.status == verify.PASS or (fourth.status == verify.DIFFERS and fourth.differences), fourth
    assert all(f"{len(level.differences)} differences in" in level.said[-1] and "33 tables" in level.said[-1] for level in (third, fourth) if "not needed" not in level.said[-1])


@pytest.mark.requirement("R01")
def test_500_random_tamperings_with_a_kept_archive_are_found_and_the_file_or_the_forged_signature_is_named(golden):
    path, _ = golden
    back = restore.restore(path, studies.data_folder())
    run = max(p.parent.name for p in back.folder.glob("runs/*/archive"))
    found, missed = bench_tampering.tamper(back, run, TAMPERINGS if path.stem == GOLDEN[-1].name.removesuffix(".zip.xz") else 50, random.Random(SEED))
    print(bench_tampering.table(found))
    assert missed == []
    assert {way for way, _, _ in found} == {way.__name__ for way in (*bench_tampering.BYTES, *bench_tampering.MEANING)}
    assert verify.run("golden", run, execute=False).ok, "after the last one everything is as it was"


def test_the_private_keys_of_the_kept_archives_are_not_kept():
    assert GOLDEN
    for path in GOLDEN[0].parent.glob("golden-*"):
        held = path.read_bytes()
        assert b"-----BEGIN" not in (lzma.decompress(held) if path.suffix == ".xz" else held), path.name
