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
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from identity_provider import CLIENT, SECRET, Provider

from cdmlib import board, demo, journal, notebooks, people
from cdmlib import study as studies

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (on Debian: apt-get install chromium)")
PASSWORD = "four words of theirs"
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


@contextmanager
def served(study, *arguments, **environment):
    """The dashboard, served as a user serves it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    root = Path(__file__).parents[1]
    known = os.environ | {"CDM_DATA": str(study.folder.parent), "PYTHONPATH": str(root)} | environment
    command = [sys.executable, "-c", "from cdmlib.cli import main; main()", "dashboard", "demo", "--port", str(port), *arguments]
    log = study.folder.parent / f"server{port}.log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, env=known, cwd=root, stdout=file, stderr=subprocess.STDOUT)
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
def address(study):
    """The dashboard on one's own machine, without sign-in."""
    with served(study, "--as", "lead.one") as found:
        yield found


@pytest.fixture(scope="module")
def signed_address(study):
    """The dashboard to which people sign in with a password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(study.folder.parent))
        for person in ("lead.one", "dm.one"):
            people.set_password(study, person, PASSWORD)
    with served(study, "--sign-in", "password") as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@contextmanager
def watched(browser, address, *others):
    """A page of 1280 pixels; afterwards: no error in the console and no request to anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True, base_url=address)
    opened, said, outside = context.new_page(), [], []
    own = ("data:", "blob:", *(part for known in (address, *others) for part in (known, known.replace("http", "ws"))))
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: outside.append(request.url) if not request.url.startswith(own) else None)
    opened.set_default_timeout(WAIT)
    yield opened
    context.close()
    assert said == []
    assert outside == []


@pytest.fixture
def page(browser, address):
    with watched(browser, address) as opened:
        yield opened


@pytest.fixture
def signed(browser, signed_address):
    """A page of somebody who signs in: called with who, and where they go."""
    with watched(browser, signed_address) as opened:

        def sign_in(person: str, where: str):
            opened.goto(f"/login?next={quote('/' + where)}")
            opened.get_by_label("User name").fill(person)
            opened.get_by_label("Password").fill(PASSWORD)
            opened.get_by_role("button", name="Sign in").click()
            opened.locator("h1", has_text="Sign in").wait_for(state="detached")
            opened.locator("h1").first.wait_for()
            return opened

        yield sign_in


def show(page, where: str) -> None:
    """Open a page and wait until its content stands."""
    page.goto("/" + where)
    page.locator("h1").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.pn-busy')")


def settled(page) -> None:
    """Wait until everything has been loaded and no more tables or rows come."""
    seen: list[tuple] = []
    for _ in range(120):
        page.wait_for_timeout(500)
        seen.append(tuple(page.locator(what).count() for what in (".tabulator", ".tabulator-row")))
        if seen[-4:] == [seen[-1]] * 4 and not page.locator(".state", has_text="loading").count():
            return
    raise AssertionError(f"the page does not come to rest: {seen[-4:]}")


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


PLACED = """([title, x, y]) => {
  const figures = Bokeh.documents.flatMap((d) => [...d._all_models.values()]).filter((m) => m.type === 'Figure' && (m.title?.text ?? '').startsWith(title))
  const view = figures.length && [...Bokeh.index.find_by_id(figures.at(-1).id)][0]
  if (!view?.frame) return null
  view.canvas.el.scrollIntoView({block: 'center'})
  const now = view.canvas.el.getBoundingClientRect()
  return [now.x + view.frame.x_scale.compute(x), now.y + view.frame.y_scale.compute(y)]
}"""


def still(page, title: str, x: object, y: object) -> list[float]:
    """Where on the screen a place of a plot is, said in the plot's own coordinates, once it is drawn and nothing moves any more."""
    before = None
    for _ in range(100):
        place = page.evaluate(PLACED, [title, x, y])
        if place and place == before:
            return place
        before = place
        page.wait_for_timeout(300)
    raise AssertionError(f"there is no plot {title!r}")


def tap(page, title: str, x: object, y: object) -> None:
    """Click on a plot, at a place that is said in its own coordinates."""
    page.mouse.click(*still(page, title, x, y))


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


@pytest.mark.parametrize("slug", board.PAGES)
def test_the_keyboard_reaches_every_control_sees_where_it_is_and_no_control_is_without_a_name(page, slug):
    show(page, f"{slug}?study=demo")
    settled(page)
    reached = []
    for _ in range(90):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:  # past the last one
            break
        reached.append(stop)
    assert stop is None or len(reached) == 90
    assert [s for s in reached if not s["name"]] == [] and [s for s in reached if not s["seen"]] == []
    assert {"Subjects", "Study", "Site", "Cut-off date"} <= {s["name"] for s in reached}
    tables = page.locator(".tabulator").count()
    assert sum(s["row"] for s in reached) == tables, "each table is one stop; its rows are reached with the arrows"


FOCUSED = """() => {
  let e = document.activeElement
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
  if (!e || e === document.body) return null
  const look = getComputedStyle(e), said = (id) => id && e.getRootNode().getElementById(id.split(' ')[0])?.innerText
  const name = e.getAttribute('aria-label') || said(e.getAttribute('aria-labelledby')) || e.labels?.[0]?.innerText || e.innerText || ''
  const seen = (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0) || look.boxShadow !== 'none' || /focusVisible/.test(e.className) || !!e.closest('.Mui-focused')
  return {name: name.trim().slice(0, 60), seen, row: e.classList.contains('tabulator-row')}
}"""


def test_a_row_is_chosen_with_the_keyboard(page, asked):
    show(page, "queries?study=demo")
    page.locator(".tabulator-cell[tabulator-field=text]").first.wait_for()
    for title in ("Open and answered queries by age", "Opened and closed", "Open and answered queries by site"):
        still(page, title, "", 0)
    page.get_by_role("button", name="Export these rows").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    second = asked("SELECT query_id FROM queries WHERE status IN ('open', 'answered') ORDER BY waiting_days DESC, query_id LIMIT 1 OFFSET 1")[0][0]
    page.locator("h2", has_text=f"Query {second}").wait_for()


def test_the_rows_behind_a_measure_are_as_many_as_its_numerator_and_denominator_say(study, asked, monkeypatch):
    """The measures count in SQL of their own; the rows behind them are another SELECT, so that each proves the other."""
    monkeypatch.setenv("CDM_DATA", str(study.folder.parent))
    reader = board.Reader("demo", board.Visitor("lead.one"), page="sites")
    behind = board.program().pages()["sites"].behind
    numbers = asked("SELECT metric, coalesce(siteid, ''), coalesce(category, ''), numerator, denominator, level FROM metrics ORDER BY ALL")
    alone = {metric for metric, _, category, *_, level in numbers if level == "site" and not category}
    assert alone <= behind.ROWS.keys(), "each measure that the page of sites shows leads to its rows"
    for metric, site, category, numerator, denominator, _ in numbers:
        if metric not in behind.ROWS:
            continue
        sql, given = behind.select(reader, metric)
        counts = dict(reader.rows(f"SELECT counted, count(*) FROM ({sql}) GROUP BY 1", given | {"site": site, "category": category, "counted": ""}).itertuples(index=False))
        whole = sum(counts.values()) == denominator or behind.ROWS[metric][2] == "true"
        assert counts.get("yes", 0) == numerator and whole, (metric, site, category)


# A click on a mark


def test_a_click_on_a_bar_or_a_mark_shows_its_queries(page, asked):
    show(page, "queries?study=demo")
    n = asked("SELECT count(*) FROM queries WHERE status = 'open' AND age_bucket = '>28'")[0][0]
    tap(page, "Open and answered queries by age", ">28", n / 2)
    wait_for_rows(page, n)
    site, n = asked("SELECT siteid, count(CASE WHEN status = 'open' THEN 1 END) FROM queries WHERE status IN ('open', 'answered') GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")[0]
    tap(page, "Open and answered queries by site", site, n / 2)
    wait_for_rows(page, n)
    page.get_by_role("button", name="Show the rows").last.click()
    wait_for_rows(page, asked("SELECT count(*) FROM queries WHERE opened_on BETWEEN '2024-03-05' AND '2024-03-11'")[0][0])


def test_a_click_on_a_step_of_the_lock_funnel_or_a_severity_shows_its_rows(page, asked):
    show(page, "overview?study=demo")
    n = asked("SELECT numerator FROM metrics WHERE metric = 'PG08' AND level = 'study' AND category = 'frozen'")[0][0]
    tap(page, "Lock funnel", n / 2, "frozen")
    page.locator("h2", has_text="Pages: frozen").wait_for()
    wait_for_rows(page, n)
    page.get_by_role("tab", name="Findings that came and went").click()
    n = asked("SELECT count(*) FROM findings WHERE status = 'new' AND severity = 'critical' AND gone_on IS NULL")[0][0]
    tap(page, "Findings of this cut-off date", "new", n / 2)
    page.locator("h2", has_text="Findings: new, critical").wait_for()
    wait_for_rows(page, n)


def test_a_click_on_a_site_of_the_funnel_plot_shows_its_rows_and_a_number_leads_to_its_measure(page, asked):
    show(page, "sites?study=demo&site=")
    choose(page, "Measure", "Overdue queries")
    of, n, share = asked("SELECT denominator, numerator, round(100.0 * numerator / denominator, 2) FROM metrics WHERE metric = 'QU03' AND level = 'site' AND siteid = '0101'")[0]
    tap(page, "Overdue queries", of, float(share))
    page.locator("h2", has_text="the rows of site 0101").wait_for()
    for _ in range(100):
        if n in [rows(page, at) for at in range(page.locator("[role=status]").filter(has_text=re.compile(r"rows [\d,]+ to")).count())]:
            break
        page.wait_for_timeout(100)
    else:
        raise AssertionError(f"no table has the {n} rows of site 0101")
    column = page.locator(".tabulator-col[tabulator-field=VT01]").last
    column.scroll_into_view_if_needed()
    page.locator(".tabulator-cell[tabulator-field=VT01]").first.click()
    page.locator(".card", has_text="Overdue visits, all sites").wait_for()


def test_reconciliation_and_coding_are_told_by_age_and_owner(page, asked):
    show(page, "reconciliation?study=demo")
    recon, n = asked("SELECT recon, count(*) FROM reconciliation WHERE result = 'mismatch' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1")[0]
    tap(page, "What disagrees", recon, n / 2)
    wait_for_rows(page, n, 1)
    waiting, terms = asked("SELECT count(CASE WHEN blank THEN 1 END), count(DISTINCT CASE WHEN blank THEN concat_ws('|', dictionary, verbatim, status) END) FROM (SELECT *, coalesce(trim(code), '') = '' AS blank FROM coding)")[0]
    assert f"{waiting:,}" in page.locator(".card").filter(has=page.locator(".name", has_text="Without a code")).inner_text()
    page.get_by_role("button", name="Show the rows").last.click()
    wait_for_rows(page, terms)
    wait = page.locator(".card", has_text="Longest wait").inner_text()
    assert "7 days" in wait, "the demo's first terms wait since the first of two weeks"


# Entering


def entries(study, act: str) -> list:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(study.folder.parent))
        return journal.read(study, act=act)


def test_a_click_on_a_cell_of_the_heat_map_shows_what_blocks_and_a_lead_waives_it(signed, study, asked):
    page = signed("lead.one", "readiness?study=demo")
    page.get_by_role("tab", name="Sites and criteria").click()
    n = asked("SELECT count(*) FROM blockers WHERE siteid = '0102' AND criterion = 'RD16'")[0][0]
    tap(page, "Blocking rows", "RD16", "0102")
    page.locator("h2", has_text="What blocks at site 0102").wait_for()
    wait_for_rows(page, n)
    cell = page.locator(".tabulator").last.locator(".tabulator-cell[tabulator-field=subjid]").first
    who = cell.inner_text()
    cell.click()
    page.get_by_label("Reason for the waiver").last.fill(HOSTILE)
    page.get_by_role("button", name=f"Waive RD16 for {who}").click()
    page.get_by_text("must end on a date").wait_for()
    assert entries(study, "waive") == [], "what was refused is not kept"
    page.get_by_label("Waive until (YYYY-MM-DD)").last.fill("2024-06-30")
    page.get_by_role("button", name=f"Waive RD16 for {who}").click()
    page.locator("dd", has_text="onerror").wait_for()
    entry = entries(study, "waive")[-1]
    assert (entry.actor, entry.role, entry.subject, entry.new, entry.reason) == ("lead.one", "lead", f"RD16|{who}", "2024-06-30", HOSTILE)
    assert "taken" not in page.title()


def test_a_lead_attests_and_waives_lines_of_the_checklist_and_a_data_manager_is_told_why_not(signed, study):
    page = signed("lead.one", "readiness?study=demo")
    page.get_by_label("What you attest, in words").fill("the team was told")
    page.get_by_role("button", name="Attest line 1").click()
    page.locator("td", has_text="the team was told").wait_for()
    choose(page, "Line", "8  No overdue query")
    page.get_by_role("button", name="Waive line 8").wait_for()
    page.get_by_label("Waive until (YYYY-MM-DD)").fill("2024-06-30")
    page.get_by_label("Reason for the waiver").fill("agreed with the sponsor")
    page.get_by_role("button", name="Waive line 8").click()
    page.locator("tr", has_text="No overdue query").get_by_text("◇ waived").wait_for()
    assert entries(study, "attest")[-1].actor == "lead.one" and entries(study, "waive")[-1].subject == "line 8"
    page.get_by_role("link", name="Sign out").click()
    page.locator("h1", has_text="Signed out").wait_for()
    page = signed("dm.one", "readiness?study=demo")
    page.get_by_text("your role (data manager) does not waive anything").first.wait_for()
    assert page.get_by_role("button", name="Waive line").count() == 0


def test_a_comment_on_a_query_and_a_review_of_a_finding_are_entered_and_shown_as_text(signed, study, asked, tmp_path):
    page = signed("dm.one", "queries?study=demo")
    cell = page.locator(".tabulator").last.locator(".tabulator-cell[tabulator-field=query_id]").first
    query = cell.inner_text()
    cell.click()
    page.get_by_label("Comment").last.fill("=1+1 " + HOSTILE)
    page.get_by_role("button", name="Enter the comment").click()
    page.locator(".tabulator-cell[tabulator-field=comment]", has_text="onerror").wait_for()
    assert [(e.subject, e.new, e.actor) for e in entries(study, "query.comment")] == [(query, "=1+1 " + HOSTILE, "dm.one")]
    page.get_by_label("Find in all columns").last.fill("onerror")
    page.keyboard.press("Enter")
    wait_for_rows(page, len({query, asked("SELECT min(query_id) FROM queries WHERE status = 'open'")[0][0]}))  # with the query whose text is hostile
    with page.expect_download() as started:
        page.get_by_role("button", name="Export these rows").last.click()
    started.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["comment"] for row in csv.DictReader(file) if row["query_id"] == query] == ["'=1+1 " + HOSTILE]
    page.get_by_role("link", name="Study overview").click()
    page.locator(".tabulator-cell[tabulator-field=message]").first.click()
    page.get_by_label("Comment").fill("looked at")
    page.get_by_role("button", name="Enter the review").click()
    page.get_by_text("It is kept in the journal").wait_for()
    assert [e.new for e in entries(study, "review") if e.field == "comment"] == ["looked at"]
    assert "taken" not in page.title()


def test_a_cell_of_the_tracker_shows_what_blocks_and_a_value_in_the_profile_its_life(page, asked, tmp_path):
    show(page, "subjects?study=demo")
    cell = page.locator(".tabulator-cell[tabulator-field=RD16]").filter(has_text=re.compile(r"^\d+$")).first
    n = int(cell.inner_text())
    who = page.locator(".tabulator-row").filter(has=cell).locator("[tabulator-field=subjid]").first.inner_text()
    cell.click()
    page.locator("h2", has_text=f"{who}: ").wait_for()
    wait_for_rows(page, n)
    page.get_by_text("only a person who has signed in may waive anything").wait_for()
    who = asked("SELECT min(subjid) FROM ae")[0][0]
    show(page, f"subjects?study=demo&subject={who}")
    page.get_by_role("tab", name="Values", exact=True).click()
    record, term = asked("SELECT record_key, value FROM items WHERE subjid = ? AND field = 'aestdtc' ORDER BY record_key LIMIT 1", who)[0]
    page.get_by_label("Find in all columns").last.fill("aestdtc")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile(r"^rows .* found$")).wait_for()
    page.locator(".tabulator-row", has_text=record).first.locator("[tabulator-field=value]").click()
    page.locator("h2", has_text="The life of ae.aestdtc").wait_for()
    page.locator("dd", has_text=record).wait_for()
    assert page.locator("td", has_text="AE.csv").count() == 2, "a row for each of the two snapshots"
    with page.expect_download() as started:
        page.get_by_role("button", name="Keep this life as a page").click()
    started.value.save_as(tmp_path / "life.html")
    kept = (tmp_path / "life.html").read_text(encoding="utf-8")
    assert record in kept and str(term) in kept and "<script" not in kept


# Sign-in with an OpenID provider


def test_people_sign_in_with_an_openid_provider_and_somebody_unknown_sees_nothing(browser, study):
    provider = Provider()
    try:
        settings = {"CDM_OIDC_ISSUER": provider.address, "PANEL_OAUTH_KEY": CLIENT, "PANEL_OAUTH_SECRET": SECRET}
        with served(study, "--sign-in", "oidc", **settings) as found:
            with watched(browser, found, provider.address) as page:
                page.goto("/readiness?study=demo")
                page.get_by_role("link", name="lead.one").click()
                page.locator("h1", has_text="Lock readiness").wait_for()
                assert page.get_by_text("lead.one").first.inner_text() and "study=demo" in page.url
                page.get_by_role("button", name="Attest line 1").wait_for()
                assert {cookie["name"] for cookie in page.context.cookies()} == {"user"}
                page.get_by_role("link", name="Sign out").click()
                page.locator("h1", has_text="Signed out").wait_for()
            with watched(browser, found, provider.address) as page:
                page.goto("/overview?study=demo")
                page.get_by_role("link", name="stranger").click()
                page.get_by_text("stranger may not see study 'demo'").wait_for()
                assert page.locator(".tabulator").count() == 0
    finally:
        provider.stop()
