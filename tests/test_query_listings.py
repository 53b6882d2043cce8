"""Query listings of several systems, set up by their header alone, against what each row says."""

from __future__ import annotations

import datetime

import openpyxl
import pytest

from cdmlib import mart, scaffold, snapshot, tables
from cdmlib import study as studies

CUTOFF = "2025-11-20"
AE = """userid,projectid,project,studyid,environmentName,subjectId,StudySiteId,Subject,siteid,Site,SiteNumber,SiteGroup,instanceId,InstanceName,InstanceRepeatNumber,folderid,Folder,FolderName,FolderSeq,TargetDays,DataPageId,DataPageName,PageRepeatNumber,RecordDate,RecordId,recordposition,RecordActive,SaveTs,MinCreated,MaxUpdated,AETERM,AESTDAT,AESTDAT_RAW
1,1,P,1,Prod,11,1,101-001,1,Site 101,101,,1,Adverse Events,0,1,AE,Adverse Events,1,,5,Adverse Events,0,,9001,1,1,,,,Headache,,01 OCT 2025
EOF
"""


def queries(data, tmp_path, files):
    """The queries of a study set up from these files: one dictionary a query, by query number or field."""
    extract = tmp_path / "extract"
    extract.mkdir()
    for name, content in files.items():
        if isinstance(content, str):
            (extract / name).write_text(content, encoding="utf-8")
        else:
            book = openpyxl.Workbook()
            book.remove(book.active)
            for title, lines in content.items():
                sheet = book.create_sheet(title)
                for line in lines:
                    sheet.append(line)
            book.save(extract / name)
    made = scaffold.new("trial", extract, CUTOFF)
    assert (made.folder / "tables" / "edc_queries.sql").exists(), made.said
    snapshot.ingest(studies.load("trial"), CUTOFF)
    with mart.scratch("trial", CUTOFF) as work:
        tables.build(work)
        found = work.con.execute("SELECT * FROM queries ORDER BY subjid, opened_on, query_id").fetch_arrow_table().to_pylist()
    return made, found


def values(row, *names):
    return tuple(text[:10] if name.endswith("_on") and (text := row.get(name)) else row.get(name) for name in names)


WHERE = ("siteid", "subjid", "visit", "form", "formrow", "field")
LIFE = ("status", "opened_on", "answered_on", "closed_on", "age_days", "action_owner")


def test_a_rave_query_listing(data, tmp_path):
    listing = """sitename,subjectnameoridentifier,folderoid,folderinstancename,formoid,ecrfpagename,fieldname,fieldlabel,markinggroup,queryopenby,querytext,queryresponsetext,querystatus,queryopendate,queryresponsedate,queryresolveddate,odays,qdays
Site 101,101-001,AE,Adverse Events,AE,Adverse Events,AESTDAT,Start date,Site from DM,A. Bee,Please check.,,Open,2025-11-13,NA,NA,7,7
Site 101,101-001,AE,Adverse Events,AE,Adverse Events,AETERM,Term,Site from System,System,Missing.,Entered,Answered,2025-11-01,2025-11-05,NA,19,4
Site 101,101-001,AE,Adverse Events,AE,Adverse Events,AETERM,Term,Site from CRA,C. Dee,Illegible.,Done,Closed,2025-10-01,2025-10-02,2025-10-11,50,10
Site 101,101-001,AE,Adverse Events,AE,Adverse Events,AESER,Serious,Site from CRA,C. Dee,Why?,,Cancelled,2025-09-01,NA,2025-09-02,80,1
"""
    _, found = queries(data, tmp_path, {"queries.csv": listing})
    assert [values(row, "field", *LIFE) for row in found] == [
        ("AESER", "cancelled", "2025-09-01", None, "2025-09-02", 1, None),
        ("AETERM", "closed", "2025-10-01", "2025-10-02", "2025-10-11", 10, None),
        ("AETERM", "answered", "2025-11-01", "2025-11-05", None, 4, "Data management"),
        ("AESTDAT", "open", "2025-11-13", None, None, 7, "Site"),
    ]
    assert values(found[3], "siteid", "subjid", "visit", "form", "text", "marking_group", "opened_by") == (
        "Site 101", "101-001", "Adverse Events", "Adverse Events", "Please check.", "Site from DM", "A. Bee"
    )  # fmt: skip


def test_a_rave_stream_report(data, tmp_path):
    listing = """study,sitename,subjectname,id_,folder,form,field,log,querytext,markinggroupname,name,qryopendate,qryopenby,qryresponsedate,qrycloseddate
TRIAL - Prod,101_Berlin,101-001,7001,AE,Adverse Events,Start date,1,Please check.,Site from DM,Open,13 Nov 2025 15:45:48,A. Bee,,
TRIAL - Prod,101_Berlin,101-001,7002,AE,Adverse Events,Term,1,Illegible.,Field Monitor Review,Answered,01 Nov 2025 08:00:00,C. Dee,05 Nov 2025 09:00:00,
TRIAL - Prod,101_Berlin,101-001,7003,AE,Adverse Events,Term,2,Illegible.,Field Monitor Review,Closed,01 Oct 2025,C. Dee,02 Oct 2025,11 Oct 2025
"""
    _, found = queries(data, tmp_path, {"AE.csv": AE, "stream_query_detail.csv": listing})
    by_id = {row["query_id"]: row for row in found}
    assert values(by_id["7001"], *WHERE[1:]) == ("101-001", "AE", "Adverse Events", "1", "Start date")
    assert [(id_, row["status"], row["age_days"], row["action_owner"], row["formrow"]) for id_, row in sorted(by_id.items())] == [
        ("7001", "open", 7, "Site", "1"), ("7002", "answered", 4, "CRA", "1"), ("7003", "closed", 10, None, "2"),
    ]  # fmt: skip


HEAD = ["Study", "Region", "Country", "Site Number", "Subject Name", "Folder Name", "Form ", "Field OID", "Log # ", "Visit Date", "Query Status", "Action Owner", "Marking Group Name", "Query Open Date", "Query Response Date", "# Days Since Open", "# Days Since Response"]  # fmt: skip
ROWS = [
    ["TRIAL", "EMEA", "DEU", "101", "101-001", "Adverse Events", "Adverse Events", "AESTDAT", 1, "01 OCT 2025", "Open", "Site Review", "Site from DM", "13NOV2025", None, 7, None],
    ["TRIAL", "EMEA", "DEU", "101", "101-001", "Adverse Events", "Adverse Events", "AETERM", 1, "01 OCT 2025", "Answered", "DM Review", "Site from System", "01-NOV-2025", "05 NOV 2025", 19, 15],
    ["TRIAL", "EMEA", "DEU", "101", "101-002", "Week 1", "Vital Signs", "SYSBP", None, "02 OCT 2025", "Open", "Field Monitor Review", "Site from CRA", datetime.datetime(2025, 10, 20), None, 31, None],
]  # fmt: skip


def test_the_query_report_of_the_operational_workbook(data, tmp_path):
    """Its sheets for one action owner repeat rows of the cumulative one: those are not counted twice."""
    book = {
        "Query Report - Cumulative": [HEAD, *ROWS],
        "Query Report - Site Action": [HEAD, ROWS[0]],
        "Query Report - CRA Action": [HEAD, ROWS[2]],
    }
    made, found = queries(data, tmp_path, {"AE.csv": AE, "CPID_EDC_Metrics.xlsx": book})
    assert [values(row, "subjid", "form", "formrow", "field", "status", "opened_on", "age_days", "action_owner") for row in found] == [
        ("101-001", "Adverse Events", "1", "AETERM", "answered", "2025-11-01", 4, "Data management"),
        ("101-001", "Adverse Events", "1", "AESTDAT", "open", "2025-11-13", 7, "Site"),
        ("101-002", "Vital Signs", None, "SYSBP", "open", "2025-10-20", 31, "CRA"),
    ]
    assert sum("its queries are in the cumulative" in line for line in made.said) == 2


VIEDOC = """SiteCode,SubjectId,EventName,FormName,FormSeq,ItemId,QueryStudySeqNo,QueryType,RangeCheckOID,QueryText,QueryState,QueryResolution,UserName,DateTime,UserRole
101,101-001,Week 1,Adverse Events,1,AESTDAT,11,Manual,,Please check.,Query Raised,,A. Bee,2025-11-01T08:00:00,Data Manager
101,101-001,Week 1,Adverse Events,1,AESTDAT,11,Manual,,Please check.,Query Resolved,Right as it is,S. Ite,2025-11-04T08:00:00,Investigator
101,101-001,Week 1,Adverse Events,1,AETERM,12,Validation,RC1,Missing.,Query Raised,,System,2025-11-02T08:00:00,
101,101-001,Week 1,Adverse Events,2,AETERM,13,Manual,,Illegible.,Query Raised,,C. Dee,2025-10-01T08:00:00,Monitor
101,101-001,Week 1,Adverse Events,2,AETERM,13,Manual,,Illegible.,Query Resolved,Corrected,S. Ite,2025-10-02T08:00:00,Investigator
101,101-001,Week 1,Adverse Events,2,AETERM,13,Manual,,Illegible.,Query Approved,,C. Dee,2025-10-11T08:00:00,Monitor
101,101-001,Week 1,Adverse Events,3,AETERM,14,Manual,,Illegible.,Query Raised,,C. Dee,2025-10-01T08:00:00,Monitor
101,101-001,Week 1,Adverse Events,3,AETERM,14,Manual,,Illegible.,Query Removed,,C. Dee,2025-10-02T08:00:00,Monitor
"""
PROCESSED = """SiteCode,SubjectId,EventName,FormName,FormSeq,ItemId,QueryStudySeqNo,QueryText,QueryStatus,ClosedByDataEdit,QueryRaised,QueryRaisedBy,QueryRaisedByRole,QueryResolved,QueryResolvedBy,QueryResolution,QueryApproved,QueryRejected,QueryClosed,QueryRemoved,OpenQueryAge
101,101-001,Week 1,Adverse Events,1,AESTDAT,11,Please check.,Query Resolved,No,2025-11-01,A. Bee,Data Manager,2025-11-04,S. Ite,Right as it is,,,,,
101,101-001,Week 1,Adverse Events,1,AETERM,12,Missing.,Query Raised,No,2025-11-02,System,System,,,,,,,,18
101,101-001,Week 1,Adverse Events,2,AETERM,13,Illegible.,Query Approved,No,2025-10-01,C. Dee,Monitor,2025-10-02,S. Ite,Corrected,2025-10-11,,,,
101,101-001,Week 1,Adverse Events,3,AETERM,14,Illegible.,Query Removed,No,2025-10-01,C. Dee,Monitor,,,,,,,2025-10-02,
"""


@pytest.mark.parametrize(
    "files",
    [{"Queries.csv": VIEDOC}, {"ProcessedQueries.csv": PROCESSED}, {"Queries.csv": VIEDOC, "ProcessedQueries.csv": PROCESSED}],
    ids=["a row per change", "a row per query", "both"],
)
def test_the_queries_of_viedoc_count_once_whichever_of_its_listings_comes(data, tmp_path, files):
    _, found = queries(data, tmp_path, {"AE.csv": AE, **files})
    assert [values(row, "query_id", "formrow", *LIFE) for row in sorted(found, key=lambda row: row["query_id"])] == [
        ("11", "1", "answered", "2025-11-01", "2025-11-04", None, 3, "Data management"),
        ("12", "1", "open", "2025-11-02", None, None, 18, "Site"),
        ("13", "2", "closed", "2025-10-01", "2025-10-02", "2025-10-11", 10, None),
        ("14", "3", "cancelled", "2025-10-01", None, "2025-10-02", 1, None),
    ]


def test_the_data_resolution_of_redcap(data, tmp_path):
    listing = """status_id,rule_id,pd_rule_id,non_rule,project_id,record,event_id,field_name,repeat_instrument,instance,status,exclude,query_status,group_id,assigned_username,res_id,ts,response_requested,response,comment,current_query_status,upload_doc_id,field_comment_edited,username
21,,,1,5,101-001,40,aestdat,ae,1,,0,OPEN,,,1,2025-11-01 08:00:00,1,,Please check.,OPEN,,0,abee
22,,,1,5,101-001,40,aeterm,ae,1,,0,OPEN,,,2,2025-11-01 08:00:00,1,,Illegible.,OPEN,,0,abee
22,,,1,5,101-001,40,aeterm,ae,1,,0,OPEN,,,3,2025-11-05 08:00:00,0,CONFIRMED_CORRECT,It is right.,OPEN,,0,site1
23,,,1,5,101-001,40,aeterm,ae,2,,0,CLOSED,,,4,2025-10-01 08:00:00,1,,Illegible.,OPEN,,0,abee
23,,,1,5,101-001,40,aeterm,ae,2,,0,CLOSED,,,5,2025-10-02 08:00:00,0,TYPOGRAPHICAL_ERROR,Corrected.,OPEN,,0,site1
23,,,1,5,101-001,40,aeterm,ae,2,,0,CLOSED,,,6,2025-10-11 08:00:00,0,,Thanks.,CLOSED,,0,abee
24,,,1,5,101-001,40,aeser,ae,2,,0,VERIFIED,,,7,2025-10-11 08:00:00,0,,,VERIFIED,,0,abee
"""
    _, found = queries(data, tmp_path, {"AE.csv": AE, "data_resolution.csv": listing})
    assert [values(row, "query_id", "field", "formrow", "text", *LIFE[:-1]) for row in sorted(found, key=lambda row: row["query_id"])] == [
        ("21", "aestdat", "1", "Please check.", "open", "2025-11-01", None, None, 19),
        ("22", "aeterm", "1", "Illegible.", "answered", "2025-11-01", "2025-11-05", None, 4),
        ("23", "aeterm", "2", "Illegible.", "closed", "2025-10-01", "2025-10-02", "2025-10-11", 10),
    ]


def test_the_public_rave_listing_has_its_statuses_and_its_ages(data, realdata):
    """At the day it was taken, qdays is our age for every query and odays the time since opening, whatever the status."""
    scaffold.new("rave", realdata / "rave" / "queries.csv", "2016-12-31")
    snapshot.ingest(studies.load("rave"), "2016-12-31")
    with mart.scratch("rave", "2016-12-31") as work:
        tables.build(work)
        con = work.con
        assert dict(con.execute("SELECT status, count(*) FROM queries GROUP BY 1").fetchall()) == {
            "open": 944, "answered": 325, "closed": 2767, "cancelled": 964,
        }  # fmt: skip
        same = con.execute(
            """SELECT count(*), count(*) FILTER (q.age_days = e.qdays), count(*) FILTER (iso_days(q.opened_on, '2016-12-31') = e.odays),
                      count(*) FILTER (q.age_days = e.odays)
               FROM queries q JOIN edc_queries e ON e.record_key = q.record_key"""
        ).fetchone()
        open_ones = con.execute("SELECT count(*) FROM queries q JOIN edc_queries e USING (record_key) WHERE q.status = 'open' AND q.age_days = e.odays").fetchone()[0]
    assert same[:3] == (5000, 5000, 5000)
    assert open_ones == 944 and same[3] < 5000  # odays goes on counting after an answer or the end
