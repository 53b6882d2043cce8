"""Make the golden archive: a study of six subjects over two weeks, run and sealed by the version of the day, kept to be verified by every later one.

`python tests/golden/make.py FOLDER` writes the run as `cdm archive --out` does, packed with xz, the signature beside it and the public keys.
The keys that sign are made for it and thrown away: nobody can make this archive again. Keep the old ones when you add another.
"""

from __future__ import annotations

import lzma
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

WEEKS = ("2024-03-04", "2024-03-11")
PASSWORD = "golden, and thrown away"
TOML = """[study]
id = "golden"
title = "A study kept to be verified"

[sources.edc]
layout = "csv"
subject = "SUBJID"
keys = { "DM" = ["SUBJID"], "AE" = ["SUBJID", "AENO"], "VS" = ["SUBJID", "VISIT"] }

[[people]]
id = "dora"
name = "Dora Example"
role = "data manager"
"""
TABLES = {
    "dm": """/*
title: Demographics
from:  edc.DM
*/
SELECT 'DM|' || SUBJID AS record_key, SITE AS siteid, SUBJID AS subjid, 'Demographics' AS form, source, dataset, source_row, SEX AS sex,
       BRTHDAT AS brthdat, iso_date(BRTHDAT) AS brthdtc, CONSDAT AS rficdat, iso_date(CONSDAT) AS rficdtc
FROM   edc.DM
""",
    "ae": """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || SUBJID || '|' || AENO AS record_key, SITE AS siteid, SUBJID AS subjid, 'Adverse events' AS form, source, dataset, source_row, AETERM AS aeterm,
       AESTDAT AS aestdat, iso_date(AESTDAT) AS aestdtc, AEENDAT AS aeendat, iso_date(AEENDAT) AS aeendtc, AESEV AS aesev, AEOUT AS aeout
FROM   edc.AE
""",
    "vs": """/*
title: Vital signs
from:  edc.VS
*/
SELECT 'VS|' || SUBJID || '|' || VISIT AS record_key, SITE AS siteid, SUBJID AS subjid, VISIT AS visit, 'Vital signs' AS form, source, dataset, source_row,
       VSDAT AS vsdat, iso_date(VSDAT) AS vsdtc, 'SYSBP' AS vstestcd, SYSBP AS vsorres, 'mmHg' AS vsorresu, num(SYSBP) AS vsorresn
FROM   edc.VS
""",
}
DM = """SITE,SUBJID,SEX,BRTHDAT,CONSDAT
01,S-1,F,12 MAY 1961,04 JAN 2024
01,S-2,M,30 NOV 1955,08 JAN 2024
01,S-3,F,UN JUL 1970,09 JAN 2024
02,S-4,M,02 FEB 1948,11 JAN 2024
02,S-5,F,17 AUG 1966,15 JAN 2024
02,S-6,,25 DEC 1959,22 JAN 2024
"""
AE = """SITE,SUBJID,AENO,AETERM,AESTDAT,AEENDAT,AESEV,AEOUT
01,S-1,1,Headache,05 FEB 2024,02 FEB 2024,MILD,RECOVERED/RESOLVED
01,S-1,2,Naïve “rash”,07 FEB 2024,,MODERATE,NOT RECOVERED/NOT RESOLVED
01,S-2,1,=SUM(A1),UN FEB 2024,,MILD,NOT RECOVERED/NOT RESOLVED
02,S-4,1,Cough,12 FEB 2024,19 FEB 2024,,RECOVERED/RESOLVED
"""
VS = """SITE,SUBJID,VISIT,VSDAT,SYSBP
01,S-1,Week 1,11 JAN 2024,128
01,S-2,Week 1,15 JAN 2024,1280
02,S-4,Week 1,18 JAN 2024,131
02,S-5,Week 1,,117
"""
SECOND = (("05 FEB 2024,02 FEB 2024", "01 FEB 2024,02 FEB 2024"), ("02,S-5,Week 1,,117\n", "02,S-5,Week 1,22 JAN 2024,117\n02,S-6,Week 1,29 JAN 2024,abc\n"))


def study(folder: Path) -> None:
    """Write the study's folder: what it is, how its forms become tables, and the extracts of its two weeks."""
    (folder / "tables").mkdir(parents=True)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    for name, text in TABLES.items():
        (folder / "tables" / f"{name}.sql").write_text(text, encoding="utf-8")
    for week in WEEKS:
        extract = folder / "incoming" / week
        extract.mkdir(parents=True)
        for name, text in (("DM", DM), ("AE", AE), ("VS", VS)):
            for old, new in SECOND if week == WEEKS[1] else ():
                text = text.replace(old, new)
            (extract / f"{name}.csv").write_text(text, encoding="utf-8")


def main(out: Path) -> None:
    from cdmlib import archive, journal, keys, mart, notebooks, people, restore, wheel
    from cdmlib import study as studies

    wheel.PACKED = restore.PACKED = zipfile.ZIP_STORED  # so that xz, which is better at it, has something to pack
    with tempfile.TemporaryDirectory() as temporary:
        os.environ |= {"CDM_DATA": str(Path(temporary) / "data"), "CDM_USER": "dora"}
        study(Path(temporary) / "data" / "golden")
        notebooks.weekly("golden", WEEKS[0])
        opened = studies.load("golden")
        with mart.open_published(opened) as con:
            finding = con.execute("SELECT finding_id FROM findings WHERE check_id = 'AE004'").fetchone()[0]
        journal.append(opened, "dora", "data manager", [journal.Act("review", finding, "comment", "", "asked the site", "seen in the listing")])
        run = notebooks.weekly("golden", WEEKS[1]).run
        people.set_password(opened, "dora", PASSWORD)
        keys.create(opened, "dora", PASSWORD)
        archive.sign(opened, run, "dora", PASSWORD, "I made this run")
        made = restore.take_away(opened, run, Path(temporary) / f"golden-{wheel.version('cdmlib')}.zip")
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{made.name}.xz").write_bytes(lzma.compress(made.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        shutil.copy2(restore.signature_of(made), out)
        shutil.copy2(opened.folder / "keys.csv", out / f"{made.stem}.keys.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
