"""The dashboard on 1 M queries, 100,000 findings and 5,000 subjects: first paint, filter, page turn, memory with 20 sessions, 50 sessions at work.

The server runs as users run it, in a process of its own. Times are those of a browser (Chromium, one at a time) from the act to the changed
page. The 50 sessions are scripted clients that hold the page's connection open and turn pages and change filters, each after a pause.
`--quick`: a tenth of the data and twelve seconds. `--data FOLDER` keeps the data there for the next time; `--browser` and `--sessions` do one part alone; `--pause SECONDS` between two acts of a session (4).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[1]
QUICK = "--quick" in sys.argv
QUERIES, FINDINGS, SUBJECTS = (100_000, 10_000, 500) if QUICK else (1_000_000, 100_000, 5_000)
SECONDS, SESSIONS = (12, 10) if QUICK else (120, 50)
PAUSE = float(sys.argv[sys.argv.index("--pause") + 1]) if "--pause" in sys.argv else 4.0  # seconds between two acts of one scripted session, on average
AGES = ["0-7", "8-14", "15-21", "22-28", ">28"]
CRITERIA = [f"RD{n:02d}" for n in range(1, 26)]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def study(data: Path) -> None:
    """A study whose published results are made up: subjects, queries, findings, readiness and measures by plain rules."""
    folder = data / "bench"
    (folder / "marts").mkdir(parents=True)
    (folder / "runs" / "2024-03-25-001").mkdir(parents=True)
    (folder / "study.toml").write_text('[study]\nid = "bench"\ntitle = "Benchmark"\n[sources.edc]\nlayout = "csv"\n', encoding="utf-8")
    facts = {"status": "complete", "as_of": "2024-03-25", "mart": "2024-03-25-001.duckdb", "study": "bench", "run": "2024-03-25-001"}
    (folder / "runs" / "2024-03-25-001" / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")
    path = folder / "marts" / "2024-03-25-001.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE runs AS SELECT '2024-03-25-001' AS run, 'bench' AS study, 'Benchmark' AS title, '2024-03-25' AS as_of, 's1' AS snapshot")
        con.execute(
            f"""CREATE TABLE subjects AS SELECT 'S' || i AS record_key, printf('%04d', i % 100) AS siteid, printf('%04d-%04d', i % 100, i) AS subjid, CAST(NULL AS VARCHAR) AS visit,
                CAST(NULL AS VARCHAR) AS form, '2023-01-01' AS consent_date, 'ONGOING' AS status FROM range({SUBJECTS}) t(i)"""
        )
        con.execute(
            f"""CREATE TABLE queries AS
                SELECT 'Q|' || i AS record_key, s.siteid, s.subjid, 'Week ' || (i % 12) AS visit, 'Form ' || (i % 23) AS form, '1' AS formrow, 'queries' AS source, 'QUERIES' AS dataset, i AS source_row,
                       CAST(i AS VARCHAR) AS query_id, 'AE|' || i AS data_key, 'V' AS visitoid, 'F' AS formoid, 'FIELD' || (i % 40) AS field, 'Field ' || (i % 40) AS fieldlabel, status, status AS state,
                       'Value ' || hash(i) || ' is unusual. Please confirm or correct.' AS text, CASE WHEN status <> 'open' THEN 'Confirmed.' END AS response,
                       CASE i % 3 WHEN 0 THEN 'Site from System' WHEN 1 THEN 'Site from DM' ELSE 'Site from CRA' END AS marking_group, 'System' AS origin, 'System' AS opened_by,
                       CAST(DATE '2024-03-25' - CAST(age AS INTEGER) AS VARCHAR) AS opened_on, CASE WHEN status <> 'open' THEN '2024-03-20' END AS answered_on,
                       CASE WHEN status IN ('closed', 'cancelled') THEN CAST(DATE '2024-03-25' - CAST(age // 2 AS INTEGER) AS VARCHAR) END AS closed_on,
                       age AS age_days, CASE WHEN status IN ('open', 'answered') THEN age END AS waiting_days, CASE WHEN status <> 'open' THEN age // 3 END AS response_days,
                       CASE WHEN status = 'closed' THEN age // 2 END AS closing_days,
                       CASE WHEN age <= 7 THEN '0-7' WHEN age <= 14 THEN '8-14' WHEN age <= 21 THEN '15-21' WHEN age <= 28 THEN '22-28' ELSE '>28' END AS age_bucket,
                       CASE status WHEN 'open' THEN 'Site' WHEN 'answered' THEN 'Data management' END AS action_owner
                FROM (SELECT i, CAST(hash(i) % 400 AS BIGINT) AS age, CASE hash(i, 'status') % 20 WHEN 0 THEN 'open' WHEN 1 THEN 'open' WHEN 2 THEN 'answered' WHEN 3 THEN 'cancelled' ELSE 'closed' END AS status
                      FROM range({QUERIES}) t(i)) q
                JOIN (SELECT row_number() OVER (ORDER BY record_key) - 1 AS n, siteid, subjid FROM subjects) s ON s.n = q.i % {SUBJECTS} ORDER BY i"""
        )
        con.execute(
            f"""CREATE TABLE findings AS
                SELECT 'F' || i AS finding_id, 'AE' || printf('%03d', i % 200) AS check_id, 'Check ' || (i % 200) AS title, CASE i % 5 WHEN 0 THEN 'critical' WHEN 1 THEN 'major' ELSE 'minor' END AS severity,
                       'query' AS action, 'ae' AS domain, s.siteid, s.subjid, 'Week 1' AS visit, 'Form' AS form, '1' AS formrow, 'AE|' || i AS record_key, 'aeterm' AS field, 'AE ' || hash(i) || ': please correct.' AS message,
                       CAST('{{}}' AS JSON) AS evidence, CASE i % 4 WHEN 0 THEN 'new' ELSE 'open' END AS status, '' AS flag, '2024-03-18' AS first_seen, '2024-03-25' AS last_seen,
                       CAST(NULL AS VARCHAR) AS gone_on, CAST(NULL AS VARCHAR) AS because, CAST(NULL AS JSON) AS evidence_before, CAST(NULL AS VARCHAR) AS review_status, CAST(NULL AS VARCHAR) AS review_comment,
                       CAST(NULL AS VARCHAR) AS owner, CAST(NULL AS VARCHAR) AS review_expires, CAST(NULL AS VARCHAR) AS reviewer, CAST(NULL AS VARCHAR) AS reviewed_on, false AS review_outdated
                FROM range({FINDINGS}) t(i) JOIN (SELECT row_number() OVER (ORDER BY record_key) - 1 AS n, siteid, subjid FROM subjects) s ON s.n = i % {SUBJECTS} ORDER BY i"""
        )
        values = ", ".join(f"('{c}', 'Criterion {c}', 'DM', '1', true, 'blocked', '', 0, 'A rule', '1')" for c in CRITERIA)
        con.execute(f"CREATE TABLE criteria AS SELECT * FROM (VALUES {values}) v(criterion, title, owner, lines, clean, outcome, reason, blockers, definition, version)")
        con.execute(
            """CREATE TABLE readiness AS SELECT 'subject' AS level, siteid, subjid, CAST(NULL AS VARCHAR) AS visit, CAST(NULL AS VARCHAR) AS form, criterion, title, n = 0 AS ready,
               CASE WHEN n = 0 THEN 'ready' ELSE 'blocked' END AS status, n AS blockers, 'DM' AS owner, '1' AS version
               FROM (SELECT s.siteid, s.subjid, c.criterion, c.title, CAST(greatest(CAST(hash(s.subjid || c.criterion) % 12 AS BIGINT) - 9, 0) AS BIGINT) AS n FROM subjects s, criteria c)"""
        )
        con.execute(
            """INSERT INTO readiness SELECT 'subject', siteid, subjid, NULL, NULL, 'all', 'all', sum(blockers) = 0, CASE WHEN sum(blockers) = 0 THEN 'ready' ELSE 'blocked' END,
               CAST(sum(blockers) AS BIGINT), 'DM', '1' FROM readiness GROUP BY siteid, subjid"""
        )
        con.execute(
            """CREATE TABLE blockers AS SELECT criterion, title, siteid, subjid, 'Week 1' AS visit, 'Form' AS form, '1' AS formrow, 'AE|1' AS record_key, 'to clear' AS what, 'DM' AS owner
               FROM readiness WHERE criterion <> 'all' AND blockers > 0"""
        )
        con.execute("CREATE TABLE measure_runs AS SELECT 'QU01' AS metric, 'Open queries' AS title, CAST(101 AS BIGINT) AS rows, '' AS not_run, 'Queries that the site must act on.' AS definition")
        con.execute(
            """CREATE TABLE metrics AS SELECT 'QU01' AS metric, 'Open queries' AS title, CASE WHEN siteid IS NULL THEN 'study' ELSE 'site' END AS level, siteid, CAST(NULL AS VARCHAR) AS category,
               count(*) FILTER (status = 'open') AS numerator, count(*) AS denominator, round(100.0 * count(*) FILTER (status = 'open') / count(*), 1) AS value, 'percent' AS unit,
               '2024-03-25' AS as_of, '' AS definition FROM queries GROUP BY GROUPING SETS ((), (siteid))"""
        )
    (folder / "marts" / "current").write_text("2024-03-25-001.duckdb\n", encoding="utf-8")


def serve(data: Path) -> tuple[subprocess.Popen, str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", "from cdmlib.cli import main; main()", "dashboard", "bench", "--port", str(port), "--as", "bench"]
    with (data / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | {"CDM_DATA": str(data), "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    for _ in range(240):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return server, f"http://localhost:{port}"
        time.sleep(0.25)
    raise SystemExit((data / "server.log").read_text(encoding="utf-8"))


def memory(server: subprocess.Popen) -> float:
    """Megabytes that the server holds."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def said(name: str, times: list[float], limits: str) -> None:
    ordered = sorted(times)
    print(f"{name:<34} median {1000 * statistics.median(ordered):>6.0f} ms   p95 {1000 * ordered[int(0.95 * (len(ordered) - 1))]:>6.0f} ms   n {len(ordered):>3}   wanted: {limits}", flush=True)


def in_browser(address: str) -> None:
    """First paint of each page, then filters and page turns of the query list."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for slug, seen in (("queries", ".card"), ("subjects", ".card"), ("overview", ".card"), ("sites", ".tabulator-row"), ("portfolio", "td")):
            first, again = [], []
            for _ in range(2 if QUICK else 5):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                first.append(opened(page, f"{address}/{slug}?study=bench", seen))
                again += [opened(page, f"{address}/{slug}?study=bench", seen) for _ in range(2)]
                context.close()
            said(f"first paint: {slug}", again, "at most 2,000 ms")
            said("   by a browser never here before", first, "at most 2,000 ms")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        opened(page, f"{address}/queries?study=bench", ".tabulator-row")
        page.wait_for_timeout(3000)
        grid = page.locator(".tabulator").last
        turns, filters, numbers, lists = [], [], [], []
        for n in range(8 if QUICK else 40):
            turn = page.get_by_label("Go to first page" if n % 8 == 7 else "Go to next page").last
            turns.append(acted(turn, grid, CELL))
            page.wait_for_timeout(400)
        for n in range(5 if QUICK else 25):
            page.get_by_label("Age in days", exact=True).last.click()
            option = page.get_by_role("menuitem", name=("0-7", "8-14", "15-21", "22-28", ">28")[n % 5], exact=True)
            option.wait_for()
            filters.append(acted(option, grid, CELL))
            page.wait_for_timeout(700)
        for n in range(3 if QUICK else 15):
            site = page.get_by_label("Site", exact=True).first
            site.fill(f"{n:04d}")
            option = page.get_by_role("option", name=f"{n:04d}", exact=True)
            option.wait_for()
            card, list_ = acted_twice(option, page)
            numbers.append(card)
            lists.append(list_)
            page.wait_for_timeout(2500)
        said("page turn of 1 M queries", turns, "median 300 ms, p95 1,000 ms")
        said("filter of the list", filters, "median 300 ms, p95 1,000 ms")
        said("site filter of the whole page: numbers", numbers, "median 300 ms, p95 1,000 ms")
        said("   and its list of queries", lists, "median 300 ms, p95 1,000 ms")
        browser.close()


CELL = "[tabulator-field=query_id].tabulator-cell"
# Times are taken in the browser, from the click until what it changes is drawn: the tool that drives the browser has no part in them.
UNTIL = """
    const shown = (root, selector) => {
        for (const e of root.querySelectorAll('*')) {
            if (e.matches(selector)) return e
            const inside = e.shadowRoot && shown(e.shadowRoot, selector)
            if (inside) return inside
        }
    }
    const until = (find) => { const before = find(), start = performance.now(); return new Promise((done, failed) => {
        const look = () => {
            const now = find()
            if (now && now !== before) requestAnimationFrame(() => done(performance.now() - start))
            else if (performance.now() - start > 60000) failed(new Error('nothing changed'))
            else requestAnimationFrame(look)
        }
        requestAnimationFrame(look)
    }) }
"""


def opened(page, address: str, seen: str) -> float:
    """Seconds until a page shows its content."""
    page.goto("about:blank")
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(seen).first.wait_for(timeout=60_000)
    took = time.perf_counter() - started
    page.wait_for_timeout(1500)
    return took


def acted(button, grid, selector: str) -> float:
    """Seconds from a click to another first row of a table."""
    script = f"async (button, [grid, selector]) => {{ {UNTIL} const changed = until(() => grid.querySelector(selector)?.innerText); button.click(); return await changed }}"
    return button.element_handle().evaluate(script, [grid.element_handle(), selector]) / 1000


def acted_twice(button, page) -> tuple[float, float]:
    """Seconds from a click to another first number of the page, and to another first row of its list of queries."""
    script = f"""async (button, cell) => {{ {UNTIL}
        const changed = [until(() => shown(document, '.card .big')?.innerText), until(() => shown(document, cell)?.innerText)]; button.click(); return await Promise.all(changed) }}"""
    return tuple(ms / 1000 for ms in button.element_handle().evaluate(script, CELL))


class Scripted:
    """One session without a browser: it asks for the page, opens the page's connection and speaks its protocol, so that many fit on one machine."""

    def __init__(self, address: str, slug: str) -> None:
        self.address, self.slug, self.models, self.heard, self.greeted = address, slug, {}, asyncio.Event(), False

    async def open(self) -> float:
        """Seconds until the page's list is there."""
        started = time.perf_counter()
        answer = await AsyncHTTPClient().fetch(f"{self.address}/{self.slug}?study=bench", request_timeout=60)
        token = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())[1]
        request = HTTPRequest(f"{self.address.replace('http', 'ws')}/{self.slug}/ws", headers={"Origin": self.address}, connect_timeout=60, request_timeout=60)
        self.socket = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=2**28)
        self.hears = asyncio.create_task(self.hear())
        await self.until(lambda: self.greeted)
        await self.send("PULL-DOC-REQ", {})
        await self.until(lambda: self.listed)
        took = time.perf_counter() - started
        await self.patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}})
        return took

    async def send(self, kind: str, content: dict) -> None:
        for part in ({"msgid": str(next(COUNT)), "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))

    async def patch(self, event: dict) -> None:
        await self.send("PATCH-DOC", {"events": [event]})

    async def hear(self) -> None:
        while (first := await self.socket.read_message()) is not None:
            header = json.loads(first)
            await self.socket.read_message()
            content = json.loads(await self.socket.read_message())
            for _ in range(2 * header.get("num_buffers", 0)):
                await self.socket.read_message()
            self.greeted = True
            self.learn(content)
            for event in content.get("events", ()):
                if event.get("kind") in ("ModelChanged", "ColumnDataChanged") and event["model"]["id"] in self.models:
                    self.models[event["model"]["id"]][1][event["attr"]] = event.get("new", event.get("data"))
            self.heard.set()
        self.heard.set()

    def learn(self, part: object) -> None:
        """Keep the models that a message holds, by id, in the order of their coming."""
        if isinstance(part, dict):
            if part.get("type") == "object" and "id" in part:
                self.models.pop(part["id"], None)
                self.models[part["id"]] = (part["name"], dict(part.get("attributes", {})))
            for inner in part.values():
                self.learn(inner)
        elif isinstance(part, list):
            for inner in part:
                self.learn(inner)

    @property
    def listed(self) -> str:
        """What the list of queries or subjects shows, as text; empty when there is none yet."""
        sources = [self.models[a["source"]["id"]][1] for name, a in reversed(self.models.values()) if name.endswith("DataTabulator")]
        found = ([str(entry) for entry in source["data"]["entries"] if entry[0] in ("query_id", "subjid")] for source in sources)
        return next(("".join(columns) for columns in found if columns), "")

    def newest(self, name: str, label: str = "") -> tuple[str, dict]:
        """The component that came last, by the names of what it shows: its id and values."""
        for id_, (kind, values) in reversed(self.models.items()):
            if re.fullmatch(rf"{name}\d*", kind) and label in ("", values.get("label")):
                return id_, values
        raise LookupError(f"there is no {name} {label}")

    async def until(self, look: object, limit: float = 60) -> None:
        async with asyncio.timeout(limit):
            while not look():
                if self.hears.done():
                    raise ConnectionError(f"the connection ended: {self.hears.exception()}")
                self.heard.clear()
                await self.heard.wait()

    async def act(self, chance: random.Random) -> tuple[str, float]:
        """What was done, and the seconds until its rows came: seven in ten times a page turn, two in ten a filter of the list, once another site for the whole page."""
        before, kind = self.listed, chance.random()
        pages = [(id_, values) for id_, (name, values) in self.models.items() if re.fullmatch(r"Pagination\d*", name)]
        id_, values = pages[-1] if self.slug == "subjects" else max(pages[-2:], key=lambda page: page[1].get("count", 1))
        if kind < 0.7 and values.get("count", 1) > 1:
            done, new = "page turn", (values.get("value", 0) + 1) % values["count"]
        elif kind < 0.9:
            id_, values = self.newest("Select", "Age in days" if self.slug == "queries" else "Subjects that are")
            others = {"any": AGES[:-1], "all": ["clean"], "clean": ["not clean"], "not clean": ["clean"]}.get(values.get("value")) or [age for age in AGES if age != values.get("value")]
            done, new = "filter of the list", chance.choice(others)
        else:
            id_, values = self.newest("AutocompleteInput", "Site")
            done, new = "site filter", chance.choice([site for site in (f"{n:04d}" for n in range(100)) if site != values.get("value")])
        values["value"] = new
        started = time.perf_counter()
        await self.patch({"kind": "ModelChanged", "model": {"id": id_}, "attr": "value", "new": new})
        await self.until(lambda: self.listed not in ("", before))
        return done, time.perf_counter() - started


COUNT = itertools.count()


async def at_work(address: str, server: subprocess.Popen) -> None:
    """Many sessions at once: 20 for the memory, then all of them at work."""
    errors, times, sessions, opening = [], {}, [], []
    for n in range(SESSIONS):
        sessions.append(Scripted(address, ("queries", "subjects")[n % 2]))
        opening.append(await sessions[-1].open())
        if n + 1 == min(20, SESSIONS):
            await asyncio.sleep(3)
            print(f"memory of the server with {n + 1:>2} sessions   {memory(server):>5.0f} MB                              wanted: less than 1,000 MB", flush=True)
    said(f"{SESSIONS} sessions, each after the other: open", opening, "at most 2,000 ms")
    end = time.perf_counter() + SECONDS

    async def work(n: int) -> None:
        chance = random.Random(n)
        while True:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * PAUSE)
            if time.perf_counter() > end:
                return
            try:
                done, took = await sessions[n].act(chance)
                times.setdefault(done, []).append(took)
            except Exception as error:  # counted and told
                errors.append(f"session {n}: {error!r}"[:200])
                return

    await asyncio.gather(*(work(n) for n in range(SESSIONS)))
    print(f"{SESSIONS} sessions for {SECONDS} s, each doing something {PAUSE:g} s after the last on average:", flush=True)
    for done, took in sorted(times.items()):
        said(f"   {done}", took, "median 300 ms, p95 1,000 ms")
    print(f"errors of the sessions: {len(errors)} {errors[:3] or ''}; memory {memory(server):.0f} MB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(sys.argv[sys.argv.index("--data") + 1]) if "--data" in sys.argv else Path(folder)
        if not (data / "bench" / "marts" / "current").exists():
            study(data)
        server, address = serve(data)
        try:
            print(f"{QUERIES:,} queries, {FINDINGS:,} findings, {SUBJECTS:,} subjects; {os.cpu_count()} cores; memory at the start {memory(server):.0f} MB", flush=True)
            if not CHROMIUM:
                print("no Chromium on this machine: the browser's times were not taken")
            elif "--sessions" not in sys.argv:
                in_browser(address)
            if "--browser" not in sys.argv:
                asyncio.run(at_work(address, server))
        finally:
            server.terminate()
            server.wait(20)
        log = (data / "server.log").read_text(encoding="utf-8")
        print(f"tracebacks in the server's log: {log.count('Traceback')}")
        if "Traceback" in log:
            print(log[log.index("Traceback") :][:2000])


if __name__ == "__main__":
    main()
