"""The dashboard in a real browser: every page of the demo renders, filters, drills down and exports, and nothing leaves the machine."""

from __future__ import annotations

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from cdmlib import board, demo, notebooks
from cdmlib import study as studies

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (on Debian: apt-get install chromium)")
HOSTILE = '<img src="x" onerror="document.title=\'taken\'"> <script>document.title="taken"</script> **bold** $$x$$'
WAIT = 20_000  # milliseconds


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The demo with two weeks run; one query's text, one finding's message and one adverse event are hostile."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        demo.create(data / "demo")
        for cutoff in ("2024-03-04", "2024-03-11"):
            notebooks.weekly("demo", cutoff)
        opened = studies.load("demo")
        with duckdb.connect(str(published(opened))) as con:
            con.execute("UPDATE queries SET text = ? WHERE query_id = (SELECT min(query_id) FROM queries WHERE status = 'open')", [HOSTILE])
            con.execute("UPDATE findings SET message = $1 WHERE finding_id = (SELECT min(finding_id) FROM findings WHERE subjid = $2)", [HOSTILE, subject(con)])
            con.execute("UPDATE ae SET aeterm = $1 WHERE subjid = $2", [HOSTILE, subject(con)])
        yield opened


def published(study) -> Path:
    return study.folder / "marts" / (study.folder / "marts" / "current").read_text(encoding="utf-8").strip()


def subject(con) -> str:
    """A subject with findings, open queries and adverse events."""
    return con.execute(
        """SELECT min(subjid) FROM subjects WHERE subjid IN (SELECT subjid FROM findings) AND subjid IN (SELECT subjid FROM ae)
           AND subjid IN (SELECT subjid FROM queries WHERE status = 'open')"""
    ).fetchone()[0]


@pytest.fixture(scope="module")
def asked(study):
    """What the published results say, asked without the dashboard."""
    with duckdb.connect(str(published(study)), read_only=True) as con:
        yield lambda sql, *given: con.execute(sql, given).fetchall()


@pytest.fixture(scope="module")
def address(study):
    """The dashboard, served as a user serves it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    root = Path(__file__).parents[1]
    environment = os.environ | {"CDM_DATA": str(study.folder.parent), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", "from cdmlib.cli import main; main()", "dashboard", "demo", "--port", str(port), "--as", "lead.one"]
    log = study.folder.parent / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, env=environment, cwd=root, stdout=file, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            assert server.poll() is None, log.read_text()
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        yield f"http://localhost:{port}"
        ours = [line for line in log.read_text().splitlines() if re.search(r'File ".*/(cdmlib|dashboards)/\w+\.py"', line)]
        assert ours == [], "a traceback in the server's log passes through our code"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    """A page of 1280 pixels; afterwards: no error in the console and no request to anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True, base_url=address)
    opened, said, outside = context.new_page(), [], []
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: outside.append(request.url) if not request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:")) else None)
    opened.set_default_timeout(WAIT)
    yield opened
    context.close()
    assert said == []
    assert outside == []


def show(page, where: str) -> None:
    """Open a page and wait until its content stands."""
    page.goto("/" + where)
    page.locator("h1").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.pn-busy')")


def rows(page, at: int = -1) -> int:
    """How many rows a table says that it has in all, -1 while it is being filled; the last table of the page when not said which."""
    told = page.locator("[role=status]").filter(has_text=re.compile(r"rows [\d,]+ to")).nth(at)
    said = re.search(r"of ([\d,]+)", told.inner_text())
    return int(said[1].replace(",", "")) if said else -1


def wait_for_rows(page, expected: int, at: int = -1) -> None:
    for _ in range(300):
        if rows(page, at) == expected:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"expected {expected} rows, the table says {rows(page, at)}")


def choose(page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).last.click()
    page.get_by_role("menuitem", name=option, exact=True).click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("slug", board.PAGES)
def test_each_page_renders_without_an_error(page, slug, dark):
    show(page, f"{slug}?study=demo{'&theme=dark' if dark else ''}")
    page.wait_for_timeout(1500)
    broken = [text for text in page.locator(".state").all_inner_texts() if text.startswith(("error", "can't be shown", "not allowed"))]
    assert broken == []
    assert page.locator(".MuiAlert-colorError").count() == 0
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1280, f"the page is {width} pixels wide"


def test_the_query_list_filters_searches_turns_and_sorts_all_rows(page, asked):
    show(page, "queries?study=demo")
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE status IN ('open', 'answered')")[0][0])
    choose(page, "Status", "closed")
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE status = 'closed'")[0][0])
    choose(page, "Age in days", "15-21")
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE status = 'closed' AND age_bucket = '15-21'")[0][0])
    choose(page, "Age in days", "any")
    grid = page.locator(".tabulator").last
    grid.locator(".tabulator-col-title", has_text="Query").first.click()
    first = asked("SELECT query_id FROM queries WHERE status = 'closed' ORDER BY query_id LIMIT 1")[0][0]
    grid.locator(".tabulator-cell[tabulator-field=query_id]", has_text=first).first.wait_for()
    page.get_by_label("Go to page 2").last.click()
    sixteenth = asked("SELECT query_id FROM queries WHERE status = 'closed' ORDER BY query_id LIMIT 1 OFFSET 15")[0][0]
    grid.locator(".tabulator-cell[tabulator-field=query_id]", has_text=sixteenth).first.wait_for()
    page.get_by_label("Find in all columns").last.fill("confirm")
    page.keyboard.press("Enter")
    names = ("query_id", "siteid", "subjid", "visit", "form", "fieldlabel", "status", "action_owner", "marking_group", "text", "response", "data_key")
    wait_for_rows(page, asked(f"SELECT count(*) FROM queries WHERE status = 'closed' AND concat_ws('|', {', '.join(names)}) ILIKE '%confirm%'")[0][0])


def test_the_export_gives_exactly_what_is_shown(page, asked, tmp_path):
    show(page, "queries?study=demo&site=0101")
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE siteid = '0101' AND status IN ('open', 'answered')")[0][0])
    with page.expect_download() as started:
        page.get_by_role("button", name="Export these rows").last.click()
    started.value.save_as(tmp_path / "rows.csv")
    assert started.value.suggested_filename == "demo_2024-03-11_queries.csv"
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        exported = list(csv.DictReader(file))
    wanted = asked("SELECT query_id FROM queries WHERE siteid = '0101' AND status IN ('open', 'answered') ORDER BY waiting_days DESC, query_id")
    assert [row["query_id"] for row in exported] == [row[0] for row in wanted]
    assert {row["siteid"] for row in exported} == {"0101"}


def test_a_number_says_what_it_is_made_of_and_leads_to_its_rows(page, asked):
    show(page, "queries?study=demo")
    overdue, waiting = asked("SELECT numerator, denominator FROM metrics WHERE metric = 'QU03' AND level = 'study'")[0]
    card = page.locator(".card").filter(has_text="Overdue")
    assert f"{overdue} of {waiting}" in card.inner_text()
    assert "waited for more than" in card.get_attribute("title")
    card.locator("summary").click()
    card.get_by_text("waited for more than").wait_for()
    page.get_by_role("button", name="Show the rows").nth(2).click()
    wait_for_rows(page, overdue)


def test_filters_stay_in_the_address_and_go_along_to_other_pages(page, asked):
    show(page, "queries?study=demo&site=0301")
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE siteid = '0301' AND status IN ('open', 'answered')")[0][0])
    page.get_by_role("link", name="Subjects").click()
    page.locator("h1", has_text="Subjects").wait_for()
    assert "site=0301" in page.url
    wait_for_rows(page, asked("SELECT count(*) FROM subjects WHERE siteid = '0301'")[0][0])


def test_the_tracker_leads_to_a_subjects_profile_with_its_findings_queries_results_and_history(page, asked):
    show(page, "subjects?study=demo")
    wait_for_rows(page, asked("SELECT count(*) FROM subjects")[0][0])
    one = page.locator(".tabulator-cell[tabulator-field=subjid]").first
    who = one.inner_text()
    one.click()
    page.locator("h1", has_text=f"Subject {who}").wait_for()
    page.wait_for_url(re.compile(f"subject={who}"))
    for tab, table in (("Findings", "findings"), ("Queries", "queries")):
        page.get_by_role("tab", name=tab).click()
        n = asked(f"SELECT count(*) FROM {table} WHERE subjid = ?", who)[0][0]
        if n:
            wait_for_rows(page, n)
    page.get_by_role("tab", name="Laboratory").click()
    page.get_by_text("A diamond is outside it").wait_for()
    page.get_by_role("tab", name="History of values").click()
    page.get_by_text(re.compile("sets of results")).first.wait_for()
    page.get_by_role("link", name="All subjects").click()
    page.get_by_text("Clean-subject tracker").wait_for()


def test_text_from_data_is_shown_as_text(page, asked):
    show(page, "queries?study=demo")
    page.get_by_label("Find in all columns").last.fill("onerror")
    page.keyboard.press("Enter")
    wait_for_rows(page, 1)
    cell = page.locator(".tabulator").last.locator(".tabulator-cell[tabulator-field=text]").first
    assert cell.inner_text() == HOSTILE
    cell.click()
    page.locator("dd", has_text="onerror").wait_for()
    who = page.locator(".tabulator").last.locator(".tabulator-cell[tabulator-field=subjid]").first.inner_text()
    assert "taken" not in page.title()
    show(page, f"subjects?study=demo&subject={who}")
    page.get_by_role("tab", name="Queries").click()
    page.get_by_text("onerror").first.wait_for()
    assert "taken" not in page.title() and page.title() != "1"
    show(page, "subjects?study=demo&subject=" + "%3Cscript%3Edocument.title%3D1%3C%2Fscript%3E")
    page.get_by_text("There is no subject <script>").first.wait_for()
    assert "taken" not in page.title() and page.title() != "1"


def test_a_site_that_stands_out_is_judged_by_its_size_and_filters_the_dashboard(page, asked):
    show(page, "sites?study=demo")
    page.locator(".tabulator").first.wait_for()
    n, of = asked("SELECT numerator, denominator FROM metrics WHERE metric = 'QU01' AND level = 'site' AND siteid = '0101'")[0]
    choose(page, "Measure", "Open queries")
    expect = pytest.importorskip("playwright.sync_api").expect
    row = page.locator(".tabulator").first.locator(".tabulator-row").filter(has=page.locator("[tabulator-field=site]", has_text="0101"))
    expect(row.locator("[tabulator-field=numerator]")).to_have_text(str(n), timeout=30_000)  # once the chosen measure has come
    expect(row.locator("[tabulator-field=denominator]")).to_have_text(str(of), timeout=30_000)
    row.locator("[tabulator-field=site]").click()
    page.wait_for_url(re.compile("site=0101"))


def test_the_pages_can_be_used_with_the_keyboard(page):
    show(page, "queries?study=demo")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => { let e = document.activeElement; while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement; return e ? (e.innerText || e.getAttribute('aria-label') || e.tagName).trim() : '' }"))
    assert {"Subjects", "SHOW THE ROWS", "Definition"} <= {text for text in reached} | {text.upper() for text in reached if text.lower() == "show the rows"}
